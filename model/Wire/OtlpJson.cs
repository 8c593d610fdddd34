using System.Buffers;

namespace Tracing.Model.Wire;

/// <summary>OTLP's traces in JSON: proto3's JSON mapping with hex ids and numeric enums.</summary>
public static class OtlpJson
{
    /// <summary>
    /// Spans of a body. As with protobuf, a bad span is rejected alone and a bad text repaired, be it no UTF-8 or half
    /// a surrogate pair. Lenient where the meaning is plain: names of
    /// enums, numbers as text, either alphabet of base64. Names in snake case are unknown fields, so spans under
    /// them are not seen; then <see cref="DecodedSpans.RejectedReason"/> says so, with none rejected.
    /// </summary>
    /// <param name="memory">Bounds what the decoded takes; null for no bound.</param>
    /// <exception cref="WireException">No OTLP JSON, or too many spans.</exception>
    public static DecodedSpans Decode(
        ReadOnlyMemory<byte> utf8, WireLimits limits, DecodedMemory? memory = null) =>
        new OtlpJsonDecoder(limits, memory).Decode(utf8.Span);

    /// <inheritdoc cref="Decode(ReadOnlyMemory{byte}, WireLimits, DecodedMemory)"/>
    public static DecodedSpans Decode(ReadOnlySpan<byte> utf8, WireLimits limits) =>
        new OtlpJsonDecoder(limits, null).Decode(utf8);

    /// <summary>One object, {"resourceSpans": [...]}, on one line.</summary>
    public static void Encode(IBufferWriter<byte> output, IReadOnlyList<Span> spans) =>
        OtlpJsonEncoder.Encode(output, spans);
}
