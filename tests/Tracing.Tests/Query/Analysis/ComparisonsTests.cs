using Tracing.Query;
using Tracing.Storage;
using Xunit;

namespace Tracing.Tests;

public sealed class ComparisonsTests
{
    const double FalseShare = 0.05;

    static SpanLatencies Period(Random random, int count, double shift = 0, double errors = 0.02)
    {
        var latencies = new SpanLatencies();
        for (var i = 0; i < count; i++)
        {
            (random.NextDouble() < errors ? latencies.Failed : latencies.Succeeded)
                .Record(TwoSamplesTests.LogNormal(random, 2e7, 0.7, shift));
        }
        return latencies;
    }

    /// <summary>
    /// 300 answers on 20 operations each in which nothing changed: of them at most the share promised may name a
    /// change, but for three standard deviations of chance.
    /// </summary>
    [Fact]
    public void Where_nothing_changed_hardly_any_answer_ranks_something()
    {
        const int Answers = 300;
        var random = new Random(20);
        var (wrong, comparisons) = (0, 0);
        for (var i = 0; i < Answers; i++)
        {
            var (ranked, made) = Comparisons.Rank(Enumerable.Range(0, 20).Select(operation =>
                (operation, Period(random, 300), Period(random, random.Next(40, 500)))), FalseShare, minEffect: 0);
            wrong += ranked.Count > 0 ? 1 : 0;
            comparisons += made;
        }
        // some have no failure in either period to compare
        Assert.InRange(comparisons, (int)(Answers * 20 * 3 * 0.99), Answers * 20 * 3);
        Assert.InRange(wrong, 0, (Answers * FalseShare) + (3 * Math.Sqrt(Answers * FalseShare * (1 - FalseShare))));
    }

    [Fact]
    public void Real_changes_rank_before_all_and_the_greatest_first()
    {
        var random = new Random(21);
        List<(string, SpanLatencies, SpanLatencies)> pairs =
        [
            ("slower", Period(random, 2000, shift: 0.3), Period(random, 2000)),
            ("much slower", Period(random, 2000, shift: 1), Period(random, 2000)),
            ("failing", Period(random, 2000, errors: 0.2), Period(random, 2000)),
            ("faster", Period(random, 2000), Period(random, 2000, shift: 1)),
        ];
        for (var i = 0; i < 50; i++)
            pairs.Add(("same", Period(random, 2000), Period(random, 2000)));
        var (ranked, _) = Comparisons.Rank(pairs, FalseShare, minEffect: 0.1);
        Assert.Equal(["much slower: Latency", "failing: Errors", "slower: Latency"], ranked
            .Where(change => change.Aspect != ChangeAspect.Tail)
            .Select(change => $"{change.Subject}: {change.Aspect}"));
        Assert.DoesNotContain("same", ranked.Select(change => change.Subject));
        Assert.DoesNotContain("faster", ranked.Select(change => change.Subject));
    }

    [Fact]
    public void A_sure_but_small_change_does_not_rank()
    {
        var random = new Random(22);
        (string, SpanLatencies, SpanLatencies)[] pairs =
            [("little", Period(random, 100_000, shift: 0.05), Period(random, 100_000))];
        Assert.Empty(Comparisons.Rank(pairs, FalseShare, minEffect: 0.1).Ranked);
        var change = Comparisons.Rank(pairs, FalseShare, minEffect: 0).Ranked[0];
        Assert.Equal(ChangeAspect.Latency, change.Aspect);
        Assert.InRange(change.AdjustedP, 0, 1e-9);
    }
}
