using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Tracing.Model;
using Tracing.Model.Wire;
using Xunit;

namespace Tracing.Tests;

public class ZipkinJsonTests
{
    const string Ids = "\"traceId\":\"000000000000000a\",\"id\":\"000000000000000b\"";

    [Fact]
    public void Decode_of_encoded_spans_gives_the_spans() =>
        Prop.ForAll(Arb.From(ZipkinSpanGen.Any.ListOf()), spans =>
            Assert.Equal(spans, ZipkinJson.Decode(Written.ZipkinJson([.. spans]), WireLimits.Default).Spans))
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Encode_of_no_spans_gives_an_empty_list() => Assert.Equal("[]", Text([]));

    [Fact]
    public void Encode_writes_the_fields_in_Zipkins_order()
    {
        var body = """
            [{"traceId":"000000000000000a","parentId":"000000000000000c","id":"000000000000000b","kind":"SERVER",
            "name":"get","timestamp":5,"duration":7,
            "localEndpoint":{"serviceName":"a","ipv4":"1.2.3.4","ipv6":"::1","port":80},"remoteEndpoint":{"port":81},
            "annotations":[{"timestamp":1,"value":"x"},{"timestamp":2,"value":"y"}],"tags":{"C":"","a":"b"},
            "debug":true,"shared":true}]
            """.ReplaceLineEndings("");
        Assert.Equal(body, Text(Decode(body)));
    }

    [Fact]
    public void Encode_larger_than_one_buffer_is_whole()
    {
        var name = new string('é', 100_000) + "\n";
        var spans = Decode($"[{{{Ids},\"name\":\"{name}\"}},{{{Ids},\"tags\":{{\"{name}\":\"x\"}}}}]");
        Assert.Equal(spans, ZipkinJson.Decode(Written.ZipkinJson(spans), WireLimits.Default).Spans);
    }

    [Fact]
    public void Decode_keeps_times_as_nanoseconds()
    {
        var span = Decode($"[{{{Ids},\"timestamp\":5,\"duration\":\"7e1\"}}]")[0];
        Assert.Equal((5_000UL, 75_000UL), (span.StartUnixNano, span.EndUnixNano));
        span = Decode($"[{{{Ids},\"duration\":7}}]")[0];
        Assert.Equal((0UL, 7_000UL), (span.StartUnixNano, span.EndUnixNano));
    }

    [Theory]
    [InlineData("{}", StatusCode.Unset, "")]
    [InlineData("{\"error\":\"\"}", StatusCode.Error, "")]
    [InlineData("{\"error\":\"true\"}", StatusCode.Error, "")]
    [InlineData("{\"error\":\"refused\"}", StatusCode.Error, "refused")]
    [InlineData("{\"otel.status_code\":\"OK\",\"error\":\"refused\"}", StatusCode.Ok, "")]
    [InlineData("{\"otel.status_code\":\"ERROR\"}", StatusCode.Error, "")]
    [InlineData("{\"otel.status_code\":\"ERROR\",\"error\":\"refused\"}", StatusCode.Error, "refused")]
    public void Decode_takes_the_status_from_tags(string tags, StatusCode status, string message)
    {
        var span = Decode($"[{{{Ids},\"tags\":{tags}}}]")[0];
        Assert.Equal((status, message), (span.Status, span.StatusMessage));
    }

    [Fact]
    public void Decode_takes_control_characters_within_texts()
    {
        var spans = Decode($"[\n{{{Ids},\n\t\"name\":\"a\\\"\n\tb\\\\\"}}]");
        Assert.Equal("a\"\n\tb\\", Assert.Single(spans).Name);
        Assert.Equal("\0\u001f", Assert.Single(Decode($"[{{{Ids},\"name\":\"\0\u001f\"}}]")).Name);
    }

    [Fact]
    public void Control_characters_count_as_what_they_are_escaped_to()
    {
        var body = Encoding.UTF8.GetBytes($"[{{{Ids},\"name\":\"{new string('\u0001', 100_000)}\"}}]");
        var error = Assert.Throws<WireException>(() =>
            ZipkinJson.Decode(body, WireLimits.Default, new DecodedMemory(500_000, _ => { }, _ => { })));
        Assert.StartsWith("Too many control characters", error.Message, StringComparison.Ordinal);
        using var enough = new DecodedMemory(5_000_000, _ => { }, _ => { });
        Assert.Single(ZipkinJson.Decode(body, WireLimits.Default, enough).Spans);
    }

    [Theory]
    [InlineData("\\ud83d\\ude00", "😀")]
    [InlineData("\\ud83d", "?")]
    [InlineData("\\ude00\\ud83dx", "??x")]
    [InlineData("\\u0041\\/\\b\\f\\n\\r\\t\\\"\\\\é", "A/\b\f\n\r\t\"\\é")]
    public void Decode_unescapes_and_replaces_half_pairs(string escaped, string text) =>
        Assert.Equal(text, Decode($"[{{{Ids},\"tags\":{{\"a\":\"{escaped}\"}}}}]")[0].Attributes[0].Value.AsString());

    [Fact]
    public void Decode_sorts_tags_and_keeps_the_last_value_of_each() => Assert.Equal(
        "B: 5, a: 4, c: 1",
        string.Join(", ", Decode($"[{{{Ids},\"tags\":{{\"c\":1,\"a\":2,\"B\":3,\"a\":4,\"B\":5}}}}]")[0].Attributes));

    [Fact]
    public void Decode_reads_escaped_field_names() =>
        Assert.Equal("x", Decode($"[{{{Ids},\"n\\u0061me\":\"x\",\"\\ud83d\":1}}]")[0].Name);

    [Theory]
    [InlineData("Σ", "σ")]
    [InlineData("ΑΣ", "ας")]
    [InlineData("ΑΣ ΑΣΑ.", "ας ασα.")]
    [InlineData("İ", "i\u0307")]
    [InlineData("STRASSE ẞ Ⅷ", "strasse ß ⅷ")]
    public void Decode_lower_cases_names_as_Java_does(string name, string lower) =>
        Assert.Equal(lower, Decode($"[{{{Ids},\"name\":\"{name}\"}}]")[0].Name);

    [Theory]
    [InlineData("[{\"traceId\":\"a\",\"id\":\"0\"}]", "id is all zeros reading List<Span> from json")]
    [InlineData("[{\"traceId\":\"a\",\"id\":true}]", "Expected a string but was BOOLEAN at $[0].id reading List<Span>")]
    [InlineData("[{\"traceId\":\"a\",\"id\":\"b\",\"tags\":{\"k\":null}}]", "No value at $[0].tags.k reading")]
    [InlineData("[{\"traceId\":\"a\",\"id\":\"b\",\"timestamp\":1.5}]", "Expected a long but was 1.5 at $[0].timest")]
    [InlineData("[{\"traceId\":\"a\",\"id\":\"b\",\"kind\":\"client\"}]", "kind 'client' is not CLIENT, SERVER")]
    [InlineData("[{\"traceId\":\"xyz\",\"id\":\"b\"}]", "xyz should be lower-hex encoded with no prefix reading")]
    [InlineData("[{\"traceId\":\"a\",\"id\":\"b\"}", "Malformed reading List<Span> from json at byte")]
    [InlineData("[1]", "Malformed reading List<Span> from json at byte 1")]
    public void Decode_refuses_with_the_reason_and_the_place(string body, string message)
    {
        var e = Assert.Throws<WireException>(() => Decode(body));
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
        Assert.NotNull(e.ByteOffset);
    }

    [Theory]
    [InlineData("\"kind\":\"{0}\"")]
    [InlineData("\"timestamp\":\"{0}\"")]
    [InlineData("\"tags\":{\"{0}\":null}")]
    public void Decode_names_a_long_value_by_its_beginning(string field)
    {
        var body = $"[{{{Ids},{field.Replace("{0}", new string('x', 100_000), StringComparison.Ordinal)}}}]";
        var e = Assert.Throws<WireException>(() => Decode(body));
        Assert.Contains("xxx...", e.Message, StringComparison.Ordinal);
        Assert.InRange(e.Message.Length, 100, 300);
    }

    [Theory]
    [InlineData("\"tags\":{\"a\":\"\",\"b\":\"\",\"c\":\"\"}", "Span 1: more than 2 tags in one span before byte 84")]
    [InlineData("\"annotations\":[{\"timestamp\":1,\"value\":\"1\"},{\"timestamp\":1,\"value\":\"2\"}," +
        "{\"timestamp\":1,\"value\":\"3\"}]", "more than 2 annotations in one span")]
    [InlineData("\"name\":\"123456789012345678901\"", "Text of 21 bytes is longer than 20")]
    [InlineData("\"localEndpoint\":{\"serviceName\":\"12345678901234567890\\n\"}",
        "Text of 21 bytes is longer than 20")]
    public void Span_beyond_a_limit_is_rejected_alone(string field, string reason)
    {
        var limits = new WireLimits { MaxSpans = 3, MaxAttributes = 2, MaxStringBytes = 20 };
        var good = $"{{{Ids}}}";
        var body = Encoding.UTF8.GetBytes($"[{{{Ids},{field}}},{good},{good}]");
        var decoded = ZipkinJson.Decode(body, limits);
        Assert.Equal(Decode($"[{good},{good}]"), decoded.Spans);
        Assert.Equal(1, decoded.Rejected);
        Assert.Contains(reason, decoded.RejectedReason, StringComparison.Ordinal);
        Assert.Equal(3, ZipkinJson.Decode(body, WireLimits.Default).Spans.Count);
        Assert.Throws<WireException>(() => ZipkinJson.Decode(body, new WireLimits { MaxSpans = 2 }));
    }

    [Fact]
    public void Unknown_field_may_be_nested_as_deep_as_it_likes() => Assert.Single(
        Decode($"[{{{Ids},\"x\":{new string('[', 100_000)}{new string(']', 100_000)}}}]"));

    static List<Span> Decode(string body) =>
        ZipkinJson.Decode(Encoding.UTF8.GetBytes(body), WireLimits.Default).Spans;

    static string Text(List<Span> spans) => Encoding.UTF8.GetString(Written.ZipkinJson(spans));
}
