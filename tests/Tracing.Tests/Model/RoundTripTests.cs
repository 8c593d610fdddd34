using System.Globalization;
using System.Text;
using Tracing.Model;
using Tracing.Model.Wire;
using Xunit;

namespace Tracing.Tests;

/// <summary>
/// Whatever a decoder takes, every encoder can write, and what it writes is taken back whole. TRACING_TEST_ROUNDS has
/// more bodies tried than these.
/// </summary>
public class RoundTripTests
{
    const long DefaultRounds = 3_000;

    static readonly Dictionary<string, (Func<byte[], DecodedSpans> Decode, Func<List<Span>, byte[]>? Encode)> Formats =
        new()
        {
            ["otlp-protobuf"] = (body => OtlpProtobuf.Decode(body, WireLimits.Default), OtlpProtobuf.Encode),
            ["otlp-json"] = (body => OtlpJson.Decode(body.AsMemory(), WireLimits.Default), Written.OtlpJson),
            ["zipkin-json"] = (body => ZipkinJson.Decode(body, WireLimits.Default), Written.ZipkinJson),
            ["zipkin-proto3"] = (body => ZipkinProto3.Decode(body, WireLimits.Default), ZipkinProto3.Encode),
            ["zipkin-json-v1"] = (body => ZipkinJsonV1.Decode(body, WireLimits.Default), null),
            ["zipkin-thrift"] = (body => ZipkinThrift.Decode(body, WireLimits.Default), null),
        };

    static readonly Span Rich = OtlpSome.Span() with
    {
        ParentSpanId = new SpanId(4),
        Kind = SpanKind.Client,
        TraceState = "ot=th:8",
        StartUnixNano = 1_700_000_000_000_000_000,
        EndUnixNano = 1_700_000_000_000_001_999,
        Attributes =
        [
            OtlpSome.Text("network.peer.address", "192.168.0.10"), OtlpSome.Text("peer.service", "\u00c9\u03a3"),
            new KeyValue("network.peer.port", new AttributeValue(5432L)), new KeyValue("deep", OtlpSome.Nested(4)),
            new KeyValue("d", new AttributeValue(1.5e300)), new KeyValue("bytes", new AttributeValue([1, 2])),
            OtlpSome.Text("error", "true"), new KeyValue("none", default),
        ],
        Events = [new SpanEvent { Name = "e", TimeUnixNano = 5, Attributes = [OtlpSome.Text("k", "v")] }],
        Links = [new SpanLink { TraceId = new TraceId(5, 6), SpanId = new SpanId(7), TraceState = "a=b" }],
        Status = StatusCode.Error,
        StatusMessage = "bad",
        Resource = new Resource
        {
            Attributes = [OtlpSome.Text("service.name", "s"), OtlpSome.Text("host.ip", "::1")],
            EntityRefs = [new EntityRef { Type = "host", IdKeys = ["host.id"] }],
            SchemaUrl = "u",
        },
        Scope = new InstrumentationScope { Name = "lib", Version = "1", SchemaUrl = "v" },
        DroppedEvents = 3,
    };

    const string V2 = """
        [{"traceId":"000000000000000a","id":"b","parentId":"c","kind":"CLIENT","timestamp":1472470996199000,
        "duration":"207","localEndpoint":{"serviceName":"\u0041é","ipv4":"092.168.0.10","ipv6":"2001:db8::1","port":80},
        "remoteEndpoint":{"serviceName":"db","ipv4":"::ffff:010.2.3.4"},
        "annotations":[{"timestamp":-9223372036854775808,"value":"x"},{"timestamp":9223372036854775807,"value":"y"}],
        "tags":{"a":1.5,"error":"\ud83d\ude00","zipkin.timestamp":"z"},"debug":true,"shared":true},
        {"traceId":"a","id":"d","timestamp":9223372036854775807,"duration":9223372036854775807,"name":"ΑΣ \u0000"}]
        """;

    const string V1 = """
        [{"traceId":"a","id":"b","name":"n","timestamp":10,"duration":5,"annotations":[
        {"timestamp":1,"value":"cs","endpoint":{"serviceName":"a","ipv4":"08.1.1.1"}},
        {"timestamp":2,"value":"sr","endpoint":{"serviceName":"b","port":80}},{"timestamp":3,"value":"ms",
        "endpoint":{"serviceName":"c"}}],"binaryAnnotations":[
        {"key":"sa","value":true,"endpoint":{"ipv6":"::ffff:1.2.3.4"}},{"key":"t","value":"v"}]}]
        """;

    const string Thrift = "0c00000001" + "0a0001000000000000000a" + "0b00030000000161" + "0a0004000000000000000b" +
        "0f00060c00000001" + "0a00010000000000000005" + "0b00020000000263730c000308000101020304060002005000" + "00" +
        "0f00080c00000001" + "0b000100000001610b000200000001620800030000000600" + "00";

    public static TheoryData<string> Names => [.. Formats.Keys];

    static long Rounds => long.TryParse(
        Environment.GetEnvironmentVariable("TRACING_TEST_ROUNDS"), CultureInfo.InvariantCulture, out var rounds)
        ? rounds : DefaultRounds;

    [Theory]
    [MemberData(nameof(Names))]
    public void What_a_format_can_say_goes_out_in_every_format(string format)
    {
        foreach (var body in Bodies(format))
        {
            var decoded = Formats[format].Decode(body);
            Assert.NotEmpty(decoded.Spans);
            Assert.Equal(0, decoded.Rejected);
            AssertGoesOut(decoded.Spans);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void What_is_taken_of_a_damaged_body_goes_out_in_every_format(string format)
    {
        var taken = 0L;
        foreach (var body in Damage.Mutations(Bodies(format), seed: 20, Rounds))
        {
            try
            {
                if (Decode(format, body) is not { Count: > 0 } spans)
                    continue;
                taken++;
                AssertGoesOut(spans);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"{format}: {Convert.ToHexString(body)}", e);
            }
        }
        // else nothing was tried
        Assert.True(taken > Rounds / 100, $"only {taken} bodies were taken");
    }

    static List<Span>? Decode(string format, byte[] body)
    {
        try
        {
            var decoded = Formats[format].Decode(body);
            Assert.True(decoded.Rejected == 0 || decoded.RejectedReason is not null);
            return decoded.Spans;
        }
        catch (WireException e)
        {
            Assert.NotEmpty(e.Message);
            return null;
        }
    }

    static void AssertGoesOut(List<Span> spans)
    {
        foreach (var (name, (decode, encode)) in Formats)
        {
            if (encode is null)
                continue;
            var read = decode(encode(spans));
            Assert.True(read is { Rejected: 0, RejectedReason: null }, $"{name}: {read.RejectedReason}");
            Assert.Equal(spans.Count, read.Spans.Count);
            // a format may not be able to say all, but what it said once does not change again
            var written = encode(read.Spans);
            Assert.Equal(written, encode(decode(written).Spans));
        }
    }

    static byte[][] Bodies(string format) => format switch
    {
        "otlp-protobuf" or "otlp-json" =>
        [
            Formats[format].Encode!([Rich]),
            Formats[format].Encode!([OtlpSome.Span(), Rich, Rich with { Kind = SpanKind.Server, EndUnixNano = 5 }]),
        ],
        "zipkin-proto3" => [ZipkinProto3.Encode(Formats["zipkin-json"].Decode(Encoding.UTF8.GetBytes(V2)).Spans),
            ZipkinProto3.Encode([Rich])],
        "zipkin-json-v1" => [Encoding.UTF8.GetBytes(V1)],
        "zipkin-thrift" => [Convert.FromHexString(Thrift)],
        _ => [Encoding.UTF8.GetBytes(V2), Written.ZipkinJson([Rich])],
    };
}
