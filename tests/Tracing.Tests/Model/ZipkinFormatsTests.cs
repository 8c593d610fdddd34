using System.Text;
using Google.Protobuf;
using Tracing.Model;
using Tracing.Model.Wire;
using Xunit;
using Proto = Tracing.Model.Wire.Proto.Zipkin;

namespace Tracing.Tests;

public class ZipkinFormatsTests
{
    const string Protobuf = "application/x-protobuf";
    const string Thrift = "application/x-thrift";

    const string V2 = """
        [{"traceId":"000000000000000a","id":"b","kind":"CLIENT","timestamp":1e3,"duration":"2",
        "localEndpoint":{"serviceName":"\u0041é","ipv4":"1.2.3.4","ipv6":"::ffff:1.2.3.4","port":80},
        "annotations":[{"timestamp":-1,"value":"x"}],"tags":{"a":1.5},"debug":true,"y":[{"z":null}]}]
        """;

    const string V1 = """
        [{"traceId":"a","id":"b","annotations":[{"timestamp":1,"value":"cs","endpoint":{"serviceName":"a"}},
        {"timestamp":2,"value":"sr","endpoint":{"serviceName":"b"}}],
        "binaryAnnotations":[{"key":"sa","value":true,"endpoint":{"ipv4":"1.2.3.4"}}]}]
        """;

    const string ThriftBody = "0c00000001" + "0a0001000000000000000a" + "0b00030000000161" + "0a0004000000000000000b" +
        "0f00060c00000001" + "0a00010000000000000005" + "0b00020000000263730c000308000101020304060002005000" + "00" +
        "0f00080c00000001" + "0b000100000001610b000200000001620800030000000600" + "00";

    [Theory]
    [InlineData("", "application/json")]
    [InlineData("[]", Protobuf)]
    [InlineData("[]", Thrift)]
    [InlineData("", null)]
    public void Body_without_spans_is_taken_whatever_its_type(string body, string? contentType)
    {
        Assert.Empty(Decode(body, ZipkinVersion.V1, contentType));
        Assert.Empty(Decode(body, ZipkinVersion.V2, contentType));
    }

    [Theory]
    [InlineData(" []", ZipkinVersion.V2, null, "Expected a JSON_V2 encoded list\n")]
    [InlineData("{}", ZipkinVersion.V1, "application/json", "Expected a JSON_V1 encoded list\n")]
    [InlineData("{}", ZipkinVersion.V2, Protobuf, "Expected a PROTO3 encoded list\n")]
    [InlineData("{}", ZipkinVersion.V1, Thrift, "Expected a THRIFT encoded list\n")]
    [InlineData("\n", ZipkinVersion.V2, Thrift, "Expected a JSON_V2 encoded list\n")]
    [InlineData(V1, ZipkinVersion.V2, null, "Expected a JSON_V2 encoded list, but received: JSON_V1\n")]
    [InlineData(V2, ZipkinVersion.V1, Protobuf, "Expected a JSON_V1 encoded list, but received: JSON_V2\n")]
    [InlineData("[{\"tags\":{}}]", ZipkinVersion.V1, "", "Expected a JSON_V1 encoded list, but received: JSON_V2\n")]
    public void Body_of_another_format_is_refused_in_Zipkins_words(
        string body, ZipkinVersion version, string? contentType, string message) =>
        Assert.Equal(message, Assert.Throws<WireException>(() => Decode(body, version, contentType)).Message);

    [Theory]
    [InlineData("application/json")]
    [InlineData("text/plain; charset=utf-8")]
    [InlineData("application/protobuf")]
    [InlineData("application/x-thrift")]
    [InlineData("nonsense")]
    [InlineData(null)]
    public void Any_other_type_is_read_as_JSON(string? contentType)
    {
        Assert.Single(Decode(V2, ZipkinVersion.V2, contentType));
        if (contentType != Thrift)
            Assert.Equal(2, Decode(V1, ZipkinVersion.V1, contentType).Count);
    }

    [Fact]
    public void Binary_types_are_known_with_parameters_and_in_any_case()
    {
        var limits = WireLimits.Default;
        Assert.Single(ZipkinFormats.Decode(ProtoBody(), ZipkinVersion.V2, "Application/X-Protobuf; v=3", limits).Spans);
        var thrift = Convert.FromHexString(ThriftBody);
        Assert.Single(ZipkinFormats.Decode(thrift, ZipkinVersion.V1, "application/x-thrift ;a=b", limits).Spans);
    }

    public static TheoryData<ZipkinVersion, string?, byte[]> Bodies() => new()
    {
        { ZipkinVersion.V2, null, Encoding.UTF8.GetBytes(V2) },
        { ZipkinVersion.V1, null, Encoding.UTF8.GetBytes(V1) },
        { ZipkinVersion.V2, Protobuf, ProtoBody() },
        { ZipkinVersion.V1, Thrift, Convert.FromHexString(ThriftBody) },
    };

    [Theory]
    [MemberData(nameof(Bodies), DisableDiscoveryEnumeration = true)]
    public void Every_truncation_is_refused_or_read(ZipkinVersion version, string? contentType, byte[] body)
    {
        Assert.NotEmpty(ZipkinFormats.Decode(body, version, contentType, WireLimits.Default).Spans);
        foreach (var cut in Damage.Cuts(body))
            DecodesOrRefuses(cut, version, contentType);
    }

    [Theory]
    [MemberData(nameof(Bodies), DisableDiscoveryEnumeration = true)]
    public void Every_damage_is_refused_or_read(ZipkinVersion version, string? contentType, byte[] body)
    {
        foreach (var damaged in Damage.Flips(body, seed: 9411))
            DecodesOrRefuses(damaged, version, contentType);
    }

    [Theory]
    [InlineData("lens-ascend", 8)]
    [InlineData("lens-envoy", 1)]
    [InlineData("lens-messaging", 4)]
    [InlineData("lens-messaging2", 11)]
    [InlineData("lens-messaging-kafka", 28)]
    [InlineData("lens-simple-db-p6", 5)]
    [InlineData("lens-skew", 4)]
    [InlineData("lens-yelp", 16)]
    [InlineData("lens-smartthings-oauth-authorization", 175)]
    [InlineData("lens-smartthings-mobile-web-install", 1041)]
    [InlineData("lens-unit-malformed", 7)]
    [InlineData("lens-unit-skew", 4)]
    [InlineData("v1/lens-sofa-longname", 2)]
    [InlineData("bench-zipkin2-client", 1)]
    [InlineData("bench-zipkin2-chinese", 1)]
    [InlineData("contrib-sample3", 1)]
    [InlineData("contrib-sample4", 1)]
    public void Real_traces_are_read_whole(string name, int count)
    {
        var file = SharedFolder.Path($"traces/zipkin/{name}.json");
        var version = name.StartsWith("v1/", StringComparison.Ordinal) ? ZipkinVersion.V1 : ZipkinVersion.V2;
        var spans = ZipkinFormats.Decode(File.ReadAllBytes(file), version, null, WireLimits.Default).Spans;
        Assert.Equal(count, spans.Count);
    }

    static void DecodesOrRefuses(ReadOnlyMemory<byte> body, ZipkinVersion version, string? contentType)
    {
        try
        {
            ZipkinFormats.Decode(body, version, contentType, WireLimits.Default);
        }
        catch (WireException e)
        {
            Assert.NotEmpty(e.Message);
        }
    }

    static List<Span> Decode(string body, ZipkinVersion version, string? contentType) =>
        ZipkinFormats.Decode(Encoding.UTF8.GetBytes(body), version, contentType, WireLimits.Default).Spans;

    static byte[] ProtoBody()
    {
        var span = new Proto.Span
        {
            TraceId = ByteString.CopyFrom(new byte[15].Append((byte)1).ToArray()),
            Id = ByteString.CopyFrom(1, 2, 3, 4, 5, 6, 7, 8),
            Kind = 1,
            Name = "é",
            Timestamp = 5,
            Duration = 300,
            LocalEndpoint = new Proto.Endpoint { ServiceName = "a", Ipv4 = ByteString.CopyFrom(1, 2, 3, 4), Port = 80 },
            Tags = { { "a", "b" } },
            Annotations = { new Proto.Annotation { Timestamp = 5, Value = "x" } },
            Debug = true,
        };
        return new Proto.ListOfSpans { Spans = { span } }.ToByteArray();
    }
}
