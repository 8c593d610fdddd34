namespace Tracing.Model;

/// <summary>
/// Makes a histogram of buckets with other borders than ours. The count of a bucket is spread evenly over the logarithms
/// of its durations: each of our buckets gets the share that it covers, rounded so that the total stays. Of a bucket
/// that counts one, that is the bucket in its geometric middle. Used again for each histogram; not for several threads.
/// </summary>
public sealed class LatencySpread
{
    const int PerOctave = 1 << LatencyHistogram.DefaultScale;
    const double Nothing = 1e-9;

    // of bucket -1 and the following
    readonly ulong[] _counts = new ulong[LatencyBuckets.LastIndex(LatencyHistogram.DefaultScale) + 2];

    /// <summary>Counts durations above a lower border up to an upper one, both as binary logarithms of ns.</summary>
    public void Add(double lowerLog2, double upperLog2, ulong count)
    {
        var (lower, upper) = (Place(lowerLog2), Place(upperLog2));
        var first = Math.Clamp((int)Math.Floor(lower), -1, _counts.Length - 2);
        var last = Math.Clamp((int)Math.Ceiling(upper) - 1, first, _counts.Length - 2);
        var done = 0UL;
        for (var i = first; i < last; i++)
        {
            var share = (i + 1 - lower) / (upper - lower);
            var upTo = Math.Min(count, (ulong)Math.Round(count * share));
            _counts[i + 1] += upTo - done;
            done = upTo;
        }
        _counts[last + 1] += count - done;
    }

    /// <summary>What was added, which is forgotten then; sum, min and max in nanoseconds, as far as they are known.</summary>
    public LatencyHistogram Take(ulong zeroCount, double? sum, double? min, double? max)
    {
        var data = new ExponentialHistogram
        {
            Scale = LatencyHistogram.DefaultScale,
            ZeroCount = zeroCount,
            Offset = -1,
            BucketCounts = _counts,
            Sum = sum,
            Min = min,
            Max = max,
        };
        try
        {
            return LatencyHistogram.FromOtlp(data);
        }
        finally
        {
            Array.Clear(_counts);
        }
    }

    /// <summary>In buckets; borders that are ours but for a rounding are taken for ours.</summary>
    static double Place(double log2)
    {
        // what ends at 1 ns or below is in the bucket of 1 ns
        if (log2 <= 0)
            return log2 < 0 ? -1 : 0;
        var place = Math.Min(log2, 63) * PerOctave;
        return Math.Abs(place - Math.Round(place)) < Nothing ? Math.Round(place) : place;
    }
}
