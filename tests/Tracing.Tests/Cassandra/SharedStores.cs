using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.Cassandra;

namespace Tracing.Tests;

/// <summary>
/// Two stores of the same tables, used by turns, but that a body goes to the same one again; what is stored is counted
/// for good after each batch.
/// </summary>
sealed class SharedStores(CassandraSpanStore one, CassandraSpanStore other) : ISpanStore
{
    int _turn;

    CassandraSpanStore Next => Interlocked.Increment(ref _turn) % 2 == 0 ? one : other;

    public async Task<AppendOutcome> AppendAsync(SpanBatch batch, CancellationToken cancellationToken)
    {
        var store = batch.BodyHash == 0 ? Next : UInt128.IsEvenInteger(batch.BodyHash) ? one : other;
        var outcome = await store.AppendAsync(batch, cancellationToken);
        await Next.CountNowAsync();
        return outcome;
    }

    public Task<IReadOnlyList<IReadOnlyList<Span>>> GetTracesAsync(
        IReadOnlyList<TraceId> traceIds, bool strict, CancellationToken cancellationToken) =>
        Next.GetTracesAsync(traceIds, strict, cancellationToken);

    public Task<TraceKept> GetKeptAsync(TraceId traceId, CancellationToken cancellationToken) =>
        Next.GetKeptAsync(traceId, cancellationToken);

    public Task<IReadOnlyList<IReadOnlyList<Span>>> FindTracesAsync(
        TraceQuery query, CancellationToken cancellationToken) => Next.FindTracesAsync(query, cancellationToken);

    public Task<SearchPage> SearchAsync(SpanSearch search, CancellationToken cancellationToken) =>
        Next.SearchAsync(search, cancellationToken);

    public Task<KeyCounts> CountKeysAsync(KeyQuery query, CancellationToken cancellationToken) =>
        Next.CountKeysAsync(query, cancellationToken);

    public Task<ValueCounts> CountValuesAsync(ValueQuery query, CancellationToken cancellationToken) =>
        Next.CountValuesAsync(query, cancellationToken);

    public Task<FacetCounts> CountFacetsAsync(FacetQuery query, CancellationToken cancellationToken) =>
        Next.CountFacetsAsync(query, cancellationToken);

    public Task<SpanLatencies> CountLatenciesAsync(SpanSelection selection, CancellationToken cancellationToken) =>
        Next.CountLatenciesAsync(selection, cancellationToken);

    public IAsyncEnumerable<IReadOnlyList<Span>> ReadTracesAsync(
        long startMillis, long endMillis, CancellationToken cancellationToken) =>
        Next.ReadTracesAsync(startMillis, endMillis, cancellationToken);

    public Task<IReadOnlyList<DependencyLink>> GetDependenciesAsync(
        long startMillis, long endMillis, CancellationToken cancellationToken) =>
        Next.GetDependenciesAsync(startMillis, endMillis, cancellationToken);

    public Task<IReadOnlyList<ReadOnlyMemory<byte>>> ExchangeAsync(
        string topic, string member, ReadOnlyMemory<byte> note, CancellationToken cancellationToken) =>
        Next.ExchangeAsync(topic, member, note, cancellationToken);

    public Task<IReadOnlyList<string>> GetServiceNamesAsync(CancellationToken cancellationToken) =>
        Next.GetServiceNamesAsync(cancellationToken);

    public Task<IReadOnlyList<string>> GetSpanNamesAsync(string serviceName, CancellationToken cancellationToken) =>
        Next.GetSpanNamesAsync(serviceName, cancellationToken);

    public Task<IReadOnlyList<string>> GetRemoteServiceNamesAsync(
        string serviceName, CancellationToken cancellationToken) =>
        Next.GetRemoteServiceNamesAsync(serviceName, cancellationToken);

    public Task<IReadOnlyList<string>> GetTagValuesAsync(string key, CancellationToken cancellationToken) =>
        Next.GetTagValuesAsync(key, cancellationToken);

    public Task<IReadOnlyList<SeriesPoint>> GetSeriesAsync(SeriesQuery query, CancellationToken cancellationToken) =>
        Next.GetSeriesAsync(query, cancellationToken);

    public Task CheckAsync(CancellationToken cancellationToken) => Next.CheckAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await one.DisposeAsync();
        await other.DisposeAsync();
    }
}
