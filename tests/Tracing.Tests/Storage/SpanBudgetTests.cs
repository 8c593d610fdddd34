using Tracing.Storage;
using Xunit;

namespace Tracing.Tests;

/// <summary>Spans of any size that is taken are bounded by their bytes, not by their number only.</summary>
public sealed class SpanBudgetTests
{
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
