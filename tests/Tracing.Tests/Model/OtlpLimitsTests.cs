using Tracing.Model;
using Tracing.Model.Wire;
using Xunit;

namespace Tracing.Tests;

/// <summary>Limits, cut and damaged bodies, in both encodings.</summary>
public class OtlpLimitsTests
{
    public static TheoryData<string> Encodings => ["protobuf", "json"];

    static readonly Span Full = OtlpSome.Span() with
    {
        ParentSpanId = new SpanId(4),
        TraceState = "a=b",
        Attributes =
        [
            OtlpSome.Text("text", "\u00e9\\"), new KeyValue("deep", OtlpSome.Nested(3)),
            new KeyValue("number", new AttributeValue(-5L)), new KeyValue("bytes", new AttributeValue([1, 2])),
        ],
        Events = [new SpanEvent { Name = "e", TimeUnixNano = 5, Attributes = [OtlpSome.Text("k", "v")] }],
        Links = [new SpanLink { TraceId = new TraceId(5, 6), SpanId = new SpanId(7) }],
        Status = StatusCode.Error,
        StatusMessage = "bad",
        Resource = new Resource { Attributes = [OtlpSome.Text("service.name", "s")], SchemaUrl = "u" },
        Scope = new InstrumentationScope { Name = "lib", SchemaUrl = "v" },
    };

    [Theory]
    [MemberData(nameof(Encodings))]
    public void Every_cut_is_refused_with_its_place(string encoding)
    {
        var body = Encode(encoding, [Full]);
        // an empty body of protobuf holds no spans
        foreach (var cut in Damage.Cuts(body).Skip(1))
        {
            var error = Assert.Throws<WireException>(() => Decode(encoding, cut, WireLimits.Default));
            Assert.InRange(error.ByteOffset ?? -1, 0, cut.Length);
            Assert.StartsWith("Truncated", error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Encodings))]
    public void Damaged_body_is_decoded_or_refused_never_else(string encoding)
    {
        var body = Encode(encoding, [Full, Full with { SpanId = new SpanId(9) }]);
        foreach (var damaged in Damage.Flips(body, seed: 17))
            AssertDecodedOrRefused(encoding, damaged);
    }

    static void AssertDecodedOrRefused(string encoding, byte[] body)
    {
        try
        {
            var decoded = Decode(encoding, body, WireLimits.Default);
            Assert.True(decoded.Rejected == 0 || decoded.RejectedReason is not null);
            Assert.DoesNotContain(decoded.Spans, span => span.TraceId.IsZero || span.SpanId.IsZero);
        }
        catch (WireException error)
        {
            Assert.InRange(error.ByteOffset ?? -1, 0, body.Length);
        }
    }

    [Theory]
    [MemberData(nameof(Encodings))]
    public void Too_many_spans_refuse_the_body(string encoding)
    {
        var limits = new WireLimits { MaxSpans = 2 };
        Assert.Equal(2, Decode(encoding, Encode(encoding, [Full, Full]), limits).Spans.Count);
        var error = Assert.Throws<WireException>(() => Decode(encoding, Encode(encoding, [Full, Full, Full]), limits));
        Assert.StartsWith("TooLarge: more than 2 spans", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Encodings))]
    public void Too_deep_value_rejects_its_span_alone(string encoding)
    {
        var deepest = With(OtlpSome.Nested(WireLimits.Default.MaxNesting));
        Assert.Equal([deepest], Decode(encoding, Encode(encoding, [deepest]), WireLimits.Default).Spans);
        foreach (var depth in new[] { WireLimits.Default.MaxNesting + 1, 400 })
        {
            var body = Encode(encoding, [With(OtlpSome.Nested(depth)), deepest]);
            var decoded = Decode(encoding, body, WireLimits.Default);
            Assert.Equal([deepest], decoded.Spans);
            Assert.Equal(1, decoded.Rejected);
            Assert.Contains("nested more than 64 deep at byte", decoded.RejectedReason, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Depth_beyond_the_stack_is_rejected_even_without_a_limit()
    {
        var unlimited = new WireLimits { MaxNesting = int.MaxValue };
        var protobuf = OtlpProtobuf.Decode(DeepProtobuf(200_000), unlimited);
        var json = OtlpJson.Decode(DeepJson(200_000), unlimited);
        Assert.Equal((1, 1), (protobuf.Rejected, json.Rejected));
        Assert.Contains("nested more than", protobuf.RejectedReason, StringComparison.Ordinal);
        Assert.Contains("nested more than", json.RejectedReason, StringComparison.Ordinal);
    }

    static byte[] DeepJson(int depth) => System.Text.Encoding.UTF8.GetBytes(
        """{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"k","value":""" +
        string.Concat(Enumerable.Repeat("""{"arrayValue":{"values":[""", depth)) +
        string.Concat(Enumerable.Repeat("]}}", depth)) + "}]}]}]}]}");

    // a span, from the inside out: array_value of a value of array_value ...
    static byte[] DeepProtobuf(int depth)
    {
        var reversed = new List<byte>();
        for (var i = 0; i < depth; i++)
        {
            Prepend(reversed, 0x0a);
            Prepend(reversed, 0x2a);
        }
        foreach (var tag in new byte[] { 0x12, 0x4a, 0x12, 0x12, 0x0a })
            Prepend(reversed, tag);
        reversed.Reverse();
        return [.. reversed];
    }

    static void Prepend(List<byte> reversed, byte tag)
    {
        var length = new List<byte>();
        for (var rest = reversed.Count; rest > 0 || length.Count == 0; rest >>= 7)
            length.Add((byte)((rest & 127) | (rest >> 7 > 0 ? 128 : 0)));
        length.Reverse();
        reversed.AddRange(length);
        reversed.Add(tag);
    }

    public static MatrixTheoryData<string, string> TooLarge => new(
        ["protobuf", "json"], ["attributes", "events", "links", "text", "bytes", "elements"]);

    [Theory]
    [MemberData(nameof(TooLarge))]
    public void Span_beyond_a_limit_is_rejected_alone(string encoding, string what)
    {
        var reason = what is "text" or "bytes" ? "of 9 bytes, more than 8" : $"more than 3 {what}";
        var limits = new WireLimits { MaxAttributes = 3, MaxStringBytes = 8 };
        var decoded = Decode(encoding, Encode(encoding, [Oversized(what), OtlpSome.Span()]), limits);
        Assert.Equal([OtlpSome.Span()], decoded.Spans);
        Assert.Equal(1, decoded.Rejected);
        Assert.Contains(reason, decoded.RejectedReason, StringComparison.Ordinal);
    }

    static Span Oversized(string what) => what switch
    {
        "attributes" => OtlpSome.Span() with { Attributes = [.. "abcd".Select(c => OtlpSome.Text($"{c}", ""))] },
        "events" => OtlpSome.Span() with { Events = [new(), new(), new(), new()] },
        "links" => OtlpSome.Span() with { Links = [new(), new(), new(), new()] },
        "text" => With(new AttributeValue("123456789")),
        "bytes" => With(new AttributeValue(new byte[9])),
        _ => With(new AttributeValue(new AttributeValue[4])),
    };

    [Theory]
    [InlineData("protobuf", "resource")]
    [InlineData("protobuf", "scope")]
    [InlineData("json", "resource")]
    [InlineData("json", "scope")]
    public void What_is_wrong_with_a_resource_or_a_scope_rejects_only_its_spans(string encoding, string what)
    {
        var deep = new KeyValue("k", OtlpSome.Nested(70));
        var bad = what == "resource"
            ? Full with { Resource = new Resource { Attributes = [deep] } }
            : Full with { Scope = new InstrumentationScope { Attributes = [deep] } };
        var decoded = Decode(encoding, Encode(encoding, [Full, bad, bad, OtlpSome.Span()]), WireLimits.Default);
        Assert.Equal([Full, OtlpSome.Span()], decoded.Spans);
        Assert.Equal(2, decoded.Rejected);
        Assert.StartsWith($"Spans of a {what}: a value is nested", decoded.RejectedReason, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Encodings))]
    public void Lists_of_lists_count_together(string encoding)
    {
        var list = new AttributeValue([.. Enumerable.Repeat(default(AttributeValue), 90)]);
        var lists = With(new AttributeValue([.. Enumerable.Repeat(list, 20)]));
        var decoded = Decode(encoding, Encode(encoding, [lists, Full]), new WireLimits { MaxAttributes = 100 });
        Assert.Equal([Full], decoded.Spans);
        Assert.Contains("more than 1000 attributes, elements and entries", decoded.RejectedReason);
    }

    [Theory]
    [MemberData(nameof(Encodings))]
    public void Span_that_takes_too_much_memory_is_rejected_alone_and_those_after_it_are_taken(string encoding)
    {
        var reserved = 0L;
        using var memory = new DecodedMemory(300_000, bytes => reserved += bytes, bytes => reserved -= bytes);
        var elements = new AttributeValue([.. Enumerable.Repeat(default(AttributeValue), 5_000)]);
        var large = OtlpSome.Span() with
        {
            Attributes = [.. Enumerable.Range(0, 5).Select(i => new KeyValue($"k{i}", elements))],
        };
        Span[] spans = [Full, large, large, .. Enumerable.Repeat(Full, 100)];
        var body = Encode(encoding, spans);
        var decoded = encoding == "json"
            ? OtlpJson.Decode(body, WireLimits.Default, memory)
            : OtlpProtobuf.Decode(body, WireLimits.Default, memory);
        Assert.Equal(2, decoded.Rejected);
        Assert.Equal(101, decoded.Spans.Count);
        Assert.Contains("takes more than 300000 bytes when decoded", decoded.RejectedReason);
        Assert.InRange(reserved, 1, 300_000);
        Assert.Equal(memory.Reserved, reserved);
        memory.Dispose();
        Assert.Equal(0, reserved);
    }

    static Span With(AttributeValue value) => OtlpSome.Span() with { Attributes = [new KeyValue("k", value)] };

    static DecodedSpans Decode(string encoding, byte[] body, WireLimits limits) =>
        encoding == "json" ? OtlpJson.Decode(body.AsMemory(), limits) : OtlpProtobuf.Decode(body, limits);

    static byte[] Encode(string encoding, Span[] spans) =>
        encoding == "json" ? Written.OtlpJson(spans) : OtlpProtobuf.Encode(spans);
}
