using Tracing.Query;
using Xunit;

namespace Tracing.Tests;

public sealed class LoadBendTests
{
    static List<LoadPoint> Points(Random random, int count, double bend, double above, double noise) =>
        [.. Enumerable.Range(0, count).Select(_ =>
        {
            var rate = 10 + (190 * random.NextDouble());
            var error = Math.Log(TwoSamplesTests.LogNormal(random, 1e9, noise, 0) / 1e9);
            return new LoadPoint(
                rate, Math.Exp(Math.Log(1e7) + (0.001 * rate) + (above * Math.Max(0, rate - bend)) + error));
        })];

    [Fact]
    public void A_bend_is_found_where_it_is()
    {
        var (bend, p) = LoadBend.Fit(Points(new Random(1), 300, bend: 120, above: 0.02, noise: 0.1));
        Assert.InRange(p, 0, 1e-6);
        Assert.NotNull(bend);
        Assert.InRange(bend.Rate, 115, 125);
        Assert.InRange(120, bend.LowerRate, bend.UpperRate);
        Assert.Equal(0.001, bend.GrowthBelow, 0.001);
        Assert.Equal(Math.Exp(0.021) - 1, bend.GrowthAbove, 0.002);
        Assert.Equal(1e7 * Math.Exp(0.12), bend.NanosAtBend, 1e6);
    }

    [Fact]
    public void Points_without_noise_are_met_exactly()
    {
        var points = Enumerable.Range(0, 100)
            .Select(i => new LoadPoint(i, Math.Exp(10 + (0.01 * i) + (0.1 * Math.Max(0, i - 60))))).ToList();
        var bend = LoadBend.Fit(points).Bend!;
        Assert.Equal(60, bend.Rate);
        Assert.Equal(Math.Exp(0.11) - 1, bend.GrowthAbove, 6);
        Assert.Equal(Math.Exp(10.6), bend.NanosAtBend, 0.01);
    }

    /// <summary>400 straight lines with noise; the best of all breaks is tried on each.</summary>
    [Fact]
    public void A_straight_line_hardly_ever_bends()
    {
        const int Lines = 400;
        var random = new Random(2);
        var bends = Enumerable.Range(0, Lines).Count(_ =>
            LoadBend.Fit(Points(random, 60, bend: 1000, above: 0, noise: 0.2)).Bend is not null);
        Assert.InRange(bends, 0, (Lines * LoadBend.Significance) + (3 * Math.Sqrt(Lines * LoadBend.Significance)));
    }

    [Fact]
    public void A_bend_downwards_is_none() =>
        Assert.Null(LoadBend.Fit(Points(new Random(3), 300, bend: 100, above: -0.02, noise: 0.1)).Bend);

    [Fact]
    public void Few_points_or_rates_tell_nothing()
    {
        Assert.Equal((null, 1), LoadBend.Fit([]));
        Assert.Equal((null, 1), LoadBend.Fit([.. Enumerable.Repeat(new LoadPoint(5, 100), 100)]));
        Assert.Equal((null, 1), LoadBend.Fit(
            [.. Enumerable.Range(0, LoadBend.MinPoints - 1).Select(i => new LoadPoint(i, 100 + i))]));
        // latency that is the same all the time
        Assert.Null(LoadBend.Fit([.. Enumerable.Range(0, 100).Select(i => new LoadPoint(i, 100))]).Bend);
    }
}
