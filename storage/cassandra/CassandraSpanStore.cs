using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Tracing.Model;

namespace Tracing.Storage.Cassandra;

/// <summary>
/// The distributed store: spans in blocks of Cassandra, pointers to them by trace. Any number of processes write and
/// read one keyspace, and share nothing else.
/// </summary>
public sealed class CassandraSpanStore : ISpanStore
{
    static readonly TimeSpan _thinEvery = TimeSpan.FromMinutes(1);

    /// <summary>How long a question waits for calls to be added up.</summary>
    static readonly TimeSpan _countPatience = TimeSpan.FromSeconds(1);

    readonly Connection _connection;
    readonly CassandraStoreOptions _options;
    readonly Tables _tables;
    readonly Blocks _blocks;
    readonly GroupWriter _writer;
    readonly Statistics _statistics;
    readonly SpanScan _scan;
    readonly Notes _notes;
    readonly UncountedSpans _uncounted;
    readonly Thinning _thinning;
    readonly Repeated _counts;
    readonly Repeated _thins;
    readonly ILogger _logger;
    readonly Lock _closing = new();
    Task? _closes;

    CassandraSpanStore(Connection connection, TimeProvider time, ILogger logger)
    {
        _connection = connection;
        _options = connection.Options;
        _logger = logger;
        _tables = new Tables(connection);
        var commits = new Commits(connection);
        var slices = new Slices(connection);
        _blocks = new Blocks(_tables, commits, slices, (long)_options.CacheMiB << 20);
        _uncounted = new UncountedSpans((span, exception) => logger.NotCounted(exception, span.TraceId, span.SpanId));
        _writer = new GroupWriter(connection, _tables, commits, slices, _blocks, _uncounted, time, logger);
        _statistics = new Statistics(connection, commits, _blocks, time, _writer.Writer, _uncounted);
        _scan = new SpanScan(_blocks);
        _notes = new Notes(connection);
        _thinning = new Thinning(
            connection, _tables, commits, slices, _blocks, _statistics, _writer.Writer, logger);
        _counts = new Repeated(time, _options.CountEvery, _statistics.CountAsync, logger.CountingFailed);
        _thins = new Repeated(time, _thinEvery, _thinning.ThinAsync, logger.ThinningFailed);
    }

    /// <summary>The tables, as they are made where that is left to others.</summary>
    public static string SchemaCql => Connection.SchemaCql();

    /// <summary>Waits for Cassandra, makes or checks the tables, and begins.</summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="StoreUnusableException">
    /// Cassandra refuses the user, or the tables are of another version.
    /// </exception>
    public static Task<CassandraSpanStore> OpenAsync(CassandraStoreOptions options, TimeProvider time,
        ILogger? logger = null, CancellationToken cancellation = default) =>
        OpenAsync(options, time, logger ?? NullLogger.Instance, _ => { }, cancellation);

    /// <param name="absent">Called with the reason whenever Cassandra was not there.</param>
    internal static async Task<CassandraSpanStore> OpenAsync(CassandraStoreOptions options, TimeProvider time,
        ILogger logger, Action<string> absent, CancellationToken cancellation)
    {
        options.Validate();
        var connection = await Connection.OpenAsync(options, logger, absent, cancellation);
        logger.Opened(options.Keyspace, connection.Session.Cluster.Metadata.ClusterName);
        return new CassandraSpanStore(connection, time, logger);
    }

    public Task<AppendOutcome> AppendAsync(SpanBatch batch, CancellationToken cancellationToken) =>
        _writer.AppendAsync(batch).WaitAsync(cancellationToken);

    public async Task<IReadOnlyList<IReadOnlyList<Span>>> GetTracesAsync(
        IReadOnlyList<TraceId> traceIds, bool strict, CancellationToken cancellationToken)
    {
        ThrowIfClosed(cancellationToken);
        var stored = (await _blocks.ReadTracesAsync(
            [.. traceIds.Select(id => id.Low).Distinct(SeededHash.Comparer)], long.MaxValue, cancellationToken))
            .ToDictionary(trace => trace.Low, SeededHash.Comparer);
        return [.. traceIds
            .DistinctBy(id => strict ? id : new TraceId(0, id.Low))
            .Select(id => strict ? stored[id.Low].Of(id) : stored[id.Low])
            .Where(trace => !trace.IsEmpty)
            .Select(trace => trace.Spans)];
    }

    public Task<TraceKept> GetKeptAsync(TraceId traceId, CancellationToken cancellationToken)
    {
        ThrowIfClosed(cancellationToken);
        return _blocks.ReadKeptAsync(traceId.Low, cancellationToken);
    }

    public Task<IReadOnlyList<IReadOnlyList<Span>>> FindTracesAsync(
        TraceQuery query, CancellationToken cancellationToken)
    {
        ThrowIfClosed(cancellationToken);
        return ZipkinSearch.FindAsync(_blocks, query, _options.TraceSpread, cancellationToken);
    }

    public Task<SearchPage> SearchAsync(SpanSearch search, CancellationToken cancellationToken)
    {
        ThrowIfClosed(cancellationToken);
        return FilterSearch.SearchAsync(
            _blocks, search, _writer.NextStored(), _options.TraceSpread, cancellationToken);
    }

    public Task<KeyCounts> CountKeysAsync(KeyQuery query, CancellationToken cancellationToken) =>
        SpanCounter.CountKeysAsync(_scan.ReadAsync(query.Spans, cancellationToken), query);

    public Task<ValueCounts> CountValuesAsync(ValueQuery query, CancellationToken cancellationToken) =>
        SpanCounter.CountValuesAsync(_scan.ReadAsync(query.Spans, cancellationToken), query);

    public Task<FacetCounts> CountFacetsAsync(FacetQuery query, CancellationToken cancellationToken) =>
        SpanCounter.CountFacetsAsync(() => _scan.ReadAsync(query.Spans, cancellationToken),
            selection => _scan.SampleAsync(selection, FacetChoice.MaxSampled, cancellationToken), query);

    public Task<SpanLatencies> CountLatenciesAsync(SpanSelection selection, CancellationToken cancellationToken) =>
        _scan.CountLatenciesAsync(selection, cancellationToken);

    public async IAsyncEnumerable<IReadOnlyList<Span>> ReadTracesAsync(
        long startMillis, long endMillis, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var trace in ReadStoredAsync(startMillis, endMillis, cancellationToken))
            yield return trace.Spans;
    }

    public Task<KnownLinks> GetDependenciesAsync(
        long startMillis, long endMillis, TimeSpan patience, CancellationToken cancellationToken) =>
        DependencyLinker.CountAsync(
            ReadStoredAsync(startMillis, endMillis, cancellationToken)
                .Select(trace => (trace.Spans, trace.Kept.Weight)),
            patience, TimeProvider.System);

    async IAsyncEnumerable<StoredTrace> ReadStoredAsync(
        long startMillis, long endMillis, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ThrowIfClosed(cancellationToken);
        var start = Math.Max(1, ZipkinWindow.Start(startMillis));
        var end = ZipkinWindow.End(endMillis);
        var lows = new HashSet<ulong>(SeededHash.Comparer);
        foreach (var chunk in (await _blocks.ReadHeadsAsync(start, end, cancellationToken)).Chunk(16))
        {
            foreach (var block in await _blocks.ReadAsync([.. chunk.Select(head => head.Id)], cancellationToken))
            {
                for (var i = 0; block is not null && i < block.Count; i++)
                {
                    if (block.Starts[i] >= start && block.Starts[i] <= end)
                        lows.Add(block.Traces[block.TraceOf[i]].Low);
                }
            }
        }
        foreach (var chunk in lows.Chunk(128))
        {
            foreach (var trace in await _blocks.ReadTracesAsync(chunk, long.MaxValue, cancellationToken))
            {
                if (!trace.IsEmpty)
                    yield return trace;
            }
        }
    }

    public Task<IReadOnlyList<ReadOnlyMemory<byte>>> ExchangeAsync(
        string topic, string member, ReadOnlyMemory<byte> note, CancellationToken cancellationToken) =>
        _notes.ExchangeAsync(topic, member, note, cancellationToken);

    public Task<IReadOnlyList<string>> GetServiceNamesAsync(CancellationToken cancellationToken) =>
        _tables.ReadNamesAsync(NameKind.Service, "", cancellationToken);

    public Task<IReadOnlyList<string>> GetSpanNamesAsync(string serviceName, CancellationToken cancellationToken) =>
        _tables.ReadNamesAsync(NameKind.Span, SeriesNames.Cut(serviceName.ToLowerInvariant()), cancellationToken);

    public Task<IReadOnlyList<string>> GetRemoteServiceNamesAsync(
        string serviceName, CancellationToken cancellationToken) =>
        _tables.ReadNamesAsync(NameKind.Remote, SeriesNames.Cut(serviceName.ToLowerInvariant()), cancellationToken);

    public async Task<IReadOnlyList<string>> GetTagValuesAsync(string key, CancellationToken cancellationToken) =>
        _options.AutocompleteKeys.Contains(key)
            ? await _tables.ReadNamesAsync(NameKind.TagValue, key, cancellationToken)
            : [];

    public Task<IReadOnlyList<SeriesPoint>> GetSeriesAsync(SeriesQuery query, CancellationToken cancellationToken) =>
        _statistics.ReadAsync(query, cancellationToken);

    public async Task<bool> AddUpCallsAsync(CancellationToken cancellationToken)
    {
        ThrowIfClosed(cancellationToken);
        var uncounted = await _statistics.ReadUncountedAsync(cancellationToken);
        if (uncounted.Count == 0 && _counts.IsIdle)
            return true;
        try
        {
            await _counts.StartAsync().WaitAsync(_countPatience, TimeProvider.System, cancellationToken);
        }
        catch (TimeoutException)
        {
            return false;
        }
        // what came meanwhile is for the next question; another process may have the lease
        var marks = await _statistics.ReadMarksAsync(cancellationToken);
        return uncounted.All(each => marks.GetValueOrDefault(each.Key, -1) >= each.Value);
    }

    public Task<UncountedCounts> GetUncountedAsync(CancellationToken cancellationToken) =>
        Task.FromResult(_uncounted.Counts);

    public async Task<IReadOnlyList<string>> CheckAsync(CancellationToken cancellationToken)
    {
        await _tables.CheckAsync(cancellationToken);
        return _thinning.Doubt is { } doubt ? [doubt] : [];
    }

    /// <summary>Stores what was taken, then closes; may be called again.</summary>
    public ValueTask DisposeAsync()
    {
        lock (_closing)
            return new ValueTask(_closes ??= CloseAsync());
    }

    /// <summary>Adds up the statistics of what is stored, if this process is the one that does it.</summary>
    internal Task CountNowAsync(CancellationToken cancellation) => _counts.RunAsync(cancellation);

    /// <summary>Thins out what is due, if this process is the one that does it.</summary>
    internal Task ThinNowAsync(CancellationToken cancellation) => _thins.RunAsync(cancellation);

    async Task CloseAsync()
    {
        await Task.Yield();
        await _counts.DisposeAsync();
        await _thins.DisposeAsync();
        await _writer.DisposeAsync();
        await _connection.DisposeAsync();
        _logger.Closed(_options.Keyspace);
    }

    void ThrowIfClosed(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        ObjectDisposedException.ThrowIf(_closes is not null, this);
    }
}
