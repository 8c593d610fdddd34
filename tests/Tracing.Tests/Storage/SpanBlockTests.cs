using FsCheck.Fluent;
using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.Engine;
using Tracing.Storage.TraceQl;
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
    public void The_order_stored_can_be_told_of_spans_of_several_hours()
    {
        // the day begins between them
        Span[] spans = [Otlp(1, id: 1).At(5), Otlp(2, id: 2).At(-5), Otlp(1, id: 3).At(-6), Otlp(3, id: 4).At(7)];
        var blocks = BlockMaker.Make([.. spans], 9, 8, 1000);
        Assert.Equal(2, blocks.Count);
        var found = blocks.SelectMany(each =>
        {
            var block = SpanBlock.Decode(each.Data);
            return Enumerable.Range(0, block.Count)
                .Select(i => (Place: SpanPlace.Of(each.Head.Id, block, i), Span: block.ToSpan(i)));
        }).OrderBy(each => each.Place);
        Assert.Equal(spans, found.Select(each => each.Span));
    }

    [Fact]
    public void A_damaged_block_is_no_block()
    {
        using var encoder = new BlockEncoder();
        var data = encoder.Encode([Otlp(1), Otlp(2)]);
        Assert.Throws<InvalidDataException>(() => SpanBlock.Decode([9, .. data]));
        Assert.ThrowsAny<Exception>(() => SpanBlock.Decode(data[..^5]));
    }

    [Theory]
    [InlineData("{ .colour = \"red\" }", "2 5")]
    [InlineData("{ span.colour = \"red\" }", "2 5")]
    [InlineData("{ !(span.colour = \"red\") }", "1 3 4")]
    [InlineData("{ name = \"b\" && resource.colour = \"red\" }", "2")]
    [InlineData("{ name = \"a\" || duration > 5ms }", "1 3 4 5")]
    [InlineData("{ status = error }", "4")]
    [InlineData("{ span.nobody = \"has it\" }", "")]
    public void A_filter_finds_the_same_in_columns_as_in_spans(string query, string expected)
    {
        var red = new Resource { Attributes = [Tag("colour", "red")] };
        Span[] spans =
        [
            // an empty value is there all the same
            Otlp(1, name: "a").With(new KeyValue("colour", default)) with { Resource = red },
            Otlp(2, name: "b").At(0, 5).With(Tag("colour", "blue"), Tag("colour", "red")) with { Resource = red },
            Otlp(3, name: "a").At(0, 5).With(Tag("colour", "blue")) with { Resource = red },
            Otlp(4, name: "c") with { Status = StatusCode.Error },
            Otlp(5, name: "c").At(5).With(Tag("colour", "red")),
        ];
        // in a block with a span of Zipkin's columns tell less
        foreach (var block in new[] { Decode(spans), Decode([.. spans, Zipkin(9, "x", "x").At(0, 1)]) })
        {
            var found = new BlockFilter(SpanFilter.Parse(query)).Find(block, Micros(0), Micros(10))
                .Select(i => block.ToSpan(i).TraceId.Low).Where(low => low < 9);
            Assert.Equal(expected, string.Join(' ', found));
        }
    }

    [Theory]
    [InlineData(SearchOrder.Slowest, "{ }", "2:100000 1:30000 3:10000")]
    [InlineData(SearchOrder.MostSpans, "{ }", "1:3 2:1 3:1")]
    [InlineData(SearchOrder.MostErrors, "{ status = error }", "1:2")]
    [InlineData(SearchOrder.MostSpans, "{ resource.service.name = \"cart\" }", "1:3 3:1")]
    [InlineData(SearchOrder.MostSpans, "{ duration > 50us && name = \"b\" }", "2:1")]
    [InlineData(SearchOrder.Slowest, "{ resource.service.name = \"nobody\" }", "")]
    public void Traces_are_ranked_by_all_blocks_that_have_spans_of_them(
        SearchOrder order, string query, string expected)
    {
        var failed = Otlp(1, "web").At(0, 10) with { Status = StatusCode.Error };
        var filter = new BlockFilter(SpanFilter.Parse(query));
        var briefs = new Span[][]
        {
            [failed, Otlp(2, "web", "b").At(5, 100)],
            [Otlp(1, "cart", id: 2).At(20, 10), failed with { SpanId = new SpanId(3) }, Otlp(3, "cart").At(9, 10)],
        }.Select(spans => BlockBrief.Of(Decode(spans), resource => resource))
            .Select(brief => (brief, filter.FindTraces(brief))).ToList();
        var ranked = RankedTraces.Of(order, briefs, Micros(0), Micros(10));
        var found = new List<string>();
        while (ranked.TryPeek(out _, out var value))
            found.Add($"{ranked.Dequeue().Low}:{value}");
        Assert.Equal(expected, string.Join(' ', found));
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
