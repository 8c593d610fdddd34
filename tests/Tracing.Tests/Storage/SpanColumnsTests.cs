using FsCheck.Fluent;
using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.Blocks;
using Xunit;
using static Tracing.Tests.SomeSpans;
using Block = Tracing.Storage.Blocks.SpanBlock;

namespace Tracing.Tests;

/// <summary>Columns of spans, and the blocks that are written from them.</summary>
public sealed class SpanColumnsTests
{
    [Fact]
    public void Any_spans_come_back_from_a_block_in_their_order()
    {
        for (var round = 0; round < 20; round++)
        {
            AssertSame([.. SpanGen.Otlp.Sample(200, 20), .. ZipkinSpanGen.Zipkin.Sample(200, 20)]);
            AssertSame([]);
        }
    }

    [Fact]
    public void Any_spans_come_back_through_columns_that_were_read_from_several_blocks()
    {
        Span[][] groups = [.. Enumerable.Range(0, 5).Select(_ => (Span[])
            [.. SpanGen.Otlp.Sample(200, 20), .. ZipkinSpanGen.Zipkin.Sample(200, 20)])];
        var columns = new SpanColumns();
        var expected = new List<Span>();
        var isWanted = new Random(1);
        foreach (var group in groups)
        {
            var wanted = Array.ConvertAll(group, _ => isWanted.Next(3) > 0);
            new ColumnMapping(Write(group), columns).Add(wanted);
            expected.AddRange(group.Where((_, i) => wanted[i]));
        }
        Assert.Equal(expected, Read(Write(columns)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(300)]
    [InlineData(70_000)]
    public void Any_number_of_distinct_values_comes_back(int count) => AssertSame([.. Enumerable.Range(1, 70_001)
        .Select(n => Otlp((ulong)n / 50, name: $"n{n % count}").With(Tag("key", $"{(long)n * 7 % count}")))]);

    [Fact]
    public void Parents_come_back_near_and_far()
    {
        var random = new Random(3);
        AssertSame([.. Enumerable.Range(1, 900).Select(n => Otlp((ulong)(n / 300) + 1, id: (ulong)n) with
        {
            ParentSpanId = new SpanId((ulong)random.Next(0, 1000)),
        })]);
    }

    [Fact]
    public void What_was_decided_of_traces_comes_back()
    {
        var columns = new SpanColumns();
        foreach (var span in new[] { Otlp(1), Otlp(2), Otlp(2, id: 2) })
            columns.Add(span, [7]);
        using var writer = new BlockWriter(3);
        var kept = new Dictionary<ulong, TraceKept>
        {
            [1] = new(KeptReason.Error, 1),
            [2] = new(KeptReason.Baseline, 12.5),
        };
        var block = new Block(writer.Write(columns, [0, 1, 2], kept));
        Assert.Equal([kept[1], kept[2]], block.Kept);
        Assert.Equal([7], block.CommitNames[block.CommitCodes[2]]);
    }

    [Fact]
    public void A_damaged_block_ends_in_an_exception_that_says_so_or_in_other_spans()
    {
        var bytes = WriteBytes([.. SpanGen.Otlp.Sample(100, 30), .. ZipkinSpanGen.Zipkin.Sample(100, 30)]);
        var random = new Random(5);
        for (var round = 0; round < 400; round++)
        {
            var damaged = bytes.ToArray();
            if (random.Next(4) == 0)
                Array.Resize(ref damaged, random.Next(damaged.Length));
            else
                damaged[random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8));
            try
            {
                Read(new Block(damaged));
            }
            catch (Exception e) when (e is InvalidDataException or Tracing.Model.Wire.WireException)
            {
            }
        }
    }

    static void AssertSame(Span[] spans) => Assert.Equal(spans, Read(Write(spans)));

    static Block Write(Span[] spans) => new(WriteBytes(spans));

    static byte[] WriteBytes(Span[] spans)
    {
        var columns = new SpanColumns();
        columns.Add(Otlp(77), [1]);
        columns.Clear();
        foreach (var span in spans)
            columns.Add(span, [1]);
        return WriteBytes(columns);
    }

    static Block Write(SpanColumns columns) => new(WriteBytes(columns));

    static byte[] WriteBytes(SpanColumns columns)
    {
        using var writer = new BlockWriter(3);
        var other = new SpanColumns();
        other.Add(Otlp(77), [1]);
        writer.Write(other, [0]);
        return writer.Write(columns, [.. Enumerable.Range(0, columns.Count)]);
    }

    static Span[] Read(Block block) => block.ReadAll();
}
