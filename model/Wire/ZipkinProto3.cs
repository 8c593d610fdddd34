namespace Tracing.Model.Wire;

/// <summary>Zipkin's v2 format in protobuf: a ListOfSpans of zipkin.proto.</summary>
public static class ZipkinProto3
{
    /// <summary>Reads the list. Unknown fields are skipped; one bad span refuses the whole body.</summary>
    public static DecodedSpans Decode(ReadOnlyMemory<byte> body, WireLimits limits) =>
        new ZipkinProto3Decoder(body, limits).Decode();
}
