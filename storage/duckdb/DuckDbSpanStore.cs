using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// The embedded store: one DuckDB file, written by one thread in groups (<see cref="SpanWriter"/>) and read on other
/// connections, each of which sees what was committed when its query began.
/// </summary>
public sealed class DuckDbSpanStore : ISpanStore
{
    readonly StoreFile _file;
    readonly StoreTables _tables;
    readonly SpanWriter _writer;
    readonly Readers _readers;
    readonly ILogger _logger;
    readonly Lock _closing = new();
    Task? _closed;

    DuckDbSpanStore(StoreFile file, StoreTables tables, DuckDbStoreOptions options, TimeProvider time, ILogger logger)
    {
        _file = file;
        _tables = tables;
        _logger = logger;
        _writer = new SpanWriter(tables, options, time, logger);
        _readers = new Readers(file.Connect, options.MaxConcurrentReads);
    }

    /// <summary>Opens the store in a folder, which is made when absent.</summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="StoreUnusableException">
    /// The folder is in use by another server or cannot be written; the file is of a newer version or not a store.
    /// </exception>
    public static DuckDbSpanStore Open(DuckDbStoreOptions options, TimeProvider time, ILogger? logger = null)
    {
        options.Validate();
        var file = StoreFile.Open(options);
        try
        {
            var tables = new StoreTables(file.Connection, options.AutocompleteKeys);
            var store = new DuckDbSpanStore(file, tables, options, time, logger ?? NullLogger.Instance);
            store._logger.Opened(file.Name, tables.SpanNames.Keys().Length);
            return store;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public Task<AppendOutcome> AppendAsync(SpanBatch batch, CancellationToken cancellationToken) =>
        _writer.AppendAsync(batch).WaitAsync(cancellationToken);

    public async Task<IReadOnlyList<IReadOnlyList<Span>>> GetTracesAsync(
        IReadOnlyList<TraceId> traceIds, bool strict, CancellationToken cancellationToken) =>
        await _readers.RunAsync(
            connection => TraceReader.Read(connection, _tables, traceIds, strict), cancellationToken);

    public async Task<IReadOnlyList<IReadOnlyList<Span>>> FindTracesAsync(
        TraceQuery query, CancellationToken cancellationToken) =>
        await _readers.RunAsync(
            connection => TraceReader.Read(connection, _tables, Search.Find(connection, query), query.StrictTraceId),
            cancellationToken);

    public Task<SearchPage> SearchAsync(SpanSearch search, CancellationToken cancellationToken) => _readers.RunAsync(
        connection => SpanSearcher.Search(connection, _tables, search, cancellationToken), cancellationToken);

    public async IAsyncEnumerable<IReadOnlyList<Span>> ReadTracesAsync(
        long startMillis, long endMillis, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var session = await _readers.OpenAsync(cancellationToken);
        using var reader = await session.RunAsync(() => TraceReader.Open(session.Connection, startMillis, endMillis));
        var traces = new TraceStream(new RowReader(reader), _tables);
        while (await session.RunAsync(traces.Next) is { } trace)
            yield return trace;
    }

    public Task<IReadOnlyList<string>> GetServiceNamesAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<string>>(_tables.SpanNames.Keys());

    public Task<IReadOnlyList<string>> GetSpanNamesAsync(string serviceName, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<string>>(_tables.SpanNames.Values(serviceName.ToLowerInvariant()));

    public Task<IReadOnlyList<string>> GetRemoteServiceNamesAsync(
        string serviceName, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<string>>(_tables.RemoteServices.Values(serviceName.ToLowerInvariant()));

    public Task<IReadOnlyList<string>> GetTagValuesAsync(string key, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<string>>(_tables.TagValues.Values(key));

    public Task CheckAsync(CancellationToken cancellationToken)
    {
        if (_writer.Failure is { } failure)
            throw new InvalidOperationException($"The store cannot write: {failure.Message}", failure);
        return _readers.RunAsync(
            connection => connection.Scalar("SELECT value FROM meta WHERE key = 'format_version'"), cancellationToken);
    }

    /// <summary>Stores what was taken, then closes; may be called again.</summary>
    public ValueTask DisposeAsync()
    {
        lock (_closing)
            return new ValueTask(_closed ??= CloseAsync());
    }

    async Task CloseAsync()
    {
        await _writer.CloseAsync();
        await _readers.DisposeAsync();
        _tables.Dispose();
        _file.Dispose();
        _logger.Closed(_file.Name);
    }
}
