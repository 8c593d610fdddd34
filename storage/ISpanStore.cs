using Tracing.Model;

namespace Tracing.Storage;

/// <summary>What became of a batch.</summary>
public enum AppendOutcome
{
    /// <summary>Durable and visible to queries.</summary>
    Stored,

    /// <summary>The same body was stored within the last 10 minutes; nothing was stored again.</summary>
    AlreadyStored,

    /// <summary>More is waiting than may wait; nothing was stored. The sender should come again later.</summary>
    Overloaded,
}

/// <summary>The spans of one request. All of them become durable together or none does.</summary>
/// <param name="Spans">None with a zero trace or span id; may be empty when something is counted.</param>
/// <param name="BodyHash">128-bit hash of the body they came in, by which a resent body is known; 0 for none.</param>
public sealed record SpanBatch(IReadOnlyList<Span> Spans, UInt128 BodyHash)
{
    /// <summary>
    /// What is counted but not stored: spans that sampling dropped, and what clients have counted themselves. Their
    /// exemplars are not looked at.
    /// </summary>
    public IReadOnlyList<SeriesPoint> Counted { get; init; } = [];

    /// <summary>Of the body, about; by them it is bounded what waits, and what is written at once.</summary>
    public long Bytes { get; init; }
}

/// <summary>
/// Keeps spans and finds them again. All members may be called from many threads at once. What one call has seen
/// stored, every later call sees. Names are compared in lower case, as Zipkin does.
/// </summary>
public interface ISpanStore : IAsyncDisposable
{
    /// <summary>
    /// Completes once the batch is durable and visible; throws when the store fails, in which case nothing of the
    /// batch is stored. Cancelling stops the wait, not the write.
    /// </summary>
    Task<AppendOutcome> AppendAsync(SpanBatch batch, CancellationToken cancellationToken);

    /// <summary>
    /// The spans of the traces named, a list for each trace that has any, in the order of <paramref name="traceIds"/>;
    /// within a trace in the order they were stored, identical spans once.
    /// </summary>
    /// <param name="strict">False: traces are one when the low 64 bits of their ids are equal.</param>
    Task<IReadOnlyList<IReadOnlyList<Span>>> GetTracesAsync(
        IReadOnlyList<TraceId> traceIds, bool strict, CancellationToken cancellationToken);

    /// <summary>
    /// Why a trace is still stored and what it stands for; <see cref="TraceKept.Whole"/> also when nothing is stored.
    /// </summary>
    /// <param name="traceId">Of which the low 64 bits count, since traces that share them are kept together.</param>
    Task<TraceKept> GetKeptAsync(TraceId traceId, CancellationToken cancellationToken);

    /// <summary>Whole traces that match, newest first.</summary>
    Task<IReadOnlyList<IReadOnlyList<Span>>> FindTracesAsync(TraceQuery query, CancellationToken cancellationToken);

    /// <summary>Traces with a span that fits a filter of TraceQL, a page at a time.</summary>
    Task<SearchPage> SearchAsync(SpanSearch search, CancellationToken cancellationToken);

    /// <summary>The keys that spans have, those of most spans first.</summary>
    Task<KeyCounts> CountKeysAsync(KeyQuery query, CancellationToken cancellationToken);

    /// <summary>The values that spans have for a key, those of most spans first.</summary>
    Task<ValueCounts> CountValuesAsync(ValueQuery query, CancellationToken cancellationToken);

    /// <summary>What the spans have in common that fit a filter.</summary>
    Task<FacetCounts> CountFacetsAsync(FacetQuery query, CancellationToken cancellationToken);

    /// <summary>
    /// How long the selected spans took that are stored, each counted by its trace's weight (<see cref="TraceKept"/>).
    /// </summary>
    Task<SpanLatencies> CountLatenciesAsync(SpanSelection selection, CancellationToken cancellationToken);

    /// <summary>
    /// Every trace, grouped by the low 64 bits of its id, that has a span starting within the window (milliseconds
    /// since 1970, both ends included), one list at a time.
    /// </summary>
    IAsyncEnumerable<IReadOnlyList<Span>> ReadTracesAsync(
        long startMillis, long endMillis, CancellationToken cancellationToken);

    /// <summary>
    /// Calls between services in the traces that have a span starting within the window, as Zipkin counts them.
    /// </summary>
    /// <param name="startMillis">Since 1970, at least 0.</param>
    /// <param name="endMillis">Included, too.</param>
    /// <param name="patience">After which what is counted by then is answered; infinite for all.</param>
    Task<KnownLinks> GetDependenciesAsync(
        long startMillis, long endMillis, TimeSpan patience, CancellationToken cancellationToken);

    /// <summary>Names of services in lower case, sorted by code unit.</summary>
    Task<IReadOnlyList<string>> GetServiceNamesAsync(CancellationToken cancellationToken);

    /// <summary>Names of the spans of a service in lower case, sorted; empty when it is unknown.</summary>
    Task<IReadOnlyList<string>> GetSpanNamesAsync(string serviceName, CancellationToken cancellationToken);

    /// <summary>Names of the services that a service talked to in lower case, sorted.</summary>
    Task<IReadOnlyList<string>> GetRemoteServiceNamesAsync(string serviceName, CancellationToken cancellationToken);

    /// <summary>Values seen for one of the autocomplete keys that the store was configured with, sorted.</summary>
    Task<IReadOnlyList<string>> GetTagValuesAsync(string key, CancellationToken cancellationToken);

    /// <summary>
    /// The latencies of all series that a query asks for, by series, those of one by time. Each span that is stored is
    /// counted once, whatever failed or was restarted, also those that sampling or retention dropped.
    /// </summary>
    Task<IReadOnlyList<SeriesPoint>> GetSeriesAsync(SeriesQuery query, CancellationToken cancellationToken);

    /// <summary>
    /// Adds up the calls between services that stored spans complete, where that is not done as they are stored; waits
    /// for it a second at most, and goes on in the background. False when some are left for later.
    /// </summary>
    Task<bool> AddUpCallsAsync(CancellationToken cancellationToken) => Task.FromResult(true);

    /// <summary>The spans that this process has stored, and that series leave out.</summary>
    Task<UncountedCounts> GetUncountedAsync(CancellationToken cancellationToken) =>
        Task.FromResult(default(UncountedCounts));

    /// <summary>
    /// Leaves a note of a member on a topic, in the place of its last one, and answers those of all members that left
    /// one within the last 30 s, this one among them: so collectors that share a store act as one.
    /// </summary>
    Task<IReadOnlyList<ReadOnlyMemory<byte>>> ExchangeAsync(
        string topic, string member, ReadOnlyMemory<byte> note, CancellationToken cancellationToken);

    /// <summary>
    /// Returns when the store can read and write, with what people should look at all the same, such as spans that were
    /// lost; throws with the reason when it cannot.
    /// </summary>
    Task<IReadOnlyList<string>> CheckAsync(CancellationToken cancellationToken);
}
