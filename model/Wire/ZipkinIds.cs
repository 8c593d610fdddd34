using System.Buffers;

namespace Tracing.Model.Wire;

/// <summary>
/// Ids by Zipkin's rules: lower-case hex, short ones padded on the left. Each method answers null when all is well,
/// else what is wrong in Zipkin's words. Unlike there, a short id of zeros is refused too: no zero id is ever stored.
/// </summary>
static class ZipkinIds
{
    static readonly SearchValues<char> LowerHex = SearchValues.Create("0123456789abcdef");

    public static string? ReadTraceId(ReadOnlySpan<char> text, out TraceId id)
    {
        id = default;
        if (Refuse(text, "traceId", 32) is { } reason)
            return reason;
        return TraceId.TryParse(text, out id) && !id.IsZero ? null : "traceId is all zeros";
    }

    /// <param name="field">"id", or "parentId", of which zeros mean "none".</param>
    public static string? ReadSpanId(ReadOnlySpan<char> text, string field, out SpanId id)
    {
        id = default;
        if (Refuse(text, field, 16) is { } reason)
            return reason;
        return SpanId.TryParse(text, out id) && (!id.IsZero || field == "parentId") ? null : "id is all zeros";
    }

    /// <summary>Reads 1 to 32 digits as v1 does, which tells the same faults in other words.</summary>
    public static string? ReadV1(ReadOnlySpan<char> text, out TraceId id)
    {
        id = default;
        return !text.ContainsAnyExcept(LowerHex) && TraceId.TryParse(text, out id)
            ? null
            : $"{Warnings.Shorten(text.ToString())} should be a 1 to 32 character lower-hex string with no prefix";
    }

    /// <summary>Reads up to 16 bytes in network order, padded with zeros on the left.</summary>
    public static TraceId FromBytes(ReadOnlySpan<byte> bytes)
    {
        Span<byte> padded = stackalloc byte[16];
        padded.Clear();
        bytes.CopyTo(padded[(16 - bytes.Length)..]);
        return TraceId.FromBytes(padded);
    }

    static string? Refuse(ReadOnlySpan<char> text, string field, int maxLength)
    {
        if (text.IsEmpty)
            return $"{field} is empty";
        if (text.Length > maxLength)
            return $"{field}.length > {maxLength}";
        return text.ContainsAnyExcept(LowerHex) ? $"{text} should be lower-hex encoded with no prefix" : null;
    }
}
