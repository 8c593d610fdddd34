using Tracing.Model;

namespace Tracing.Storage;

/// <summary>What the spans of a series have in common.</summary>
public enum SeriesLevel
{
    /// <summary>All spans of one kind of a service.</summary>
    Service,

    /// <summary>The spans of one operation, which is their name.</summary>
    Operation,

    /// <summary>Calls from one service to another.</summary>
    ServiceEdge,

    /// <summary>Calls from one operation to another.</summary>
    OperationEdge,
}

/// <summary>Who counted.</summary>
public enum SeriesSource
{
    /// <summary>We, from spans.</summary>
    Spans,

    /// <summary>
    /// The processes that made the spans, before any sampling, as duration metrics. Never added to what is counted
    /// from spans.
    /// </summary>
    Metrics,
}

/// <summary>Whose span a call's duration is taken from: the difference is network and queueing.</summary>
public enum EdgeSide
{
    /// <summary>The series is no edge.</summary>
    None,
    Caller,
    Callee,

    /// <summary>Calls counted as <see cref="Caller"/>'s that were none; no answer has them unless asked to.</summary>
    CallerWithdrawn,
    CalleeWithdrawn,

    /// <summary>The same of what is no edge: spans that are counted anew, with what came later.</summary>
    Withdrawn,
}

/// <summary>
/// Whose latencies are counted together. Names are as sent; an operation is empty at the level of services, a peer for
/// what is no edge.
/// </summary>
/// <param name="Service">Of an edge the caller's; empty when unknown.</param>
/// <param name="Kind">Of an edge: Client for a call, Producer for a message.</param>
/// <param name="IsError">Whether the spans have the status error; of an edge those of its side.</param>
/// <param name="Peer">The callee's service; of one without spans of its own the name its callers have for it.</param>
/// <param name="PeerOperation">The callee's operation; empty when the callee has no spans of its own.</param>
public readonly record struct Series(
    SeriesLevel Level, string Service, string Operation, SpanKind Kind, bool IsError,
    SeriesSource Source = SeriesSource.Spans, string Peer = "", string PeerOperation = "",
    EdgeSide Side = EdgeSide.None)
{
    /// <summary>The operation, or the service, of what was beyond the bound on their number.</summary>
    public const string Others = "(others)";

    /// <summary>By level, then by names, so that what belongs together is stored together.</summary>
    public static readonly Comparer<Series> Order = Comparer<Series>.Create((one, other) =>
    {
        var order = one.Level.CompareTo(other.Level);
        if (order == 0)
            order = string.CompareOrdinal(one.Service, other.Service);
        if (order == 0)
            order = string.CompareOrdinal(one.Operation, other.Operation);
        if (order == 0)
            order = string.CompareOrdinal(one.Peer, other.Peer);
        if (order == 0)
            order = string.CompareOrdinal(one.PeerOperation, other.PeerOperation);
        return order != 0 ? order : one.Rest.CompareTo(other.Rest);
    });

    /// <summary>All but the names, as a number.</summary>
    int Rest => ((int)Level << 16) | ((int)Kind << 8) | ((int)Source << 4) | ((int)Side << 1) | (IsError ? 1 : 0);

    public bool Equals(Series other) =>
        Rest == other.Rest && Service == other.Service && Operation == other.Operation && Peer == other.Peer &&
        PeerOperation == other.PeerOperation;

    /// <remarks>The compiler's own hashes enums one by one, which allocates where code is not optimized.</remarks>
    public override int GetHashCode() => HashCode.Combine(Service, Operation, Peer, PeerOperation, Rest);
}

/// <summary>The latencies of a series in some time.</summary>
/// <param name="Minute">Its first minute, in minutes since 1970; spans count in the minute they start in.</param>
/// <param name="Latencies">In nanoseconds; may be shared, so nobody changes it.</param>
/// <param name="IsEstimated">
/// Whether some spans stand for a number of spans that is not known, and counted as one, or for more than a span may.
/// </param>
/// <param name="Exemplars">
/// By bucket (<see cref="LatencyBucket.Index"/>) one of the traces counted there, one for each octave, the same in
/// whatever order they came; of operations, and of calls between services in longer times than minutes. Null when not
/// asked for.
/// </param>
public sealed record SeriesPoint(
    Series Series, long Minute, LatencyHistogram Latencies, bool IsEstimated,
    IReadOnlyDictionary<int, TraceExemplar>? Exemplars = null);

/// <summary>Which series are wanted, and how finely. What is null does not matter.</summary>
public sealed record SeriesQuery
{
    public required SeriesLevel Level { get; init; }

    /// <summary>As sent; of an edge the caller's. Long names are cut as those of series are.</summary>
    public string? Service { get; init => field = Cut(value); }

    public string? Operation { get; init => field = Cut(value); }

    public string? Peer { get; init => field = Cut(value); }

    public string? PeerOperation { get; init => field = Cut(value); }

    public SpanKind? Kind { get; init; }

    public SeriesSource Source { get; init; } = SeriesSource.Spans;

    /// <summary>In minutes since 1970, included.</summary>
    public required long StartMinute { get; init; }

    /// <summary>In minutes since 1970, excluded.</summary>
    public required long EndMinute { get; init; }

    /// <summary>
    /// Minutes of a point, which begins at a multiple of them; 0: one point for all. Where minutes have been merged to
    /// hours or days, points are no finer than those.
    /// </summary>
    public int StepMinutes { get; init; }

    public bool WithExemplars { get; init; }

    /// <summary>
    /// Whether calls that were withdrawn are answered as series of their own, rather than taken away: for counters,
    /// which must not fall.
    /// </summary>
    public bool WithWithdrawn { get; init; }

    /// <summary>The answer, of all points that the query wants.</summary>
    internal List<SeriesPoint> Answer(SeriesPoints points) =>
        WithWithdrawn ? points.ToList() : Withdrawals.Apply(points.ToList());

    static string? Cut(string? name) => name is null ? null : SeriesNames.Cut(name);

    /// <summary>Whether it asks for a series.</summary>
    internal bool Wants(in Series series) =>
        series.Level == Level && series.Source == Source &&
        (Service ?? series.Service) == series.Service &&
        (Operation ?? series.Operation) == series.Operation &&
        (Peer ?? series.Peer) == series.Peer &&
        (PeerOperation ?? series.PeerOperation) == series.PeerOperation &&
        (Kind ?? series.Kind) == series.Kind;
}
