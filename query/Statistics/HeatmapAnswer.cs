using Tracing.Model;
using Tracing.Storage;

namespace Tracing.Query;

/// <param name="LowerNanos">Spans of the row took more than this.</param>
/// <param name="UpperNanos">And at most this; 0: they took no time or less.</param>
sealed record HeatmapRow(double LowerNanos, double UpperNanos);

/// <param name="Row">Index into the rows.</param>
/// <param name="TraceId">
/// Of a trace that is counted there, or within the same octave, in 32 hex digits; null if none is known.
/// </param>
/// <param name="ErrorTraceId">The same of a span with an error.</param>
sealed record HeatmapCell(int Row, ulong Count, ulong Errors, string? TraceId, string? ErrorTraceId);

/// <param name="UnixSeconds">Start of the step.</param>
/// <param name="Cells">Those that count something, shortest durations first.</param>
sealed record HeatmapColumn(long UnixSeconds, IReadOnlyList<HeatmapCell> Cells);

/// <param name="Columns">By time; steps without spans are left out.</param>
sealed record HeatmapAnswer(CoveredRange Range, string Source, bool Estimated, int StepMinutes,
    IReadOnlyList<HeatmapRow> Rows, IReadOnlyList<HeatmapColumn> Columns)
{
    public static HeatmapAnswer Of(
        IReadOnlyList<SeriesPoint> points, CoveredRange range, string source, int step, int maxRows)
    {
        var rows = HeatmapRows.Of(points, maxRows);
        var columns = points.GroupBy(point => point.Minute).OrderBy(column => column.Key)
            .Select(column => new HeatmapColumn(column.Key * 60, Cells(column, rows)));
        return new HeatmapAnswer(
            range, source, points.Any(point => point.IsEstimated), step, rows.Bounds(), [.. columns]);
    }

    static IReadOnlyList<HeatmapCell> Cells(IEnumerable<SeriesPoint> points, HeatmapRows rows)
    {
        var cells = new SortedDictionary<int, Cell>();
        foreach (var point in points)
        {
            if (point.Latencies.ZeroCount > 0)
                At(HeatmapRows.ZeroRow).Add(point.Series.IsError, point.Latencies.ZeroCount, null, false);
            // a bucket has a trace of its octave at least
            var ofOctaves = (point.Exemplars ?? new Dictionary<int, TraceExemplar>())
                .ToDictionary(each => ExemplarSet.OctaveOf(each.Key), each => (Bucket: each.Key, each.Value.Trace));
            foreach (var bucket in point.Latencies.Buckets())
            {
                var isKnown = ofOctaves.TryGetValue(ExemplarSet.OctaveOf(bucket.Index), out var near);
                At(rows.RowOf(bucket.Index)).Add(point.Series.IsError, bucket.Count, isKnown ? near.Trace : null,
                    isKnown && rows.RowOf(near.Bucket) == rows.RowOf(bucket.Index));
            }
        }
        return [.. cells.Select(cell => cell.Value.ToAnswer(cell.Key))];

        Cell At(int row)
        {
            if (!cells.TryGetValue(row, out var cell))
                cells.Add(row, cell = new Cell());
            return cell;
        }
    }

    sealed class Cell
    {
        ulong _count;
        ulong _errors;
        TraceId? _trace;
        TraceId? _errorTrace;
        TraceId? _own;
        TraceId? _ownError;

        /// <param name="isOwn">Whether the trace is counted in this cell, and not only near it.</param>
        public void Add(bool isError, ulong count, TraceId? trace, bool isOwn)
        {
            _count = LatencyHistogram.SaturatingSum(_count, count);
            // the slowest comes last and says most
            _trace = trace ?? _trace;
            _own = isOwn ? trace : _own;
            if (!isError)
                return;
            _errors = LatencyHistogram.SaturatingSum(_errors, count);
            _errorTrace = trace ?? _errorTrace;
            _ownError = isOwn ? trace : _ownError;
        }

        public HeatmapCell ToAnswer(int row) =>
            new(row, _count, _errors, (_own ?? _trace)?.ToString(), (_ownError ?? _errorTrace)?.ToString());
    }
}

/// <summary>Rows of a heat map: neighbouring buckets merged, each row of as many, so that they are few.</summary>
/// <param name="Width">Buckets of a row.</param>
/// <param name="First">Number of the first row, a multiple of rows from 1 ns on: the same in any window.</param>
/// <param name="Count">Without that of no time.</param>
readonly record struct HeatmapRows(int Width, int First, int Count, bool HasZero)
{
    public const int ZeroRow = 0;

    public static HeatmapRows Of(IReadOnlyList<SeriesPoint> points, int maxRows)
    {
        var (first, last) = (int.MaxValue, int.MinValue);
        foreach (var bucket in points.SelectMany(point => point.Latencies.Buckets()))
            (first, last) = (Math.Min(first, bucket.Index), Math.Max(last, bucket.Index));
        var hasZero = points.Any(point => point.Latencies.ZeroCount > 0);
        if (first > last)
            return new HeatmapRows(1, 0, 0, hasZero);
        var width = 1;
        while (Floor(last, width) - Floor(first, width) + 1 > Math.Max(1, maxRows - (hasZero ? 1 : 0)))
            width++;
        return new HeatmapRows(width, Floor(first, width), Floor(last, width) - Floor(first, width) + 1, hasZero);
    }

    public int RowOf(int bucket) => Floor(bucket, Width) - First + (HasZero ? 1 : 0);

    public IReadOnlyList<HeatmapRow> Bounds()
    {
        var rows = new List<HeatmapRow>(Count + 1);
        if (HasZero)
            rows.Add(new HeatmapRow(0, 0));
        for (var row = First; row < First + Count; row++)
            rows.Add(new HeatmapRow(Border(row * Width), Border((row + 1) * Width)));
        return rows;
    }

    static int Floor(int bucket, int width) => (int)Math.Floor((double)bucket / width);

    static double Border(int bucket) => Math.Pow(2, (double)bucket / (1 << LatencyHistogram.DefaultScale));
}
