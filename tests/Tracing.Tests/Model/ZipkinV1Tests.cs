using System.Buffers.Binary;
using System.Text;
using Tracing.Model;
using Tracing.Model.Wire;
using Xunit;

namespace Tracing.Tests;

public class ZipkinV1Tests
{
    const string Web = "{\"serviceName\":\"web\",\"ipv4\":\"1.1.1.1\"}";
    const string App = "{\"serviceName\":\"app\",\"ipv4\":\"2.2.2.2\",\"port\":80}";

    [Fact]
    public void Client_and_server_of_one_span_become_two()
    {
        var spans = Decode(Annotations(("cs", 10, Web), ("sr", 12, App), ("ss", 17, App), ("cr", 20, Web)));
        Assert.Equal([SpanKind.Client, SpanKind.Server], spans.Select(s => s.Kind));
        Assert.Equal(["web", "app"], spans.Select(s => s.ServiceName));
        Assert.Equal([10_000UL, 12_000UL], spans.Select(s => s.StartUnixNano));
        Assert.Equal([10_000L, 5_000L], spans.Select(s => s.DurationNanos));
        Assert.Equal([false, true], spans.Select(s => s.Shared));
        Assert.All(spans, s => Assert.Empty(s.Events));
    }

    [Fact]
    public void Loopback_becomes_two_spans_of_one_service()
    {
        var spans = Decode(Annotations(("ms", 10, Web), ("mr", 12, Web)));
        Assert.Equal([SpanKind.Producer, SpanKind.Consumer], spans.Select(s => s.Kind));
        Assert.Equal(["web", "web"], spans.Select(s => s.ServiceName));
        Assert.Equal([false, true], spans.Select(s => s.Shared));
    }

    [Fact]
    public void End_that_agrees_with_the_spans_times_implies_its_start()
    {
        var span = Assert.Single(Decode("\"timestamp\":10,\"duration\":5," + Annotations(("ss", 15, App))));
        Assert.Equal((SpanKind.Server, 10_000UL, 5_000L), (span.Kind, span.StartUnixNano, span.DurationNanos));
        Assert.Empty(span.Events);
        Assert.False(span.Shared);
    }

    [Fact]
    public void Marks_without_endpoint_stay_annotations()
    {
        var span = Assert.Single(Decode("\"annotations\":[{\"timestamp\":1,\"value\":\"cs\"}]"));
        Assert.Equal(SpanKind.Unspecified, span.Kind);
        Assert.Equal("cs", Assert.Single(span.Events).Name);
    }

    [Fact]
    public void Caller_of_the_servers_own_name_keeps_only_its_address()
    {
        var span = Assert.Single(Decode(Annotations(("sr", 1, App)) +
            ""","binaryAnnotations":[{"key":"ca","value":true,"endpoint":{"serviceName":"app","ipv4":"3.3.3.3"}}]"""));
        Assert.Equal(new Endpoint { Ipv4 = "3.3.3.3" }, span.RemoteEndpoint);
    }

    [Fact]
    public void Tags_of_a_second_service_make_a_second_span()
    {
        var spans = Decode("\"binaryAnnotations\":[" +
            $$"""{"key":"a","value":"1","endpoint":{{Web}}},{"key":"b","value":"2","endpoint":{{App}}},""" +
            $$"""{"key":"lc","value":"","endpoint":{{App}}},{"key":"n","value":5,"endpoint":{{App}}}]""");
        Assert.Equal(["a: 1", "b: 2"], spans.Select(s => Assert.Single(s.Attributes).ToString()));
    }

    [Theory]
    [InlineData("\"x\":1", "x should be a 1 to 32 character lower-hex string with no prefix", "x", "2")]
    [InlineData("\"x\":1", "id == 0 reading List<Span> from json", "1", "0")]
    [InlineData("\"annotations\":[{\"value\":\"a\"}]", "Incomplete annotation at $[0].annotations", "1", "2")]
    [InlineData("\"binaryAnnotations\":[{\"value\":\"a\"}]", "No key at $[0].binaryAnnotations", "1", "2")]
    [InlineData("\"annotations\":{}", "Expected BEGIN_ARRAY but was BEGIN_OBJECT at $[0].annotations", "1", "2")]
    public void Decode_refuses_with_the_reason(string fields, string message, string traceId, string id)
    {
        var body = $"[{{\"traceId\":\"{traceId}\",\"id\":\"{id}\",{fields}}}]";
        var e = Assert.Throws<WireException>(() =>
            ZipkinJsonV1.Decode(Encoding.UTF8.GetBytes(body), WireLimits.Default));
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Span_beyond_a_limit_is_rejected_alone()
    {
        var limits = new WireLimits { MaxSpans = 1, MaxAttributes = 1 };
        var annotations = Annotations(("x", 1, Web), ("y", 1, App));
        var two = Encoding.UTF8.GetBytes($$"""[{"traceId":"1","id":"2",{{annotations}}}]""");
        var decoded = ZipkinJsonV1.Decode(two, limits);
        Assert.Equal((0, 1), (decoded.Spans.Count, decoded.Rejected));
        Assert.Contains("annotations", decoded.RejectedReason, StringComparison.Ordinal);
        // one of v1 is two of v2
        decoded = ZipkinJsonV1.Decode(two, new WireLimits { MaxSpans = 1 });
        Assert.Equal((0, 1), (decoded.Spans.Count, decoded.Rejected));
        Assert.Contains("1 spans", decoded.RejectedReason, StringComparison.Ordinal);
    }

    [Fact]
    public void Thrift_skips_unknown_fields_of_any_type()
    {
        // in a span: bool, i16, double, string, struct with i32, set of i16, map of byte to list of bool
        var unknown = "02006401" + "06006500ff" + "0400660000000000000000" + "0b00670000000178" +
            "0c0068080001000000ff00" + "0e00690600000002000100ff" + "0d006a030f00000001070200000001" + "01";
        var span = Assert.Single(Thrift("0c00000001" + unknown + I64(1, 5) + I64(4, 6) + unknown + "00"));
        Assert.Equal((new TraceId(0, 5), new SpanId(6)), (span.TraceId, span.SpanId));
    }

    [Fact]
    public void Thrift_drops_annotations_without_time_or_text()
    {
        var annotations = "0f00060c00000003" + I64(1, 5) + "00" +
            "0b0002000000016100" + I64(1, 5) + "0b0002000000016200";
        var span = Assert.Single(Thrift("0c00000001" + I64(1, 5) + I64(4, 6) + annotations + "00"));
        Assert.Equal("b", Assert.Single(span.Events).Name);
    }

    [Theory]
    [InlineData("0c00000009", "Truncated: length 9 > bytes available 0 reading List<Span> from TBinary at byte 5")]
    [InlineData("0cffffffff", "Truncated: length -1 > bytes available 0")]
    [InlineData("0b0000000100", "Expected a list of Struct but was String")]
    [InlineData("0c000000010b0003000000ff", "Truncated: length 255 > bytes available 0")]
    [InlineData("0c00000001ff006400", "Malformed: 255 is no type")]
    [InlineData("0c0000000100", "traceId == 0 reading List<Span> from TBinary")]
    public void Thrift_refuses_with_the_reason_and_the_place(string hex, string message)
    {
        var e = Assert.Throws<WireException>(() => Thrift(hex));
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
        Assert.NotNull(e.ByteOffset);
    }

    [Fact]
    public void Thrift_nested_too_deep_is_refused()
    {
        var deep = string.Concat(Enumerable.Repeat("0c0064", 100_000));
        var e = Assert.Throws<WireException>(() => Thrift("0c00000001" + deep));
        Assert.Contains("Nested too deep", e.Message, StringComparison.Ordinal);
    }

    static string I64(short field, long value)
    {
        var bytes = new byte[11];
        bytes[0] = 10;
        BinaryPrimitives.WriteInt16BigEndian(bytes.AsSpan(1), field);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(3), value);
        return Convert.ToHexStringLower(bytes);
    }

    static List<Span> Thrift(string hex) => ZipkinThrift.Decode(Convert.FromHexString(hex), WireLimits.Default).Spans;

    static List<Span> Decode(string fields) => ZipkinJsonV1.Decode(
        Encoding.UTF8.GetBytes($"[{{\"traceId\":\"1\",\"id\":\"2\",{fields}}}]"), WireLimits.Default).Spans;

    static string Annotations(params (string Value, long Micros, string Endpoint)[] annotations) =>
        "\"annotations\":[" + string.Join(',', annotations.Select(a =>
            $"{{\"timestamp\":{a.Micros},\"value\":\"{a.Value}\",\"endpoint\":{a.Endpoint}}}")) + "]";
}
