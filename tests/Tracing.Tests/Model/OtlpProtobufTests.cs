using FsCheck;
using FsCheck.Fluent;
using Google.Protobuf;
using Tracing.Model;
using Tracing.Model.Wire;
using Xunit;
using Otlp = Tracing.Model.Wire.Proto.Otlp;

namespace Tracing.Tests;

public class OtlpProtobufTests
{
    const string TraceIdField = "0a1011111111111111111111111111111111";
    const string SpanIdField = "12082222222222222222";
    const string Ids = TraceIdField + SpanIdField;

    [Fact]
    public void Spans_encoded_and_decoded_are_the_same() =>
        Prop.ForAll(SpanGen.OtlpSpans.ToArbitrary(), spans =>
        {
            var decoded = OtlpProtobuf.Decode(OtlpProtobuf.Encode(spans), WireLimits.Default);
            Assert.Equal(0, decoded.Rejected);
            OtlpSome.AssertSameSpans(spans, decoded.Spans);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Body_decodes_as_the_generated_messages_read_it() =>
        Prop.ForAll(SpanGen.OtlpSpans.ToArbitrary(), spans =>
        {
            var body = OtlpProtobuf.Encode(spans);
            var expected = OtlpGenerated.ToSpans(Otlp.TracesData.Parser.ParseFrom(body));
            Assert.Equal(expected, OtlpProtobuf.Decode(body, WireLimits.Default).Spans);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Zipkin_span_goes_out_with_its_endpoints_as_attributes() =>
        Prop.ForAll(ZipkinSpanGen.ZipkinSpans.ToArbitrary(), spans =>
        {
            var decoded = OtlpProtobuf.Decode(OtlpProtobuf.Encode(spans), WireLimits.Default).Spans;
            OtlpSome.AssertSameSpans(spans.Select(OtlpGroups.FromZipkin), decoded);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Zipkin_endpoints_and_flags_become_otlp_attributes()
    {
        var local = new Endpoint { ServiceName = "shop", Ipv4 = "10.0.0.1", Port = 80 };
        var remote = new Endpoint { ServiceName = "db", Ipv6 = "::1", Port = 5432 };
        var span = OtlpGroups.FromZipkin(OtlpSome.Span() with
        {
            Origin = SpanOrigin.Zipkin,
            LocalEndpoint = local,
            RemoteEndpoint = remote,
            Debug = true,
            Shared = true,
        });
        Assert.Equal("service.name: shop, net.host.ip: 10.0.0.1, net.host.port: 80",
            string.Join(", ", span.Resource.Attributes));
        Assert.Equal("peer.service: db, net.peer.ip: ::1, net.peer.port: 5432, zipkin.debug: true, zipkin.shared: true",
            string.Join(", ", span.Attributes));
    }

    [Fact]
    public void Pieces_of_the_store_survive() =>
        Prop.ForAll(SpanGen.Otlp.ToArbitrary(), span =>
        {
            Assert.Equal(span.Resource, OtlpProtobuf.DecodeResource(OtlpProtobuf.EncodeResource(span.Resource)));
            Assert.Equal(span.Scope, OtlpProtobuf.DecodeScope(OtlpProtobuf.EncodeScope(span.Scope)));
            var rest = OtlpProtobuf.DecodeRest(OtlpProtobuf.EncodeRest(span));
            Assert.Equal(span.Events, rest.Events);
            Assert.Equal(span.Links, rest.Links);
            Assert.Equal(
                (span.TraceState, span.DroppedAttributes, span.DroppedEvents, span.DroppedLinks),
                (rest.TraceState, rest.DroppedAttributes, rest.DroppedEvents, rest.DroppedLinks));
            foreach (var (_, value) in span.Attributes)
                Assert.Equal(value, OtlpProtobuf.DecodeValue(OtlpProtobuf.EncodeValue(value)));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Value_at_the_deepest_nesting_survives_the_store()
    {
        var value = OtlpSome.Nested(WireLimits.Default.MaxNesting);
        Assert.Equal(value, OtlpProtobuf.DecodeValue(OtlpProtobuf.EncodeValue(value)));
    }

    [Fact]
    public void Slice_of_an_array_is_read_from_its_own_start()
    {
        var body = OtlpProtobuf.Encode([OtlpSome.Span()]);
        byte[] padded = [9, 9, 9, .. body, 9];
        Assert.Equal([OtlpSome.Span()], OtlpProtobuf.Decode(padded.AsMemory(3, body.Length), WireLimits.Default).Spans);
        var error = Assert.Throws<WireException>(() =>
            OtlpProtobuf.Decode(padded.AsMemory(3, body.Length + 1), WireLimits.Default));
        Assert.Equal(body.Length, error.ByteOffset);
    }

    [Fact]
    public void Concatenated_requests_are_one()
    {
        byte[] body = [.. OtlpProtobuf.Encode([OtlpSome.Span()]), .. OtlpProtobuf.Encode([OtlpSome.Span()])];
        Assert.Equal(2, OtlpProtobuf.Decode(body, WireLimits.Default).Spans.Count);
    }

    [Fact]
    public void Resource_in_two_parts_after_its_spans_is_merged()
    {
        var spans = new Otlp.ResourceSpans { ScopeSpans = { OtlpMessages.ToScopeSpans(InstrumentationScope.Empty) } };
        spans.ScopeSpans[0].Spans.Add(OtlpMessages.ToSpan(OtlpSome.Span()));
        byte[] body =
        [
            .. spans.ToByteArray(),
            .. OtlpProtobuf.EncodeResource(new() { Attributes = [OtlpSome.Text("a", "1")], DroppedAttributes = 3 }),
            .. OtlpProtobuf.EncodeResource(new() { Attributes = [OtlpSome.Text("b", "2")], SchemaUrl = "u" }),
        ];
        var resource = Assert.Single(Decode("0a" + Lengthened(Convert.ToHexString(body))).Spans).Resource;
        Assert.Equal("a: 1, b: 2", string.Join(", ", resource.Attributes));
        Assert.Equal((3u, "u"), (resource.DroppedAttributes, resource.SchemaUrl));
    }

    [Theory]
    [InlineData("4a0a0a016b12050a01731805", "k: 5")]
    [InlineData("4a070a016b12021002", "k: true")]
    [InlineData("4a030a016b", "k: ")]
    [InlineData("4a080a016b12030a01314a080a016b12030a0132", "k: 2")]
    [InlineData("4a080a016a12030a01314a080a016b12030a01324a080a016a12030a0133", "j: 3, k: 2")]
    public void Attribute_is_read_as_protobuf_says(string fields, string expected) =>
        Assert.Equal(expected, string.Join(", ", Assert.Single(Decode(Request(Ids + fields)).Spans).Attributes));

    [Theory]
    [InlineData("30828080007a0418828000")]
    [InlineData("f8060a3002")]
    [InlineData("fb060801fc063002")]
    [InlineData("f90611111111111111113002")]
    public void Long_numbers_and_unknown_fields_are_understood(string fields) =>
        Assert.Equal(SpanKind.Server, Assert.Single(Decode(Request(Ids + fields)).Spans).Kind);

    [Theory]
    [InlineData("0001", "there is no field 0")]
    [InlineData("0f", "there is no wire type 7")]
    [InlineData("320161", "field 6 has wire type 2")]
    [InlineData("2801", "field 5 has wire type 0")]
    [InlineData("3801", "field 7 has wire type 0")]
    [InlineData("2aff0f", "a length leads beyond the body")]
    [InlineData("2aff00", "a length leads beyond the end of the outer message")]
    [InlineData("2affffffff0f", "a length is negative")]
    [InlineData("3080", "a field reaches beyond the end of its message")]
    [InlineData("30ffffffffffffffffffff01", "a number has more than 10 bytes")]
    [InlineData("fc06", "a group ends that did not begin")]
    [InlineData("fb06f406", "a group ends that did not begin")]
    [InlineData("fb060801", "the body ends within a field")]
    [InlineData("fb0600", "there is no field 0")]
    public void Malformed_field_rejects_its_span_alone_with_its_place(string field, string reason)
    {
        // long enough to have a length of 2 bytes, so that the offset of the span's end is known
        var name = "2a7e" + Convert.ToHexString(new byte[126]);
        var spans = "12" + Lengthened(Ids + field) + "12" + Lengthened(Ids + name);
        var decoded = Decode("0a" + Lengthened("12" + Lengthened(spans)));
        Assert.Equal(126, Assert.Single(decoded.Spans).Name.Length);
        Assert.Equal(1, decoded.Rejected);
        Assert.Equal($"Span \"\": {reason} at byte {8 + Ids.Length / 2}", decoded.RejectedReason);
    }

    [Theory]
    [InlineData("4a060a016b120110")]
    [InlineData("4a05120329ffff")]
    [InlineData("5a020d01")]
    [InlineData("5a030a0105")]
    [InlineData("6a020801")]
    [InlineData("7a021001")]
    [InlineData("4a0812062a040a020801")]
    [InlineData("4a08120632040a020801")]
    public void Malformed_field_of_an_inner_message_rejects_its_span_alone(string field)
    {
        var decoded = Decode(Request(Ids + field) + Request(Ids + "2a0178"));
        Assert.Equal(("x", 1), (Assert.Single(decoded.Spans).Name, decoded.Rejected));
        Assert.Matches("^Span \"\": (field|a field|a length|there is).* at byte \\d+$", decoded.RejectedReason);
    }

    [Theory]
    [InlineData("0a020801", "Spans of a resource: field 1 has wire type 0 at byte 4", 2)]
    [InlineData("1001", "Spans of a resource: field 2 has wire type 0 at byte 2", 0)]
    [InlineData("12040a020801", "Spans of a scope: field 1 has wire type 0 at byte 6", 0)]
    [InlineData("12021001", "field 2 has wire type 0 at byte 4", 0)]
    public void What_is_malformed_in_a_resource_or_a_scope_stays_there(string part, string reason, int rejected)
    {
        var spans = "12" + Lengthened("12" + Lengthened(Ids) + "12" + Lengthened(Ids));
        var decoded = Decode("0a" + Lengthened(part + spans) + Request(Ids + "2a0178"));
        Assert.Equal("x", decoded.Spans[^1].Name);
        Assert.Equal(rejected, decoded.Rejected);
        Assert.Contains(reason.Replace("Spans of", "", StringComparison.Ordinal), decoded.RejectedReason);
    }

    [Fact]
    public void Spans_of_a_scope_that_ends_within_a_field_are_rejected_as_far_as_they_can_be_counted()
    {
        var scope = "12" + Lengthened("12" + Lengthened(Ids) + "12" + Lengthened(Ids) + "12ff00");
        var decoded = Decode("0a" + Lengthened(scope) + Request(Ids + "2a0178"));
        Assert.Equal(("x", 2), (Assert.Single(decoded.Spans).Name, decoded.Rejected));
        Assert.StartsWith("Spans of a scope: a length leads beyond", decoded.RejectedReason, StringComparison.Ordinal);
    }

    [Fact]
    public void The_first_reasons_are_told_and_no_more()
    {
        var names = Enumerable.Range(0, 1000)
            .Select(i => Request("2a02" + Convert.ToHexString([(byte)'a', (byte)('0' + (i % 10))])));
        var decoded = Decode(string.Concat(names));
        Assert.Equal(1000, decoded.Rejected);
        Assert.Equal(3, decoded.RejectedReason!.Split("; ").Length);
    }

    [Theory]
    [InlineData("0801", 0)]
    [InlineData("0affffffff7f", 0)]
    [InlineData("0affffffffffffffffff01", 0)]
    [InlineData("0a081206123000000000", 4)]
    [InlineData("0a0412021001", 4)]
    [InlineData("0000000000", 0)]
    [InlineData("68656c6c6f20776f726c64", 2)]
    public void Malformed_body_is_refused_with_the_place(string body, int offset) =>
        Assert.Equal(offset, Assert.Throws<WireException>(() => Decode(body)).ByteOffset);

    [Theory]
    [InlineData(SpanIdField, "trace id is missing or all zeros at byte 4")]
    [InlineData("0a0f111111111111111111111111111111" + SpanIdField, "has 15 bytes instead of 16 at byte 6")]
    [InlineData("0a1000000000000000000000000000000000" + SpanIdField, "trace id is missing or all zeros at byte 4")]
    [InlineData(TraceIdField, "span id is missing or all zeros at byte 4")]
    [InlineData(TraceIdField + "12080000000000000000", "span id is missing or all zeros at byte 4")]
    [InlineData(TraceIdField + "120722222222222222", "span id \"22222222222222\" has 7 bytes instead of 8 at byte 24")]
    [InlineData(Ids + "2207aabbccddeeff11", "parent span id \"aabbccddeeff11\" has 7 bytes instead of 8 at byte 34")]
    [InlineData(Ids + "6a060a0411111111", "trace id \"11111111\" has 4 bytes instead of 16 at byte 36")]
    [InlineData(Ids + "6a00", "a link has no trace id or no span id at byte 34")]
    public void Bad_span_is_rejected_alone(string span, string reason)
    {
        var body = Request(span) + Request(Ids + "2a0178");
        var decoded = Decode(body);
        Assert.Equal(1, decoded.Rejected);
        Assert.Contains(reason, decoded.RejectedReason, StringComparison.Ordinal);
        Assert.Equal("x", Assert.Single(decoded.Spans).Name);
    }

    [Fact]
    public void Parent_of_zeros_or_nothing_is_none()
    {
        Assert.True(Assert.Single(Decode(Request(Ids + "2200")).Spans).ParentSpanId.IsZero);
        Assert.True(Assert.Single(Decode(Request(Ids + "22080000000000000000")).Spans).ParentSpanId.IsZero);
    }

    static DecodedSpans Decode(string hex) => OtlpProtobuf.Decode(Convert.FromHexString(hex), WireLimits.Default);

    /// <summary>One span within a scope within a resource.</summary>
    static string Request(string span) => "0a" + Lengthened("12" + Lengthened("12" + Lengthened(span)));

    static string Lengthened(string hex)
    {
        var length = hex.Length / 2;
        return (length < 128 ? $"{length:x2}" : $"{(length & 127) | 128:x2}{length >> 7:x2}") + hex;
    }
}
