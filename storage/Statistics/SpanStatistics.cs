using System.Runtime.InteropServices;
using Tracing.Model;

namespace Tracing.Storage;

/// <summary>
/// Counts spans by series and minute, in memory. Any order and any grouping give the same counts. One thread adds; any
/// thread reads what is there.
/// </summary>
/// <param name="createdMillis">
/// When the first span came, in milliseconds since 1970: a start that is absent, or more than a year from it, is no
/// time to count at, and the span is not.
/// </param>
/// <param name="names">Bounds the names, also those of statistics beside these.</param>
/// <param name="uncounted">Told of spans that are not counted.</param>
public sealed class SpanStatistics(long createdMillis, SeriesNames names, UncountedSpans? uncounted = null)
{
    const uint SecondsPerMinute = 60;
    const uint NanosPerSecond = 1_000_000_000;
    const long MinutesPerYear = 366 * 24 * 60;

    readonly long _createdMinute = createdMillis / 60_000;
    readonly Dictionary<Series, ByMinute<LatencyCounts>> _series = [];
    readonly NearNames<CountedNames> _near = new();

    /// <summary>
    /// Whether a span stands for a number of spans that is not known, or for more than
    /// <see cref="AdjustedCount.Max"/>.
    /// </summary>
    public static bool IsEstimated(Span span) =>
        !(SamplingThreshold.AdjustedCount(span.TraceState) <= AdjustedCount.Max);

    /// <summary>How many spans a span stands for, at most <see cref="AdjustedCount.Max"/>; 1 if not known.</summary>
    public static ulong WeightOf(Span span) => span.TraceState.Length == 0
        ? 1
        : Weight(span, SamplingThreshold.AdjustedCount(span.TraceState)).Weight;

    /// <summary>
    /// Held while something is added or read; who adds to <see cref="Of"/> takes it for many spans at once.
    /// </summary>
    internal Lock Gate { get; } = new();

    internal UncountedSpans Uncounted { get; } = uncounted ?? new UncountedSpans();

    /// <summary>Counts spans of their services and their operations.</summary>
    public void Add(IReadOnlyList<Span> spans)
    {
        lock (Gate)
        {
            for (var i = 0; i < spans.Count; i++)
            {
                try
                {
                    Add(spans[i]);
                }
                catch (Exception exception)
                {
                    // they are stored: whatever one of them is, the others count
                    Uncounted.Reject(spans[i], exception);
                }
            }
        }
    }

    /// <summary>Counts a duration in any series, whose names are bounded already.</summary>
    /// <param name="nanos">Null when it is not known.</param>
    public void Add(
        in Series series, long minute, long? nanos, TraceExemplar exemplar = default, ulong weight = 1)
    {
        lock (Gate)
            Of(series).At(minute).Add(nanos, weight, false, exemplar);
    }

    /// <summary>Adds what was counted elsewhere; its names are bounded here.</summary>
    public void Add(SeriesPoint point)
    {
        lock (Gate)
            Of(names.Bound(point.Series)).At(point.Minute).Add(point.Latencies, point.IsEstimated);
    }

    /// <summary>All points in a range of minutes, the last excluded, in the order of series; with exemplars.</summary>
    public List<SeriesPoint> Points(Func<Series, bool> isWanted, long startMinute, long endMinute)
    {
        var points = new SeriesPoints(1, 0, withExemplars: true);
        AddTo(points, isWanted, startMinute, endMinute);
        return points.ToList();
    }

    /// <summary>Adds what was counted elsewhere, whose names are bounded already, with exemplars.</summary>
    internal void AddBounded(SeriesPoint point)
    {
        lock (Gate)
        {
            var counts = Of(point.Series).At(point.Minute);
            counts.Add(point.Latencies, point.IsEstimated);
            foreach (var (bucket, exemplar) in point.Exemplars ?? new Dictionary<int, TraceExemplar>())
                counts.Choose(bucket, exemplar);
        }
    }

    /// <summary>Adds the points in a range of minutes, the last excluded.</summary>
    internal void AddTo(SeriesPoints points, Func<Series, bool> isWanted, long startMinute, long endMinute)
    {
        List<ByMinute<LatencyCounts>> wanted;
        lock (Gate)
            wanted = [.. _series.Values.Where(each => isWanted(each.Series))];
        // the writer need not wait for all of them
        foreach (var each in wanted)
        {
            lock (Gate)
                points.Add(each, startMinute, endMinute);
        }
    }

    /// <summary>Adds what was counted elsewhere; its names are bounded already.</summary>
    internal void Add(SpanStatistics other)
    {
        lock (Gate)
        {
            foreach (var each in other._series.Values)
            {
                var of = Of(each.Series);
                foreach (var (minute, counts) in each.All)
                    of.At(minute).Add(counts);
            }
        }
    }

    internal bool IsEmpty
    {
        get
        {
            lock (Gate)
                return _series.Count == 0;
        }
    }

    /// <summary>What the counts take, roughly, in bytes.</summary>
    internal long CountBytes()
    {
        lock (Gate)
            return _series.Values.Sum(each => 400L + each.All.Sum(point => (long)point.Value.Bytes));
    }

    /// <summary>
    /// What is counted of some series, or all, by series and then by time; only once nothing is added any more.
    /// </summary>
    internal List<SeriesCounts> ToList(Func<Series, bool>? isWanted = null) =>
        [.. All().Where(each => isWanted?.Invoke(each.Series) != false)
            .SelectMany(each => each.All.OrderBy(point => point.Key),
                (each, point) => new SeriesCounts(each.Series, point.Key, point.Value))];

    /// <summary>What is counted, in the order of series; only once nothing is added any more.</summary>
    internal IEnumerable<ByMinute<LatencyCounts>> All() =>
        _series.Values.OrderBy(each => each.Series, Series.Order);

    /// <summary>A series to add to, whose names are bounded already; with <see cref="Gate"/> held.</summary>
    internal ByMinute<LatencyCounts> Of(in Series series) =>
        CollectionsMarshal.GetValueRefOrAddDefault(_series, series, out _) ??= new(series);

    /// <summary>The minute since 1970 that what starts in a second counts in; null for none.</summary>
    internal long? MinuteOf(uint unixSeconds) => MinuteIn(unixSeconds, _createdMinute);

    /// <summary>The minute that a span counts in where statistics were created at some time; null for none.</summary>
    internal static long? MinuteOf(Span span, long createdMillis) => MinuteOf(span.StartUnixNano, createdMillis);

    internal static long? MinuteOf(ulong startUnixNano, long createdMillis) =>
        MinuteIn(SecondOf(startUnixNano), createdMillis / 60_000);

    /// <summary>The series of a span's operation, and for how many spans it counts; with names as sent.</summary>
    internal static (Series Operation, ulong Weight, bool IsEstimated) CountedAs(Span span)
    {
        var (weight, isEstimated) = WeightOfClient(span);
        return (new Series(SeriesLevel.Operation, SeriesNames.Cut(span.ServiceName), SeriesNames.Cut(span.Name),
            KindOf(span), span.Status == StatusCode.Error), weight, isEstimated);
    }

    /// <summary>When a span starts; beyond 2106 the last second of then.</summary>
    internal static uint SecondOf(Span span) => SecondOf(span.StartUnixNano);

    static uint SecondOf(ulong startUnixNano) => (uint)Math.Min(uint.MaxValue, startUnixNano / NanosPerSecond);

    static long? MinuteIn(uint unixSeconds, long createdMinute)
    {
        long minute = unixSeconds / SecondsPerMinute;
        return unixSeconds != 0 && Math.Abs(minute - createdMinute) <= MinutesPerYear ? minute : null;
    }

    // numbers that OTLP does not know yet are one kind, so that series stay few
    static SpanKind KindOf(Span span) =>
        span.Kind is >= 0 and <= SpanKind.Consumer ? span.Kind : SpanKind.Unspecified;

    static (ulong Weight, bool IsEstimated) WeightOfClient(Span span) => span.TraceState.Length == 0
        ? (1, false)
        : Weight(span, SamplingThreshold.AdjustedCountOfClient(span.TraceState));

    void Add(Span span)
    {
        var exemplar = new TraceExemplar(span.TraceId, SecondOf(span));
        if (MinuteOf(exemplar.UnixSeconds) is not { } minute)
        {
            Uncounted.AddWithoutTime();
            return;
        }
        var isError = span.Status == StatusCode.Error;
        var kind = KindOf(span);
        var kindAndOutcome = ((int)kind << 1) | (isError ? 1 : 0);
        var counted = _near.Find(span.ServiceName, span.Name, kindAndOutcome);
        if (counted is null)
        {
            var service = names.Service(span.ServiceName);
            var operation = names.Operation(service, span.Name);
            counted = new CountedNames(Of(new Series(SeriesLevel.Service, service, "", kind, isError)),
                Of(new Series(SeriesLevel.Operation, service, operation, kind, isError)));
            _near.Remember(span.ServiceName, span.Name, kindAndOutcome, counted);
        }
        var (weight, isEstimated) = WeightOfClient(span);
        var nanos = (long?)span.KnownDuration;
        counted.Service.At(minute).Add(nanos, weight, isEstimated, default);
        counted.Operation.At(minute).Add(nanos, weight, isEstimated, exemplar);
    }

    static (ulong Weight, bool IsEstimated) Weight(Span span, double? adjustedCount) => adjustedCount is { } count
        ? (AdjustedCount.Round(count, span.TraceId, span.SpanId), count > AdjustedCount.Max)
        : (1, true);

    /// <summary>Where the spans of an operation, of one kind and outcome, are counted.</summary>
    sealed record CountedNames(ByMinute<LatencyCounts> Service, ByMinute<LatencyCounts> Operation);
}
