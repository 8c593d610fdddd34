using System.Text;
using Google.Protobuf;
using Tracing.Model;
using Tracing.Model.Wire;
using Xunit;

namespace Tracing.Tests;

/// <summary>A badly encoded text is stored with U+FFFD in it, wherever it stands, and the sender is told.</summary>
public class TextRepairTests
{
    // U+0001 stands where a bad byte is put, and is as long as one, so that lengths stay
    static readonly Span[] Marked =
    [
        OtlpSome.Span() with { Name = "a\u0001" },
        OtlpSome.Span() with { TraceState = "a\u0001" },
        OtlpSome.Span() with { StatusMessage = "a\u0001" },
        OtlpSome.Span() with { Attributes = [OtlpSome.Text("a\u0001", "v")] },
        OtlpSome.Span() with { Attributes = [OtlpSome.Text("k", "a\u0001")] },
        OtlpSome.Span() with { Attributes = [new KeyValue("k", new AttributeValue([new AttributeValue("a\u0001")]))] },
        OtlpSome.Span() with { Events = [new SpanEvent { Name = "a\u0001" }] },
        OtlpSome.Span() with
        {
            Links = [new SpanLink { TraceId = new(1, 2), SpanId = new(3), TraceState = "a\u0001" }],
        },
        OtlpSome.Span() with { Resource = new Resource { Attributes = [OtlpSome.Text("host.name", "a\u0001")] } },
        OtlpSome.Span() with { Resource = new Resource { SchemaUrl = "a\u0001" } },
        OtlpSome.Span() with { Scope = new InstrumentationScope { Name = "a\u0001" } },
    ];

    public static MatrixTheoryData<string, int> Places => new(
        ["protobuf", "json", "json escaped"], Enumerable.Range(0, Marked.Length));

    [Theory]
    [MemberData(nameof(Places))]
    public void Bad_text_of_an_otlp_span_is_repaired_and_told(string encoding, int place)
    {
        var spans = new[] { Marked[place], OtlpSome.Span() with { Name = "good" } };
        var (body, at) = Body(encoding, spans);
        var decoded = encoding == "protobuf"
            ? OtlpProtobuf.Decode(body, WireLimits.Default)
            : OtlpJson.Decode(body.AsMemory(), WireLimits.Default);

        Assert.Equal(0, decoded.Rejected);
        Assert.Equal(2, decoded.Spans.Count);
        Assert.Equal(spans[1], decoded.Spans[1]);
        var text = Encoding.UTF8.GetString(Written.OtlpJson(decoded.Spans));
        Assert.Contains("a\ufffd", text, StringComparison.Ordinal);
        Assert.Equal(Encoding.UTF8.GetString(Written.OtlpJson(spans)).Replace("\\u0001", "\ufffd"), text);
        var told = decoded.RejectedReason;
        Assert.StartsWith("Texts that are not valid Unicode, repaired with U+FFFD: 1, the first at byte ", told);
        var offset = int.Parse(told!.Split(' ')[^1], System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(offset, at - 4, at);
    }

    static (byte[] Body, int At) Body(string encoding, Span[] spans)
    {
        if (encoding == "protobuf")
        {
            var body = OtlpProtobuf.Encode(spans);
            var at = body.AsSpan().IndexOf("a\u0001"u8) + 1;
            body[at] = 0xff;
            return (body, at);
        }
        var json = Encoding.UTF8.GetString(Written.OtlpJson(spans));
        var place = json.IndexOf("\\u0001", StringComparison.Ordinal);
        if (encoding == "json escaped")
            return (Encoding.UTF8.GetBytes(json.Replace("\\u0001", "\\ud83d", StringComparison.Ordinal)), place);
        byte[] latin = [.. Encoding.UTF8.GetBytes(json[..place]), 0xe9, .. Encoding.UTF8.GetBytes(json[(place + 6)..])];
        return (latin, place);
    }

    [Fact]
    public void Texts_that_differ_only_in_bad_bytes_do_not_end_each_others_decoding()
    {
        var (first, at) = Body("protobuf", [Marked[4]]);
        var second = (byte[])first.Clone();
        second[at] = (byte)'b';
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal("a\ufffd", Value(OtlpProtobuf.Decode(first, WireLimits.Default)));
            Assert.Equal("ab", Value(OtlpProtobuf.Decode(second, WireLimits.Default)));
        }
    }

    static string? Value(DecodedSpans decoded) =>
        Assert.Single(Assert.Single(decoded.Spans).Attributes).Value.AsString();

    [Fact]
    public void Bad_text_of_metrics_is_repaired_and_told()
    {
        var point = SomeMetrics.Point(1, 2, 1, 2, 3);
        var body = SomeMetrics.Body(SomeMetrics.Histogram("wanted", "s", 1, point)).ToByteArray();
        var at = body.AsSpan().IndexOf("GET"u8);
        body[at] = 0xff;
        var decoded = OtlpMetricsProtobuf.Decode(body, WireLimits.Default, _ => true);
        Assert.Equal((1, 0), (decoded.Points.Count, decoded.Rejected));
        Assert.Equal("\ufffdET", decoded.Points[0].Attributes[0].Value.AsString());
        Assert.StartsWith("Texts that are not valid Unicode", decoded.Warning, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_wrong_with_a_resource_rejects_only_its_data_points()
    {
        const string Metric = """
            "scopeMetrics":[{"metrics":[{"name":"wanted","histogram":{"dataPoints":[{"timeUnixNano":1}]}}]}]
            """;
        var json = $$$"""
            {"resourceMetrics":[
            {{{{Metric}}},"resource":{"attributes":[{"key":"a","value":{"intValue":"ten"}}]}},
            {{{{Metric}}},"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]}}]}
            """;
        var decoded = OtlpMetricsJson.Decode(Encoding.UTF8.GetBytes(json), WireLimits.Default, _ => true);
        Assert.Equal("shop", Assert.Single(decoded.Points).Instrument.Resource.ServiceName);
        Assert.Equal(1, decoded.Rejected);
        Assert.Matches("^Points of a resource: intValue is \"ten\".* at byte [0-9]+$", decoded.RejectedReason);
    }
}
