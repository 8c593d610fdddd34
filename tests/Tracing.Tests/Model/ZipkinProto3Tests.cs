using System.Net;
using FsCheck;
using FsCheck.Fluent;
using Google.Protobuf;
using Tracing.Model;
using Tracing.Model.Wire;
using Xunit;
using Proto = Tracing.Model.Wire.Proto.Zipkin;

namespace Tracing.Tests;

public class ZipkinProto3Tests
{
    [Fact]
    public void Decode_of_encoded_spans_gives_the_spans() =>
        Prop.ForAll(Arb.From(ZipkinSpanGen.Any.Select(AsProtobufCanSay).ListOf()), spans =>
            Assert.Equal(spans, ZipkinProto3.Decode(Encode(spans), WireLimits.Default).Spans))
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Decode_skips_unknown_fields_wherever_they_are()
    {
        // field 100 as each wire type, then field 101 of the list itself
        var unknown = Convert.FromHexString("a00605a1060102030405060708a2060101a50601020304");
        var fields = Convert.FromHexString("0a080000000000000001" + "1a080000000000000002");
        byte[] whole = [.. unknown, .. fields, .. unknown];
        byte[] body = [0x0a, (byte)whole.Length, .. whole, 0xa8, 0x06, 0x01];
        Assert.Equal(new SpanId(2), Assert.Single(Decode(body)).SpanId);
    }

    [Theory]
    [InlineData("0a05", "Truncated: length 5 > bytes available 0 reading List<Span> from proto3 at byte 2")]
    [InlineData("0a", "Truncated: length 1 > bytes available 0 reading List<Span> from proto3 at byte 1")]
    [InlineData("0a021a05", "Truncated: length 5 > bytes available 0 reading List<Span> from proto3 at byte 4")]
    [InlineData("0a00", "Missing : traceId id reading List<Span> from proto3")]
    [InlineData("0a0100", "Malformed: 0 is no tag reading List<Span> from proto3")]
    [InlineData("0a020a00", "traceId == null reading List<Span> from proto3")]
    [InlineData("0a051a0300000a", "Missing : traceId reading List<Span> from proto3")]
    [InlineData("0a0b1a09000000000000000001", "id.length > 16 reading List<Span> from proto3")]
    [InlineData("0a051a03000000", "id is all zeros reading List<Span> from proto3")]
    [InlineData("0a0c38ffffffffffffffffffff01", "Greater than 64-bit varint reading List<Span> from proto3")]
    [InlineData("0a0720ffffffffff7f", "Greater than 32-bit varint")]
    [InlineData("0a0113", "Malformed: invalid wireType 3 reading List<Span> from proto3 at byte 3")]
    [InlineData("0a0117", "Malformed: invalid wireType 7 reading List<Span> from proto3 at byte 3")]
    [InlineData("0a068a8080801000", "Malformed: 4294967306 is no tag reading List<Span> from proto3 at byte 7")]
    [InlineData("0a072a818080801041", "Truncated: length 4294967297 > bytes available 1 reading List<Span>")]
    [InlineData("0a0138050a00", "Truncated: length 1 > bytes available 0 reading List<Span> from proto3 at byte 3")]
    [InlineData("0a02310100000000000000", "Truncated: length 8 > bytes available 1 reading List<Span> from proto3")]
    [InlineData("0a042a0361626364", "Truncated: length 3 > bytes available 2 reading List<Span> from proto3")]
    public void Decode_refuses_with_the_reason_and_the_place(string hex, string message)
    {
        var e = Assert.Throws<WireException>(() => Decode(Convert.FromHexString(hex)));
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
        Assert.NotNull(e.ByteOffset);
    }

    [Theory]
    [InlineData("00000000000000000000000000000000", "", "::")]
    [InlineData("00000000000000000000000000000001", "", "::1")]
    [InlineData("00000000000000000000000001020304", "1.2.3.4", "")]
    [InlineData("00000000000000000000ffff01020304", "1.2.3.4", "")]
    [InlineData("20010db8000000000001000000000001", "", "2001:db8::1:0:0:1")]
    [InlineData("01020304", "1.2.3.4", "")]
    [InlineData("010203", "", "")]
    public void Decode_takes_addresses_by_their_length(string hex, string ipv4, string ipv6)
    {
        var span = Valid();
        span.LocalEndpoint = new Proto.Endpoint
        {
            Port = 1,
            Ipv4 = ByteString.CopyFrom(Convert.FromHexString(hex)),
        };
        var endpoint = Decode(Body(span))[0].LocalEndpoint!;
        Assert.Equal((ipv4, ipv6), (endpoint.Ipv4, endpoint.Ipv6));
    }

    [Fact]
    public void Ipv4_with_leading_zeros_goes_out_as_the_decimal_that_it_is()
    {
        var span = Decode(Body(Valid()))[0] with { LocalEndpoint = new Endpoint { Ipv4 = "092.168.010.1" } };
        Assert.Equal("92.168.10.1", Decode(ZipkinProto3.Encode([span]))[0].LocalEndpoint!.Ipv4);
    }

    [Fact]
    public void Span_beyond_a_limit_is_rejected_alone()
    {
        var limits = new WireLimits { MaxSpans = 1, MaxAttributes = 1, MaxStringBytes = 3 };
        var (two, tags, name) = (Valid(), Valid(), Valid());
        tags.Tags.Add("a", "");
        tags.Tags.Add("b", "");
        name.Name = "four";
        Assert.Throws<WireException>(() => ZipkinProto3.Decode(Body(two, two), limits));
        limits = new WireLimits { MaxAttributes = 1, MaxStringBytes = 3 };
        var decoded = ZipkinProto3.Decode(Body(tags, two, name), limits);
        Assert.Equal((1, 2), (decoded.Spans.Count, decoded.Rejected));
        Assert.StartsWith("Span 1: more than 1 tags in one span", decoded.RejectedReason, StringComparison.Ordinal);
    }

    static List<Span> Decode(byte[] body) => ZipkinProto3.Decode(body, WireLimits.Default).Spans;

    static byte[] Body(params Proto.Span[] spans) => new Proto.ListOfSpans { Spans = { spans } }.ToByteArray();

    static Proto.Span Valid() => new()
    {
        TraceId = ByteString.CopyFrom(1, 2, 3, 4, 5, 6, 7, 8),
        Id = ByteString.CopyFrom(1, 2, 3, 4, 5, 6, 7, 8),
    };

    // annotations without time or text and tags without key are dropped
    static Span AsProtobufCanSay(Span span) => span with
    {
        Events = span.Events.Where(e => e.Name.Length > 0 && ZipkinTime.Timestamp(e) != 0).ToArray(),
        Attributes = span.Attributes.Where(tag => tag.Key.Length > 0).ToArray(),
    };

    static byte[] Encode(IEnumerable<Span> spans) => Body(spans.Select(Encode).ToArray());

    static Proto.Span Encode(Span span)
    {
        var proto = new Proto.Span
        {
            TraceId = Hex(span.TraceId.ToZipkinString()),
            Id = Hex(span.SpanId.ToString()),
            ParentId = span.ParentSpanId.IsZero ? ByteString.Empty : Hex(span.ParentSpanId.ToString()),
            Kind = span.Kind switch
            {
                SpanKind.Client => 1,
                SpanKind.Server => 2,
                SpanKind.Producer => 3,
                SpanKind.Consumer => 4,
                _ => 0,
            },
            Name = span.Name,
            Timestamp = (ulong)ZipkinTime.Timestamp(span),
            Duration = (ulong)ZipkinTime.Duration(span),
            LocalEndpoint = Encode(span.LocalEndpoint),
            RemoteEndpoint = Encode(span.RemoteEndpoint),
            Debug = span.Debug,
            Shared = span.Shared,
        };
        proto.Annotations.Add(span.Events.Select(e =>
            new Proto.Annotation { Timestamp = (ulong)ZipkinTime.Timestamp(e), Value = e.Name }));
        foreach (var tag in span.Attributes.Where(tag => tag.Value.Type == AttributeType.String))
            proto.Tags.Add(tag.Key, tag.Value.AsString());
        return proto;
    }

    static Proto.Endpoint? Encode(Endpoint? endpoint) => endpoint is null ? null : new Proto.Endpoint
    {
        ServiceName = endpoint.ServiceName,
        Ipv4 = Address(endpoint.Ipv4),
        Ipv6 = Address(endpoint.Ipv6),
        Port = endpoint.Port,
    };

    static ByteString Address(string text) =>
        text.Length == 0 ? ByteString.Empty : ByteString.CopyFrom(IPAddress.Parse(text).GetAddressBytes());

    static ByteString Hex(string text) => ByteString.CopyFrom(Convert.FromHexString(text));
}
