using FsCheck.Fluent;
using Tracing.Model;
using Tracing.Storage.Cassandra;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>Blocks of spans, without Cassandra.</summary>
public sealed class SpanBlockTests
{
    [Fact]
    public void Any_spans_come_back_in_their_order()
    {
        Span[] spans = [.. SpanGen.Otlp.Sample(200, 50), .. ZipkinSpanGen.Zipkin.Sample(200, 50)];
        AssertSame(spans);
        AssertSame([]);
        // one encoder after the other
        AssertSame([.. spans.Take(10)]);
    }

    [Fact]
    public void Parents_come_back_near_and_far()
    {
        var random = new Random(3);
        AssertSame([.. Enumerable.Range(1, 500).Select(n => Otlp((ulong)(n / 100) + 1, id: (ulong)n) with
        {
            ParentSpanId = new SpanId((ulong)random.Next(0, 550)),
        })]);
    }

    [Fact]
    public void Spans_of_a_trace_are_found_by_the_low_half_of_its_id()
    {
        Span[] spans = [Otlp(1), Otlp(2), Otlp(2, id: 2) with { TraceId = Trace(2, 1) }, Otlp(3)];
        var block = Decode(spans);
        Assert.Equal((1, 3), block.RangeOf(2));
        Assert.Equal((3, 4), block.RangeOf(3));
        Assert.Equal((0, 0), block.RangeOf(4));
    }

    [Fact]
    public void A_damaged_block_is_no_block()
    {
        using var encoder = new BlockEncoder();
        var data = encoder.Encode([Otlp(1), Otlp(2)]);
        Assert.Throws<InvalidDataException>(() => SpanBlock.Decode([9, .. data]));
        Assert.ThrowsAny<Exception>(() => SpanBlock.Decode(data[..^5]));
    }

    static void AssertSame(Span[] spans)
    {
        var block = Decode(spans);
        Assert.Equal(spans, Enumerable.Range(0, block.Count).Select(block.ToSpan));
    }

    static SpanBlock Decode(Span[] spans)
    {
        using var encoder = new BlockEncoder();
        encoder.Encode([Otlp(77)]);
        return SpanBlock.Decode(encoder.Encode(spans));
    }
}
