using Tracing.Model;
using Xunit;

namespace Tracing.Tests;

/// <summary>Quantiles against exact order statistics, and their confidence bounds against what they promise.</summary>
public class LatencyHistogramQuantileTests
{
    static readonly double[] Shares =
        [0, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999, 1];

    [Theory]
    [InlineData("constant")]
    [InlineData("log-normal")]
    [InlineData("heavy-tailed")]
    [InlineData("bimodal")]
    [InlineData("tiny")]
    [InlineData("huge")]
    [InlineData("any")]
    public void Quantiles_are_within_the_relative_error(string kind)
    {
        foreach (var count in (int[])[1, 2, 10, 999, 100_000])
        {
            var values = SomeLatencies.Create(kind, count);
            Array.Sort(values);
            for (var scale = 3; scale <= 6; scale++)
            {
                var histogram = SomeLatencies.Histogram(values, scale);
                foreach (var q in Shares)
                {
                    var rank = Math.Max(1, (int)decimal.Ceiling((decimal)q * count));
                    var error = Math.Abs(histogram.Quantile(q) - values[rank - 1]);
                    Assert.True(error <= (histogram.RelativeError + 1e-15) * values[rank - 1],
                        $"p{100 * q} of {count} is off by {error} of {values[rank - 1]}");
                }
            }
        }
    }

    [Fact]
    public void A_constant_has_no_error() =>
        Assert.All(Shares, q => Assert.Equal(1_234_567, SomeLatencies.Histogram([1_234_567, 1_234_567]).Quantile(q)));

    [Fact]
    public void Quantiles_are_of_the_span_that_the_share_names()
    {
        // a power of two apart, so that each has its own bucket and the answer tells which
        var histogram = SomeLatencies.Histogram(Enumerable.Range(0, 50).Select(i => 1L << i));
        for (var rank = 1; rank <= 50; rank++)
        {
            // 0.14 * 50 is 7.000000000000001 in doubles
            var expected = Math.ScaleB(1, rank - 1);
            Assert.InRange(histogram.Quantile(rank / 50.0), expected * 0.98, expected * 1.02);
        }
    }

    [Theory]
    [InlineData(-0.001)]
    [InlineData(1.001)]
    [InlineData(double.NaN)]
    public void A_share_beyond_0_to_1_is_refused(double q)
    {
        var histogram = SomeLatencies.Histogram([1]);
        Assert.Throws<ArgumentOutOfRangeException>(() => histogram.Quantile(q));
        Assert.Throws<ArgumentOutOfRangeException>(() => histogram.QuantileBounds(q));
        Assert.Throws<ArgumentOutOfRangeException>(() => histogram.QuantileBounds(0.5, q));
    }

    [Fact]
    public void Counts_up_to_a_duration_are_exact_at_borders_and_a_bucket_off_elsewhere()
    {
        var values = SomeLatencies.Create("log-normal", 20_000);
        var histogram = SomeLatencies.Histogram(values);
        foreach (var bucket in histogram.Buckets())
        {
            var border = (long)bucket.UpperNanos;
            Assert.Equal((ulong)values.Count(value => value <= border), histogram.CountAtMost(border));
        }
        foreach (var nanos in values.Take(200))
        {
            var exact = (ulong)values.Count(value => value <= nanos);
            var reaching = (ulong)values.Count(value => value <= nanos * 1.0219);
            Assert.InRange(histogram.CountAtMost(nanos), exact, reaching);
        }
        Assert.Equal(0UL, histogram.CountAtMost(values.Min() - 1));
        Assert.Equal(histogram.Count, histogram.CountAtMost(values.Max()));
        Assert.Equal(1 - (histogram.CountAtMost(5_000_000) / 20_000.0), histogram.FractionAbove(5_000_000), 1e-12);
    }

    [Theory]
    [InlineData(0.5, 20)]
    [InlineData(0.5, 3000)]
    [InlineData(0.1, 200)]
    [InlineData(0.9, 200)]
    [InlineData(0.99, 700)]
    [InlineData(0.99, 20_000)]
    [InlineData(0.999, 5000)]
    public void Confidence_bounds_cover_the_true_quantile_as_often_as_they_say(double q, int count)
    {
        // the values drawn are uniform ranks, made latencies by a function that keeps their order
        var truth = LatencyOf(q);
        var (trials, random) = (count > 10_000 ? 300 : 2000, new Random(7));
        var (below, above) = (0, 0);
        for (var trial = 0; trial < trials; trial++)
        {
            var histogram = new LatencyHistogram(6);
            for (var i = 0; i < count; i++)
                histogram.Record((long)LatencyOf(random.NextDouble()));
            var (lower, upper) = histogram.QuantileBounds(q, 0.9);
            Assert.InRange(histogram.Quantile(q), lower, upper);
            below += truth < lower ? 1 : 0;
            above += truth > upper ? 1 : 0;
        }
        // at most 5 % each, and 4 standard deviations for luck
        var most = (0.05 * trials) + (4 * Math.Sqrt(0.05 * 0.95 * trials));
        Assert.InRange(below, 0, most);
        Assert.InRange(above, 0, most);
    }

    [Fact]
    public void Bounds_are_not_wider_than_they_have_to_be()
    {
        // so steep that buckets do not matter: a bound is missed nearly as often as it may be
        var (missed, random) = (0, new Random(8));
        for (var trial = 0; trial < 2000; trial++)
        {
            var histogram = new LatencyHistogram(6);
            for (var i = 0; i < 2000; i++)
                histogram.Record((long)LatencyOf(random.NextDouble()));
            var (lower, upper) = histogram.QuantileBounds(0.5, 0.9);
            missed += LatencyOf(0.5) < lower || LatencyOf(0.5) > upper ? 1 : 0;
        }
        Assert.InRange(missed / 2000.0, 0.06, 0.115);
    }

    [Fact]
    public void Weights_widen_the_bounds_to_what_the_sample_says()
    {
        const double Q = 0.9;
        var (missed, naive, random) = (0, 0, new Random(9));
        for (var trial = 0; trial < 1000; trial++)
        {
            var histogram = new LatencyHistogram(6);
            for (var i = 0; i < 1000; i++)
            {
                // half are sampled one in 16, the others one in 2
                var weight = i % 2 == 0 ? 16UL : 2;
                if (random.Next((int)weight) == 0)
                    histogram.Record((long)LatencyOf(random.NextDouble()), weight);
            }
            var (lower, upper) = histogram.QuantileBounds(Q, 0.9);
            missed += LatencyOf(Q) < lower || LatencyOf(Q) > upper ? 1 : 0;
            (lower, upper) = histogram.QuantileBounds(Q, 0.9, histogram.Count);
            naive += LatencyOf(Q) < lower || LatencyOf(Q) > upper ? 1 : 0;
        }
        Assert.InRange(missed / 1000.0, 0, 0.13);
        Assert.True(naive > 2 * missed, $"{naive} missed when weights are taken for spans, {missed} when not");
    }

    [Fact]
    public void A_sample_too_small_for_a_bound_has_none()
    {
        var histogram = SomeLatencies.Histogram(SomeLatencies.Create("log-normal", 100));
        Assert.Equal(double.PositiveInfinity, histogram.QuantileBounds(0.99).UpperNanos);
        Assert.Equal(0, histogram.QuantileBounds(0.01).LowerNanos);
        Assert.InRange(histogram.QuantileBounds(0.5).UpperNanos, histogram.Quantile(0.5), histogram.Max);
        Assert.Equal((0, double.PositiveInfinity), histogram.QuantileBounds(0.5, effectiveCount: 0.5));
    }

    [Theory]
    // P(B < 2) = 0.0107 and P(B < 3) = 0.0547 for B(10, 0.5)
    [InlineData(0.5, 10, 0.025, 2, 9)]
    // P(B = 0) = 0.349 and P(B < 4) = 0.987 for B(10, 0.1)
    [InlineData(0.1, 10, 0.025, 0, 4)]
    [InlineData(0.9, 10, 0.025, 7, 11)]
    // 0.99^n <= 0.05 from n = 299 on: the largest of 299 spans bounds a p99
    [InlineData(0.99, 298, 0.05, 292, 299)]
    [InlineData(0.99, 299, 0.05, 293, 299)]
    public void Ranks_are_those_of_the_binomial_distribution(
        double q, double n, double tail, double lower, double upper) =>
        Assert.Equal((lower, upper), OrderStatistics.RanksAround(q, n, tail));

    [Theory]
    [InlineData(0.5, 100)]
    [InlineData(0.5, 10_000)]
    [InlineData(0.05, 3000)]
    [InlineData(0.05, 4000)]
    [InlineData(0.99, 10_000)]
    [InlineData(0.99, 20_000)]
    [InlineData(0.999, 200_000)]
    public void Ranks_are_no_further_apart_than_the_distribution_asks_for(double q, int n)
    {
        foreach (var tail in (double[])[0.1, 0.025, 0.005])
        {
            // n of the normal distribution's side may be off by a rank
            var slack = n * q * (1 - q) < 150 ? 0 : 1;
            var (lower, upper) = OrderStatistics.RanksAround(q, n, tail);
            Assert.True(Below((int)lower - slack, q, n) <= tail && Below((int)lower + 1 + slack, q, n) > tail);
            Assert.True(Below((int)upper + slack, q, n) >= 1 - tail && Below((int)upper - 1 - slack, q, n) < 1 - tail);
        }
    }

    /// <summary>P(B &lt; rank) for B(n, q), summed in logarithms.</summary>
    static double Below(int rank, double q, int n)
    {
        var (sum, logarithm) = (0.0, n * Math.Log(1 - q));
        for (var i = 0; i < rank; i++)
        {
            sum += Math.Exp(logarithm);
            logarithm += Math.Log((n - i) / (i + 1.0)) + Math.Log(q / (1 - q));
        }
        return sum;
    }

    /// <summary>From 1 µs to 1,000 s in nanoseconds, steadily steeper.</summary>
    static double LatencyOf(double rank) => 1000 * Math.Pow(10, 9 * rank);
}
