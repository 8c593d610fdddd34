using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Collector;

/// <summary>
/// From a data point to our histogram. Only an exponential one in nanoseconds, at our scale or a finer one, has our
/// borders: it is taken as it is. The counts of others are spread, and the result is an estimate. Not for several
/// threads.
/// </summary>
sealed class PointLatencies
{
    /// <summary>
    /// What one point may count: some trillion calls in a minute are no measurement, and 2^24 such points fit into the
    /// 64 bits in which all are added up.
    /// </summary>
    public const ulong MaxCount = 1UL << 40;

    readonly LatencySpread _spread = new();

    /// <summary>Whether nothing is lost in <see cref="Of"/>.</summary>
    public static bool IsExact(HistogramPoint point, double unitNanos) =>
        point.Bounds is null && unitNanos == 1 && point.Scale >= LatencyHistogram.DefaultScale;

    /// <exception cref="WireException">It counts too much, or does not say how long anything took.</exception>
    public LatencyHistogram Of(HistogramPoint point, double unitNanos)
    {
        if (point.Count > MaxCount)
            throw Bad(point, $"{point.Count} is more than one data point may count");
        if (IsExact(point, unitNanos))
        {
            return LatencyHistogram.FromOtlp(new ExponentialHistogram
            {
                Scale = point.Scale,
                ZeroCount = point.ZeroCount,
                Offset = point.Offset,
                BucketCounts = point.BucketCounts,
                Sum = point.Sum,
                Min = point.Min,
                Max = point.Max,
            });
        }
        var zeros = point.ZeroCount;
        if (point.Bounds is null)
            AddExponential(point, Math.Log2(unitNanos));
        else if (point.BucketCounts.Length > 1)
            zeros += AddExplicit(point, point.Bounds, unitNanos);
        else if (point.Count > 0)
            zeros += AddWithoutBuckets(point, unitNanos);
        return _spread.Take(zeros, point.Sum * unitNanos, point.Min * unitNanos, point.Max * unitNanos);
    }

    void AddExponential(HistogramPoint point, double unitLog2)
    {
        var width = Math.ScaleB(1, -Math.Clamp(point.Scale, -1000, 1000));
        for (var i = 0; i < point.BucketCounts.Length; i++)
        {
            var index = (double)point.Offset + i;
            if (point.BucketCounts[i] > 0)
                _spread.Add((index * width) + unitLog2, ((index + 1) * width) + unitLog2, point.BucketCounts[i]);
        }
    }

    /// <summary>Answers how many took no time.</summary>
    ulong AddExplicit(HistogramPoint point, double[] bounds, double unitNanos)
    {
        var zeros = 0UL;
        for (var i = 0; i < point.BucketCounts.Length; i++)
        {
            var count = point.BucketCounts[i];
            var upper = i < bounds.Length ? bounds[i] : double.PositiveInfinity;
            if (count == 0)
                continue;
            if (upper <= 0)
            {
                zeros += count;
                continue;
            }
            var lower = i > 0 ? bounds[i - 1] : 0;
            // the shortest and the longest are in some bucket, and its others are no further out
            if (point.Min > lower && point.Min <= upper)
                lower = point.Min.Value;
            if (point.Max >= lower && point.Max < upper)
                upper = point.Max.Value;
            // where nothing bounds a bucket, it is taken for an octave wide
            if (!(lower > 0))
                lower = upper / 2;
            if (double.IsPositiveInfinity(upper))
                upper = lower * 2;
            _spread.Add(Math.Log2(lower * unitNanos), Math.Log2(upper * unitNanos), count);
        }
        return zeros;
    }

    /// <summary>
    /// Count and sum alone are allowed; then all are taken to be as long as the mean. Answers how many took no time.
    /// </summary>
    ulong AddWithoutBuckets(HistogramPoint point, double unitNanos)
    {
        if (point is { Min: > 0 and var min, Max: { } max } && max > min)
        {
            _spread.Add(Math.Log2(min * unitNanos), Math.Log2(max * unitNanos), point.Count);
            return 0;
        }
        if (!(point.Sum >= 0))
            throw Bad(point, "a histogram has neither buckets nor a sum");
        if (point.Sum == 0)
            return point.Count;
        var mean = Math.Log2(point.Sum.Value * unitNanos / point.Count);
        _spread.Add(mean, mean, point.Count);
        return 0;
    }

    static WireException Bad(HistogramPoint point, string reason) => new(reason, point.ByteOffset);
}
