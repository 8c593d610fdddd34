using Tracing.Model;

namespace Tracing.Query;

/// <param name="LowerNanos">What is in the bucket took more than this.</param>
/// <param name="UpperNanos">And at most this.</param>
sealed record DistributionBucket(double LowerNanos, double UpperNanos, ulong Count, ulong Errors);

/// <param name="Source">spans or metrics; search: computed from the spans that are still stored.</param>
/// <param name="UnknownCount">How many spans have no duration that is known; they are not among the others.</param>
/// <param name="ZeroCount">How many took no time or less; they are in no bucket.</param>
/// <param name="SumNanos">Of all durations, to the precision of a double.</param>
/// <param name="MinNanos">Null without spans.</param>
/// <param name="RelativeError">Of the quantiles, at most.</param>
/// <param name="EffectiveCount">How many spans of equal weight would say as much; the bounds rest on it.</param>
/// <param name="Buckets">Those that count something, shortest durations first.</param>
sealed record DistributionAnswer(
    CoveredRange Range, string Source, ulong Count, ulong Errors, ulong UnknownCount, ulong ZeroCount, bool Estimated,
    double SumNanos, long? MinNanos, long? MaxNanos, double RelativeError, double EffectiveCount,
    IReadOnlyList<QuantileBounds> Quantiles, IReadOnlyList<DistributionBucket> Buckets)
{
    public static DistributionAnswer Of(
        LatencyHistogram all, LatencyHistogram failed, bool isEstimated, CoveredRange range, string source,
        ulong unknown = 0)
    {
        var errors = failed.Buckets().ToDictionary(bucket => bucket.Index, bucket => bucket.Count);
        return new DistributionAnswer(range, source, all.Count, failed.Count, unknown, all.ZeroCount,
            isEstimated, (double)all.Sum, all.Count == 0 ? null : all.Min, all.Count == 0 ? null : all.Max,
            all.RelativeError, all.EffectiveCount, QuantileBounds.Of(all),
            [.. all.Buckets().Select(bucket => new DistributionBucket(
                bucket.LowerNanos, bucket.UpperNanos, bucket.Count, errors.GetValueOrDefault(bucket.Index)))]);
    }
}
