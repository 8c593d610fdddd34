using Tracing.Model;

namespace Tracing.Query;

/// <summary>Whether a share of one sample is greater than that of another.</summary>
static class ProportionTest
{
    /// <summary>Expected numbers from which on the normal approximation holds also for p values of 1e-4.</summary>
    const double NormalFrom = 20;

    /// <summary>From which on a double no longer tells a number from the next; so many are as good as more.</summary>
    const double MaxSize = 1e15;

    /// <summary>
    /// Fisher's exact test where an expected number is small, else the pooled z test of two proportions: z = (p1 - p2)
    /// / sqrt(p (1 - p) (1/n1 + 1/n2)) (Fleiss: "Statistical Methods for Rates and Proportions", 3rd ed., 2003, 2.2 and
    /// 3.1). The effect is Cohen's h = 2 asin(sqrt(p1)) - 2 asin(sqrt(p2)).
    /// </summary>
    /// <param name="share1">Of the first sample, 0 to 1.</param>
    /// <param name="n1">Size of the first sample, which may be an effective one.</param>
    public static SampleTest Compare(double share1, double n1, double share2, double n2)
    {
        if (!(n1 >= 1 && n2 >= 1))
            return SampleTest.Nothing;
        (n1, n2) = (Math.Min(n1, MaxSize), Math.Min(n2, MaxSize));
        var pooled = ((share1 * n1) + (share2 * n2)) / (n1 + n2);
        var h = (2 * Math.Asin(Math.Sqrt(share1))) - (2 * Math.Asin(Math.Sqrt(share2)));
        if (Math.Min(n1, n2) * Math.Min(pooled, 1 - pooled) >= NormalFrom)
        {
            var z = (share1 - share2) / Math.Sqrt(pooled * (1 - pooled) * ((1 / n1) + (1 / n2)));
            return new SampleTest(z, NormalDistribution.UpperTail(z), h);
        }
        var p = FisherUpperTail(
            Math.Round(share1 * n1), Math.Round(n1), Math.Round(share2 * n2), Math.Round(n2));
        return new SampleTest(NormalDistribution.UpperQuantile(p), p, h);
    }

    /// <summary>
    /// Whether more of the first are slow: in the slowest hundredth of both together. It sees what ranks do not, as
    /// when one request in a hundred takes ten times as long. Given both, how many of each are there is hypergeometric,
    /// so that Fisher's test is exact ("quantile test": Johnson, Verrill, Moore, Biometrics 43, 1987).
    /// </summary>
    public static SampleTest CompareTails(LatencyHistogram x, LatencyHistogram y)
    {
        if (x.Count == 0 || y.Count == 0)
            return SampleTest.Nothing;
        var both = new LatencyHistogram(Math.Min(x.Scale, y.Scale));
        both.Merge(x);
        both.Merge(y);
        // the end of the quantile's bucket, where counts are exact
        var border = (long)both.Quantile(0.99);
        return Compare(x.FractionAbove(border), x.EffectiveCount, y.FractionAbove(border), y.EffectiveCount);
    }

    /// <summary>P(at least k1 of n1), given that k1 + k2 of all n1 + n2 are.</summary>
    public static double FisherUpperTail(double k1, double n1, double k2, double n2)
    {
        var (k, n) = (k1 + k2, n1 + n2);
        if (k1 <= Math.Max(0, k - n2))
            return 1;
        // away from the mean: on the other side of it, the probability of k1 may be too small for a double
        if (k1 <= k * n1 / n)
            return Math.Max(0, 1 - LowerTail(k1 - 1));
        var term = Probability(k1);
        var sum = term;
        for (var i = k1; i < Math.Min(k, n1) && term > sum * 1e-16; i++)
        {
            // hypergeometric probability of i + 1 from that of i
            term *= (n1 - i) * (k - i) / ((i + 1) * (n2 - k + i + 1));
            sum += term;
        }
        return Math.Min(1, sum);

        double LowerTail(double last)
        {
            var term = Probability(last);
            var sum = term;
            for (var i = last; term > sum * 1e-16; i--)
            {
                term *= i * (n2 - k + i) / ((n1 - i + 1) * (k - i + 1));
                sum += term;
            }
            return sum;
        }

        double Probability(double i) => Math.Exp(Choose(n1, i) + Choose(n2, k - i) - Choose(n, k));
    }

    static double Choose(double n, double k) => SpecialFunctions.LogFactorial(n) - SpecialFunctions.LogFactorial(k) -
        SpecialFunctions.LogFactorial(n - k);
}
