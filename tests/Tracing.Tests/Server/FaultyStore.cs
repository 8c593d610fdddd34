using Tracing.Model;
using Tracing.Storage;

namespace Tracing.Tests;

/// <summary>A store whose appends, series and checks do what a test wants; it finds no spans.</summary>
sealed class FaultyStore : ISpanStore
{
    public Func<SpanBatch, Task<AppendOutcome>> Append { get; init; } = _ => Task.FromResult(AppendOutcome.Stored);

    public Func<CancellationToken, Task<IReadOnlyList<IReadOnlyList<Span>>>> Find { get; init; } =
        _ => Task.FromResult<IReadOnlyList<IReadOnlyList<Span>>>([]);

    public Func<SeriesQuery, IReadOnlyList<SeriesPoint>> Series { get; init; } = _ => [];

    public Func<KnownLinks>? Links { get; init; }

    public Exception? Broken { get; init; }

    public Task<AppendOutcome> AppendAsync(SpanBatch batch, CancellationToken cancellationToken) => Append(batch);

    public Task<IReadOnlyList<IReadOnlyList<Span>>> GetTracesAsync(
        IReadOnlyList<TraceId> traceIds, bool strict, CancellationToken cancellationToken) => Find(cancellationToken);

    public Task<TraceKept> GetKeptAsync(TraceId traceId, CancellationToken cancellationToken) =>
        Task.FromResult(TraceKept.Whole);

    public Task<IReadOnlyList<IReadOnlyList<Span>>> FindTracesAsync(
        TraceQuery query, CancellationToken cancellationToken) => Find(cancellationToken);

    public async Task<SearchPage> SearchAsync(SpanSearch search, CancellationToken cancellationToken)
    {
        await Find(cancellationToken);
        return new SearchPage([], null);
    }

    public async Task<KeyCounts> CountKeysAsync(KeyQuery query, CancellationToken cancellationToken)
    {
        await Find(cancellationToken);
        return new KeyCounts([], true);
    }

    public async Task<ValueCounts> CountValuesAsync(ValueQuery query, CancellationToken cancellationToken)
    {
        await Find(cancellationToken);
        return new ValueCounts([], true);
    }

    public async Task<FacetCounts> CountFacetsAsync(FacetQuery query, CancellationToken cancellationToken)
    {
        await Find(cancellationToken);
        return new FacetCounts(0, 0, 0, null, []);
    }

    public async Task<SpanLatencies> CountLatenciesAsync(
        SpanSelection selection, CancellationToken cancellationToken)
    {
        await Find(cancellationToken);
        return new SpanLatencies();
    }

    public async Task<IReadOnlyList<SeriesPoint>> GetSeriesAsync(
        SeriesQuery query, CancellationToken cancellationToken)
    {
        await Find(cancellationToken);
        return Series(query);
    }

    public async IAsyncEnumerable<IReadOnlyList<Span>> ReadTracesAsync(
        long startMillis, long endMillis,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var trace in await Find(cancellationToken))
            yield return trace;
    }

    public Task<KnownLinks> GetDependenciesAsync(
        long startMillis, long endMillis, TimeSpan patience, CancellationToken cancellationToken) =>
        Links is not null ? Task.FromResult(Links()) : DependencyLinker.CountAsync(
            ReadTracesAsync(startMillis, endMillis, cancellationToken).Select(spans => (spans, 1.0)),
            patience, TimeProvider.System);

    public Task<IReadOnlyList<string>> GetServiceNamesAsync(CancellationToken cancellationToken) => NoNames;

    public Task<IReadOnlyList<string>> GetSpanNamesAsync(string serviceName, CancellationToken cancellationToken) =>
        NoNames;

    public Task<IReadOnlyList<string>> GetRemoteServiceNamesAsync(
        string serviceName, CancellationToken cancellationToken) => NoNames;

    public Task<IReadOnlyList<string>> GetTagValuesAsync(string key, CancellationToken cancellationToken) => NoNames;

    static Task<IReadOnlyList<string>> NoNames => Task.FromResult<IReadOnlyList<string>>([]);

    public Task<IReadOnlyList<ReadOnlyMemory<byte>>> ExchangeAsync(
        string topic, string member, ReadOnlyMemory<byte> note, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<ReadOnlyMemory<byte>>>([note]);

    public Task<IReadOnlyList<string>> CheckAsync(CancellationToken cancellationToken) =>
        Broken is null ? NoNames : Task.FromException<IReadOnlyList<string>>(Broken);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
