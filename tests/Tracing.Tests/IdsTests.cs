using Tracing.Model;
using Xunit;

namespace Tracing.Tests;

public class IdsTests
{
    [Theory]
    [InlineData("1", 0UL, 1UL)]
    [InlineData("ABCDEFabcdef0123", 0UL, 0xabcdefabcdef0123UL)]
    [InlineData("12345678901234567", 1UL, 0x2345678901234567UL)]
    [InlineData("0af7651916cd43dd8448eb211c80319c", 0x0af7651916cd43ddUL, 0x8448eb211c80319cUL)]
    public void TraceId_reads_hex_of_any_case_and_pads_on_the_left(string hex, ulong high, ulong low)
    {
        Assert.True(TraceId.TryParse(hex, out var id));
        Assert.Equal(new TraceId(high, low), id);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" 1")]
    [InlineData("+1")]
    [InlineData("g")]
    [InlineData("0x1")]
    [InlineData("0123456789abcdef0123456789abcdef0")]
    public void TraceId_refuses_what_is_no_hex(string hex) => Assert.False(TraceId.TryParse(hex, out _));

    [Fact]
    public void TraceId_is_written_as_each_format_wants_it()
    {
        Assert.Equal("00000000000000010000000000000002", new TraceId(1, 2).ToString());
        Assert.Equal("00000000000000010000000000000002", new TraceId(1, 2).ToZipkinString());
        Assert.Equal("0000000000000002", new TraceId(0, 2).ToZipkinString());
    }

    [Fact]
    public void Ids_survive_their_bytes()
    {
        Span<byte> bytes = stackalloc byte[16];
        var trace = new TraceId(0x0102030405060708, 0x090a0b0c0d0e0f10);
        trace.WriteBytes(bytes);
        Assert.Equal(1, bytes[0]);
        Assert.Equal(trace, TraceId.FromBytes(bytes));
        var span = new SpanId(0x1112131415161718);
        span.WriteBytes(bytes);
        Assert.Equal(span, SpanId.FromBytes(bytes));
    }

    [Theory]
    // where the halves of a number are alike, its own hash is 0
    [InlineData(0x1_0000_0001UL)]
    [InlineData(1UL << 32)]
    // a multiple of the count of buckets at 10,000 entries
    [InlineData(17_519UL)]
    public void No_sender_can_choose_ids_of_the_same_hash(ulong step)
    {
        const int Count = 10_000;
        AssertSpread(n => new TraceId(7, n));
        AssertSpread(n => new TraceId(n, 7));
        AssertSpread(n => new TraceId(n, n));
        AssertSpread(n => new SpanId(n));
        AssertSpread(n => new AttributeValue((long)n));
        AssertSpread(n => new AttributeValue(BitConverter.GetBytes(n)));
        AssertSpread(n => new AttributeValue([new AttributeValue((long)n)]));
        var span = new Span { TraceId = default, SpanId = default };
        AssertSpread(n => span with { StartUnixNano = n });
        AssertSpread(n => span with { EndUnixNano = n });
        AssertSpread(n => span with { Attributes = [new("key", new((long)n))] });
        AssertSpread(n => span with { Events = [new SpanEvent { TimeUnixNano = n }] });
        AssertSpread(n => span with { Links = [new SpanLink { SpanId = new SpanId(n) }] });
        AssertSpread(n => new InstrumentationScope { Attributes = [new("key", new((long)n))] });
        AssertSpread(n => SeededHash.Of(n));

        void AssertSpread<T>(Func<ulong, T> make) where T : notnull
        {
            var buckets = Enumerable.Range(1, Count).CountBy(
                n => (uint)make((ulong)n * step).GetHashCode() % 17_519).Max(bucket => bucket.Value);
            // of so many at random there would be 6 in the fullest
            Assert.InRange(buckets, 1, 100);
        }
    }
}
