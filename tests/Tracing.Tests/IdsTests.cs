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
}
