using Tracing.Model;

namespace Tracing.Query;

/// <summary>What a test says of two samples.</summary>
/// <param name="Z">Standard deviations from what chance alone would give; more than 0: the first is greater.</param>
/// <param name="P">Probability of such a Z or a greater one where there is no difference.</param>
/// <param name="Effect">
/// The difference in standard deviations: Cohen's d, or h for shares, which share one scale: 0.2 is small, 0.5 medium,
/// 0.8 large (Cohen: "Statistical Power Analysis", 2nd ed., 1988).
/// </param>
readonly record struct SampleTest(double Z, double P, double Effect)
{
    public static SampleTest Nothing => new(0, 0.5, 0);

    /// <summary>
    /// The part of the effect that is there with a confidence of 95 %: the effect less 1.645 of its standard errors, an
    /// error being effect / z. Orders results by effect and significance at once.
    /// </summary>
    public double SureEffect => Z > 0 ? Math.Max(0, Effect * (1 - (1.6449 / Z))) : 0;
}

/// <summary>Whether the durations of one histogram are longer than those of another, by ranks.</summary>
static class RankTest
{
    /// <summary>
    /// The Mann-Whitney test with tied ranks, a bucket being a tie, by the normal approximation. With A = P(X > Y) +
    /// P(X = Y) / 2, n and m spans, N = n + m and t the spans of a bucket, A has without a difference the mean 1/2 and
    /// the variance (N + 1 - sum(t^3 - t) / (N (N - 1))) / (12 n m) (Lehmann: "Nonparametrics", 1975, 1.4). Where spans
    /// have weights, A is that of all they stand for, n and m are Kish's effective numbers.
    /// <para>d = sqrt(2) * quantile(A), which has that A for normal distributions (McGraw, Wong, 1992).</para>
    /// </summary>
    /// <returns>A, and the test for X greater than Y.</returns>
    public static (double Superiority, SampleTest Test) Compare(LatencyHistogram x, LatencyHistogram y)
    {
        var (n, m) = (x.EffectiveCount, y.EffectiveCount);
        if (n < 1 || m < 1)
            return (double.NaN, SampleTest.Nothing);
        var all = n + m;
        var (superiority, below, ties) = (0.0, 0.0, 0.0);
        foreach (var (countX, countY) in Align(x, y))
        {
            var (shareX, shareY) = ((double)countX / x.Count, (double)countY / y.Count);
            superiority += shareX * (below + (shareY / 2));
            below += shareY;
            var tied = (n * shareX) + (m * shareY);
            // fractions of a span, where weights are, tie with nothing
            ties += Math.Max(0, (tied * tied * tied) - tied);
        }
        var variance = (all + 1 - (ties / (all * (all - 1)))) / (12 * n * m);
        if (!(variance > 0))
            return (superiority, SampleTest.Nothing);
        var z = (superiority - 0.5) / Math.Sqrt(variance);
        // A of 0 or 1 is not known better than to half a span
        var bounded = Math.Clamp(superiority, 0.5 / all, 1 - (0.5 / all));
        var d = Math.Sqrt(2) * NormalDistribution.UpperQuantile(1 - bounded);
        return (superiority, new SampleTest(z, NormalDistribution.UpperTail(z), d));
    }

    /// <summary>The counts of both in each bucket that one of them has, shortest durations first.</summary>
    static IEnumerable<(ulong X, ulong Y)> Align(LatencyHistogram x, LatencyHistogram y)
    {
        yield return (x.ZeroCount, y.ZeroCount);
        using var ofX = x.Buckets().GetEnumerator();
        using var ofY = y.Buckets().GetEnumerator();
        var (hasX, hasY) = (ofX.MoveNext(), ofY.MoveNext());
        while (hasX || hasY)
        {
            var index = Math.Min(hasX ? ofX.Current.Index : int.MaxValue, hasY ? ofY.Current.Index : int.MaxValue);
            var (countX, countY) = (0UL, 0UL);
            if (hasX && ofX.Current.Index == index)
            {
                countX = ofX.Current.Count;
                hasX = ofX.MoveNext();
            }
            if (hasY && ofY.Current.Index == index)
            {
                countY = ofY.Current.Count;
                hasY = ofY.MoveNext();
            }
            yield return (countX, countY);
        }
    }
}
