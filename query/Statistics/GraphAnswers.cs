using Tracing.Model;
using Tracing.Storage;

namespace Tracing.Query;

/// <summary>One end of an edge.</summary>
/// <param name="Operation">Null at the level of services, and where it is not known.</param>
sealed record GraphEnd(string Service, string? Operation);

/// <summary>Calls as the spans of one side measured them.</summary>
/// <param name="P50">In nanoseconds, as P99 and mean; null where that side has no spans.</param>
sealed record EdgeSideFigures(ulong Count, ulong Errors, double? P50, double? P99, double? Mean);

/// <summary>Calls from one to another.</summary>
/// <param name="Kind">call or message.</param>
/// <param name="Calls">As the caller counted them; where it has no spans, as the callee did. Errors likewise.</param>
/// <param name="Rate">Calls a second.</param>
/// <param name="NetworkNanos">
/// The caller's mean duration less the callee's: network, queueing and connecting. Of means, since of the same calls
/// these differ by the mean difference, which medians do not. Null for messages, and unless both sides counted the same
/// number of calls to 5 %.
/// </param>
/// <param name="NetworkShare">
/// NetworkNanos as a share of the caller's mean, 0 to 1; null where it is not between.
/// </param>
sealed record GraphEdge(GraphEnd Caller, GraphEnd Callee, string Kind, ulong Calls, ulong Errors, double? ErrorShare,
    double Rate, bool Estimated, EdgeSideFigures CallerSide, EdgeSideFigures CalleeSide, double? NetworkNanos,
    double? NetworkShare);

/// <param name="Instrumented">False: it has no spans of its own, and is known from those of its callers only.</param>
/// <param name="Count">Of its server and consumer spans, or of all if it has none; null without spans.</param>
sealed record GraphNode(string Service, string? Operation, bool Instrumented, ulong? Count, ulong? Errors,
    double? Rate, UsualQuantiles? DurationNanos);

/// <param name="Level">service or operation.</param>
/// <param name="IsComplete">False when there are more edges than the limit; those of the most calls are listed.</param>
sealed record EdgesAnswer(CoveredRange Range, string Level, IReadOnlyList<GraphEdge> Edges, bool IsComplete);

/// <param name="Nodes">Those at the ends of the edges, and such as nobody calls, the busiest first.</param>
/// <param name="IsComplete">As in <see cref="EdgesAnswer"/>.</param>
sealed record GraphAnswer(CoveredRange Range, string Level, IReadOnlyList<GraphNode> Nodes,
    IReadOnlyList<GraphEdge> Edges, bool IsComplete);

/// <summary>Makes edges and nodes from series.</summary>
static class Graph
{
    /// <summary>Both sides count each pair of spans, but weights that are made whole differ a little.</summary>
    const double SameCalls = 0.05;

    public static List<GraphEdge> Edges(IEnumerable<SeriesPoint> points, MinuteRange range) => [.. points
        .GroupBy(point => (Caller: CallerOf(point.Series), Callee: CalleeOf(point.Series), point.Series.Kind))
        .Select(edge => Edge(edge.Key.Caller, edge.Key.Callee, edge.Key.Kind,
            Measured.By(edge, point => point.Series.Side), range))
        .OrderByDescending(edge => edge.Calls)
        .ThenBy(edge => edge.Caller.Service, StringComparer.Ordinal)
        .ThenBy(edge => edge.Caller.Operation, StringComparer.Ordinal)
        .ThenBy(edge => edge.Callee.Service, StringComparer.Ordinal)
        .ThenBy(edge => edge.Callee.Operation, StringComparer.Ordinal)
        .ThenBy(edge => edge.Kind, StringComparer.Ordinal)];

    public static GraphEnd CallerOf(Series series) =>
        new(series.Service, series.Level == SeriesLevel.OperationEdge ? series.Operation : null);

    public static GraphEnd CalleeOf(Series series) =>
        new(series.Peer, series.PeerOperation.Length == 0 ? null : series.PeerOperation);

    public static string NameOf(SpanKind kind) => kind == SpanKind.Producer ? "message" : "call";

    /// <param name="own">What the nodes measured themselves, by service and, at that level, operation.</param>
    public static List<GraphNode> Nodes(
        IReadOnlyList<GraphEdge> edges, IReadOnlyDictionary<GraphEnd, Measured> own, MinuteRange range)
    {
        var measuring = edges.Where(edge => edge.CallerSide.Count > 0).Select(edge => edge.Caller)
            .Concat(edges.Where(edge => edge.CalleeSide.Count > 0).Select(edge => edge.Callee)).ToHashSet();
        return [.. edges.Select(edge => edge.Caller).Concat(edges.Select(edge => edge.Callee)).Concat(own.Keys)
            .Distinct()
            .Select(end => own.TryGetValue(end, out var measured)
                ? new GraphNode(end.Service, end.Operation, true, measured.Count, measured.Errors,
                    range.RateOf(measured.Count), UsualQuantiles.Of(measured.All))
                : new GraphNode(end.Service, end.Operation, measuring.Contains(end), null, null, null, null))
            .OrderByDescending(node => node.Count ?? 0)
            .ThenBy(node => node.Service, StringComparer.Ordinal)
            .ThenBy(node => node.Operation, StringComparer.Ordinal)];
    }

    static GraphEdge Edge(GraphEnd caller, GraphEnd callee, SpanKind kind,
        Dictionary<EdgeSide, Measured> sides, MinuteRange range)
    {
        var ofCaller = sides.GetValueOrDefault(EdgeSide.Caller) ?? new Measured();
        var ofCallee = sides.GetValueOrDefault(EdgeSide.Callee) ?? new Measured();
        var calls = ofCaller.Count > 0 ? ofCaller : ofCallee;
        var isComparable = kind != SpanKind.Producer && ofCaller.Count > 0 &&
            Math.Abs((double)ofCaller.All.Count - ofCallee.All.Count) <= SameCalls * ofCaller.All.Count &&
            ofCaller.All.Count > 0;
        double? network = isComparable ? ofCaller.Mean - ofCallee.Mean : null;
        var share = network / ofCaller.Mean;
        return new GraphEdge(caller, callee, NameOf(kind), calls.Count, calls.Errors,
            Finite.Ratio(calls.Errors, calls.Count), range.RateOf(calls.Count),
            ofCaller.IsEstimated || ofCallee.IsEstimated, Figures(ofCaller), Figures(ofCallee), network,
            share is >= 0 and <= 1 ? share : null);
    }

    static EdgeSideFigures Figures(Measured side) => new(side.Count, side.Errors,
        Finite.OrNull(side.All.Quantile(0.5)), Finite.OrNull(side.All.Quantile(0.99)), Finite.OrNull(side.Mean));
}
