using Tracing.Model;

namespace Tracing.Storage;

/// <summary>
/// Calls and spans that were counted and turned out to be others: what is counted is never changed, as it may be in a
/// file by then, but counted once more as withdrawn. Whoever reads takes that away.
/// </summary>
public static class Withdrawals
{
    /// <summary>The side on which a call is withdrawn.</summary>
    public static EdgeSide Of(EdgeSide side) =>
        side == EdgeSide.Caller ? EdgeSide.CallerWithdrawn : EdgeSide.CalleeWithdrawn;

    /// <summary>Takes away what was withdrawn; what counts nothing then is left out.</summary>
    /// <param name="points">Of each series and time one.</param>
    public static List<SeriesPoint> Apply(List<SeriesPoint> points)
    {
        if (!points.Exists(point => IsWithdrawn(point.Series)))
            return points;
        var withdrawn = points.Where(point => IsWithdrawn(point.Series))
            .ToDictionary(point => (Counted(point.Series), point.Minute), point => point.Latencies);
        var left = new List<SeriesPoint>(points.Count);
        foreach (var point in points)
        {
            if (IsWithdrawn(point.Series))
                continue;
            if (!withdrawn.TryGetValue((point.Series, point.Minute), out var latencies))
                left.Add(point);
            else if (Less(point.Latencies, latencies) is { Calls: > 0 } rest)
                left.Add(point with { Latencies = rest });
        }
        return left;
    }

    public static LatencyHistogram Less(LatencyHistogram counted, LatencyHistogram withdrawn)
    {
        var rest = new LatencyHistogram();
        rest.Merge(counted);
        rest.SubtractWhatIsThere(withdrawn);
        return rest;
    }

    public static bool IsWithdrawn(Series series) =>
        series.Side is EdgeSide.CallerWithdrawn or EdgeSide.CalleeWithdrawn or EdgeSide.Withdrawn;

    /// <summary>The series that something is withdrawn from.</summary>
    public static Series Counted(Series series) => series with
    {
        Side = series.Side switch
        {
            EdgeSide.CallerWithdrawn => EdgeSide.Caller,
            EdgeSide.CalleeWithdrawn => EdgeSide.Callee,
            _ => EdgeSide.None,
        },
    };
}
