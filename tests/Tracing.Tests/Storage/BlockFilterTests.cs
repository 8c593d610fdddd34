using Tracing.Model;
using Tracing.Storage.Blocks;
using Tracing.Storage.TraceQl;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>Filters over the columns of blocks, and over their summaries.</summary>
public sealed class BlockFilterTests
{
    const int Spans = 300;

    [Fact]
    public void Any_filter_finds_in_a_block_the_spans_that_it_finds_one_by_one()
    {
        var (random, found) = (new Random(11), 0);
        for (var round = 0; round < 8; round++)
        {
            var spans = TraceQlGen.Spans(random, Spans);
            var block = Write(spans);
            for (var query = 0; query < 150; query++)
            {
                var text = TraceQlGen.Query(random);
                var filter = new BlockFilter(SpanFilter.Parse(text));
                var rows = filter.Find(block, 0, ulong.MaxValue);
                if (!filter.IsExact)
                    continue;
                var expected = Matching(text, spans);
                Assert.True(expected.SetEquals(Rows(rows)), text);
                found += expected.Count;
            }
        }
        Assert.True(found > 10_000);
    }

    [Fact]
    public void A_block_that_has_a_span_that_fits_is_never_left_out_by_its_summary()
    {
        var (random, left) = (new Random(12), 0);
        for (var round = 0; round < 200; round++)
        {
            var spans = TraceQlGen.Spans(random, 4);
            var summary = BlockSummary.Read(BlockSummary.Of(Write(spans)).ToBytes());
            for (var query = 0; query < 40; query++)
            {
                var text = TraceQlGen.Query(random);
                var filter = new BlockFilter(SpanFilter.Parse(text));
                if (filter.MayMatch(summary))
                    continue;
                left++;
                Assert.Empty(Matching(text, spans));
            }
        }
        Assert.True(left > 500);
    }

    [Fact]
    public void A_summary_leaves_out_blocks_that_do_not_have_a_value()
    {
        var blocks = Enumerable.Range(0, 100).Select(block => BlockSummary.Of(Write([.. Enumerable.Range(0, 100)
            .Select(n => Otlp((ulong)n + 1).With(Tag("order", $"{block}-{n}")))]))).ToList();
        var filter = new BlockFilter(SpanFilter.Parse("""{ span.order = "42-7" && name != "none" }"""));
        // 1 of 100 that do not have it may seem to
        Assert.InRange(blocks.Count(filter.MayMatch), 1, 6);
        Assert.True(filter.MayMatch(blocks[42]));
    }

    [Fact]
    public void What_a_summary_says_comes_back_from_its_bytes()
    {
        var summary = BlockSummary.Of(Write([
            Otlp(1).At(1000, 30) with { Status = StatusCode.Error, Kind = SpanKind.Client },
            Otlp(2).At(2000, 10) with { Kind = SpanKind.Server },
        ]));
        var read = BlockSummary.Read(summary.ToBytes());
        Assert.Equal((2, 2, 1), (read.Spans, read.Traces, read.Errors));
        Assert.Equal((Micros(1000), Micros(2000)), (read.MinStart, read.MaxStart));
        Assert.Equal(30_000UL, read.Longest);
        Assert.Equal(BlockSummary.KindBit(SpanKind.Client) | BlockSummary.KindBit(SpanKind.Server), read.Kinds);
        Assert.False(read.HasRest);
    }

    [Fact]
    public void Only_spans_that_start_within_the_window_are_found()
    {
        var block = Write([.. Enumerable.Range(1, 100).Select(n => Otlp((ulong)n).At(n, 1))]);
        var rows = new BlockFilter(SpanFilter.Any).Find(block, Micros(10), Micros(20));
        Assert.Equal(Enumerable.Range(9, 10), Rows(rows));
    }

    [Fact]
    public void Spans_are_read_of_any_rows_in_ascending_order()
    {
        var spans = TraceQlGen.Spans(new Random(13), 500);
        var block = Write(spans);
        var random = new Random(14);
        for (var step = 1; step < 100; step += 7)
        {
            var cursor = new SpanCursor(block);
            for (var row = random.Next(step); row < spans.Length; row += 1 + random.Next(step))
                Assert.Equal(spans[row], cursor.Read(row));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(200)]
    public void Sets_of_rows_are_as_sets_of_numbers(int rows)
    {
        var random = new Random(rows);
        for (var round = 0; round < 20; round++)
        {
            var (one, other) = (Some(), Some());
            var (left, right) = (Set(one), Set(other));
            left.UnionWith(right);
            Assert.Equal(one.Union(other).Order(), Rows(left));
            left.ExceptWith(Set(other));
            Assert.Equal(one.Except(other).Order(), Rows(left));
            right.IntersectWith(Set(one));
            Assert.Equal(one.Intersect(other).Order(), Rows(right));
            Assert.Equal(Enumerable.Range(0, rows).Except(one).Order(), Rows(Set(one).Complement()));
            Assert.Equal(one.Count, Set(one).Count());
            Assert.Equal(one.Count == 0, Set(one).IsEmpty);
        }

        HashSet<int> Some() => [.. Enumerable.Range(0, rows).Where(_ => random.Next(3) == 0)];

        RowSet Set(HashSet<int> numbers)
        {
            var set = RowSet.None(rows);
            foreach (var number in numbers)
                set.Add(number);
            return set;
        }
    }

    static HashSet<int> Matching(string query, Span[] spans)
    {
        var filter = SpanFilter.Parse(query);
        var noTrace = new TraceFacts([]);
        return [.. Enumerable.Range(0, spans.Length).Where(i => filter.Matches(spans[i], noTrace))];
    }

    static List<int> Rows(RowSet rows)
    {
        var list = new List<int>();
        foreach (var row in rows)
            list.Add(row);
        return list;
    }

    static SpanBlock Write(Span[] spans)
    {
        var columns = new SpanColumns();
        foreach (var span in spans)
            columns.Add(span, [1]);
        using var writer = new BlockWriter(1);
        return new SpanBlock(writer.Write(columns, [.. Enumerable.Range(0, columns.Count)]));
    }
}
