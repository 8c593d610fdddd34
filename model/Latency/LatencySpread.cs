namespace Tracing.Model;

/// <summary>
/// Makes a histogram of buckets with other borders than ours. The count of a bucket is spread over those of ours that
/// it covers: evenly over the logarithms of its durations where the sum is not known, and else leaning to the shorter
/// or the longer ones, in all buckets alike, as far as the sum asks for. Counts are rounded so that the total stays; of
/// a bucket that counts one and does not lean, that is the geometric middle. Used again for each histogram; not for
/// several threads.
/// </summary>
public sealed class LatencySpread
{
    const int PerOctave = 1 << LatencyHistogram.DefaultScale;
    const double Nothing = 1e-9;

    /// <summary>Halvings in the search for the lean; the sum is then met as well as whole counts can.</summary>
    const int Steps = 24;

    /// <summary>Binary logarithm of the strongest lean: nearly all in the first bucket or the last.</summary>
    const double StrongestLean = 12;

    static readonly double[] Middles = [.. Enumerable.Range(-1, (63 << LatencyHistogram.DefaultScale) + 1).Select(i =>
        2 / ((1 / LatencyBuckets.Border(Math.Max(i, 0), LatencyHistogram.DefaultScale)) +
            (1 / LatencyBuckets.Border(i + 1, LatencyHistogram.DefaultScale))))];

    readonly List<(double Lower, double Upper, ulong Count)> _added = [];

    // of bucket -1 and the following
    readonly ulong[] _counts = new ulong[Middles.Length];

    /// <summary>Counts durations above a lower border up to an upper one, both as binary logarithms of ns.</summary>
    public void Add(double lowerLog2, double upperLog2, ulong count) =>
        _added.Add((Place(lowerLog2), Place(upperLog2), count));

    /// <summary>What was added, which is forgotten then; sum, min and max in ns, where they are known.</summary>
    public LatencyHistogram Take(ulong zeroCount, double? sum, double? min, double? max)
    {
        Spread(sum is { } known && double.IsFinite(known) ? LeanTo(known) : 0);
        _added.Clear();
        return LatencyHistogram.FromOtlp(new ExponentialHistogram
        {
            Scale = LatencyHistogram.DefaultScale,
            ZeroCount = zeroCount,
            Offset = -1,
            BucketCounts = _counts,
            Sum = sum,
            Min = min,
            Max = max,
        });
    }

    double LeanTo(double sum)
    {
        var (low, high) = (-StrongestLean, StrongestLean);
        for (var step = 0; step < Steps; step++)
        {
            var lean = (low + high) / 2;
            var reached = Spread(lean);
            // half a bucket, as near as the histogram itself knows its sum
            if (Math.Abs(reached - sum) <= 0.005 * sum)
                return lean;
            (low, high) = reached < sum ? (lean, high) : (low, lean);
        }
        return (low + high) / 2;
    }

    /// <summary>Fills the counts, and answers what the durations add up to.</summary>
    /// <param name="lean">0: evenly; a share u of a bucket's width holds u^(2^lean) of its count.</param>
    double Spread(double lean)
    {
        Array.Clear(_counts);
        var (sum, power) = (0.0, Math.Pow(2, lean));
        foreach (var (lower, upper, count) in _added)
        {
            var first = Math.Clamp((int)Math.Floor(lower), -1, _counts.Length - 2);
            var last = Math.Clamp((int)Math.Ceiling(upper) - 1, first, _counts.Length - 2);
            var done = 0UL;
            for (var i = first; i <= last; i++)
            {
                var upTo = i == last
                    ? count
                    : Math.Min(count, (ulong)Math.Round(count * Math.Pow((i + 1 - lower) / (upper - lower), power)));
                _counts[i + 1] += upTo - done;
                sum += (upTo - done) * Middles[i + 1];
                done = upTo;
            }
        }
        return sum;
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
