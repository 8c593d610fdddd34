using Tracing.Storage;
using Xunit;

namespace Tracing.Tests;

/// <summary>Which traces are kept when partitions are thinned out, and why.</summary>
public sealed class TiersTests
{
    [Fact]
    public void Failed_traces_are_kept_whatever_else_they_are() => Assert.Equal(
        [(7ul, new TraceKept(KeptReason.Error, 1))],
        Kept([.. Many(1000), Trace(7) with { HasError = true, IsDebug = true, Duration = 1_000_000, Path = 99 }]));

    [Theory]
    [InlineData(99, "")]
    [InlineData(100, "99")]
    [InlineData(199, "198")]
    [InlineData(200, "198 199")]
    public void The_slowest_of_a_hundred_are_kept_if_there_are_a_hundred(int count, string expected)
    {
        TraceTraits[] traces = [.. Enumerable.Range(0, count).Select(n => Trace(n) with { Duration = n + 1 })];
        Random.Shared.Shuffle(traces);
        var kept = Kept(traces);
        Assert.All(kept, each => Assert.Equal(new TraceKept(KeptReason.Slow, 1), each.Kept));
        Assert.Equal(expected, string.Join(' ', kept.Select(each => each.Trace).Order()));
    }

    [Fact]
    public void What_is_slow_is_slow_for_its_own_operation()
    {
        var fast = Enumerable.Range(0, 100).Select(n => Trace(n) with { Duration = n });
        var slow = Enumerable.Range(100, 100).Select(n => Trace(n) with { Duration = n * 1000, Operation = 2 });
        Assert.Equal([99ul, 199ul], Kept([.. fast, .. slow]).Select(each => each.Trace));
    }

    [Fact]
    public void Traces_as_long_as_all_others_are_not_slow() => Assert.Empty(Kept([.. Many(1000)]));

    [Theory]
    [InlineData(100, 100)]
    [InlineData(101, 0)]
    public void Up_to_a_hundred_traces_of_a_path_are_rare(int rare, int expected)
    {
        var kept = Kept([.. Many(2000), .. Enumerable.Range(5000, rare).Select(n => Trace(n) with { Path = 2 })]);
        Assert.Equal(expected, kept.Count);
        Assert.All(kept, each => Assert.Equal(new TraceKept(KeptReason.Rare, 1), each.Kept));
    }

    [Fact]
    public void Rare_traces_are_no_more_than_a_tenth_of_all()
    {
        // paths of 1, 2 and 3 traces: 40, 40 and 60 traces; with the last they would be more than a tenth
        var rare = Enumerable.Range(0, 100).SelectMany(path => Enumerable.Range(0, path < 40 ? 1 : path < 60 ? 2 : 3)
            .Select(n => Trace(5000 + (path * 10) + n) with { Path = 100 + (ulong)path })).Take(140).ToList();
        var kept = Kept([.. Many(1000), .. rare]);
        Assert.Equal(80, kept.Count);
        // and when all are different, none is rare
        Assert.Empty(Kept([.. Enumerable.Range(0, 1000).Select(n => Trace(n) with { Path = (ulong)n })]));
    }

    [Fact]
    public void Debug_traces_are_kept() => Assert.Equal(
        [(7ul, new TraceKept(KeptReason.Debug, 1))], Kept([.. Many(1000), Trace(7) with { IsDebug = true }]));

    [Fact]
    public void Exemplars_of_statistics_are_kept() => Assert.Equal(
        [(Exemplar, new TraceKept(KeptReason.Exemplar, 1))], Kept([.. Many(1000), Trace((int)Exemplar)]));

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.1)]
    [InlineData(0.01)]
    public void Of_all_others_a_share_is_kept_that_stands_for_all(double rate)
    {
        const int Count = 100_000;
        foreach (var step in new ulong[] { 1, 1ul << 32, 0x9e37_79b9_7f4a_7c15 })
        {
            var kept = Tiers.Decide([.. Enumerable.Range(1, Count).Select(n => Trace(0) with
            {
                Trace = unchecked((ulong)n * step),
            })], new HashSet<ulong>(), rate).ToList();
            Assert.All(kept, each => Assert.Equal(new TraceKept(KeptReason.Baseline, 1 / rate), each.Kept));
            // three standard errors of a sum of draws
            var error = 3 * Math.Sqrt(Count * (1 - rate) / rate);
            Assert.InRange(kept.Sum(each => each.Kept.Weight), Count - error, Count + error);
        }
    }

    [Fact]
    public void A_draw_falls_the_same_each_time_and_low_ones_within_high_ones()
    {
        var ids = Enumerable.Range(0, 10_000).Select(n => (ulong)n).ToList();
        var tenth = ids.Where(id => Tiers.IsDrawn(id, 0.1)).ToHashSet();
        Assert.Subset(ids.Where(id => Tiers.IsDrawn(id, 0.3)).ToHashSet(), tenth);
        Assert.True(tenth.SetEquals(ids.Where(id => Tiers.IsDrawn(id, 0.1))));
        Assert.DoesNotContain(ids, id => Tiers.IsDrawn(id, 0));
        Assert.All(ids, id => Assert.True(Tiers.IsDrawn(id, 1)));
    }

    const ulong Exemplar = 1_000_000_007;

    static TraceTraits Trace(int id) => new((ulong)id, false, false, 1, 100, 1);

    static IEnumerable<TraceTraits> Many(int count) => Enumerable.Range(1000, count).Select(Trace);

    /// <summary>With a baseline of nothing.</summary>
    static List<(ulong Trace, TraceKept Kept)> Kept(IReadOnlyList<TraceTraits> traces) =>
        [.. Tiers.Decide(traces, new HashSet<ulong> { Exemplar }, 0)];
}
