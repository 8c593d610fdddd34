namespace Tracing.Model;

public sealed partial class LatencyHistogram
{
    /// <summary>
    /// The duration in nanoseconds that a share <paramref name="q"/> of the spans does not exceed: the shortest one
    /// with at least q * <see cref="Count"/> spans up to it. NaN if none is counted.
    /// <para>
    /// Its distance from the true one is at most <see cref="RelativeError"/> of the true one: the answer for a bucket
    /// is 2 lo hi / (lo + hi), from which both borders are equally far ("DDSketch", VLDB 2019). Nothing is
    /// interpolated within a bucket, which would give that bound away.
    /// </para>
    /// </summary>
    /// <param name="q">0 to 1.</param>
    public double Quantile(double q)
    {
        // written so that NaN fails
        if (!(q >= 0 && q <= 1))
            throw new ArgumentOutOfRangeException(nameof(q), q, "A share is 0 to 1.");
        if (Count == 0)
            return double.NaN;
        // in decimal, so that 0.07 of 100 is the 7th, and not the next because of 7.000000000000001
        return Estimate(At((ulong)Math.Clamp(decimal.Ceiling((decimal)q * Count), 1, Count)));
    }

    /// <summary>
    /// Bounds in nanoseconds between which the quantile of what the spans are a sample of lies with the probability
    /// <paramref name="confidence"/> or a higher one, whatever the distribution. They are those durations of the sample
    /// between whose ranks the binomial distribution says it is (David, Nagaraja: "Order Statistics", 3rd ed., 2003,
    /// section 7.1), widened to the borders of their buckets. Where the sample is too small to say, the lower one is 0
    /// or the upper one infinite: 100 spans do not bound a p99.
    /// </summary>
    /// <param name="q">0 to 1, both excluded.</param>
    /// <param name="confidence">0 to 1, both excluded; at most 1 - 1e-9.</param>
    /// <param name="effectiveCount">
    /// As how many independent spans of equal weight the sample counts; <see cref="EffectiveCount"/> if not given.
    /// Spans of one trace are no independent draws where traces are sampled: then the number of traces is the better
    /// figure.
    /// </param>
    /// <returns>NaN twice if no span is counted.</returns>
    public (double LowerNanos, double UpperNanos) QuantileBounds(
        double q, double confidence = 0.95, double? effectiveCount = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(q, 0);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(q, 1);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(confidence, 0);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(confidence, 1 - 1e-9);
        if (Count == 0)
            return (double.NaN, double.NaN);
        var effective = Math.Floor(Math.Min(effectiveCount ?? EffectiveCount, Count));
        if (!(effective >= 1))
            return (0, double.PositiveInfinity);
        var (lower, upper) = OrderStatistics.RanksAround(q, effective, (1 - confidence) / 2);
        var spansOfOne = Count / effective;
        return (lower < 1 ? 0 : Math.Max(At(Math.Floor(lower * spansOfOne)).LowerNanos, _totals.Min),
            upper > effective ? double.PositiveInfinity
                : Math.Min(At(Math.Ceiling(upper * spansOfOne)).UpperNanos, _totals.Max));
    }

    /// <summary>
    /// How many spans took at most so many nanoseconds. Exact below <see cref="Min"/>, from <see cref="Max"/> on, and
    /// at the upper border of a bucket; elsewhere the bucket that <paramref name="nanos"/> is in counts as a whole, so
    /// that spans longer by a factor of less than 2^(2^-scale) may be among them (2.2 % at scale 5).
    /// </summary>
    public ulong CountAtMost(long nanos)
    {
        if (Count == 0 || nanos < _totals.Min)
            return 0;
        if (nanos >= _totals.Max)
            return Count;
        var count = ZeroCount;
        // nanos is 0 where it is not positive, as it is between min and max
        var slots = nanos == 0 ? 0 : LatencyBuckets.IndexOf(nanos, Scale) - _first + 1;
        foreach (var each in _counts.AsSpan(0, Math.Clamp(slots, 0, _counts.Length)))
            count += each;
        return count;
    }

    /// <summary>
    /// The share of spans that took more than so many nanoseconds, 0 to 1, with the same reservation as
    /// <see cref="CountAtMost"/>. NaN if none is counted.
    /// </summary>
    public double FractionAbove(long nanos) =>
        Count == 0 ? double.NaN : (Count - CountAtMost(nanos)) / (double)Count;

    LatencyBucket At(double rank) => At(rank >= Count ? Count : (ulong)Math.Max(rank, 1));

    /// <summary>The bucket of the span of this rank; of rank 1 is the shortest.</summary>
    LatencyBucket At(ulong rank)
    {
        var count = ZeroCount;
        if (rank <= count)
            return new LatencyBucket(0, 0, 0, count);
        for (var i = 0; i < _counts.Length; i++)
        {
            count += _counts[i];
            if (rank <= count)
                return BucketAt(_first + i, _counts[i]);
        }
        throw new InvalidOperationException($"no span of rank {rank} among {Count}");
    }

    /// <summary>Min and max only bring it nearer, as the true duration is between them.</summary>
    double Estimate(LatencyBucket bucket)
    {
        if (bucket.UpperNanos == 0)
            return 0;
        var (lower, upper) = (bucket.LowerNanos, bucket.UpperNanos);
        return Math.Clamp(2 * lower * upper / (lower + upper), _totals.Min, _totals.Max);
    }
}
