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

    [Fact]
    public void What_a_half_has_told_is_forgotten_when_it_was_not_stored()
    {
        var seen = new SeenSpans();
        var half = Zipkin(1) with { EndUnixNano = Micros(0), LocalEndpoint = null };
        Assert.False(seen.Add(half, "", Today).IsRepeat);
        seen.Publish();
        for (var i = 0; i < 2; i++)
        {
            var correction = seen.Add(Zipkin(1), "frontend", Today).Correction!;
            Assert.Equal((null, 10_000_000L), (correction.Withdrawn!.Nanos, correction.Counted.Nanos));
            Assert.Null(seen.Add(Zipkin(1), "frontend", Today).Correction);
            seen.Discard();
        }
        Assert.False(seen.Add(Zipkin(2), "frontend", Today).IsRepeat);
        seen.Discard();
        Assert.False(seen.Add(Zipkin(2), "frontend", Today).IsRepeat);
    }

    [Fact]
    public void Many_spans_of_one_id_are_told_apart_as_far_as_they_are_remembered()
    {
        var seen = new SeenSpans();
        for (var i = 0; i < 1000; i++)
            Assert.True(seen.TryAdd(Otlp(1, $"service-{i}"), $"service-{i}"));
        Assert.False(seen.TryAdd(Otlp(1, "service-0"), "service-0"));
        Assert.True(Add(seen, 2));
    }

    static bool Add(SeenSpans seen, ulong trace) => seen.TryAdd(Otlp(trace, "cart"), "cart");
}
