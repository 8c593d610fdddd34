using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Tracing.Model;
using Tracing.Storage.Blocks;
using Tracing.Storage.Tables;

namespace Tracing.Storage.Engine;

/// <summary>
/// Spans in blocks, and pointers to them by trace, in tables of rows. Any number of processes may write and read the
/// same tables, if these can be shared; they share nothing else.
/// </summary>
public sealed class BlockSpanStore : ISpanStore
{
    static readonly TimeSpan _compactEvery = TimeSpan.FromSeconds(2);
    static readonly TimeSpan _compactSharedEvery = TimeSpan.FromMinutes(1);

    /// <summary>How long a question waits for calls to be added up.</summary>
    static readonly TimeSpan _countPatience = TimeSpan.FromSeconds(1);

    readonly ITables _tables;
    readonly EngineOptions _options;
    readonly string _place;
    readonly Blocks _blocks;
    readonly Names _names;
    readonly GroupWriter _writer;
    readonly Statistics _statistics;
    readonly SpanScan _scan;
    readonly Notes _notes;
    readonly UncountedSpans _uncounted;
    readonly Compaction _compaction;
    readonly Repeated _counts;
    readonly Repeated _compacts;
    readonly ILogger _logger;
    readonly Lock _closing = new();
    Task? _closes;

    /// <param name="tables">Closed with the store.</param>
    /// <param name="place">Where they are, for the log.</param>
    internal BlockSpanStore(ITables tables, EngineOptions options, string place, TimeProvider time, ILogger logger)
    {
        _tables = tables;
        _options = options;
        _place = place;
        _logger = logger;
        var table = new BlockTable(tables, options);
        var commits = new Commits(tables, options);
        var slices = new Slices(tables, options);
        _blocks = new Blocks(table, commits, slices, (long)options.CacheMiB << 20);
        var sliceBlocks = new SliceBlocks(table, commits);
        _names = new Names(tables, options);
        _uncounted = new UncountedSpans((span, exception) => logger.NotCounted(exception, span.TraceId, span.SpanId));
        var committed = new CommittedGroups();
        _writer = new GroupWriter(
            tables, table, commits, slices, sliceBlocks, _blocks, _names, committed, _uncounted, options, time, logger);
        _statistics = new Statistics(
            tables, commits, committed, slices, sliceBlocks, _blocks, options, time, _writer.Writer, _uncounted);
        _scan = new SpanScan(_blocks);
        _notes = new Notes(tables);
        _compaction = new Compaction(
            tables, table, commits, slices, sliceBlocks, _blocks, _statistics, options, _writer, logger);
        _counts = new Repeated(time, options.CountEvery, _statistics.CountAsync, logger.CountingFailed);
        _compacts = new Repeated(
            time, tables.IsShared ? _compactSharedEvery : _compactEvery, _compaction.RunAsync, logger.CompactionFailed);
        committed.Due = () => _ = _counts.StartAsync();
        // where nobody else does, what is left of before is counted first, and what comes is counted as it comes
        if (!tables.IsShared)
            committed.Due();
        logger.Opened(place);
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
        SpanCounter.CountLatenciesAsync(_scan.ReadAsync(selection, cancellationToken));

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
                if (block is null)
                    continue;
                var within = RowSet.Where(block.Count, i => block.Starts[i] >= start && block.Starts[i] <= end);
                lows.UnionWith(block.Traces.WithAny(within).Select(trace => block.Traces.Ids[trace].Low));
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
        _names.ReadAsync(NameKind.Service, "", cancellationToken);

    public Task<IReadOnlyList<string>> GetSpanNamesAsync(string serviceName, CancellationToken cancellationToken) =>
        _names.ReadAsync(NameKind.Span, SeriesNames.Cut(serviceName.ToLowerInvariant()), cancellationToken);

    public Task<IReadOnlyList<string>> GetRemoteServiceNamesAsync(
        string serviceName, CancellationToken cancellationToken) =>
        _names.ReadAsync(NameKind.Remote, SeriesNames.Cut(serviceName.ToLowerInvariant()), cancellationToken);

    public async Task<IReadOnlyList<string>> GetTagValuesAsync(string key, CancellationToken cancellationToken) =>
        _options.AutocompleteKeys.Contains(key)
            ? await _names.ReadAsync(NameKind.TagValue, key, cancellationToken)
            : [];

    public Task<IReadOnlyList<SeriesPoint>> GetSeriesAsync(SeriesQuery query, CancellationToken cancellationToken) =>
        _statistics.ReadAsync(query, cancellationToken);

    public async Task<bool> AddUpCallsAsync(CancellationToken cancellationToken)
    {
        ThrowIfClosed(cancellationToken);
        var uncounted = await _statistics.ReadUncountedAsync(cancellationToken);
        if (uncounted.Count == 0 && _counts.IsIdle)
            return true;
        if (_tables.IsShared)
            _statistics.WantFlush();
        try
        {
            await _counts.StartAsync().WaitAsync(_countPatience, TimeProvider.System, cancellationToken);
        }
        catch (TimeoutException)
        {
            return false;
        }
        // what came meanwhile is for the next question; another process may have the lease
        var marks = await _statistics.ReadCountedAsync(cancellationToken);
        return uncounted.All(each => marks.GetValueOrDefault(each.Key, -1) >= each.Value);
    }

    public Task<UncountedCounts> GetUncountedAsync(CancellationToken cancellationToken) =>
        Task.FromResult(_uncounted.Counts);

    public async Task<IReadOnlyList<string>> CheckAsync(CancellationToken cancellationToken)
    {
        var warnings = await _tables.CheckAsync(cancellationToken);
        return _compaction.Doubt is { } doubt ? [.. warnings, doubt] : warnings;
    }

    /// <summary>Stores what was taken, then closes; may be called again.</summary>
    public ValueTask DisposeAsync()
    {
        lock (_closing)
            return new ValueTask(_closes ??= CloseAsync());
    }

    /// <summary>Adds up the statistics of what is stored, if this process is the one that does it.</summary>
    internal Task CountNowAsync(CancellationToken cancellation) =>
        _counts.RunAsync(_statistics.CountForGoodAsync, cancellation);

    /// <summary>Compacts and thins out what is due, if this process is the one that does it.</summary>
    internal Task CompactNowAsync(CancellationToken cancellation) =>
        _compacts.RunAsync(_compaction.RunAsync, cancellation);

    async Task CloseAsync()
    {
        await Task.Yield();
        await _compacts.DisposeAsync();
        await _writer.DisposeAsync();
        await CountLastAsync();
        await _counts.DisposeAsync();
        await _tables.DisposeAsync();
        _logger.Closed(_place);
    }

    /// <summary>Leaves nothing for the next start to count, if it can be done in time.</summary>
    async Task CountLastAsync()
    {
        using var deadline = new CancellationTokenSource(_options.WriteTimeout);
        try
        {
            await CountNowAsync(deadline.Token);
        }
        catch (Exception exception)
        {
            // whatever it is, the next start or another process counts it
            _logger.CountingFailed(exception.Message);
        }
    }

    void ThrowIfClosed(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        ObjectDisposedException.ThrowIf(_closes is not null, this);
    }
}
