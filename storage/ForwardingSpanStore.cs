using System.Runtime.CompilerServices;
using Tracing.Model;

namespace Tracing.Storage;

/// <summary>Has another store do the work: which one, and what becomes of failures, is the derived class's.</summary>
public abstract class ForwardingSpanStore : ISpanStore
{
    /// <summary>Calls the store that is to do it.</summary>
    protected abstract Task<T> RunAsync<T>(Func<ISpanStore, Task<T>> call, CancellationToken cancellationToken);

    public abstract Task<IReadOnlyList<string>> CheckAsync(CancellationToken cancellationToken);

    public abstract ValueTask DisposeAsync();

    public virtual Task<AppendOutcome> AppendAsync(SpanBatch batch, CancellationToken cancellationToken) =>
        RunAsync(store => store.AppendAsync(batch, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<IReadOnlyList<Span>>> GetTracesAsync(
        IReadOnlyList<TraceId> traceIds, bool strict, CancellationToken cancellationToken) =>
        RunAsync(store => store.GetTracesAsync(traceIds, strict, cancellationToken), cancellationToken);

    public Task<TraceKept> GetKeptAsync(TraceId traceId, CancellationToken cancellationToken) =>
        RunAsync(store => store.GetKeptAsync(traceId, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<IReadOnlyList<Span>>> FindTracesAsync(
        TraceQuery query, CancellationToken cancellationToken) =>
        RunAsync(store => store.FindTracesAsync(query, cancellationToken), cancellationToken);

    public Task<SearchPage> SearchAsync(SpanSearch search, CancellationToken cancellationToken) =>
        RunAsync(store => store.SearchAsync(search, cancellationToken), cancellationToken);

    public Task<KeyCounts> CountKeysAsync(KeyQuery query, CancellationToken cancellationToken) =>
        RunAsync(store => store.CountKeysAsync(query, cancellationToken), cancellationToken);

    public Task<ValueCounts> CountValuesAsync(ValueQuery query, CancellationToken cancellationToken) =>
        RunAsync(store => store.CountValuesAsync(query, cancellationToken), cancellationToken);

    public Task<FacetCounts> CountFacetsAsync(FacetQuery query, CancellationToken cancellationToken) =>
        RunAsync(store => store.CountFacetsAsync(query, cancellationToken), cancellationToken);

    public Task<SpanLatencies> CountLatenciesAsync(SpanSelection selection, CancellationToken cancellationToken) =>
        RunAsync(store => store.CountLatenciesAsync(selection, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<SeriesPoint>> GetSeriesAsync(SeriesQuery query, CancellationToken cancellationToken) =>
        RunAsync(store => store.GetSeriesAsync(query, cancellationToken), cancellationToken);

    public Task<bool> AddUpCallsAsync(CancellationToken cancellationToken) =>
        RunAsync(store => store.AddUpCallsAsync(cancellationToken), cancellationToken);

    public virtual Task<UncountedCounts> GetUncountedAsync(CancellationToken cancellationToken) =>
        RunAsync(store => store.GetUncountedAsync(cancellationToken), cancellationToken);

    public async IAsyncEnumerable<IReadOnlyList<Span>> ReadTracesAsync(
        long startMillis, long endMillis, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var traces = await RunAsync(store => Task.FromResult(
            store.ReadTracesAsync(startMillis, endMillis, cancellationToken).GetAsyncEnumerator(cancellationToken)),
            cancellationToken);
        // the enumerator must not be disposed of while it moves, so only the store itself ends a wait
        while (await RunAsync(_ => traces.MoveNextAsync().AsTask(), CancellationToken.None))
            yield return traces.Current;
    }

    public Task<KnownLinks> GetDependenciesAsync(
        long startMillis, long endMillis, TimeSpan patience, CancellationToken cancellationToken) => RunAsync(
            store => store.GetDependenciesAsync(startMillis, endMillis, patience, cancellationToken),
            cancellationToken);

    public Task<IReadOnlyList<string>> GetServiceNamesAsync(CancellationToken cancellationToken) =>
        RunAsync(store => store.GetServiceNamesAsync(cancellationToken), cancellationToken);

    public Task<IReadOnlyList<string>> GetSpanNamesAsync(string serviceName, CancellationToken cancellationToken) =>
        RunAsync(store => store.GetSpanNamesAsync(serviceName, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<string>> GetRemoteServiceNamesAsync(
        string serviceName, CancellationToken cancellationToken) =>
        RunAsync(store => store.GetRemoteServiceNamesAsync(serviceName, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<string>> GetTagValuesAsync(string key, CancellationToken cancellationToken) =>
        RunAsync(store => store.GetTagValuesAsync(key, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<ReadOnlyMemory<byte>>> ExchangeAsync(
        string topic, string member, ReadOnlyMemory<byte> note, CancellationToken cancellationToken) =>
        RunAsync(store => store.ExchangeAsync(topic, member, note, cancellationToken), cancellationToken);
}
