using Tracing.Storage;

namespace Tracing.Query;

/// <summary>What can get worse.</summary>
enum ChangeAspect
{
    /// <summary>Durations as a whole, by ranks.</summary>
    Latency,

    /// <summary>The slowest hundredth.</summary>
    Tail,
    Errors,
}

/// <summary>A comparison of one aspect of something in two periods.</summary>
/// <param name="AdjustedP">Corrected for all comparisons that were made.</param>
/// <param name="Superiority">
/// Of durations: the probability that a span is slower than one of the other period; NaN for other aspects.
/// </param>
sealed record Comparison<T>(T Subject, ChangeAspect Aspect, SampleTest Test, double AdjustedP, double Superiority);

/// <summary>Compares many things with what they were, and ranks those that got worse.</summary>
static class Comparisons
{
    /// <summary>
    /// Those that got worse, the surest effect first. Noise does not rank: without any change some comparison does with
    /// a probability of at most <paramref name="falseShare"/>.
    /// </summary>
    /// <param name="falseShare">
    /// Share of what is ranked that may be no change; see <see cref="FalseDiscovery"/>.
    /// </param>
    /// <param name="minEffect">
    /// Smaller effects do not rank, however sure they are; see <see cref="SampleTest"/>.
    /// </param>
    /// <returns>What ranks, and how many comparisons were made.</returns>
    public static (List<Comparison<T>> Ranked, int Made) Rank<T>(
        IEnumerable<(T Subject, SpanLatencies Now, SpanLatencies Before)> pairs, double falseShare, double minEffect)
    {
        var all = pairs.SelectMany(pair => Compare(pair.Subject, pair.Now, pair.Before)).ToList();
        var adjusted = FalseDiscovery.Adjust([.. all.Select(each => each.Test.P)]);
        return ([.. all
            .Select((each, i) => each with { AdjustedP = adjusted[i] })
            .Where(each => each.AdjustedP <= falseShare && each.Test.Effect >= minEffect)
            .OrderByDescending(each => each.Test.SureEffect)], all.Count);
    }

    static IEnumerable<Comparison<T>> Compare<T>(T subject, SpanLatencies now, SpanLatencies before)
    {
        var (nowAll, beforeAll) = (now.All(), before.All());
        var (superiority, test) = RankTest.Compare(nowAll, beforeAll);
        yield return new(subject, ChangeAspect.Latency, test, test.P, superiority);
        test = ProportionTest.CompareTails(nowAll, beforeAll);
        yield return new(subject, ChangeAspect.Tail, test, test.P, double.NaN);
        // where nothing failed there is nothing to compare
        if (now.Failed.Calls == 0 && before.Failed.Calls == 0)
            yield break;
        test = ProportionTest.Compare(ErrorShare(now), nowAll.EffectiveCalls, ErrorShare(before),
            beforeAll.EffectiveCalls);
        yield return new(subject, ChangeAspect.Errors, test, test.P, double.NaN);
    }

    static double ErrorShare(SpanLatencies latencies) => (double)latencies.Failed.Calls / latencies.Count;
}
