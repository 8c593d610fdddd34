using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.Blocks;
using Tracing.Storage.Engine;
using Tracing.Storage.TraceQl;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>What the engine reads in the blocks of groups.</summary>
public sealed class GroupBlocksTests
{
    [Fact]
    public void The_order_stored_can_be_told_of_spans_of_several_hours()
    {
        // the day begins between them
        Span[] spans =
        [
            Otlp(1, id: 1).At(5), Otlp(2, id: 2).At(-5), Otlp(1, id: 3).At(-6), Otlp(3, id: 4).At(7),
            Otlp(1, id: 5).At(-7), Otlp(1, id: 6).At(4), Otlp(1, id: 7).At(-8),
        ];
        var blocks = GroupBlocks.Make(spans, 9, 8, 1000);
        Assert.Equal(2, blocks.Count);
        var found = blocks.SelectMany((each, number) =>
        {
            var block = new SpanBlock(each.Bytes);
            return block.ReadAll()
                .Select((span, i) => (Place: SpanPlace.Of(new BlockId(9, 8, number), block, i), Span: span));
        }).OrderBy(each => each.Place).ToList();
        Assert.All(spans.GroupBy(span => span.TraceId), trace =>
            Assert.Equal(trace, found.Select(each => each.Span).Where(span => span.TraceId == trace.Key)));
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
        var filter = new BriefFilter(SpanFilter.Parse(query));
        var briefs = new Span[][]
        {
            [failed, Otlp(2, "web", "b").At(5, 100)],
            [Otlp(1, "cart", id: 2).At(20, 10), failed with { SpanId = new SpanId(3) }, Otlp(3, "cart").At(9, 10)],
        }.Select(spans => BlockBrief.Of(Decode(spans), resource => resource))
            .Select(brief => (brief, filter.Find(brief))).ToList();
        var ranked = RankedTraces.Of(order, briefs, Micros(0), Micros(10));
        var found = new List<string>();
        while (ranked.TryPeek(out _, out var value))
            found.Add($"{ranked.Dequeue().Low}:{value}");
        Assert.Equal(expected, string.Join(' ', found));
    }

    static SpanBlock Decode(Span[] spans) => new(Assert.Single(GroupBlocks.Make(spans, 9, 8, 1000)).Bytes);
}
