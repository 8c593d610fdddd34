using Google.Protobuf;
using Otlp = Tracing.Model.Wire.Proto.Otlp;

namespace Tracing.Model.Wire;

/// <summary>OTLP's traces in protobuf: ExportTraceServiceRequest and TracesData, which are the same on the wire.</summary>
public static class OtlpProtobuf
{
    /// <summary>TracesData with the spans under equal resources and scopes, in the order these were first seen.</summary>
    public static byte[] Encode(IReadOnlyList<Span> spans) => OtlpMessages.ToTraces(spans).ToByteArray();

    /// <summary>A ResourceSpans message without spans, so that the schema URL is kept.</summary>
    internal static byte[] EncodeResource(Resource resource) => OtlpMessages.ToResourceSpans(resource).ToByteArray();

    internal static Resource DecodeResource(ReadOnlySpan<byte> bytes) =>
        OtlpMessageReader.ToResource(Otlp.ResourceSpans.Parser.ParseFrom(bytes));

    /// <summary>A ScopeSpans message without spans, so that the schema URL is kept.</summary>
    internal static byte[] EncodeScope(InstrumentationScope scope) => OtlpMessages.ToScopeSpans(scope).ToByteArray();

    internal static InstrumentationScope DecodeScope(ReadOnlySpan<byte> bytes) =>
        OtlpMessageReader.ToScope(Otlp.ScopeSpans.Parser.ParseFrom(bytes));

    /// <summary>A Span message that has only events and links; empty when the span has none.</summary>
    internal static byte[] EncodeEventsAndLinks(Span span) =>
        span.Events.Length + span.Links.Length == 0 ? [] : OtlpMessages.ToEventsAndLinks(span).ToByteArray();

    internal static (SpanEvent[] Events, SpanLink[] Links) DecodeEventsAndLinks(ReadOnlySpan<byte> bytes)
    {
        var message = Otlp.Span.Parser.ParseFrom(bytes);
        return (OtlpMessageReader.ToEvents(message), OtlpMessageReader.ToLinks(message));
    }

    /// <summary>An AnyValue message.</summary>
    internal static byte[] EncodeValue(AttributeValue value) => OtlpMessages.ToAnyValue(value).ToByteArray();

    internal static AttributeValue DecodeValue(ReadOnlySpan<byte> bytes) =>
        OtlpMessageReader.ToValue(Otlp.AnyValue.Parser.ParseFrom(bytes));
}
