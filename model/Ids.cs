using System.Buffers.Binary;
using System.Globalization;

namespace Tracing.Model;

/// <summary>
/// Id of a trace: 128 bits. A 64-bit Zipkin id has <see cref="High"/> = 0; all zeros means "no id" and never reaches
/// a store.
/// </summary>
public readonly record struct TraceId(ulong High, ulong Low)
{
    /// <summary>Whether all 128 bits are zero, which no format allows as an id.</summary>
    public bool IsZero => (High | Low) == 0;

    public override int GetHashCode() => SeededHash.Of(High, Low);

    /// <summary>
    /// Reads 1 to 32 hex digits, upper or lower case; fewer than 32 are padded with zeros on the left.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<char> hex, out TraceId id)
    {
        id = default;
        if (hex.Length is 0 or > 32)
            return false;
        ulong high = 0;
        if (hex.Length > 16 && !Hex.TryParse(hex[..^16], out high))
            return false;
        if (!Hex.TryParse(hex.Length > 16 ? hex[^16..] : hex, out var low))
            return false;
        id = new TraceId(high, low);
        return true;
    }

    /// <summary>Reads 16 bytes in network order, as OTLP and Zipkin protobuf carry them.</summary>
    public static TraceId FromBytes(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]));

    /// <summary>Writes 16 bytes in network order.</summary>
    public void WriteBytes(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, High);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], Low);
    }

    /// <summary>32 lower-case hex digits, as OTLP writes it.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{High:x16}{Low:x16}");

    /// <summary>16 lower-case hex digits when the high half is zero, else 32, as Zipkin writes it.</summary>
    public string ToZipkinString() =>
        High == 0 ? Low.ToString("x16", CultureInfo.InvariantCulture) : ToString();
}

/// <summary>Id of a span within its trace: 64 bits; zero means "none", for a parent: that the span is a root.</summary>
public readonly record struct SpanId(ulong Value)
{
    /// <summary>Whether this is no id.</summary>
    public bool IsZero => Value == 0;

    public override int GetHashCode() => SeededHash.Of(Value);

    /// <summary>
    /// Reads 1 to 16 hex digits, upper or lower case; fewer than 16 are padded with zeros on the left.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<char> hex, out SpanId id)
    {
        id = default;
        if (hex.Length is 0 or > 16 || !Hex.TryParse(hex, out var value))
            return false;
        id = new SpanId(value);
        return true;
    }

    /// <summary>Reads 8 bytes in network order.</summary>
    public static SpanId FromBytes(ReadOnlySpan<byte> bytes) => new(BinaryPrimitives.ReadUInt64BigEndian(bytes));

    /// <summary>Writes 8 bytes in network order.</summary>
    public void WriteBytes(Span<byte> destination) =>
        BinaryPrimitives.WriteUInt64BigEndian(destination, Value);

    /// <summary>16 lower-case hex digits.</summary>
    public override string ToString() => Value.ToString("x16", CultureInfo.InvariantCulture);
}

static class Hex
{
    /// <summary>Up to 16 hex digits of any case. Unlike ulong.TryParse it takes no blanks and no sign.</summary>
    public static bool TryParse(ReadOnlySpan<char> hex, out ulong value)
    {
        value = 0;
        foreach (var c in hex)
        {
            if (!char.IsAsciiHexDigit(c))
                return false;
            value = (value << 4) | (uint)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
        }
        return true;
    }
}
