using System.Buffers.Binary;
using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.Blocks;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>Many blocks rewritten as few.</summary>
public sealed class BlockBuilderTests
{
    [Fact]
    public void All_spans_come_back_in_the_order_stored_within_their_traces()
    {
        var random = new Random(21);
        for (var round = 0; round < 10; round++)
        {
            Span[][] groups = [.. Enumerable.Range(0, 8).Select(_ => Sorted(TraceQlGen.Spans(random, 100)))];
            using var builder = new BlockBuilder(1, 50);
            // in whatever order blocks are read, commits tell that of their spans
            var built = Build(builder,
                groups.Index().OrderBy(_ => random.Next()).Select(each => Write(each.Item, each.Index)));
            var read = built.SelectMany(block => new SpanBlock(block.Bytes).ReadAll()).ToList();
            Assert.Equal(800, read.Count);
            foreach (var ofTrace in groups.SelectMany(group => group).GroupBy(HourOfTrace))
                Assert.Equal(ofTrace, read.Where(span => HourOfTrace(span) == ofTrace.Key));
        }
    }

    [Fact]
    public void Traces_are_in_the_order_of_their_starts_and_blocks_are_of_the_size_that_is_asked_for()
    {
        var random = new Random(22);
        Span[] spans = [.. Enumerable.Range(1, 1000).Select(n =>
            Otlp((ulong)(n / 5) + 1, id: (ulong)n).At(random.Next(1_000_000), 1))];
        using var builder = new BlockBuilder(1, 100);
        var built = Build(builder, spans.Chunk(50).Select((group, i) => Write(Sorted(group), i)));
        Assert.All(built, block => Assert.InRange(block.Spans, 1, 110));
        Assert.InRange(built.Count, 9, 11);
        var starts = built.SelectMany(block => new SpanBlock(block.Bytes).Traces.Starts).ToList();
        Assert.Equal(starts.Order(), starts);
        Assert.Equal(
            spans.Select(span => span.TraceId.Low).Distinct().Order(), built.SelectMany(each => each.Lows).Order());
    }

    [Fact]
    public void A_block_has_spans_of_one_hour_and_a_trace_without_an_end_is_cut()
    {
        Span[] spans = [.. Enumerable.Range(1, 1000).Select(n =>
            Otlp(1, id: (ulong)n).At(n % 2 == 0 ? 0 : 3_600_000_000, 1))];
        using var builder = new BlockBuilder(1, 100);
        var built = Build(builder, [Write(spans, 0)]);
        Assert.All(built, block => Assert.InRange(block.Spans, 1, 200));
        Assert.Equal(1000, built.Sum(block => block.Spans));
        Assert.Equal(2, built.Select(block => block.Hour).Distinct().Count());
        Assert.All(built, block => Assert.Equal(block.Hour, (long)(block.MaxStart / 3_600_000_000_000)));
    }

    [Fact]
    public void Spans_with_long_values_make_blocks_of_fewer_spans()
    {
        Span[] spans = [.. Enumerable.Range(1, 100).Select(n =>
            Otlp((ulong)n).With(Tag("prompt", new string((char)('a' + (n % 26)), 1000 + (1000 * n)))))];
        using var builder = new BlockBuilder(1, 10_000);
        // of 5 MB
        Assert.Equal(2, Build(builder, [Write(spans, 0)]).Count);
    }

    [Fact]
    public void What_is_not_kept_is_gone_and_the_rest_says_why_it_is_kept()
    {
        Span[] spans = [.. Enumerable.Range(1, 100).Select(n => Otlp((ulong)n))];
        var kept = spans.Where((_, i) => i % 3 == 0)
            .ToDictionary(span => span.TraceId.Low, _ => new TraceKept(KeptReason.Baseline, 3));
        using var builder = new BlockBuilder(1, 1000);
        var block = new SpanBlock(Build(builder, [Write(spans, 0)], kept.ContainsKey, kept).Single().Bytes);
        Assert.Equal(34, block.Count);
        Assert.All(block.Kept, why => Assert.Equal(new TraceKept(KeptReason.Baseline, 3), why));
        Assert.Empty(Build(builder, [Write(spans, 0)], _ => false));
    }

    static (TraceId, ulong) HourOfTrace(Span span) => (span.TraceId, span.StartUnixNano / 3_600_000_000_000);

    // as groups are stored: the spans of a trace beside each other
    static Span[] Sorted(Span[] spans) => [.. spans.OrderBy(span => span.TraceId.Low)];

    static List<BuiltBlock> Build(BlockBuilder builder, IEnumerable<SpanBlock> blocks,
        Predicate<ulong>? isKept = null, IReadOnlyDictionary<ulong, TraceKept>? kept = null)
    {
        foreach (var block in blocks)
            builder.Add(block, isKept);
        return builder.Build(byStart: true, kept);
    }

    static SpanBlock Write(Span[] spans, int commit)
    {
        var name = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(name, commit);
        var columns = new SpanColumns();
        foreach (var span in spans)
            columns.Add(span, name);
        using var writer = new BlockWriter(1);
        return new SpanBlock(writer.Write(columns, [.. Enumerable.Range(0, columns.Count)]));
    }
}
