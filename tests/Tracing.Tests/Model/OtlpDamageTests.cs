using System.Text.Json.Nodes;
using Google.Protobuf;
using Tracing.Model;
using Tracing.Model.Wire;
using Xunit;
using Proto = Tracing.Model.Wire.Proto.Otlp;

namespace Tracing.Tests;

/// <summary>Whatever is damaged within one span, scope, resource or data point, the others are taken.</summary>
public class OtlpDamageTests
{
    static readonly Span[] Three = [.. Enumerable.Range(1, 3).Select(i => OtlpSome.Span() with
    {
        SpanId = new SpanId((ulong)i),
        ParentSpanId = new SpanId(9),
        TraceState = "a=b",
        Flags = 0x101,
        Kind = SpanKind.Server,
        StartUnixNano = 1_700_000_000_000_000_000,
        EndUnixNano = 1_700_000_000_000_000_009,
        Attributes =
        [
            OtlpSome.Text("text", "caf\u00e9"), new KeyValue("deep", OtlpSome.Nested(3)),
            new KeyValue("number", new AttributeValue(-5L)), new KeyValue("bytes", new AttributeValue([1, 2])),
            new KeyValue("real", new AttributeValue(0.5)), new KeyValue("flag", new AttributeValue(true)),
        ],
        DroppedAttributes = 1,
        Events = [new SpanEvent { Name = "e", TimeUnixNano = 5, Attributes = [OtlpSome.Text("k", "v")] }],
        Links = [new SpanLink { TraceId = new TraceId(5, 6), SpanId = new SpanId(7), TraceState = "c=d" }],
        Status = StatusCode.Error,
        StatusMessage = "bad",
        Resource = new Resource { Attributes = [OtlpSome.Text("service.name", $"s{i}")], SchemaUrl = "u" },
        Scope = new InstrumentationScope { Name = "lib", Version = "1", SchemaUrl = "v" },
    })];

    static readonly Span[] Siblings = [.. Three.Select(span => span with { Resource = Three[0].Resource })];

    [Fact]
    public void No_byte_within_a_span_costs_another_span()
    {
        var spans = Array.ConvertAll(Siblings, span => OtlpMessages.ToSpan(span).ToByteArray());
        foreach (var damaged in Damage.Flips(spans[1], seed: 3))
        {
            var scope = Join(2, spans[0], damaged, spans[2]);
            var body = Frame(1, [.. OtlpProtobuf.EncodeResource(Siblings[0].Resource), .. Frame(2, scope)]);
            var decoded = OtlpProtobuf.Decode(body, WireLimits.Default);
            Assert.Equal(3, decoded.Spans.Count + decoded.Rejected);
            Assert.Equal(decoded.Rejected > 0, decoded.RejectedReason?.StartsWith("Span \"", default) == true);
            Assert.Equal(Siblings[0].SpanId, decoded.Spans[0].SpanId);
            Assert.Equal(Siblings[2] with { Scope = InstrumentationScope.Empty }, decoded.Spans[^1]);
        }
    }

    [Fact]
    public void No_byte_within_a_resource_and_its_spans_costs_those_of_another()
    {
        var parts = Array.ConvertAll(Three, span =>
            Proto.TracesData.Parser.ParseFrom(OtlpProtobuf.Encode([span])).ResourceSpans[0].ToByteArray());
        foreach (var damaged in Damage.Flips(parts[1], seed: 4))
        {
            var decoded = OtlpProtobuf.Decode(Join(1, parts[0], damaged, parts[2]), WireLimits.Default);
            Assert.Equal(Three[0], decoded.Spans[0]);
            Assert.Equal(Three[2], decoded.Spans[^1]);
        }
    }

    [Fact]
    public void No_byte_within_a_scope_and_its_spans_costs_those_of_another()
    {
        var scopes = Array.ConvertAll(Siblings, span => Proto.TracesData.Parser
            .ParseFrom(OtlpProtobuf.Encode([span])).ResourceSpans[0].ScopeSpans[0].ToByteArray());
        var resource = OtlpProtobuf.EncodeResource(Siblings[0].Resource);
        foreach (var damaged in Damage.Flips(scopes[1], seed: 5))
        {
            var body = Frame(1, [.. Join(2, scopes[0], damaged, scopes[2]), .. resource]);
            var decoded = OtlpProtobuf.Decode(body, WireLimits.Default);
            Assert.Equal(Siblings[0], decoded.Spans[0]);
            Assert.Equal(Siblings[2], decoded.Spans[^1]);
        }
    }

    [Fact]
    public void No_byte_within_a_resource_and_its_metrics_costs_those_of_another()
    {
        var body = Metrics();
        var parts = body.ResourceMetrics.Select(part => part.ToByteArray()).ToArray();
        var whole = OtlpMetricsProtobuf.Decode(body.ToByteArray(), WireLimits.Default, IsWanted);
        foreach (var damaged in Damage.Flips(parts[1], seed: 6))
        {
            var decoded = OtlpMetricsProtobuf.Decode(
                Join(1, parts[0], damaged, parts[2]), WireLimits.Default, IsWanted);
            Assert.Equal(Describe(whole.Points[0]), Describe(decoded.Points[0]));
            Assert.Equal(Describe(whole.Points[^1]), Describe(decoded.Points[^1]));
        }
    }

    [Fact]
    public void No_byte_within_a_data_point_costs_another()
    {
        var points = Metrics().ResourceMetrics.Select(part =>
            part.ScopeMetrics[0].Metrics[0].Histogram.DataPoints[0].ToByteArray()).ToArray();
        byte[] name = [.. Frame(1, "wanted"u8.ToArray()), .. Frame(3, "s"u8.ToArray())];
        foreach (var damaged in Damage.Flips(points[1], seed: 7))
        {
            byte[] metric = [.. name, .. Frame(9, Join(1, points[0], damaged, points[2]))];
            var decoded = OtlpMetricsProtobuf.Decode(
                Frame(1, Frame(2, Frame(2, metric))), WireLimits.Default, IsWanted);
            // a point that says that it recorded nothing is none
            Assert.InRange(decoded.Points.Count + decoded.Rejected, 2, 3);
            Assert.Equal(["1", "3"], new[] { decoded.Points[0], decoded.Points[^1] }.Select(p => $"{p.TimeUnixNano}"));
        }
    }

    [Fact]
    public void No_value_of_another_type_within_a_span_costs_another_span()
    {
        foreach (var body in Changed(Written.OtlpJson(Siblings), "$.resourceSpans[0].scopeSpans[0].spans[1]"))
        {
            var decoded = OtlpJson.Decode(body.AsMemory(), WireLimits.Default);
            Assert.Equal(3, decoded.Spans.Count + decoded.Rejected);
            Assert.Equal(decoded.Rejected > 0, decoded.RejectedReason?.StartsWith("Span \"", default) == true);
            Assert.Equal(Siblings[0], decoded.Spans[0]);
            Assert.Equal(Siblings[2], decoded.Spans[^1]);
        }
    }

    [Fact]
    public void No_value_of_another_type_within_a_resource_or_a_scope_costs_the_spans_of_another()
    {
        foreach (var body in Changed(Written.OtlpJson(Three), "$.resourceSpans[1]"))
        {
            var decoded = OtlpJson.Decode(body.AsMemory(), WireLimits.Default);
            Assert.Equal(Three[0], decoded.Spans[0]);
            Assert.Equal(Three[2], decoded.Spans[^1]);
            Assert.InRange(decoded.Spans.Count, 2, 3);
        }
    }

    [Fact]
    public void No_value_of_another_type_within_metrics_costs_those_of_another_resource()
    {
        var json = System.Text.Encoding.UTF8.GetBytes(JsonFormatter.Default.Format(Metrics()));
        var whole = OtlpMetricsJson.Decode(json, WireLimits.Default, IsWanted);
        foreach (var body in Changed(json, "$.resourceMetrics[1]"))
        {
            var decoded = OtlpMetricsJson.Decode(body, WireLimits.Default, IsWanted);
            Assert.Equal(Describe(whole.Points[0]), Describe(decoded.Points[0]));
            Assert.Equal(Describe(whole.Points[^1]), Describe(decoded.Points[^1]));
        }
    }

    [Fact]
    public void Two_faults_of_a_resource_and_its_scope_reject_its_own_spans_alone()
    {
        var json = JsonNode.Parse(Written.OtlpJson(Three))!;
        var part = json["resourceSpans"]![1]!;
        part["schemaUrl"] = 5;
        part["resource"] = 5;
        part["scopeSpans"]![0]!["scope"] = 5;
        part["scopeSpans"]![0]!["schemaUrl"] = 5;
        var decoded = OtlpJson.Decode(Bytes(json).AsMemory(), WireLimits.Default);
        Assert.Equal([Three[0], Three[2]], decoded.Spans);
        Assert.Equal(1, decoded.Rejected);
    }

    /// <summary>The body with each value at the path and within it in turn replaced by one of each type.</summary>
    static IEnumerable<byte[]> Changed(byte[] body, string path)
    {
        var count = Within(At(JsonNode.Parse(body)!, path)).Count();
        for (var i = 0; i < count; i++)
        {
            foreach (var other in new[] { "null", "true", "5", "-1.5", "\"x\"", "[]", "[null]", "{}", "{\"a\":[{}]}" })
            {
                var json = JsonNode.Parse(body)!;
                Within(At(json, path)).ElementAt(i).ReplaceWith(JsonNode.Parse(other));
                yield return Bytes(json);
            }
        }
    }

    static byte[] Bytes(JsonNode json) => System.Text.Encoding.UTF8.GetBytes(json.ToJsonString());

    static JsonNode At(JsonNode json, string path)
    {
        foreach (var step in path.Split('.').Skip(1))
        {
            var parts = step.Split('[', ']');
            json = json[parts[0]]!;
            if (parts.Length > 1)
                json = json[int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture)]!;
        }
        return json;
    }

    static IEnumerable<JsonNode> Within(JsonNode json) => json switch
    {
        JsonObject fields => [json, .. fields.SelectMany(field => Within(field.Value!))],
        JsonArray elements => [json, .. elements.SelectMany(element => Within(element!))],
        _ => [json],
    };

    static Proto.MetricsData Metrics()
    {
        var body = new Proto.MetricsData();
        for (var i = 1UL; i <= 3; i++)
        {
            var point = SomeMetrics.Point(0, i, [1, 2, 3]);
            point.StartTimeUnixNano = 0;
            body.MergeFrom(SomeMetrics.Body(SomeMetrics.Histogram("wanted", "s", 1, point), $"s{i}"));
        }
        return body;
    }

    static string Describe(HistogramPoint point) =>
        $"{point.Instrument.Resource.ServiceName} {point.Instrument.Name} {point.TimeUnixNano} {point.Count}";

    static bool IsWanted(string name) => name == "wanted";

    static byte[] Join(int field, params byte[][] messages) => [.. messages.SelectMany(each => Frame(field, each))];

    /// <summary>A message as a field of another one.</summary>
    static byte[] Frame(int field, byte[] message)
    {
        using var frame = new MemoryStream();
        using (var output = new CodedOutputStream(frame, leaveOpen: true))
        {
            output.WriteTag(field, WireFormat.WireType.LengthDelimited);
            output.WriteBytes(ByteString.CopyFrom(message));
        }
        return frame.ToArray();
    }
}
