using Tracing.Storage;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

public sealed class SeenSpansTests
{
    [Fact]
    public void What_was_not_stored_is_not_known()
    {
        var seen = new SeenSpans();
        Assert.True(Add(seen, 1));
        Assert.False(Add(seen, 1));
        seen.Publish();
        Assert.True(Add(seen, 2));
        seen.Discard();
        Assert.True(Add(seen, 2));
        Assert.False(Add(seen, 1));
    }

    [Fact]
    public void The_oldest_are_forgotten_when_there_is_no_room()
    {
        var seen = new SeenSpans(maxBytes: 48 * 2 * 100);
        Assert.Equal(100, seen.Capacity);
        for (var i = 1ul; i <= 1000; i++)
        {
            Assert.True(Add(seen, i));
            // those before, as many as are promised
            Assert.False(Add(seen, i > 100 ? i - 100 : 1));
        }
        seen.Publish();
        Assert.True(Add(seen, 1));
        Assert.True(Add(seen, 799));
    }

    [Fact]
    public void What_is_forgotten_meanwhile_can_be_discarded()
    {
        var seen = new SeenSpans(maxBytes: 48 * 2 * 10);
        for (var i = 1ul; i <= 15; i++)
            Assert.True(Add(seen, i));
        seen.Discard();
        for (var i = 1ul; i <= 15; i++)
            Assert.True(Add(seen, i));
    }

    static bool Add(SeenSpans seen, ulong trace) => seen.TryAdd(Otlp(trace, "cart"), "cart");
}
