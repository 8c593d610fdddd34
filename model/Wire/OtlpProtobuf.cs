using System.Text;
using Google.Protobuf;

namespace Tracing.Model.Wire;

/// <summary>OTLP's traces in protobuf: ExportTraceServiceRequest or TracesData, the same on the wire.</summary>
public static class OtlpProtobuf
{
    static readonly WireLimits Unlimited = new()
    {
        MaxSpans = int.MaxValue,
        MaxAttributes = int.MaxValue,
        MaxStringBytes = int.MaxValue,
        MaxNesting = int.MaxValue,
    };

    /// <summary>
    /// Spans of a body. A span with a bad id or more than the limits allow is rejected alone, a text that is no UTF-8
    /// is repaired; of an attribute key that comes twice within a span the last value is taken.
    /// </summary>
    /// <param name="memory">Bounds what the decoded takes; null for no bound.</param>
    /// <exception cref="WireException">No OTLP protobuf, or too many spans.</exception>
    public static DecodedSpans Decode(
        ReadOnlyMemory<byte> body, WireLimits limits, DecodedMemory? memory = null) =>
        new OtlpProtobufDecoder(body, limits, memory).DecodeTraces();

    /// <summary>TracesData with the spans under equal resources and scopes, in first-seen order.</summary>
    public static byte[] Encode(IReadOnlyList<Span> spans) => OtlpMessages.ToTraces(spans).ToByteArray();

    /// <summary>A ResourceSpans message without spans, so that the schema URL is kept.</summary>
    internal static byte[] EncodeResource(Resource resource) => OtlpMessages.ToResourceSpans(resource).ToByteArray();

    internal static Resource DecodeResource(byte[] bytes) => OfStore(bytes).DecodeResource();

    /// <summary>A ScopeSpans message without spans, so that the schema URL is kept.</summary>
    internal static byte[] EncodeScope(InstrumentationScope scope) => OtlpMessages.ToScopeSpans(scope).ToByteArray();

    internal static InstrumentationScope DecodeScope(byte[] bytes) => OfStore(bytes).DecodeScope();

    /// <summary>Whether a span has any of what few have: trace state, events, links, or something dropped.</summary>
    internal static bool HasRest(Span span) =>
        span.Events.Length > 0 || span.Links.Length > 0 || span.TraceState.Length > 0 ||
        (span.DroppedAttributes | span.DroppedEvents | span.DroppedLinks) != 0;

    /// <summary>A Span message that has nothing else.</summary>
    internal static byte[] EncodeRest(Span span) => OtlpMessages.ToRest(span).ToByteArray();

    internal static SpanRest DecodeRest(byte[] bytes) => OfStore(bytes).DecodeRest();

    /// <summary>The trace state of such a message, without decoding the rest of it: it is the first field.</summary>
    internal static string TraceStateOfRest(ReadOnlySpan<byte> bytes)
    {
        const int Tag = 3 << 3 | 2;
        if (bytes.IsEmpty || bytes[0] != Tag)
            return "";
        var (at, length) = (1, 0);
        for (var shift = 0; ; shift += 7)
        {
            var digits = bytes[at++];
            length |= (digits & 0x7f) << shift;
            if (digits < 0x80)
                return Encoding.UTF8.GetString(bytes.Slice(at, length));
        }
    }

    /// <summary>An AnyValue message.</summary>
    internal static byte[] EncodeValue(AttributeValue value) => OtlpMessages.ToAnyValue(value).ToByteArray();

    internal static AttributeValue DecodeValue(byte[] bytes) => OfStore(bytes).DecodeValue();

    // what we wrote ourselves was within the limits of its time
    static OtlpProtobufDecoder OfStore(byte[] bytes) => new(bytes, Unlimited, null);
}

/// <summary>What few spans have.</summary>
sealed record SpanRest(
    string TraceState, SpanEvent[] Events, SpanLink[] Links, uint DroppedAttributes, uint DroppedEvents,
    uint DroppedLinks)
{
    public static SpanRest None { get; } = new("", [], [], 0, 0, 0);
}
