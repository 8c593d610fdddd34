using System.Net.Security;
using System.Security.Authentication;
using Cassandra;
using Microsoft.Extensions.Logging;

namespace Tracing.Storage.Cassandra;

/// <summary>The session with a cluster, its schema, and how statements are run.</summary>
sealed class Connection : IAsyncDisposable
{
    const string SchemaVersion = "3";

    /// <summary>Longer than a node takes to give up on a write by itself (2 s), so that its answer is heard.</summary>
    const int RequestMillis = 5_000;

    readonly Cluster _cluster;
    volatile bool _isClosed;

    Connection(Cluster cluster, ISession session, CassandraStoreOptions options)
    {
        _cluster = cluster;
        Session = session;
        Options = options;
    }

    public ISession Session { get; }

    public CassandraStoreOptions Options { get; }

    /// <summary>schema.cql, without the keyspace.</summary>
    public static string SchemaCql()
    {
        using var reader = new StreamReader(
            typeof(Connection).Assembly.GetManifestResourceStream("schema.cql")!);
        return reader.ReadToEnd();
    }

    /// <summary>Waits for Cassandra, then makes or checks the schema.</summary>
    /// <exception cref="StoreUnusableException">It refuses us, or the schema is not one of ours.</exception>
    public static async Task<Connection> OpenAsync(
        CassandraStoreOptions options, ILogger logger, Action<string> absent, CancellationToken cancellation)
    {
        var started = TimeProvider.System.GetTimestamp();
        for (var wait = TimeSpan.FromSeconds(1); ; wait = TimeSpan.FromSeconds(Math.Min(10, 2 * wait.TotalSeconds)))
        {
            Cluster? cluster = null;
            try
            {
                cluster = BuildCluster(options);
                var session = await cluster.ConnectAsync("");
                var connection = new Connection(cluster, session, options);
                await connection.PrepareSchemaAsync(logger);
                return connection;
            }
            catch (Exception exception) when (IsTransient(exception))
            {
                await DisposeAsync(cluster);
                if (Refusal(exception) is { } refusal)
                    throw new StoreUnusableException(refusal, exception);
                if (options.ConnectTimeout >= TimeSpan.Zero &&
                    TimeProvider.System.GetElapsedTime(started) > options.ConnectTimeout)
                {
                    throw new StoreUnusableException(
                        $"Cassandra does not answer at {string.Join(", ", options.ContactPoints)}: " +
                        exception.Message, exception);
                }
                logger.Waiting(string.Join(", ", options.ContactPoints), wait.TotalSeconds, exception.Message);
                absent(exception.Message);
            }
            catch (global::Cassandra.AuthenticationException exception)
            {
                await DisposeAsync(cluster);
                throw new StoreUnusableException(Refused(exception.Message), exception);
            }
            catch
            {
                await DisposeAsync(cluster);
                throw;
            }
            await Task.Delay(wait, TimeProvider.System, cancellation);
        }
    }

    /// <summary>Whether the same may succeed later.</summary>
    public static bool IsTransient(Exception exception) => exception is
        NoHostAvailableException or OperationTimedOutException or QueryExecutionException or
        TruncateException or BusyPoolException or System.Net.Sockets.SocketException or IOException or
        TimeoutException;

    /// <summary>One statement, at the consistency that is set.</summary>
    public Task<RowSet> RunAsync(IStatement statement, CancellationToken cancellation = default)
    {
        ObjectDisposedException.ThrowIf(_isClosed, this);
        return Session.ExecuteAsync(statement).WaitAsync(cancellation);
    }

    /// <summary>All rows of a statement, page by page.</summary>
    public async Task<List<T>> ReadAsync<T>(IStatement statement, Func<Row, T> read, CancellationToken cancellation)
    {
        // the driver's own paging blocks a thread
        statement.SetAutoPage(false);
        var all = new List<T>();
        while (true)
        {
            var rows = await RunAsync(statement, cancellation);
            all.AddRange(rows.Select(read));
            if (rows.PagingState is null)
                return all;
            statement.SetPagingState(rows.PagingState);
        }
    }

    /// <summary>The time by the clock of a node.</summary>
    public async Task<DateTimeOffset> ReadClockAsync(CancellationToken cancellation) =>
        DateTimeOffset.FromUnixTimeMilliseconds((await RunAsync(new SimpleStatement(
            "SELECT toUnixTimestamp(now()) FROM system.local"), cancellation)).First().GetValue<long>(0));

    /// <summary>Of the tables; null when there is none.</summary>
    public async Task<string?> ReadVersionAsync(CancellationToken cancellation = default) => (await RunAsync(
        new SimpleStatement("SELECT value FROM meta WHERE key = 'version'"), cancellation))
        .FirstOrDefault()?.GetValue<string>(0);

    public ValueTask DisposeAsync()
    {
        _isClosed = true;
        return DisposeAsync(_cluster);
    }

    static async ValueTask DisposeAsync(Cluster? cluster)
    {
        if (cluster is not null)
            await cluster.ShutdownAsync(RequestMillis);
    }

    static Cluster BuildCluster(CassandraStoreOptions options)
    {
        var consistency = Enum.Parse<ConsistencyLevel>(options.Consistency, true);
        var local = options.LocalDatacenter.Length > 0
            ? new DCAwareRoundRobinPolicy(options.LocalDatacenter)
            : new DCAwareRoundRobinPolicy();
        var isLocal = options.Consistency.StartsWith("Local", StringComparison.OrdinalIgnoreCase);
        var builder = Cluster.Builder()
            .WithPort(options.Port)
            .WithLoadBalancingPolicy(new TokenAwarePolicy(local))
            .WithQueryOptions(new QueryOptions()
                .SetConsistencyLevel(consistency)
                .SetSerialConsistencyLevel(isLocal ? ConsistencyLevel.LocalSerial : ConsistencyLevel.Serial)
                // what is read again is the same, and what is written again is the same row
                .SetDefaultIdempotence(true))
            .WithSocketOptions(new SocketOptions().SetConnectTimeoutMillis(RequestMillis)
                .SetReadTimeoutMillis(RequestMillis))
            .WithReconnectionPolicy(new ExponentialReconnectionPolicy(200, 5_000));
        foreach (var point in options.ContactPoints)
        {
            var colon = point.LastIndexOf(':');
            // Zipkin's form, host:port; of an IPv6 address without brackets all colons are its own
            if (colon > 0 && point.IndexOf(':') == colon)
            {
                builder.AddContactPoint(point[..colon]);
                builder.WithPort(int.Parse(point.AsSpan(colon + 1), System.Globalization.CultureInfo.InvariantCulture));
            }
            else
            {
                builder.AddContactPoint(point);
            }
        }
        if (options.SpeculativeDelay > TimeSpan.Zero)
        {
            builder.WithSpeculativeExecutionPolicy(
                new ConstantSpeculativeExecutionPolicy((long)options.SpeculativeDelay.TotalMilliseconds, 1));
        }
        if (options.Username.Length > 0)
            builder.WithCredentials(options.Username, options.Password);
        if (options.UseSsl)
        {
            builder.WithSSL(new SSLOptions(SslProtocols.None, true, (_, _, _, errors) =>
                (options.ValidateHostname ? errors : errors & ~SslPolicyErrors.RemoteCertificateNameMismatch) ==
                SslPolicyErrors.None));
        }
        return builder.Build();
    }

    /// <summary>What no waiting mends; null when waiting may.</summary>
    static string? Refusal(Exception exception) => exception is NoHostAvailableException { Errors: { } errors } &&
        errors.Values.OfType<global::Cassandra.AuthenticationException>().FirstOrDefault() is { } refused
            ? Refused(refused.Message)
            : null;

    static string Refused(string message) =>
        $"Cassandra refuses the user: {message} Check Username and Password.";

    async Task PrepareSchemaAsync(ILogger logger)
    {
        var keyspace = Options.Keyspace;
        if (!Options.ManageSchema)
        {
            if (_cluster.Metadata.GetKeyspace(keyspace) is null)
            {
                throw new StoreUnusableException($"There is no keyspace {keyspace}, and ManageSchema is off: make it " +
                    "and its tables as schema.cql says.");
            }
            Session.ChangeKeyspace(keyspace);
        }
        else
        {
            if (_cluster.Metadata.GetKeyspace(keyspace) is null)
            {
                logger.MakingSchema(keyspace, Options.Replication);
                await Session.ExecuteAsync(new SimpleStatement(
                    $"CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {Options.ReplicationCql()}"));
            }
            Session.ChangeKeyspace(keyspace);
            // where all are there nothing is asked for, as each takes the nodes some time to agree on
            var there = _cluster.Metadata.GetTables(keyspace).ToHashSet();
            if (there.Contains("meta"))
                Check(await ReadVersionAsync() ?? SchemaVersion);
            var missing = Statements(SchemaCql()).Where(statement => !there.Contains(TableOf(statement))).ToList();
            foreach (var statement in missing)
                await Session.ExecuteAsync(new SimpleStatement(statement));
            if (missing.Count > 0)
            {
                await Session.ExecuteAsync(new SimpleStatement(
                    $"INSERT INTO meta (key, value) VALUES ('version', '{SchemaVersion}') IF NOT EXISTS"));
            }
        }
        Check(await ReadVersionAsync());
    }

    void Check(string? version)
    {
        if (version is "1" or "2")
        {
            throw new StoreUnusableException($"The keyspace {Options.Keyspace} has version {version} of the tables, " +
                $"whose rows were of another form; the last server that reads them is the one before the store of " +
                $"version {SchemaVersion}. Its spans end by themselves: let that server answer for them until then, " +
                "and use another keyspace for this one.");
        }
        if (version != SchemaVersion)
        {
            throw new StoreUnusableException($"The keyspace {Options.Keyspace} has version {version ?? "none"} of " +
                $"the tables; this server knows {SchemaVersion}. Use the server of that version, or another keyspace.");
        }
    }

    static string TableOf(string statement) =>
        statement["CREATE TABLE IF NOT EXISTS ".Length..].Split(' ', 2)[0];

    static IEnumerable<string> Statements(string cql) => string.Join('\n', cql.Split('\n')
        .Where(line => !line.StartsWith("--", StringComparison.Ordinal)))
        .Split(';').Select(statement => statement.Trim()).Where(statement => statement.Length > 0);
}
