using Tracing.Query;
using Xunit;

namespace Tracing.Tests;

/// <summary>Against printed tables and closed forms.</summary>
public sealed class DistributionsTests
{
    [Theory]
    [InlineData(0, 0.5)]
    [InlineData(1, 0.15865525393145705)]
    [InlineData(1.959963984540054, 0.025)]
    [InlineData(3, 0.0013498980316300945)]
    [InlineData(5, 2.866515718791939e-7)]
    [InlineData(10, 7.61985302416052e-24)]
    [InlineData(30, 4.906713927148187e-198)]
    [InlineData(-1, 0.8413447460685429)]
    public void The_normal_distribution_is_exact_far_out_too(double z, double tail)
    {
        AssertNear(tail, NormalDistribution.UpperTail(z));
        AssertNear(1 - tail, NormalDistribution.Cdf(z));
        Assert.Equal(z, NormalDistribution.UpperQuantile(tail), 9);
    }

    [Fact]
    public void The_normal_distribution_has_no_step_where_formulas_meet() => AssertNear(
        NormalDistribution.Density(2) * 2e-9,
        NormalDistribution.UpperTail(2 - 1e-9) - NormalDistribution.UpperTail(2 + 1e-9), 1e-5);

    [Fact]
    public void Quantiles_of_nothing_and_all_are_finite()
    {
        Assert.InRange(NormalDistribution.UpperQuantile(0), 37, 38);
        Assert.InRange(NormalDistribution.UpperQuantile(1), -38, -37);
        Assert.True(double.IsNaN(NormalDistribution.UpperTail(double.NaN)));
    }

    /// <summary>
    /// t from printed tables; with one degree of freedom it is Cauchy's distribution, with two algebraic.
    /// </summary>
    [Theory]
    [InlineData(2.2281388519649385, 10, 0.025)]
    [InlineData(1.697260886593957, 30, 0.05)]
    [InlineData(1, 1, 0.25)]
    [InlineData(-1, 1, 0.75)]
    [InlineData(1.4142135623730951, 2, 0.14644660940672624)]
    [InlineData(0, 7, 0.5)]
    public void Students_distribution_is_that_of_the_tables(double t, double degrees, double tail) =>
        Assert.Equal(tail, SpecialFunctions.StudentUpperTail(t, degrees), 10);

    [Fact]
    public void Beta_and_gamma_have_their_closed_forms()
    {
        AssertNear(Math.Log(Math.Sqrt(Math.PI)), SpecialFunctions.LogGamma(0.5));
        AssertNear(Math.Log(3_628_800), SpecialFunctions.LogFactorial(10));
        AssertNear(0.6875, SpecialFunctions.IncompleteBeta(2, 3, 0.5));
        // the distribution of the least of three uniform numbers
        AssertNear(1 - Math.Pow(0.7, 3), SpecialFunctions.IncompleteBeta(1, 3, 0.3));
        Assert.Equal((0, 1), (SpecialFunctions.IncompleteBeta(2, 3, 0), SpecialFunctions.IncompleteBeta(2, 3, 1)));
    }

    /// <summary>
    /// The example of the paper: of 15 comparisons four are changes at 5 %, where Bonferroni finds three.
    /// </summary>
    [Fact]
    public void Benjamini_and_Hochbergs_example_is_met()
    {
        double[] values =
        [
            0.0344, 0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
            0.7590, 1.0,
        ];
        var adjusted = FalseDiscovery.Adjust(values);
        Assert.Equal(4, adjusted.Count(p => p <= 0.05));
        AssertNear(0.0095 * 15 / 4, adjusted[4]);
        AssertNear(0.0344 * 15 / 8, adjusted[0]);
        // 0.0278 * 15 / 6 is more than what the next has
        AssertNear(0.0298 * 15 / 7, adjusted[6]);
        Assert.Equal(1, adjusted[^1]);
        Assert.Empty(FalseDiscovery.Adjust([]));
    }

    static void AssertNear(double expected, double actual, double relative = 1e-11) =>
        Assert.InRange(actual, expected - (Math.Abs(expected) * relative), expected + (Math.Abs(expected) * relative));
}
