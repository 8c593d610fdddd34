using Tracing.Collector;

namespace Tracing.Server;

/// <summary>The server's own counters, under names of our own.</summary>
static class OwnMetrics
{
    public static IEnumerable<MetricFamily> Families(
        CollectorMetrics metrics, RequestMetrics requests, ClientAudit audit)
    {
        foreach (var (name, help, value) in MetricsText.Counters)
            yield return OfTransports($"tracing_collector_{name}", FamilyKind.Counter, help, metrics.All, value);
        foreach (var (name, help, value) in MetricsText.Gauges)
            yield return OfTransports($"tracing_collector_{name}", FamilyKind.Gauge, help, metrics.All, value);

        yield return OfTransports("tracing_collector_metric_messages", FamilyKind.Counter,
            "requests of metrics received", metrics.AllPoints, m => m.Messages);
        yield return OfTransports("tracing_collector_metric_messages_dropped", FamilyKind.Counter,
            "requests of metrics refused", metrics.AllPoints, m => m.MessagesDropped);
        yield return OfTransports("tracing_collector_metric_points", FamilyKind.Counter,
            "data points of metrics received", metrics.AllPoints, m => m.Received);
        yield return new MetricFamily("tracing_collector_metric_points_outcome", FamilyKind.Counter,
            "what became of the data points", "", metrics.AllPoints.SelectMany(Outcomes));

        yield return new MetricFamily("tracing_client_spans", FamilyKind.Counter,
            "spans of services, by what their client library says became of them", "",
            audit.Totals.Select(each => new MetricSample(
                [("service", each.Service), ("outcome", each.Outcome)], each.Spans)));

        yield return new MetricFamily("tracing_http_requests_seconds", FamilyKind.Summary,
            "requests answered and the time they took", "seconds",
            requests.Series.OrderBy(each => each.Key).Select(each => new MetricSample(
                [
                    ("method", each.Key.Method),
                    ("status", each.Key.Status.ToString(System.Globalization.CultureInfo.InvariantCulture)),
                    ("uri", each.Key.Uri),
                ],
                each.Value.TotalSeconds, each.Value.Count)));
    }

    static MetricFamily OfTransports<T>(
        string name, FamilyKind kind, string help, IReadOnlyList<T> transports, Func<T, long> value)
        where T : MessageMetrics =>
        new(name, kind, help, "", transports.Select(
            transport => new MetricSample([("transport", transport.Name)], value(transport))));

    static IEnumerable<MetricSample> Outcomes(PointMetrics points) =>
        new[]
        {
            ("counted", points.Counted), ("ignored", points.Ignored), ("rejected", points.Rejected),
            ("failed", points.Failed),
        }.Select(each => new MetricSample([("transport", points.Name), ("outcome", each.Item1)], each.Item2));
}
