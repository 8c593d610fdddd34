using Tracing.Model;
using Tracing.Query;
using Tracing.Storage;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

public sealed class TraceWindowTests
{
    /// <summary>1 to 2 (to 4, 5) and 3; 6 names an absent parent, 7 and 8 each other.</summary>
    static readonly Span[] Spans =
    [
        Child(8, 7, 90), Child(7, 8, 80), Child(6, 99, 50), Child(3, 1, 20), Child(2, 1, 10), Child(5, 2, 12),
        Child(4, 2, 12), Child(1, 0, 0, 100),
    ];

    static Span Child(ulong id, ulong parent, long at, long duration = 5) =>
        Otlp(1, id: id).At(at, duration) with { ParentSpanId = new SpanId(parent) };

    static string Ids(IEnumerable<Span> spans) => string.Join(' ', spans.Select(span => $"{span.SpanId.Value:x}"));

    static string Show(TraceWindowQuery query)
    {
        var (spans, summary) = TraceWindow.Of(Spans, query)!;
        var hidden = summary.Hidden.Select(each => $"{each.SpanId.TrimStart('0')}:{each.Children}/{each.Descendants}");
        return $"{Ids(spans)} of {summary.SelectedSpans}; {string.Join(' ', hidden)}".TrimEnd(' ', ';');
    }

    [Fact]
    public void Parents_come_before_children_and_siblings_by_start() =>
        Assert.Equal("1 2 5 4 3 6 7 8 of 8", Show(new TraceWindowQuery()));

    [Fact]
    public void What_has_no_parent_here_is_an_orphan()
    {
        var summary = TraceWindow.Of(Spans, new TraceWindowQuery())!.Summary;
        Assert.Equal(["0000000000000006", "0000000000000007"], summary.Orphans);
        Assert.Equal((8, 8, 8), (summary.Spans, summary.SelectedSpans, summary.WindowSpans));
        Assert.Equal("1767312000000000000", summary.StartUnixNano);
        Assert.Equal(100_000, summary.DurationNanos);
    }

    [Fact]
    public void A_subtree_and_its_levels_are_chosen()
    {
        Assert.Equal("2 5 4 of 3", Show(new TraceWindowQuery { Root = new SpanId(2) }));
        Assert.Equal("2 of 1; 2:2/2", Show(new TraceWindowQuery { Root = new SpanId(2), Depth = 0 }));
        Assert.Equal("1 2 3 6 7 8 of 6; 1:0/2 2:2/2", Show(new TraceWindowQuery { Depth = 1 }));
        Assert.Equal("1 6 7 of 3; 1:2/4 7:1/1", Show(new TraceWindowQuery { Depth = 0 }));
        Assert.Null(TraceWindow.Of(Spans, new TraceWindowQuery { Root = new SpanId(99) }));
    }

    [Fact]
    public void Spans_that_overlap_a_time_are_chosen()
    {
        Assert.Equal("1 2 5 4 of 4; 1:1/1", Show(
            new TraceWindowQuery { StartUnixNano = Micros(14), EndUnixNano = Micros(20) }));
        Assert.Equal("1 3 of 2; 1:1/3", Show(
            new TraceWindowQuery { StartUnixNano = Micros(20), EndUnixNano = Micros(21) }));
    }

    [Fact]
    public void Pages_tell_what_they_hide()
    {
        Assert.Equal("1 2 5 of 8; 1:1/2 2:1/1", Show(new TraceWindowQuery { Limit = 3 }));
        Assert.Equal("4 3 6 of 8", Show(new TraceWindowQuery { Limit = 3, Offset = 3 }));
        Assert.Equal(" of 8", Show(new TraceWindowQuery { Offset = 100 }));
    }

    [Fact]
    public void A_span_that_is_its_own_parent_is_an_orphan()
    {
        var window = TraceWindow.Of([Child(1, 1, 0), Child(2, 1, 1)], new TraceWindowQuery())!;
        Assert.Equal("1 2", Ids(window.Spans));
        Assert.Equal(["0000000000000001"], window.Summary.Orphans);
    }

    [Fact]
    public void Deep_and_wide_traces_take_little_time_and_stack()
    {
        const int Count = 200_000;
        var deep = Enumerable.Range(1, Count).Select(n => Child((ulong)n, (ulong)n - 1, n)).ToList();
        var window = TraceWindow.Of(deep, new TraceWindowQuery { Offset = Count - 1 })!;
        Assert.Equal(deep[^1], Assert.Single(window.Spans));
        var cycle = deep.ConvertAll(span => span.ParentSpanId.IsZero
            ? span with { ParentSpanId = new SpanId(Count) }
            : span);
        window = TraceWindow.Of(cycle, new TraceWindowQuery { Depth = 0 })!;
        Assert.Equal(new HiddenSpans("0000000000000001", 1, Count - 1), Assert.Single(window.Summary.Hidden));
        var wide = deep.ConvertAll(span => span with { ParentSpanId = new SpanId(span.SpanId.Value == 1 ? 0u : 1u) });
        window = TraceWindow.Of(wide, new TraceWindowQuery { Limit = 1 })!;
        Assert.Equal(new HiddenSpans("0000000000000001", Count - 1, Count - 1), Assert.Single(window.Summary.Hidden));
    }

    /// <summary>Over any graph of parents: cycles, missing ones and shared ids too.</summary>
    [Fact]
    public void Pages_are_parts_of_the_whole_and_hide_what_others_show()
    {
        var random = new Random(3);
        for (var run = 0; run < 300; run++)
        {
            var count = random.Next(1, 40);
            var spans = Enumerable.Range(0, count)
                .Select(i => Child((ulong)random.Next(1, 30), (ulong)random.Next(30), random.Next(9)) with
                {
                    Name = $"{i}",
                    Kind = (SpanKind)random.Next(6),
                })
                .ToList();
            var query = new TraceWindowQuery
            {
                Depth = random.Next(2) == 0 ? null : random.Next(4),
                StartUnixNano = random.Next(2) == 0 ? 0 : Micros(random.Next(9)),
                Root = random.Next(3) == 0 ? spans[0].SpanId : null,
            };
            var all = TraceWindow.Of(spans, query)!;
            Assert.Equal(all.Spans.Count, all.Spans.Distinct().Count());
            var limit = random.Next(1, 10);
            var pages = Enumerable.Range(0, (count / limit) + 1)
                .Select(page => TraceWindow.Of(spans, query with { Limit = limit, Offset = page * limit })!)
                .ToList();
            Assert.Equal(all.Spans, pages.SelectMany(page => page.Spans));
            Assert.Equal(all.Summary.Orphans, pages.SelectMany(page => page.Summary.Orphans));
            Assert.All(pages, page => Assert.Equal(all.Spans.Count, page.Summary.SelectedSpans));
        }
    }

    [Fact]
    public void The_servers_half_of_a_shared_id_is_below_the_clients_and_has_the_children()
    {
        var root = Child(1, 0, 0);
        var server = Child(2, 1, 1) with { Kind = SpanKind.Server };
        var client = Child(2, 1, 2) with { Kind = SpanKind.Client };
        var below = Child(3, 2, 3);
        var nodes = SpanTree.Of([below, server, root, client]).Nodes.ToArray();
        Assert.Equal([root, client, server, below], nodes.Select(node => node.Span));
        Assert.Equal([-1, 0, 1, 2], nodes.Select(node => node.Parent));
    }

    [Fact]
    public void Whole_traces_lose_no_span_and_keep_parents_first()
    {
        var random = new Random(4);
        for (var run = 0; run < 300; run++)
        {
            var spans = Enumerable.Range(1, random.Next(1, 40))
                .Select(i => Child((ulong)i, (ulong)random.Next(50), random.Next(9)))
                .ToList();
            var nodes = SpanTree.Of(spans).Nodes;
            Assert.Equal(spans.OrderBy(span => span.SpanId.Value),
                nodes.ToArray().Select(node => node.Span).OrderBy(span => span.SpanId.Value));
            for (var i = 0; i < nodes.Length; i++)
            {
                var (span, parent, end, depth, isOrphan) = nodes[i];
                Assert.True(parent < i && end > i);
                Assert.Equal(parent < 0 ? 0 : nodes[parent].Depth + 1, depth);
                Assert.Equal(parent < 0 && !span.ParentSpanId.IsZero, isOrphan);
                if (parent >= 0)
                    Assert.Equal(span.ParentSpanId, nodes[parent].Span.SpanId);
                // the next that is no descendant is at most as deep
                Assert.True(end == nodes.Length || nodes[end].Depth <= depth);
            }
        }
    }
}
