using Tracing.Model.Wire;

namespace Tracing.Collector;

/// <summary>What a cumulative histogram counted between two of its points.</summary>
static class HistogramDelta
{
    /// <summary>
    /// The later point less the earlier; null when it counts less anywhere, which means that it began anew between
    /// them. Both are of one kind and have the same bounds. Min and max are those of all time, which the delta lies
    /// within.
    /// </summary>
    public static HistogramPoint? Between(HistogramPoint earlier, HistogramPoint later)
    {
        if (later.Bounds is null)
            (earlier, later) = AtOneScale(earlier, later);
        if (later.Count < earlier.Count || later.ZeroCount < earlier.ZeroCount)
            return null;
        var counts = (ulong[])later.BucketCounts.Clone();
        for (var i = 0; i < earlier.BucketCounts.Length; i++)
        {
            var count = earlier.BucketCounts[i];
            var place = (long)earlier.Offset + i - later.Offset;
            if (count == 0)
                continue;
            if (place < 0 || place >= counts.Length || counts[place] < count)
                return null;
            counts[place] -= count;
        }
        return later with
        {
            StartUnixNano = earlier.TimeUnixNano,
            Count = later.Count - earlier.Count,
            ZeroCount = later.ZeroCount - earlier.ZeroCount,
            Sum = later.Sum - earlier.Sum is >= 0 and var sum ? sum : null,
            BucketCounts = counts,
        };
    }

    /// <summary>A client lowers its scale as the range of its values grows.</summary>
    static (HistogramPoint, HistogramPoint) AtOneScale(HistogramPoint one, HistogramPoint other) =>
        one.Scale == other.Scale ? (one, other)
        : one.Scale > other.Scale ? (Coarsened(one, other.Scale), other)
        : (one, Coarsened(other, one.Scale));

    static HistogramPoint Coarsened(HistogramPoint point, int scale)
    {
        var shift = (int)Math.Min((long)point.Scale - scale, 63);
        if (point.BucketCounts.Length == 0)
            return point with { Scale = scale };
        // each coarser bucket is a union of finer ones; the shift rounds down, also below zero
        var first = (long)point.Offset >> shift;
        var last = ((long)point.Offset + point.BucketCounts.Length - 1) >> shift;
        var counts = new ulong[last - first + 1];
        for (var i = 0; i < point.BucketCounts.Length; i++)
            counts[(((long)point.Offset + i) >> shift) - first] += point.BucketCounts[i];
        return point with { Scale = scale, Offset = (int)first, BucketCounts = counts };
    }
}
