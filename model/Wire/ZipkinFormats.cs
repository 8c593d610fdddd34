namespace Tracing.Model.Wire;

/// <summary>The versions of Zipkin's API that take spans.</summary>
public enum ZipkinVersion
{
    V1 = 1,
    V2 = 2,
}

/// <summary>Chooses the decoder of a body sent to Zipkin's API; refuses other formats in its words.</summary>
public static class ZipkinFormats
{
    /// <summary>Reads a body, already decompressed. An empty one holds no spans.</summary>
    /// <param name="memory">Bounds what the decoded takes; null for no bound.</param>
    /// <param name="contentType">The header as sent; all but protobuf (v2) and Thrift (v1) are read as JSON.</param>
    public static DecodedSpans Decode(
        ReadOnlyMemory<byte> body, ZipkinVersion version, string? contentType, WireLimits limits,
        DecodedMemory? memory = null)
    {
        var bytes = body.Span;
        if (bytes.IsEmpty || bytes.SequenceEqual("[]"u8))
            return new DecodedSpans([]);
        var format = Choose(version, contentType);
        if (!BeginsList(bytes))
            throw new WireException($"Expected a {format} encoded list\n", null);
        if (Mistaken(format, bytes) is { } received)
            throw new WireException($"Expected a {format} encoded list, but received: {received}\n", null);
        return format switch
        {
            "PROTO3" => ZipkinProto3.Decode(body, limits, memory),
            "THRIFT" => ZipkinThrift.Decode(body, limits, memory),
            "JSON_V1" => ZipkinJsonV1.Decode(body, limits, memory),
            _ => ZipkinJson.Decode(body, limits, memory),
        };
    }

    static string Choose(ZipkinVersion version, string? contentType)
    {
        var type = contentType.AsSpan();
        var end = type.IndexOf(';');
        type = (end < 0 ? type : type[..end]).Trim();
        if (version == ZipkinVersion.V2)
            return type.Equals("application/x-protobuf", StringComparison.OrdinalIgnoreCase) ? "PROTO3" : "JSON_V2";
        return type.Equals("application/x-thrift", StringComparison.OrdinalIgnoreCase) ? "THRIFT" : "JSON_V1";
    }

    // a JSON list; a Thrift list of structs or texts; protobuf's first field. A line break before a JSON list looks
    // like the last of these and passes, other blanks do not
    static bool BeginsList(ReadOnlySpan<byte> body) => body[0] switch
    {
        (byte)'[' or 12 or 11 => true,
        10 => body.Length > 1 && body[1] != 0,
        _ => false,
    };

    // by names of fields that only the other version has
    static string? Mistaken(string format, ReadOnlySpan<byte> body) => format switch
    {
        "JSON_V2" when body.IndexOf("yAnnotations\""u8) >= 0 => "JSON_V1",
        "JSON_V1" when body.IndexOf("Endpoint\""u8) >= 0 || body.IndexOf("\"tags\""u8) >= 0 => "JSON_V2",
        _ => null,
    };
}
