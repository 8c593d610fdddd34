using Tracing.Storage;

namespace Tracing.Tests;

/// <summary>Answers to queries for series, from statistics in memory.</summary>
static class InMemorySeries
{
    public static IReadOnlyList<SeriesPoint> Answer(SpanStatistics statistics, SeriesQuery query) => SeriesPoints.Merge(
        statistics.Points(series => IsWanted(series, query), query.StartMinute, query.EndMinute),
        query.StepMinutes, query.StartMinute, query.WithExemplars);

    static bool IsWanted(Series series, SeriesQuery query) => series.Level == query.Level &&
        series.Source == query.Source &&
        (query.Service ?? series.Service) == series.Service &&
        (query.Operation ?? series.Operation) == series.Operation &&
        (query.Peer ?? series.Peer) == series.Peer &&
        (query.PeerOperation ?? series.PeerOperation) == series.PeerOperation &&
        (query.Kind ?? series.Kind) == series.Kind;
}
