using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Tracing.Model;
using Tracing.Model.Wire;
using Xunit;

namespace Tracing.Tests;

public class OtlpJsonTests
{
    const string Ids = "\"traceId\":\"0af7651916cd43dd8448eb211c80319c\",\"spanId\":\"b7ad6b7169203331\"";

    [Fact]
    public void Spans_encoded_and_decoded_are_the_same() =>
        Prop.ForAll(SpanGen.OtlpSpans.ToArbitrary(), spans =>
        {
            var decoded = Decode(Encode(spans));
            Assert.Equal(0, decoded.Rejected);
            OtlpSome.AssertSameSpans(spans, decoded.Spans);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Span_is_written_in_proto3_json()
    {
        var span = OtlpSome.Span() with
        {
            Kind = SpanKind.Server,
            StartUnixNano = 1_700_000_000_123_456_789,
            Attributes =
            [
                new KeyValue("i", new AttributeValue(0L)), OtlpSome.Text("s", ""),
                new KeyValue("d", new AttributeValue(double.NegativeInfinity)),
                new KeyValue("b", new AttributeValue([1, 2, 255])), new KeyValue("none", default),
            ],
            Status = StatusCode.Error,
        };
        Assert.Equal(
            ("{'resourceSpans':[{'scopeSpans':[{'spans':[{'traceId':'00000000000000010000000000000002'," +
            "'spanId':'0000000000000003','name':'x','kind':2,'startTimeUnixNano':'1700000000123456789'," +
            "'attributes':[{'key':'i','value':{'intValue':'0'}},{'key':'s','value':{'stringValue':''}}," +
            "{'key':'d','value':{'doubleValue':'-Infinity'}},{'key':'b','value':{'bytesValue':'AQL/'}}," +
            "{'key':'none','value':{}}],'status':{'code':2}}]}]}]}").Replace('\'', '"'),
            Encode([span]));
    }

    [Theory]
    [InlineData("\"intValue\":\"9007199254740993\"", "9007199254740993")]
    [InlineData("\"intValue\":1e3", "1000")]
    [InlineData("\"intValue\":2.0", "2")]
    [InlineData("\"intValue\":\"-9223372036854775808\"", "-9223372036854775808")]
    [InlineData("\"doubleValue\":\"NaN\"", "NaN")]
    [InlineData("\"doubleValue\":\"1.5\"", "1.5")]
    [InlineData("\"doubleValue\":3", "3")]
    [InlineData("\"bytesValue\":\"AAEC/+8=\"", "AAEC/+8=")]
    [InlineData("\"bytesValue\":\"AAEC_-8=\"", "AAEC/+8=")]
    [InlineData("\"bytesValue\":\"AAEC\\/+8\"", "AAEC/+8=")]
    [InlineData("\"stringValue\":\"\\u0041\\ud83d\\ude00\\/\\u0000\"", "A\U0001f600/\0")]
    [InlineData("\"string_value\":\"v\"", "")]
    [InlineData("\"stringValue\":null", "")]
    [InlineData("\"stringValue\":\"a\",\"intValue\":5", "5")]
    [InlineData("\"arrayValue\":{}", "[]")]
    [InlineData("\"kvlistValue\":{\"values\":[{\"key\":\"a\"}]}", "{a: }")]
    public void Value_is_read_as_meant(string value, string expected)
    {
        var span = Assert.Single(Decode(Request(WithValue(value) + "]")).Spans);
        Assert.Equal(expected, Assert.Single(span.Attributes).Value.ToString());
    }

    [Theory]
    [InlineData("\"boolValue\":1", "boolValue is a number, not true or false")]
    [InlineData("\"boolValue\":\"true\"", "boolValue is a text")]
    [InlineData("\"intValue\":true", "intValue is true or false, not a number")]
    [InlineData("\"intValue\":\"ten\"", "intValue is \"ten\", not a number that fits")]
    [InlineData("\"intValue\":9223372036854775808", "intValue is \"9223372036854775808\"")]
    [InlineData("\"intValue\":1.5", "intValue is \"1.5\"")]
    [InlineData("\"intValue\":\" 5\"", "intValue is \" 5\"")]
    [InlineData("\"intValue\":\"5\\u0000\"", "intValue is \"5")]
    [InlineData("\"doubleValue\":\"1.5 \"", "doubleValue is \"1.5 \"")]
    [InlineData("\"doubleValue\":1e999", "doubleValue is \"1e999\"")]
    [InlineData("\"bytesValue\":\"*\"", "bytesValue is no base64")]
    [InlineData("\"stringValue\":5", "stringValue is a number, not a text at byte 165")]
    [InlineData("\"arrayValue\":[\"x\"]", "arrayValue is a list, not an object")]
    [InlineData("\"arrayValue\":{\"values\":[\"x\"]}", "a value is a text, not an object")]
    [InlineData("\"kvlistValue\":{\"values\":{\"a\":1}}", "values is an object, not a list")]
    public void Value_of_the_wrong_kind_rejects_its_span_alone(string value, string reason) => AssertRejected(
        WithValue(value) + ",{\"key\":\"l\",\"value\":{\"intValue\":1}}]", reason);

    static string WithValue(string value) => $"{{{Ids},\"attributes\":[{{\"key\":\"k\",\"value\":{{{value}}}}}";

    [Theory]
    [InlineData(Ids + ",\"kind\":\"SERVER\"", "kind is \"SERVER\", neither a number nor a name of one")]
    [InlineData(Ids + ",\"status\":2", "status is a number, not an object")]
    [InlineData(Ids + ",\"name\":5", "name is a number, not a text")]
    [InlineData(Ids + ",\"links\":\"x\"", "links is a text, not a list")]
    [InlineData(Ids + ",\"flags\":4294967296", "flags is \"4294967296\"")]
    [InlineData(Ids + ",\"droppedAttributesCount\":-1", "droppedAttributesCount is \"-1\"")]
    [InlineData(Ids + ",\"startTimeUnixNano\":\"now\"", "startTimeUnixNano is \"now\"")]
    [InlineData(Ids + ",\"endTimeUnixNano\":\"18446744073709551616\"", "endTimeUnixNano is")]
    [InlineData(Ids + ",\"parentSpanId\":\"11223344556677\"", "parent span id \"11223344556677\" has not 16")]
    [InlineData(Ids + ",\"links\":[{\"traceId\":\"1122334455667788\",\"spanId\":\"b7ad6b7169203331\"}]", "of a link")]
    [InlineData("\"spanId\":\"b7ad6b7169203331\"", "trace id is missing or all zeros at byte 43")]
    [InlineData("\"traceId\":\"AAAAAAAAAABiDwOiJTxeNw==\"", "trace id \"AAAAAAAAAABiDwOiJTxeNw==\" has not 32")]
    [InlineData("\"traceId\":\"0af7651916cd43dd8448eb211c80319c\",\"spanId\":\"JP0sEuuWMZA=\"", "has not 16 hex")]
    [InlineData("\"traceId\":\"0af7651916cd43dd8448eb211c80319c\",\"spanId\":1234567890123456", "span id is a number")]
    [InlineData("\"traceId\":\"0af7651916cd43dd8448eb211c80319z\"", "has not 32 hex digits")]
    public void Bad_span_is_rejected_alone(string fields, string reason) => AssertRejected("{" + fields, reason);

    static void AssertRejected(string span, string reason)
    {
        var decoded = Decode(Request($"{span}}},{{{Ids},\"name\":\"good\""));
        Assert.Equal((1, "good"), (decoded.Rejected, Assert.Single(decoded.Spans).Name));
        Assert.Contains(reason, decoded.RejectedReason, StringComparison.Ordinal);
    }

    [Fact]
    public void Enums_are_numbers_names_or_digits()
    {
        var named = Decode(Request(
            $$"""{{{Ids}},"kind":"SPAN_KIND_CONSUMER","status":{"code":"STATUS_CODE_ERROR"}""")).Spans[0];
        Assert.Equal((SpanKind.Consumer, StatusCode.Error), (named.Kind, named.Status));
        Assert.Equal(SpanKind.Server, Decode(Request($$"""{{{Ids}},"kind":"2" """)).Spans[0].Kind);
        Assert.Equal((SpanKind)99, Decode(Request($$"""{{{Ids}},"kind":99""")).Spans[0].Kind);
    }

    [Fact]
    public void Ids_in_upper_case_and_escaped_names_are_the_same()
    {
        var span = Assert.Single(Decode(Request("{" + Ids.ToUpperInvariant()
            .Replace("TRACEID", "trace\\u0049d", StringComparison.Ordinal)
            .Replace("SPANID", "spanId", StringComparison.Ordinal))).Spans);
        Assert.Equal(Decode(Request("{" + Ids)).Spans[0], span);
    }

    [Fact]
    public void Resource_and_scope_after_their_spans_are_taken()
    {
        var decoded = Decode($$$"""
            {"resourceSpans":[
              {"scopeSpans":[
                {"spans":[{{{{Ids}}}}],"scope":{"name":"lib"},"schemaUrl":"b"},
                {"scope":{"name":"other"},"spans":[{{{{Ids}}}}]}],
               "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},"schemaUrl":"a"},
              {"scopeSpans":[{"spans":[{{{{Ids}}}}]}]}]}
            """);
        Assert.Equal(["s a lib b", "s a other ", "   "], decoded.Spans.Select(span =>
            $"{span.ServiceName} {span.Resource.SchemaUrl} {span.Scope.Name} {span.Scope.SchemaUrl}"));
    }

    [Fact]
    public void Null_fields_are_absent()
    {
        const string nulls = "\"parentSpanId\":null,\"kind\":null,\"attributes\":null,\"events\":null,\"status\":null";
        var spans = Decode($$$"""
            {"x":null,"resourceSpans":[{"resource":null,"schemaUrl":null,"scopeSpans":[
            {"scope":null,"spans":[{{{{Ids}}},{{{nulls}}}}]}]}]}
            """).Spans;
        Assert.Equal(Decode(Request("{" + Ids)).Spans, spans);
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData(" \n", 2)]
    [InlineData("[]", 0)]
    [InlineData("5", 0)]
    [InlineData("<html></html>", 0)]
    [InlineData("{\"resourceSpans\":{}}", 17)]
    [InlineData("{\"resourceSpans\":[],}", 20)]
    [InlineData("{\"resourceSpans\":[]}{}", 20)]
    [InlineData("{\n \"resourceSpans\":[]\n]}", 22)]
    [InlineData("{\"resourceSpans\":[null]}", 18)]
    [InlineData("{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[1]}]}]}", 43)]
    [InlineData("{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":\"x\"}]}]}", 42)]
    [InlineData("{\"batches\":[]}", 11)]
    public void Malformed_body_is_refused_with_the_place(string body, int offset) =>
        Assert.Equal(offset, Assert.Throws<WireException>(() => Decode(body)).ByteOffset);

    [Fact]
    public void Invalid_utf8_outside_of_texts_is_refused_with_the_place()
    {
        byte[] body = [.. "{\"a\":"u8, 0xff, .. "}"u8];
        var error = Assert.Throws<WireException>(() => OtlpJson.Decode(body.AsSpan(), WireLimits.Default));
        Assert.Equal(5, error.ByteOffset);
    }

    [Theory]
    [InlineData("\\ud83d", "\ufffd")]
    [InlineData("\\ude00\\ud83dx", "\ufffd\ufffdx")]
    [InlineData("\\ud83d\\ud83d\\ude00", "\ufffd\U0001f600")]
    [InlineData("\\ud83d\\u0041\\n", "\ufffdA\n")]
    [InlineData("\\uD83D\\uDE00\\u00E9\\u20ac\\/\\\\", "\U0001f600\u00e9\u20ac/\\")]
    public void Half_surrogate_pairs_are_repaired(string escaped, string text)
    {
        var decoded = Decode(Request($"{{{Ids},\"name\":\"{escaped}\",\"{escaped}\":1"));
        Assert.Equal((text, 0), (Assert.Single(decoded.Spans).Name, decoded.Rejected));
        Assert.Equal(text.Contains('\ufffd', StringComparison.Ordinal), decoded.RejectedReason is not null);
    }

    [Fact]
    public void Byte_order_mark_is_skipped_and_counted()
    {
        Assert.Single(Decode("\ufeff" + Request("{" + Ids)).Spans);
        Assert.Equal(3, Assert.Throws<WireException>(() => Decode("\ufeff5")).ByteOffset);
        Assert.Equal(4, Assert.Throws<WireException>(() => Decode("\ufeff{,")).ByteOffset);
    }

    [Theory]
    [InlineData("{\"resource_spans\":[{}]}", "Nothing was read from \"resource_spans\" at byte 18")]
    [InlineData("{\"resourceSpans\":[{\"scope_spans\":[]}]}", "Nothing was read from \"scope_spans\" at byte 33")]
    [InlineData("{\"resourceSpans\":[null,GOOD]}",
        "No spans were taken of a resource: an element of resourceSpans is null, not an object at byte 18")]
    [InlineData("{\"resourceSpans\":[{\"scopeSpans\":{}},GOOD]}",
        "No spans were taken of a resource: scopeSpans is an object, not a list at byte 32")]
    [InlineData("{\"resourceSpans\":[{\"scopeSpans\":[7]},GOOD]}",
        "No spans were taken of a scope: an element of scopeSpans is a number, not an object at byte 33")]
    [InlineData("{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":\"x\"}]},GOOD]}",
        "No spans were taken of a scope: spans is a text, not a list at byte 42")]
    [InlineData("{\"x\":[{\"y\":null}]}", null)]
    [InlineData("{}", null)]
    public void What_holds_no_spans_that_could_be_counted_is_told(string body, string? warning)
    {
        const string Good = "{\"scopeSpans\":[{\"spans\":[{" + Ids + "}]}]}";
        var decoded = Decode(body.Replace("GOOD", Good, StringComparison.Ordinal));
        Assert.Equal(body.Contains("GOOD", StringComparison.Ordinal) ? 1 : 0, decoded.Spans.Count);
        Assert.Equal(0, decoded.Rejected);
        Assert.StartsWith(warning ?? "", decoded.RejectedReason ?? "", StringComparison.Ordinal);
    }

    /// <summary>The beginnings of spans, without the last brace, under one scope.</summary>
    static string Request(string spans) => "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[" + spans + "}]}]}]}";

    static DecodedSpans Decode(string body) =>
        OtlpJson.Decode(Encoding.UTF8.GetBytes(body).AsMemory(), WireLimits.Default);

    static string Encode(Span[] spans) => Encoding.UTF8.GetString(Written.OtlpJson(spans));
}
