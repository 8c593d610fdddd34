using Tracing.Model;
using Tracing.Query;
using Xunit;

namespace Tracing.Tests;

public sealed class TwoSamplesTests
{
    /// <summary>A duration far from the others' buckets for each number.</summary>
    static LatencyHistogram Of(params int[] values)
    {
        var histogram = new LatencyHistogram();
        foreach (var value in values)
            histogram.Record(1L << value);
        return histogram;
    }

    [Fact]
    public void Ranks_are_compared_with_ties()
    {
        // X = 2 4 4 7, Y = 1 3 4
        var (superiority, test) = RankTest.Compare(Of(2, 4, 4, 7), Of(1, 3, 4));
        // pairs: 2>1; 4>1, 4>3, 4=4, twice; 7>1, 7>3, 7>4
        Assert.Equal((1 + 2.5 + 2.5 + 3) / 12, superiority, 12);
        // three spans are tied: (N + 1 - 24 / 42) / (12 n m)
        var deviation = Math.Sqrt((8 - (24 / 42.0)) / 144);
        Assert.Equal((0.75 - 0.5) / deviation, test.Z, 12);
        Assert.Equal(NormalDistribution.UpperTail(test.Z), test.P, 12);
        Assert.Equal(0.25, 1 - RankTest.Compare(Of(1, 3, 4), Of(2, 4, 4, 7)).Superiority - 0.5, 12);
    }

    [Fact]
    public void Equal_samples_differ_by_nothing()
    {
        var (superiority, test) = RankTest.Compare(Of(1, 2, 3), Of(1, 2, 3));
        Assert.Equal(0.5, superiority, 1e-12);
        Assert.Equal(0, test.Z, 1e-12);
        Assert.Equal(0.5, test.P, 1e-12);
        Assert.Equal(0, test.Effect, 1e-12);
        Assert.Equal(SampleTest.Nothing, RankTest.Compare(Of(5, 5, 5), Of(5, 5)).Test);
        Assert.Equal(SampleTest.Nothing, RankTest.Compare(Of(), Of(5, 5)).Test);
        var zero = new LatencyHistogram();
        zero.Record(0, 3);
        Assert.Equal(0, RankTest.Compare(zero, Of(1)).Superiority);
    }

    [Fact]
    public void The_effect_is_the_shift_in_standard_deviations()
    {
        var random = new Random(5);
        var (x, y) = (new LatencyHistogram(), new LatencyHistogram());
        for (var i = 0; i < 50_000; i++)
        {
            x.Record(LogNormal(random, 1e6, 0.5, shift: 0.3));
            y.Record(LogNormal(random, 1e6, 0.5, shift: 0));
        }
        var (superiority, test) = RankTest.Compare(x, y);
        Assert.Equal(0.3, test.Effect, 0.02);
        Assert.Equal(NormalDistribution.Cdf(0.3 / Math.Sqrt(2)), superiority, 0.005);
        Assert.InRange(test.SureEffect, 0.27, test.Effect);
    }

    [Fact]
    public void Weights_do_not_make_spans_more()
    {
        var (light, heavy) = (new LatencyHistogram(), new LatencyHistogram());
        foreach (var value in (int[])[2, 4, 6, 7])
        {
            light.Record(1L << value);
            heavy.Record(1L << value, 1000);
        }
        Assert.Equal(RankTest.Compare(light, Of(1, 3, 4)).Test.Z, RankTest.Compare(heavy, Of(1, 3, 4)).Test.Z, 10);
    }

    /// <summary>The lady who tasted tea, and a table of R's manual: convictions of twins.</summary>
    [Theory]
    [InlineData(3, 4, 1, 4, 17 / 70.0)]
    [InlineData(4, 4, 0, 4, 1 / 70.0)]
    [InlineData(10, 13, 2, 17, 0.0004651809)]
    [InlineData(0, 5, 5, 5, 1)]
    [InlineData(1, 4, 3, 4, 69 / 70.0)]
    // the probability of this very table is less than the smallest double
    [InlineData(10_000, 1_000_000, 1000, 1000, 1)]
    [InlineData(10_000, 1_000_000, 999, 1000, 1)]
    public void Fishers_test_is_exact(double k1, double n1, double k2, double n2, double p)
    {
        Assert.Equal(p, ProportionTest.FisherUpperTail(k1, n1, k2, n2), 9);
        var test = ProportionTest.Compare(k1 / n1, n1, k2 / n2, n2);
        Assert.Equal(p, test.P, 9);
        Assert.Equal(p, NormalDistribution.UpperTail(test.Z), 9);
    }

    [Fact]
    public void Shares_of_many_are_compared_by_z()
    {
        // 60 of 500 and 40 of 500: p = 0.1, z = 0.04 / sqrt(0.09 * 0.004)
        var test = ProportionTest.Compare(0.12, 500, 0.08, 500);
        Assert.Equal(0.04 / Math.Sqrt(0.00036), test.Z, 9);
        Assert.Equal(2 * (Math.Asin(Math.Sqrt(0.12)) - Math.Asin(Math.Sqrt(0.08))), test.Effect, 12);
        Assert.Equal(1 - test.P, ProportionTest.Compare(0.08, 500, 0.12, 500).P, 12);
    }

    [Fact]
    public void Both_tests_of_shares_agree_where_they_meet()
    {
        var exact = ProportionTest.FisherUpperTail(70, 1000, 40, 1000);
        var normal = ProportionTest.Compare(0.07, 1000, 0.04, 1000).P;
        Assert.InRange(Math.Log10(exact / normal), 0, 0.5);
    }

    [Fact]
    public void A_tail_is_seen_that_ranks_do_not_see()
    {
        var random = new Random(6);
        var (x, y) = (new LatencyHistogram(), new LatencyHistogram());
        for (var i = 0; i < 20_000; i++)
        {
            x.Record(LogNormal(random, i % 100 == 0 ? 1e8 : 1e6, 0.3, shift: 0));
            y.Record(LogNormal(random, 1e6, 0.3, shift: 0));
        }
        Assert.InRange(RankTest.Compare(x, y).Test.Effect, -0.05, 0.05);
        var tail = ProportionTest.CompareTails(x, y);
        Assert.InRange(tail.P, 0, 1e-6);
        Assert.InRange(tail.Effect, 0.1, 0.3);
        Assert.Equal(SampleTest.Nothing, ProportionTest.CompareTails(new LatencyHistogram(), y));
    }

    internal static long LogNormal(Random random, double median, double sigma, double shift)
    {
        // Box and Muller, 1958
        var normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        return (long)(median * Math.Exp(sigma * (normal + shift)));
    }
}
