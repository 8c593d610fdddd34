using System.Text;
using Tracing.Model;
using Tracing.Model.Wire;
using Xunit;

namespace Tracing.Tests;

public class ZipkinMappingTests
{
    [Fact]
    public void Span_of_OTLP_is_written_as_Zipkin_would_have_been_sent_it()
    {
        var span = Otlp() with
        {
            ParentSpanId = new SpanId(3),
            Name = "GET /Users",
            Kind = SpanKind.Client,
            StartUnixNano = 1_999,
            EndUnixNano = 5_998,
            Resource = new Resource
            {
                Attributes = [OtlpSome.Text("service.name", "Web"), OtlpSome.Text("host.name", "x")],
            },
            Scope = new InstrumentationScope { Name = "lib", Version = "1" },
            Attributes =
            [
                OtlpSome.Text("server.address", "DB"), new("b", new AttributeValue(true)),
                new("a", new AttributeValue(1.5)),
            ],
            Events = [new SpanEvent { TimeUnixNano = 3_000, Name = "late" }, new SpanEvent { Name = "early" }],
            Status = StatusCode.Error,
            StatusMessage = "refused",
            DroppedEvents = 4,
        };
        var expected = """
            [{"traceId":"00000000000000010000000000000002","parentId":"0000000000000003","id":"0000000000000002",
            "kind":"CLIENT","name":"get /users","timestamp":1,"duration":3,"localEndpoint":{"serviceName":"web"},
            "remoteEndpoint":{"serviceName":"db"},
            "annotations":[{"timestamp":0,"value":"early"},{"timestamp":3,"value":"late"}],
            "tags":{"a":"1.5","b":"true","error":"refused","otel.dropped_events_count":"4","otel.scope.name":"lib",
            "otel.scope.version":"1","otel.status_code":"ERROR","server.address":"DB"}}]
            """.ReplaceLineEndings("");
        Assert.Equal(expected, Encode(span));
    }

    [Fact]
    public void Span_of_Zipkin_is_left_alone()
    {
        var span = Otlp() with { Origin = SpanOrigin.Zipkin };
        Assert.Same(span, ZipkinMapping.ToZipkin(span));
    }

    [Theory]
    [InlineData(SpanKind.Unspecified)]
    [InlineData(SpanKind.Internal)]
    [InlineData((SpanKind)99)]
    public void Kinds_that_Zipkin_does_not_know_are_left_out(SpanKind kind) =>
        Assert.DoesNotContain("kind", Encode(Otlp() with { Kind = kind }), StringComparison.Ordinal);

    [Theory]
    [InlineData(5_000UL, 5_001UL, 1)]
    [InlineData(5_000UL, 6_999UL, 1)]
    [InlineData(5_000UL, 5_000UL, 0)]
    [InlineData(5_000UL, 4_000UL, 0)]
    [InlineData(5_000UL, 0UL, 0)]
    [InlineData(0UL, 5_000UL, 0)]
    public void Duration_is_whole_microseconds_and_at_least_one(ulong start, ulong end, long micros)
    {
        var span = ZipkinMapping.ToZipkin(Otlp() with { StartUnixNano = start, EndUnixNano = end });
        Assert.Equal(micros, ZipkinTime.Duration(span));
    }

    [Theory]
    [InlineData(SpanKind.Client, "db.name=D;server.address=S;peer.service=P", "p")]
    [InlineData(SpanKind.Producer, "db.name=D;net.peer.name=N;server.address=S", "s")]
    [InlineData(SpanKind.Client, "db.name=D;net.peer.name=N", "n")]
    [InlineData(SpanKind.Client, "db.name=D", "d")]
    [InlineData(SpanKind.Client, "network.peer.address=1.2.3.4", "")]
    [InlineData(SpanKind.Client, "", "")]
    [InlineData(SpanKind.Server, "server.address=S;peer.service=P", "p")]
    [InlineData(SpanKind.Consumer, "server.address=S", "")]
    [InlineData(SpanKind.Internal, "peer.service=P", "")]
    public void Remote_service_is_the_best_name_of_the_other_side(SpanKind kind, string attributes, string name)
    {
        var span = Otlp() with { Kind = kind, Attributes = Parse(attributes) };
        Assert.Equal(name, ZipkinMapping.RemoteServiceName(span));
        Assert.Equal(name, ZipkinMapping.ToZipkin(span).RemoteEndpoint?.ServiceName ?? "");
    }

    [Fact]
    public void Remote_service_of_a_Zipkin_span_is_its_endpoints()
    {
        var span = Otlp() with { Origin = SpanOrigin.Zipkin, RemoteEndpoint = new Endpoint { ServiceName = "db" } };
        Assert.Equal("db", ZipkinMapping.RemoteServiceName(span));
    }

    [Fact]
    public void Remote_address_and_port_are_taken()
    {
        var attributes = Parse("network.peer.address=::ffff:1.2.3.4;network.peer.port=5432");
        var span = ZipkinMapping.ToZipkin(Otlp() with { Kind = SpanKind.Client, Attributes = attributes });
        Assert.Equal(new Endpoint { Ipv4 = "1.2.3.4", Port = 5432 }, span.RemoteEndpoint);
    }

    [Fact]
    public void Tag_text_says_every_type()
    {
        var list = new AttributeValue(
            [new AttributeValue(1L), new AttributeValue([1, 2]), new AttributeValue(false)]);
        var map = new AttributeValue(
        [
            OtlpSome.Text("a", "x\"é"), new KeyValue("b", default), new KeyValue("c", new AttributeValue(double.NaN)),
            new KeyValue("d", list),
        ]);
        var json = """{"a":"x\"é","b":null,"c":"NaN","d":[1,"AQI=",false]}""";
        Assert.Equal(json, ZipkinMapping.TagText(map));
        Assert.Equal("AQI=", ZipkinMapping.TagText(new AttributeValue([1, 2])));
        Assert.Equal("1E+300", ZipkinMapping.TagText(new AttributeValue(1e300)));
        Assert.Equal("-7", ZipkinMapping.TagText(new AttributeValue(-7L)));
        Assert.Equal("true", ZipkinMapping.TagText(new AttributeValue(true)));
        Assert.Equal("", ZipkinMapping.TagText(default));
    }

    [Fact]
    public void Event_with_attributes_is_named_JSON()
    {
        var annotation = new SpanEvent { Name = "a \"b\"", Attributes = Parse("k=v") };
        var span = ZipkinMapping.ToZipkin(Otlp() with { Events = [annotation] });
        Assert.Equal("\"a \\\"b\\\"\": {\"k\":\"v\"}", span.Events[0].Name);
    }

    [Fact]
    public void Tag_error_is_what_the_status_says()
    {
        var denied = Otlp() with { Attributes = Parse("error=false") };
        Assert.Empty(ZipkinMapping.ToZipkin(denied).Attributes);
        var failed = ZipkinMapping.ToZipkin(denied with { Status = StatusCode.Error });
        Assert.Equal(["error: ", "otel.status_code: ERROR"], failed.Attributes.Select(tag => tag.ToString()));
    }

    static Span Otlp() => new() { TraceId = new TraceId(1, 2), SpanId = new SpanId(2) };

    static KeyValue[] Parse(string attributes) => attributes.Split(';', StringSplitOptions.RemoveEmptyEntries)
        .Select(pair => pair.Split('=')).Select(pair => OtlpSome.Text(pair[0], pair[1])).ToArray();

    static string Encode(Span span) => Encoding.UTF8.GetString(Written.ZipkinJson([span]));
}
