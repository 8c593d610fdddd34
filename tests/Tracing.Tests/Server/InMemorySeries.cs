using Tracing.Model;
using Tracing.Storage;

namespace Tracing.Tests;

/// <summary>Answers to queries for series, from statistics in memory.</summary>
static class InMemorySeries
{
    public static IReadOnlyList<SeriesPoint> Answer(SpanStatistics statistics, SeriesQuery query) => [.. statistics
        .Points(series => IsWanted(series, query), query.StartMinute, query.EndMinute)
        .GroupBy(point => (point.Series, Minute: query.StepMinutes == 0
            ? query.StartMinute
            : point.Minute / query.StepMinutes * query.StepMinutes))
        .Select(points => Merge(points.Key.Series, points.Key.Minute, points, query.WithExemplars))
        .OrderBy(point => point.Series.ToString(), StringComparer.Ordinal).ThenBy(point => point.Minute)];

    static bool IsWanted(Series series, SeriesQuery query) => series.Level == query.Level &&
        series.Source == query.Source &&
        (query.Service ?? series.Service) == series.Service &&
        (query.Operation ?? series.Operation) == series.Operation &&
        (query.Peer ?? series.Peer) == series.Peer &&
        (query.PeerOperation ?? series.PeerOperation) == series.PeerOperation &&
        (query.Kind ?? series.Kind) == series.Kind;

    static SeriesPoint Merge(Series series, long minute, IEnumerable<SeriesPoint> points, bool withExemplars)
    {
        var (latencies, exemplars, isEstimated) = (new LatencyHistogram(), new ExemplarSet(), false);
        foreach (var point in points)
        {
            latencies.Merge(point.Latencies);
            exemplars.Merge(point.Exemplars!);
            isEstimated |= point.IsEstimated;
        }
        return new SeriesPoint(series, minute, latencies, isEstimated, withExemplars ? exemplars.ToDictionary() : null);
    }
}
