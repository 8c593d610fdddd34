using System.Runtime.InteropServices;
using Tracing.Model;

namespace Tracing.Storage;

/// <summary>
/// Counts spans by series and minute, in memory. Any order and any grouping give the same counts. One thread adds; any
/// thread reads what is there.
/// </summary>
/// <param name="createdMillis">
/// When the first span came, in milliseconds since 1970: a start that is absent, or more than a year from it, is no
/// time to count at, and this is taken.
/// </param>
/// <param name="names">Bounds the names, also those of statistics beside these.</param>
public sealed class SpanStatistics(long createdMillis, SeriesNames names)
{
    const ulong NanosPerMinute = 60_000_000_000;
    const long MinutesPerYear = 366 * 24 * 60;

    readonly long _createdMinute = createdMillis / 60_000;
    readonly Dictionary<(Series Series, long Minute), Counted> _points = [];
    readonly Lock _lock = new();

    // the spans of a request mostly follow one another
    readonly Dictionary<(string Operation, SpanKind Kind, bool IsError, long Minute),
        (Counted Service, Counted Operation)> _near = [];
    string? _nearService;

    /// <summary>Whether a span stands for a number of spans that is not known.</summary>
    public static bool IsEstimated(Span span) => SamplingThreshold.AdjustedCount(span.TraceState) is null;

    /// <summary>How many spans a span stands for; 1 if that is not known.</summary>
    public static ulong WeightOf(Span span) => span.TraceState.Length == 0 ? 1 :
        SamplingThreshold.AdjustedCount(span.TraceState) is { } count
            ? AdjustedCount.Round(count, span.TraceId, span.SpanId)
            : 1;

    /// <summary>The minute since 1970 that a span counts in.</summary>
    public long MinuteOf(ulong startUnixNano)
    {
        var minute = (long)(startUnixNano / NanosPerMinute);
        return Math.Abs(minute - _createdMinute) <= MinutesPerYear ? minute : _createdMinute;
    }

    /// <summary>Counts spans of their services and their operations.</summary>
    public void Add(IReadOnlyList<Span> spans)
    {
        lock (_lock)
        {
            foreach (var span in spans)
                Add(span);
        }
    }

    /// <summary>Counts a duration in any series, whose names are bounded already.</summary>
    /// <param name="traceLow">Low half of the trace's id, as an exemplar; null for none.</param>
    public void Add(Series series, long minute, long nanos, ulong weight, bool isEstimated, ulong? traceLow)
    {
        lock (_lock)
            At(series, minute).Add(nanos, weight, isEstimated, traceLow);
    }

    /// <summary>Adds what was counted elsewhere; its names are bounded here.</summary>
    public void Add(SeriesPoint point)
    {
        lock (_lock)
            At(names.Bound(point.Series), point.Minute).Merge(point);
    }

    /// <summary>All points in a range of minutes, the last excluded; copies, with exemplars.</summary>
    public List<SeriesPoint> Points(Func<Series, bool> isWanted, long startMinute, long endMinute)
    {
        lock (_lock)
        {
            return [.. _points
                .Where(each => each.Key.Minute >= startMinute && each.Key.Minute < endMinute &&
                    isWanted(each.Key.Series))
                .Select(each => each.Value.ToPoint(each.Key.Series, each.Key.Minute))];
        }
    }

    void Add(Span span)
    {
        var isError = span.Status == StatusCode.Error;
        var minute = MinuteOf(span.StartUnixNano);
        if (!ReferenceEquals(_nearService, span.ServiceName))
        {
            _near.Clear();
            _nearService = span.ServiceName;
        }
        ref var near = ref CollectionsMarshal.GetValueRefOrAddDefault(
            _near, (span.Name, span.Kind, isError, minute), out var isKnown);
        if (!isKnown)
        {
            var service = names.Service(span.ServiceName);
            var operation = names.Operation(service, span.Name);
            near = (At(new Series(SeriesLevel.Service, service, "", span.Kind, isError), minute),
                At(new Series(SeriesLevel.Operation, service, operation, span.Kind, isError), minute));
        }
        var (weight, isEstimated) = span.TraceState.Length == 0 ? (1, false) : (WeightOf(span), IsEstimated(span));
        near.Service.Add(span.DurationNanos, weight, isEstimated, null);
        near.Operation.Add(span.DurationNanos, weight, isEstimated, span.TraceId.Low);
    }

    Counted At(Series series, long minute)
    {
        ref var counted = ref CollectionsMarshal.GetValueRefOrAddDefault(_points, (series, minute), out _);
        return counted ??= new Counted();
    }

    sealed class Counted
    {
        readonly LatencyHistogram _latencies = new();
        readonly ExemplarSet _exemplars = new();
        bool _isEstimated;

        public void Add(long nanos, ulong weight, bool isEstimated, ulong? traceLow)
        {
            _latencies.Record(nanos, weight);
            _isEstimated |= isEstimated;
            if (traceLow is { } low && nanos > 0)
                _exemplars.Add(LatencyHistogram.IndexOf(nanos), low);
        }

        public void Merge(SeriesPoint point)
        {
            _latencies.Merge(point.Latencies);
            _isEstimated |= point.IsEstimated;
        }

        public SeriesPoint ToPoint(Series series, long minute)
        {
            var copy = new LatencyHistogram();
            copy.Merge(_latencies);
            return new SeriesPoint(series, minute, copy, _isEstimated, _exemplars.ToDictionary());
        }
    }
}
