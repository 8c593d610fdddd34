using Tracing.Model;

namespace Tracing.Storage;

/// <summary>Puts points together; the order they come in does not matter.</summary>
public static class SeriesPoints
{
    /// <summary>One point for each series and step, by series, those of one by time.</summary>
    /// <param name="minutes">Of a step, which begins at a multiple of them; 0: one for all time.</param>
    /// <param name="firstMinute">Of the point for all time.</param>
    public static List<SeriesPoint> Merge(IEnumerable<SeriesPoint> points, int minutes, long firstMinute = 0)
    {
        var merged =
            new Dictionary<(Series, long), (LatencyHistogram Latencies, ExemplarSet? Exemplars, bool[] Flags)>();
        foreach (var point in points)
        {
            var first = minutes == 0 ? firstMinute : point.Minute - (((point.Minute % minutes) + minutes) % minutes);
            if (!merged.TryGetValue((point.Series, first), out var into))
            {
                into = (new LatencyHistogram(), point.Exemplars is null ? null : new ExemplarSet(), [false]);
                merged.Add((point.Series, first), into);
            }
            into.Latencies.Merge(point.Latencies);
            if (point.Exemplars is not null)
                into.Exemplars?.Merge(point.Exemplars);
            into.Flags[0] |= point.IsEstimated;
        }
        return [.. merged
            .Select(each => new SeriesPoint(each.Key.Item1, each.Key.Item2, each.Value.Latencies, each.Value.Flags[0],
                each.Value.Exemplars?.ToDictionary()))
            .OrderBy(point => point.Series, _order).ThenBy(point => point.Minute)];
    }

    static readonly Comparer<Series> _order = Comparer<Series>.Create((one, other) =>
        Key(one).CompareTo(Key(other)));

    static (int, string, string, string, string, int, bool, int) Key(Series series) => (
        (int)series.Level, series.Service, series.Operation, series.Peer, series.PeerOperation, (int)series.Kind,
        series.IsError, (int)series.Side);
}
