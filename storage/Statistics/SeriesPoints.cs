using System.Runtime.InteropServices;
using Tracing.Model;

namespace Tracing.Storage;

/// <summary>
/// Puts points together to longer ones; the order they come in does not matter. Who comes with many of one series asks
/// for the series once (<see cref="Of"/>).
/// </summary>
/// <param name="minutes">Of a step, which begins at a multiple of them; 0: one for all time.</param>
/// <param name="firstMinute">Of the point for all time.</param>
public sealed class SeriesPoints(int minutes, long firstMinute, bool withExemplars)
{
    readonly Dictionary<Series, ByMinute<Merged>> _series = [];

    internal bool WithExemplars => withExemplars;

    /// <summary>One point for each series and step, by series, those of one by time.</summary>
    public static List<SeriesPoint> Merge(
        IEnumerable<SeriesPoint> points, int minutes, long firstMinute = 0, bool withExemplars = true)
    {
        var merged = new SeriesPoints(minutes, firstMinute, withExemplars);
        foreach (var point in points)
            merged.Add(point);
        return merged.ToList();
    }

    public void Add(SeriesPoint point) => Of(point.Series).At(StepOf(point.Minute)).Add(point);

    /// <summary>By series, those of one by time.</summary>
    public List<SeriesPoint> ToList() => [.. _series.Values
        .OrderBy(each => each.Series, Series.Order)
        .SelectMany(each => each.All.OrderBy(point => point.Key)
            .Select(point => point.Value.ToPoint(each.Series, point.Key, withExemplars)))];

    internal ByMinute<Merged> Of(in Series series) =>
        CollectionsMarshal.GetValueRefOrAddDefault(_series, series, out _) ??= new(series);

    internal long StepOf(long minute) =>
        minutes == 0 ? firstMinute : minute - (((minute % minutes) + minutes) % minutes);

    internal void Add(ByMinute<LatencyCounts> counts, long startMinute, long endMinute)
    {
        ByMinute<Merged>? into = null;
        foreach (var (minute, counted) in counts.All)
        {
            if (minute >= startMinute && minute < endMinute)
                (into ??= Of(counts.Series)).At(StepOf(minute)).Add(counted, withExemplars);
        }
    }

    /// <summary>A point in the making.</summary>
    internal sealed class Merged
    {
        readonly LatencyHistogram _latencies = new();
        ExemplarSet? _exemplars;
        bool _isEstimated;

        public void Add(SeriesPoint point)
        {
            _latencies.Merge(point.Latencies);
            _isEstimated |= point.IsEstimated;
            if (point.Exemplars is { } exemplars)
                Add(exemplars);
        }

        /// <param name="latencies">As <see cref="LatencyHistogram"/> encodes them.</param>
        public void Add(ReadOnlySpan<byte> latencies, bool isEstimated)
        {
            _latencies.MergeEncoded(latencies);
            _isEstimated |= isEstimated;
        }

        public void Add(IReadOnlyDictionary<int, TraceExemplar> exemplars) =>
            (_exemplars ??= new ExemplarSet()).Merge(exemplars);

        public void Add(LatencyCounts counted, bool withExemplars)
        {
            counted.AddTo(_latencies);
            _isEstimated |= counted.IsEstimated;
            if (withExemplars)
                counted.AddTo(_exemplars ??= new ExemplarSet());
        }

        public SeriesPoint ToPoint(in Series series, long minute, bool withExemplars) => new(series, minute, _latencies,
            _isEstimated, withExemplars ? (_exemplars ?? new ExemplarSet()).ByBucket : null);
    }
}
