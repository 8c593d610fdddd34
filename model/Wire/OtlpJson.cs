using System.Buffers;

namespace Tracing.Model.Wire;

/// <summary>OTLP's traces in JSON: proto3's JSON mapping with hex ids and numeric enums.</summary>
public static class OtlpJson
{
    /// <summary>
    /// Spans of a body. As with protobuf, a bad span is rejected alone. Lenient where the meaning is plain: names of
    /// enums, numbers as text, either alphabet of base64. Names in snake case are unknown fields, so spans under
    /// them are not seen; then <see cref="DecodedSpans.RejectedReason"/> says so, with none rejected.
    /// </summary>
    /// <exception cref="WireException">No OTLP JSON, too many spans or too deep values.</exception>
    public static DecodedSpans Decode(ReadOnlyMemory<byte> utf8, WireLimits limits) => Decode(utf8.Span, limits);

    /// <inheritdoc cref="Decode(ReadOnlyMemory{byte}, WireLimits)"/>
    public static DecodedSpans Decode(ReadOnlySpan<byte> utf8, WireLimits limits) =>
        new OtlpJsonDecoder(limits).Decode(utf8);

    /// <summary>One object, {"resourceSpans": [...]}, on one line.</summary>
    public static void Encode(IBufferWriter<byte> output, IReadOnlyList<Span> spans) =>
        OtlpJsonEncoder.Encode(output, spans);
}
