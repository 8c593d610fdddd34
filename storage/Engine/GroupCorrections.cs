using Tracing.Model;
using Tracing.Storage.Blocks;

namespace Tracing.Storage.Engine;

/// <summary>
/// What a group has counted and should not have, as another collector, or a group written at the same time, had stored
/// reports of the same spans before.
/// </summary>
/// <param name="millis">When the group was begun, in milliseconds since 1970.</param>
sealed class GroupCorrections(long millis, SeriesNames names)
{
    SpanStatistics? _taken;
    SpanStatistics? _added;

    /// <summary>Whether there is something to be corrected; seldom.</summary>
    public bool IsAny => _taken is not null || _added is not null;

    /// <param name="spans">Those of the group, in the order stored.</param>
    /// <param name="flags">Of each, what its writer knew of it; null where none was known.</param>
    /// <param name="seen">What groups before have, of all writers that matter.</param>
    public void Add(IReadOnlyList<Span> spans, IReadOnlyList<SpanFlags>? flags, SeenSpans seen)
    {
        for (var i = 0; i < spans.Count; i++)
        {
            var known = flags?[i] ?? SpanFlags.None;
            Add(spans[i], (known & SpanFlags.Repeat) != 0, (known & SpanFlags.Correction) != 0, seen);
        }
    }

    /// <param name="isRepeat">Whether the group's writer knew of reports before.</param>
    /// <param name="isCorrection">Whether it has counted what this one adds to them.</param>
    void Add(Span span, bool isRepeat, bool isCorrection, SeenSpans seen)
    {
        var report = seen.Add(span, SpanIdentity.ServiceOf(span.ServiceName), millis);
        if (!isRepeat && report.IsRepeat)
        {
            (_taken ??= new(millis, names)).Add([span]);
            Add(ref _added, report.Correction);
        }
        else if (isCorrection)
            Add(ref _taken, report.Uncounted);
    }

    public void Apply(List<SeriesPoint> points)
    {
        var counted = points.ToDictionary(point => (point.Series, point.Minute), point => point.Latencies);
        foreach (var taken in _taken?.Points(_ => true, long.MinValue, long.MaxValue) ?? [])
        {
            try
            {
                // not there if its name was beyond the bound of one of the two processes
                counted.GetValueOrDefault((taken.Series, taken.Minute))?.Subtract(taken.Latencies);
            }
            catch (ArgumentException)
            {
                // the same: what counts twice is better than counting that ends
            }
        }
        points.RemoveAll(point => point.Latencies.Calls == 0);
        var added = _added?.Points(_ => true, long.MinValue, long.MaxValue) ?? [];
        if (added.Count > 0)
        {
            List<SeriesPoint> all = [.. points, .. added];
            points.Clear();
            points.AddRange(SeriesPoints.Merge(all, 1));
        }
    }

    void Add(ref SpanStatistics? statistics, SpanCorrection? correction)
    {
        foreach (var point in correction?.Points() ?? [])
            (statistics ??= new(millis, names)).Add(point);
    }
}
