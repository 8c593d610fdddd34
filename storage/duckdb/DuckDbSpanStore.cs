using System.Runtime.CompilerServices;
using DuckDB.NET.Data;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// The embedded store: partitions by time, each a DuckDB file. The newest is written by one thread in groups (<see
/// cref="SpanWriter"/>); full or old ones are sealed by another (<see cref="Sealer"/>). Read on other connections,
/// each of which sees what was committed when its query began.
/// </summary>
public sealed class DuckDbSpanStore : ISpanStore
{
    /// <summary>Of many lost files, say, the first do.</summary>
    const int MaxWarnings = 20;

    readonly StoreFolder _folder;
    readonly Partitions _partitions;
    readonly Sealer _sealer;
    readonly StoreTables _tables;
    readonly SpanWriter _writer;
    readonly Readers _readers;
    readonly TraceTables _traceTables;
    readonly KnownDependencies _dependencies;
    readonly Notes _notes;
    int _isMakingTables;

    // null in memory, where nothing is sealed and nothing dropped
    readonly Upkeep? _upkeep;
    readonly TimeProvider _time;
    readonly ILogger _logger;
    readonly Lock _closing = new();
    Task? _closed;

    DuckDbSpanStore(StoreFolder folder, Partitions partitions, Sealer sealer, StoreTables tables,
        DuckDbStoreOptions options, TimeProvider time, RunningClock clock, ILogger logger)
    {
        _folder = folder;
        _partitions = partitions;
        _sealer = sealer;
        _tables = tables;
        _time = time;
        _logger = logger;
        _notes = new Notes(time);
        _writer = new SpanWriter(tables, options, time, logger);
        _traceTables = new TraceTables(options.MaxTracesInMemory);
        _readers = new Readers(folder.Connect, partitions, options.MaxConcurrentReads);
        _dependencies = new KnownDependencies(_readers, time);
        _upkeep = folder.IsInMemory ? null : new Upkeep(partitions,
            new Merger(folder, partitions, sealer, options, logger), _writer, tables.Statistics, folder.Manifest,
            options, time, clock, logger);
    }

    /// <summary>Opens the store in a folder, which is made when absent.</summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="StoreUnusableException">
    /// The folder is in use by another server or cannot be written; a file is of a newer version or cannot be read
    /// now.
    /// </exception>
    public static DuckDbSpanStore Open(DuckDbStoreOptions options, TimeProvider time, ILogger? logger = null)
    {
        options.Validate();
        logger ??= NullLogger.Instance;
        while (true)
        {
            try
            {
                return OpenOnce(options, time, logger);
            }
            catch (DuckDBException exception) when (Damage.IsAftermath(exception))
            {
                // DuckDB fell over a damaged file, which is set aside by now, so that there is an end to this
                logger.OpeningAgain(options.Path);
            }
            catch (Exception exception) when (
                exception is DuckDBException or IOException or UnauthorizedAccessException)
            {
                throw StoreFolder.NotWritable(options.Path, exception);
            }
        }
    }

    static DuckDbSpanStore OpenOnce(DuckDbStoreOptions options, TimeProvider time, ILogger logger)
    {
        var folder = StoreFolder.Open(options, time, logger);
        var partitions = new Partitions(folder.Connect(), folder.Manifest, logger);
        try
        {
            var sealer = new Sealer(folder, partitions, logger);
            var clock = new RunningClock(time, folder.Progress.Clock);
            var tables = new StoreTables(folder, options, partitions, sealer, time, clock, logger);
            var found = partitions.List();
            logger.Opened(
                folder.Path, found.Count, found.Sum(partition => partition.Spans), tables.SpanNames.Keys().Length);
            if (folder.DamagedFiles() is { Count: > 0 } damaged)
                logger.DamagedFiles(string.Join(", ", damaged));
            return new DuckDbSpanStore(folder, partitions, sealer, tables, options, time, clock, logger);
        }
        catch
        {
            partitions.Dispose();
            folder.Dispose();
            throw;
        }
    }

    /// <summary>What there is on disk, the oldest first.</summary>
    internal IReadOnlyList<PartitionInfo> Partitions => _partitions.List();

    /// <summary>A connection of one's own, to be disposed; tests break the store with it.</summary>
    internal DuckDBConnection Connect() => _folder.Connect();

    /// <summary>Completes when no partition waits to be sealed.</summary>
    internal Task WhenSealedAsync() => _sealer.WhenIdle();

    /// <summary>Completes when all that is stored is counted.</summary>
    internal Task WhenCountedAsync() => _tables.Statistics.WhenCaughtUp;

    /// <summary>The first partition whose counts are in memory yet, and not in the file of statistics.</summary>
    internal int FirstLiveInStatistics => _tables.Statistics.FirstLive;

    /// <summary>Completes when nothing is due to be closed, dropped or merged.</summary>
    internal Task WhenKeptUpAsync() => _upkeep?.WhenIdle() ?? Task.CompletedTask;

    public Task<AppendOutcome> AppendAsync(SpanBatch batch, CancellationToken cancellationToken) =>
        _writer.AppendAsync(batch).WaitAsync(cancellationToken);

    public async Task<IReadOnlyList<IReadOnlyList<Span>>> GetTracesAsync(
        IReadOnlyList<TraceId> traceIds, bool strict, CancellationToken cancellationToken) =>
        await _readers.RunAsync(
            (connection, partitions) => TraceReader.Read(
                connection, partitions, traceIds, strict, tables: _traceTables, cancellation: cancellationToken),
            cancellationToken, ReadKind.Trace);

    public Task<TraceKept> GetKeptAsync(TraceId traceId, CancellationToken cancellationToken) => _readers.RunAsync(
        (connection, partitions) => TraceReader.ReadKept(connection, partitions, traceId), cancellationToken,
        ReadKind.Trace);

    public Task<IReadOnlyList<IReadOnlyList<Span>>> FindTracesAsync(
        TraceQuery query, CancellationToken cancellationToken) => FindAsync(
            (connection, partitions) => Search.Find(connection, partitions, _traceTables, query, cancellationToken),
            cancellationToken);

    public Task<SearchPage> SearchAsync(SpanSearch search, CancellationToken cancellationToken) => FindAsync(
        (connection, partitions) => SpanSearcher.Search(
            connection, partitions, _tables.SpanNames, _traceTables, search, cancellationToken),
        cancellationToken);

    async Task<T> FindAsync<T>(
        Func<DuckDBConnection, IReadOnlyList<Partition>, T> find, CancellationToken cancellationToken)
    {
        var found = await _readers.RunAsync(find, cancellationToken);
        _ = MakeTablesAsync();
        return found;
    }

    /// <summary>For the next search; who never searches has none.</summary>
    async Task MakeTablesAsync()
    {
        if (Interlocked.Exchange(ref _isMakingTables, 1) == 1)
            return;
        try
        {
            while (await _readers.RunAsync(_traceTables.MakeNext, CancellationToken.None))
                continue;
        }
        catch (Exception exception) when (exception is DuckDBException or DamagedPartitionException or
            ObjectDisposedException)
        {
            // a search that needs the partition will say so
        }
        finally
        {
            Volatile.Write(ref _isMakingTables, 0);
        }
    }

    public Task<KeyCounts> CountKeysAsync(KeyQuery query, CancellationToken cancellationToken) =>
        CountAsync(query.Spans, spans => KeyCounter.Count(spans, query), cancellationToken);

    public Task<ValueCounts> CountValuesAsync(ValueQuery query, CancellationToken cancellationToken) =>
        CountAsync(query.Spans, spans => ValueCounter.Count(spans, query), cancellationToken);

    public Task<FacetCounts> CountFacetsAsync(FacetQuery query, CancellationToken cancellationToken) =>
        CountAsync(query.Spans, spans => FacetCounter.Count(spans, query), cancellationToken);

    public Task<SpanLatencies> CountLatenciesAsync(SpanSelection selection, CancellationToken cancellationToken) =>
        CountAsync(selection, LatencyCounter.Count, cancellationToken);

    public Task<IReadOnlyList<SeriesPoint>> GetSeriesAsync(SeriesQuery query, CancellationToken cancellationToken) =>
        _tables.Statistics.ReadAsync(_readers, query, cancellationToken);

    public Task<UncountedCounts> GetUncountedAsync(CancellationToken cancellationToken) =>
        Task.FromResult(_tables.Statistics.Uncounted);

    Task<T> CountAsync<T>(
        SpanSelection selection, Func<MatchingSpans, T> count, CancellationToken cancellationToken) =>
        _readers.RunAsync(
            (connection, partitions) => count(MatchingSpans.Find(
                connection, partitions, _tables.SpanNames, selection, cancellationToken)),
            cancellationToken);

    public async IAsyncEnumerable<IReadOnlyList<Span>> ReadTracesAsync(
        long startMillis, long endMillis, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var session = await _readers.OpenAsync(cancellationToken);
        var traces = await session.RunAsync(
            () => TraceStream.Open(session.Connection, session.Partitions, startMillis, endMillis));
        while (await session.RunAsync(traces.Next) is { } trace)
            yield return trace;
    }

    public async Task<KnownLinks> GetDependenciesAsync(
        long startMillis, long endMillis, TimeSpan patience, CancellationToken cancellationToken)
    {
        if (await _dependencies.ReadAsync(startMillis, endMillis, patience, cancellationToken) is { } known)
            return known;
        return await DependencyLinker.CountAsync(
            ReadTracesAsync(startMillis, endMillis, cancellationToken).Select(spans => (spans, 1.0)), patience, _time);
    }

    public Task<IReadOnlyList<string>> GetServiceNamesAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<string>>(_tables.SpanNames.Keys());

    public Task<IReadOnlyList<string>> GetSpanNamesAsync(string serviceName, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<string>>(
            _tables.SpanNames.Values(SeriesNames.Cut(serviceName.ToLowerInvariant())));

    public Task<IReadOnlyList<string>> GetRemoteServiceNamesAsync(
        string serviceName, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<string>>(
            _tables.RemoteServices.Values(SeriesNames.Cut(serviceName.ToLowerInvariant())));

    public Task<IReadOnlyList<string>> GetTagValuesAsync(string key, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<string>>(_tables.TagValues.Values(key));

    public Task<IReadOnlyList<ReadOnlyMemory<byte>>> ExchangeAsync(
        string topic, string member, ReadOnlyMemory<byte> note, CancellationToken cancellationToken) =>
        Task.FromResult(_notes.Exchange(topic, member, note));

    public async Task<IReadOnlyList<string>> CheckAsync(CancellationToken cancellationToken)
    {
        await CheckSelfAsync(cancellationToken);
        return await CheckWritesAsync(cancellationToken);
    }

    /// <summary>Fails while spans cannot be written for a reason outside; else what people should look at.</summary>
    internal async Task<IReadOnlyList<string>> CheckWritesAsync(CancellationToken cancellationToken)
    {
        if (_tables.Failure is { } failure)
        {
            try
            {
                await _writer.LookAsync().WaitAsync(cancellationToken);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                throw new IOException($"Spans cannot be written, and are refused: {failure.Message}", exception);
            }
        }
        if (_tables.IsFull)
        {
            throw new IOException("Spans are refused, as those that came before could not be sealed yet" +
                (_sealer.Failure is { } reason ? $": {reason}" : "."));
        }
        string?[] all =
        [
            _sealer.Failure is { } sealing ? $"Sealing failed, and is tried again: {sealing}" : null,
            .. _upkeep?.Warnings ?? [],
            .. _folder.DamagedFiles().Select(file => $"{file} could not be read; its spans are not served."),
            .. _folder.Manifest.Losses,
        ];
        return [.. all.OfType<string>().Take(MaxWarnings)];
    }

    /// <summary>Fails when the store can do nothing any more and has to be opened again.</summary>
    internal Task CheckSelfAsync(CancellationToken cancellationToken)
    {
        if (_writer.Failure is { } failure)
            throw new InvalidOperationException($"The store cannot write: {failure.Message}", failure);
        return _readers.RunAsync(
            (connection, _) => Schema.ReadMeta(connection, _tables.AppendPartition.Database, "format_version"),
            cancellationToken, ReadKind.Check);
    }

    /// <summary>Stores what was taken, then closes; may be called again.</summary>
    public ValueTask DisposeAsync()
    {
        lock (_closing)
            return new ValueTask(_closed ??= CloseAsync());
    }

    async Task CloseAsync()
    {
        if (_upkeep is not null)
            await _upkeep.CloseAsync();
        await _writer.CloseAsync();
        await _sealer.CloseAsync();
        await _tables.Statistics.DisposeAsync();
        await _dependencies.DisposeAsync();
        await _readers.DisposeAsync();
        _tables.Dispose();
        _partitions.Dispose();
        _folder.Dispose();
        _logger.Closed(_folder.Path);
    }
}
