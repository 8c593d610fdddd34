using Tracing.Model;
using Tracing.Storage;

namespace Tracing.Server;

/// <summary>
/// Latencies of operations and of calls between services under the names that other tools look for: Grafana's service
/// graph and span metrics (traces_spanmetrics_*, traces_service_graph_*) and Jaeger's monitor (traces_span_metrics_*).
/// All are counted from spans; what clients counted themselves is not among them.
/// </summary>
static class SpanMetrics
{
    const double Seconds = 1e9, Milliseconds = 1e6;

    public static IEnumerable<MetricFamily> Families(
        IReadOnlyList<SeriesPoint> operations, IReadOnlyList<SeriesPoint> edges)
    {
        yield return Calls("traces_spanmetrics_calls", "service", operations);
        yield return Latency("traces_spanmetrics_latency", "", "service", Seconds, operations);
        yield return Calls("traces_span_metrics_calls", "service_name", operations);
        yield return Latency("traces_span_metrics_duration_milliseconds", "milliseconds", "service_name", Milliseconds,
            operations);

        var graph = edges.GroupBy(edge => (edge.Series.Service, edge.Series.Peer, edge.Series.Kind))
            .Select(group => new Edge(Labels(group.Key), [.. group])).ToList();
        yield return new MetricFamily("traces_service_graph_request", FamilyKind.Counter,
            "calls from one service to another", "", graph.Select(edge => new MetricSample(edge.Labels, edge.Calls)));
        yield return new MetricFamily("traces_service_graph_request_failed", FamilyKind.Counter,
            "calls from one service to another that failed on either side", "",
            graph.Select(edge => new MetricSample(edge.Labels, edge.Failed)));
        yield return Sides("traces_service_graph_request_server_seconds", EdgeSide.Callee,
            "time that calls took the callee", graph);
        yield return Sides("traces_service_graph_request_client_seconds", EdgeSide.Caller,
            "time that calls took the caller", graph);
    }

    public static MetricFamily Uncounted(UncountedCounts counts) => new("tracing_statistics_uncounted_spans",
        FamilyKind.Counter, "spans that are stored and in no statistics: without a start or over a year off, or failed",
        "", [
            new MetricSample([("reason", "no_time")], counts.WithoutTime),
            new MetricSample([("reason", "rejected")], counts.Rejected),
        ]);

    static MetricFamily Calls(string name, string service, IReadOnlyList<SeriesPoint> operations) =>
        new(name, FamilyKind.Counter, "spans of an operation", "", operations.Select(
            point => new MetricSample(Labels(point.Series, service), point.Latencies.Calls)));

    static MetricFamily Latency(
        string name, string unit, string service, double nanosOfUnit, IReadOnlyList<SeriesPoint> operations) =>
        new(name, FamilyKind.Histogram, "time that spans of an operation took", unit, operations.Select(
            point => new MetricSample(Labels(point.Series, service), 0, 0,
                new ExposedLatencies(point.Latencies, point.Exemplars, nanosOfUnit))));

    static MetricFamily Sides(string name, EdgeSide side, string help, List<Edge> graph) =>
        new(name, FamilyKind.Histogram, help, "seconds",
            from edge in graph
            let points = edge.Points.Where(point => point.Series.Side == side).ToList()
            where points.Count > 0
            select new MetricSample(edge.Labels, 0, 0, Merged(points)));

    static ExposedLatencies Merged(List<SeriesPoint> points)
    {
        var latencies = new LatencyHistogram();
        var exemplars = new ExemplarSet();
        foreach (var point in points)
        {
            latencies.Merge(point.Latencies);
            exemplars.Merge(point.Exemplars!);
        }
        return new ExposedLatencies(latencies, exemplars.ByBucket, Seconds);
    }

    static (string, string)[] Labels(Series series, string service) =>
    [
        (service, series.Service),
        ("span_name", series.Operation),
        ("span_kind", "SPAN_KIND_" + series.Kind.ToString().ToUpperInvariant()),
        ("status_code", series.IsError ? "STATUS_CODE_ERROR" : "STATUS_CODE_UNSET"),
    ];

    static (string, string)[] Labels((string Client, string Server, SpanKind Kind) edge) =>
    [
        ("client", edge.Client),
        ("server", edge.Server),
        ("connection_type", edge.Kind == SpanKind.Producer ? "messaging_system" : ""),
    ];

    /// <summary>
    /// A call is counted on the side of the caller and of the callee, as far as each has spans: the larger count is
    /// that of the calls, and neither ever falls.
    /// </summary>
    sealed record Edge((string, string)[] Labels, List<SeriesPoint> Points)
    {
        public double Calls => Math.Max(Count(EdgeSide.Caller, false), Count(EdgeSide.Callee, false));

        public double Failed => Math.Max(Count(EdgeSide.Caller, true), Count(EdgeSide.Callee, true));

        double Count(EdgeSide side, bool failedOnly) => Points
            .Where(point => point.Series.Side == side && (point.Series.IsError || !failedOnly))
            .Sum(point => (double)point.Latencies.Calls);
    }
}
