using System.Collections.Concurrent;
using Cassandra;
using Tracing.Storage.Tables;
using Row = Tracing.Storage.Tables.Row;

namespace Tracing.Storage.Cassandra;

/// <summary>
/// The tables in a keyspace of Cassandra, which all have the same columns (schema.cql). What is read later sees what
/// was written before, as both ask so many replicas; what is compared and set is a lightweight transaction.
/// </summary>
sealed class CqlTables(Connection connection) : ITables
{
    /// <summary>
    /// Of rows written as one batch, which costs a fraction of as many statements; from some on the cost of a row
    /// falls no further. Cassandra warns of batches of 5 KiB.
    /// </summary>
    const int MaxBatchRows = 100;
    const int MaxBatchBytes = 3 << 10;

    /// <summary>How often a row is tried before its call fails; after so long, then twice as long each time.</summary>
    const int Attempts = 4;
    static readonly TimeSpan _firstWait = TimeSpan.FromMilliseconds(100);

    /// <summary>Cassandra takes 20 years at most, and where nodes store time as 4.1 did, none beyond this.</summary>
    const int MaxSeconds = 19 * 365 * 86_400;
    static readonly DateTimeOffset _lastEnd = new(2038, 1, 18, 0, 0, 0, TimeSpan.Zero);

    readonly ConcurrentDictionary<(Table, Operation), Task<PreparedStatement>> _prepared = [];
    readonly WriteWindow _window = new(TimeProvider.System);

    enum Operation
    {
        Insert,
        InsertKey,
        InsertNew,
        Update,
        Get,
        Scan,
        ScanToEnd,
        ScanBack,
        ScanBackFromEnd,
        Delete,
        DeleteToEnd,
        DeleteRow,
        Forbid,
    }

    public bool IsShared => true;

    public async Task PutAsync(IReadOnlyList<Row> rows, Row? last = null, Func<Task>? beforeLast = null,
        CancellationToken cancellation = default)
    {
        await WriteAllAsync(await BatchesAsync(rows, row => (row.Partition,
            row.Partition.Length + row.Key.Length + row.Value.Length), InsertAsync), cancellation);
        if (beforeLast is not null)
            await beforeLast();
        if (last is { } row)
            await WriteAsync(await InsertAsync(row), cancellation);
    }

    public async ValueTask<Entry?> GetAsync(
        Table table, byte[] partition, byte[] key, CancellationToken cancellation = default)
    {
        var statement = (await PrepareAsync(table, Operation.Get)).Bind(partition, key);
        return (await connection.RunAsync(statement, cancellation)).FirstOrDefault() is { } row
            ? EntryOf(key, row, 0)
            : null;
    }

    public async ValueTask<List<Entry>> ScanAsync(Table table, byte[] partition, byte[] from, byte[]? to,
        bool isDescending = false, int limit = int.MaxValue, CancellationToken cancellation = default)
    {
        if (limit <= 0)
            return [];
        var prepared = await PrepareAsync(table, (isDescending, to) switch
        {
            (false, null) => Operation.ScanToEnd,
            (false, _) => Operation.Scan,
            (true, null) => Operation.ScanBackFromEnd,
            (true, _) => Operation.ScanBack,
        });
        var statement = to is null
            ? prepared.Bind(partition, from, limit)
            : prepared.Bind(partition, from, to, limit);
        return await connection.ReadAsync(
            statement, row => EntryOf(row.GetValue<byte[]>(0), row, 1), cancellation);
    }

    public async Task DeleteAsync(Table table, byte[] partition, byte[] from, byte[]? to,
        CancellationToken cancellation = default) => await connection.RunAsync(to is null
            ? (await PrepareAsync(table, Operation.DeleteToEnd)).Bind(partition, from)
            : (await PrepareAsync(table, Operation.Delete)).Bind(partition, from, to), cancellation);

    public async Task DeleteAsync(IReadOnlyList<RowKey> rows, CancellationToken cancellation = default) =>
        await WriteAllAsync(await BatchesAsync(rows, row => (row.Partition, row.Partition.Length + row.Key.Length),
            async row => (await PrepareAsync(row.Table, Operation.DeleteRow)).Bind(row.Partition, row.Key)),
            cancellation);

    /// <summary>A deletion with the time until which it is to win.</summary>
    public async Task ForbidAsync(Table table, byte[] partition, byte[] key, DateTimeOffset until,
        CancellationToken cancellation = default) => await connection.RunAsync(
            (await PrepareAsync(table, Operation.Forbid)).Bind(until.ToUnixTimeMilliseconds() * 1000, partition, key),
            cancellation);

    public async ValueTask<CasResult> CompareAndSetAsync(Row row, long expectedVersion, IReadOnlyList<Row> others,
        CancellationToken cancellation = default)
    {
        // by which we know our own, also when the first of two attempts of the driver was done but not heard of
        var version = Random.Shared.NextInt64(1, long.MaxValue);
        var seconds = SecondsOf(row.TimeToLive);
        IStatement statement = expectedVersion == 0
            ? (await PrepareAsync(row.Table, Operation.InsertNew)).Bind(
                row.Partition, row.Key, row.Value, version, seconds)
            : (await PrepareAsync(row.Table, Operation.Update)).Bind(
                seconds, row.Value, version, row.Partition, row.Key, expectedVersion);
        if (others.Count > 0)
        {
            var batch = new BatchStatement().SetBatchType(BatchType.Unlogged).Add((BoundStatement)statement);
            foreach (var other in others)
                batch.Add(await InsertAsync(other));
            batch.SetRoutingKey(new RoutingKey { RawRoutingKey = row.Partition });
            batch.SetIdempotence(true);
            statement = batch;
        }
        var set = new Entry(row.Key, row.Value, version);
        if ((await connection.RunAsync(statement, cancellation)).First().GetValue<bool>("[applied]"))
            return new CasResult(true, set);
        var found = await GetAsync(row.Table, row.Partition, row.Key, cancellation);
        return found?.Version == version ? new CasResult(true, set) : new CasResult(false, found);
    }

    public bool IsTransient(Exception exception) => Connection.IsTransient(exception);

    public Task<DateTimeOffset> ReadClockAsync(CancellationToken cancellation = default) =>
        connection.ReadClockAsync(cancellation);

    public async Task<IReadOnlyList<string>> CheckAsync(CancellationToken cancellation = default)
    {
        await connection.ReadVersionAsync(cancellation);
        return [];
    }

    public ValueTask DisposeAsync() => connection.DisposeAsync();

    static Entry EntryOf(byte[] key, global::Cassandra.Row row, int at) =>
        new(key, row.GetValue<byte[]?>(at) ?? [], row.GetValue<long?>(at + 1) ?? 0);

    static int SecondsOf(TimeSpan timeToLive) => timeToLive == TimeSpan.Zero
        ? 0
        : (int)Math.Clamp(Math.Ceiling(timeToLive.TotalSeconds), 1,
            Math.Clamp((_lastEnd - TimeProvider.System.GetUtcNow()).TotalSeconds, 1, MaxSeconds));

    Task WriteAllAsync(List<IStatement> statements, CancellationToken cancellation) =>
        Parallel.ForEachAsync(statements, new ParallelOptions
        {
            MaxDegreeOfParallelism = WriteWindow.Max,
            CancellationToken = cancellation,
        }, async (statement, _) => await WriteAsync(statement, cancellation));

    async Task WriteAsync(IStatement statement, CancellationToken cancellation)
    {
        var wait = _firstWait;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                // to be heard out: who gives up a write that is under way does not know whether it was done
                await _window.RunAsync(() => connection.RunAsync(statement, CancellationToken.None));
                return;
            }
            catch (Exception exception) when (attempt < Attempts && IsTransient(exception))
            {
                await Task.Delay(wait, TimeProvider.System, cancellation);
                wait *= 2;
            }
        }
    }

    /// <summary>
    /// Small rows whose first replica is the same together, so that a batch is work of one node and its copies.
    /// </summary>
    async Task<List<IStatement>> BatchesAsync<T>(IReadOnlyList<T> rows, Func<T, (byte[] Partition, int Bytes)> sizeOf,
        Func<T, Task<BoundStatement>> bind)
    {
        var metadata = connection.Session.Cluster.Metadata;
        var isOneNode = metadata.AllHosts().Count <= 1;
        var statements = new List<IStatement>();
        foreach (var ofReplica in rows.GroupBy(row => isOneNode ? null : metadata.GetReplicas(
            connection.Options.Keyspace, sizeOf(row).Partition).FirstOrDefault()?.Address))
        {
            var (batch, count, bytes) = (new BatchStatement(), 0, 0);
            foreach (var row in ofReplica)
            {
                var statement = await bind(row);
                var (partition, size) = sizeOf(row);
                if (size > MaxBatchBytes / 2)
                {
                    statements.Add(statement);
                    continue;
                }
                if (count == MaxBatchRows || (count > 0 && bytes + size > MaxBatchBytes))
                {
                    statements.Add(batch);
                    (batch, count, bytes) = (new BatchStatement(), 0, 0);
                }
                if (count == 0)
                {
                    batch.SetBatchType(BatchType.Unlogged)
                        .SetRoutingKey(new RoutingKey { RawRoutingKey = partition });
                    batch.SetIdempotence(true);
                }
                batch.Add(statement);
                count++;
                bytes += size;
            }
            if (count > 0)
                statements.Add(batch);
        }
        return statements;
    }

    async Task<BoundStatement> InsertAsync(Row row) => row.Value.Length == 0
        ? (await PrepareAsync(row.Table, Operation.InsertKey)).Bind(
            row.Partition, row.Key, SecondsOf(row.TimeToLive))
        : (await PrepareAsync(row.Table, Operation.Insert)).Bind(
            row.Partition, row.Key, row.Value, SecondsOf(row.TimeToLive));

    /// <summary>Prepares a statement once; one that could not be is prepared anew.</summary>
    Task<PreparedStatement> PrepareAsync(Table table, Operation operation)
    {
        var prepared = _prepared.GetOrAdd(
            (table, operation), each => connection.Session.PrepareAsync(CqlOf(each.Item1, each.Item2)));
        if (prepared.IsFaulted)
            _prepared.TryRemove(new((table, operation), prepared));
        return prepared;
    }

    static string CqlOf(Table table, Operation operation)
    {
        var name = NameOf(table);
        return operation switch
        {
            Operation.Insert => $"INSERT INTO {name} (partition, key, value) VALUES (?, ?, ?) USING TTL ?",
            // no cell takes less room than an empty one
            Operation.InsertKey => $"INSERT INTO {name} (partition, key) VALUES (?, ?) USING TTL ?",
            Operation.InsertNew => $"INSERT INTO {name} (partition, key, value, version) VALUES (?, ?, ?, ?) " +
                "IF NOT EXISTS USING TTL ?",
            Operation.Update => $"UPDATE {name} USING TTL ? SET value = ?, version = ? " +
                "WHERE partition = ? AND key = ? IF version = ?",
            Operation.Get => $"SELECT value, version FROM {name} WHERE partition = ? AND key = ?",
            Operation.Scan => Select("AND key < ? LIMIT ?"),
            Operation.ScanToEnd => Select("LIMIT ?"),
            Operation.ScanBack => Select("AND key < ? ORDER BY key DESC LIMIT ?"),
            Operation.ScanBackFromEnd => Select("ORDER BY key DESC LIMIT ?"),
            Operation.Delete => $"DELETE FROM {name} WHERE partition = ? AND key >= ? AND key < ?",
            Operation.DeleteToEnd => $"DELETE FROM {name} WHERE partition = ? AND key >= ?",
            Operation.DeleteRow => $"DELETE FROM {name} WHERE partition = ? AND key = ?",
            _ => $"DELETE FROM {name} USING TIMESTAMP ? WHERE partition = ? AND key = ?",
        };

        string Select(string rest) => $"SELECT key, value, version FROM {name} WHERE partition = ? AND key >= ? {rest}";
    }

    static string NameOf(Table table) => table switch
    {
        Table.BlockData => "block_data",
        Table.KeptData => "kept_data",
        Table.Blocks => "blocks",
        Table.Summaries => "summaries",
        Table.Traces => "traces",
        Table.Commits => "commits",
        Table.Names => "names",
        Table.Latencies => "latencies",
        Table.State => "state",
        _ => "claims",
    };
}
