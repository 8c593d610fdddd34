using Tracing.Storage;
using Tracing.Storage.DuckDb;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>Spans of any size that is taken are bounded by their bytes, not by their number only.</summary>
public sealed class LargeSpansTests : EmbeddedStoreTests
{
    [Fact]
    public async Task A_partition_ends_by_bytes_and_large_spans_stay_what_they_were()
    {
        var options = new DuckDbStoreOptions { SealBytes = 1 << 20, BaselineRate = 1 };
        var store = Open(options);
        var random = new Random(1);
        var spans = Enumerable.Range(1, 30).Select(n => Otlp((ulong)n).With(
            Tag("text", new string((char)('a' + random.Next(26)), random.Next(500_000))), Tag("n", $"{n}"))).ToList();
        foreach (var span in spans)
        {
            Assert.Equal(AppendOutcome.Stored, await store.AppendAsync(Batch(span), Cancellation));
            // or spans are refused, as sealing is behind
            await store.WhenSealedAsync();
        }
        // arrays grow by doubling, so that a partition may have but one span
        Assert.InRange(store.Partitions.Count, 4, 29);
        await AssertStoredAsync(store);
        Clock.Advance(TimeSpan.FromHours(2));
        await store.WhenKeptUpAsync();
        await store.WhenSealedAsync();
        Clock.Advance(TimeSpan.FromHours(2));
        await store.WhenKeptUpAsync();
        Assert.Contains(store.Partitions, each => each.Rewrites > 0);
        await AssertStoredAsync(store);
        await store.DisposeAsync();
        await AssertStoredAsync(Open(options));
        Assert.Empty(Log.Errors);

        async Task AssertStoredAsync(DuckDbSpanStore from) => Assert.Equal(spans, (await from.GetTracesAsync(
            [.. spans.Select(span => span.TraceId)], true, Cancellation)).Select(Assert.Single));
    }

    [Fact]
    public void What_waits_is_bounded_in_spans_and_in_bytes()
    {
        var budget = new SpanBudget(100);
        Assert.True(budget.TryTake(1000, 0));
        Assert.False(budget.TryTake(1, 0));
        budget.GiveBack(1000, 0);
        Assert.True(budget.TryTake(1, SpanBudget.MaxBytes * 2));
        Assert.False(budget.TryTake(1, 1));
        budget.GiveBack(1, SpanBudget.MaxBytes * 2);
        Assert.True(budget.TryTake(50, SpanBudget.MaxBytes / 2));
        Assert.True(budget.TryTake(50, SpanBudget.MaxBytes / 2));
        Assert.False(budget.TryTake(1, 0));
        Assert.Equal(100, budget.Waiting);
    }
}
