using System.Diagnostics;

namespace Tracing.Model;

/// <summary>The types that a value can have; the numbers are used on disk and never change.</summary>
public enum AttributeType
{
    /// <summary>A value that is present but holds nothing.</summary>
    Empty = 0,
    String = 1,
    Bool = 2,
    Int = 3,
    Double = 4,
    Bytes = 5,
    Array = 6,
    Map = 7,
}

/// <summary>
/// A typed value, as OTLP's AnyValue: text, bool, 64-bit integer, double, bytes, or an array or map of values.
/// 16 bytes; only text, bytes, arrays and maps point to the heap. Equality is by type and content; doubles are equal
/// when their bits are, so that NaN equals itself.
/// </summary>
public readonly struct AttributeValue : IEquatable<AttributeValue>
{
    static readonly object BoolTag = new();
    static readonly object IntTag = new();
    static readonly object DoubleTag = new();

    // null: empty; a tag: the type of the number in _bits; else the content itself
    readonly object? _content;
    readonly long _bits;

    AttributeValue(object content, long bits)
    {
        _content = content;
        _bits = bits;
    }

    public AttributeValue(string value) : this(value, 0) { }

    public AttributeValue(bool value) : this(BoolTag, value ? 1 : 0) { }

    public AttributeValue(long value) : this(IntTag, value) { }

    public AttributeValue(double value) : this(DoubleTag, BitConverter.DoubleToInt64Bits(value)) { }

    public AttributeValue(byte[] value) : this(value, 0) { }

    public AttributeValue(AttributeValue[] values) : this(values, 0) { }

    public AttributeValue(KeyValue[] entries) : this(entries, 0) { }

    public AttributeType Type => _content switch
    {
        null => AttributeType.Empty,
        string => AttributeType.String,
        byte[] => AttributeType.Bytes,
        AttributeValue[] => AttributeType.Array,
        KeyValue[] => AttributeType.Map,
        var tag when tag == BoolTag => AttributeType.Bool,
        var tag when tag == IntTag => AttributeType.Int,
        _ => AttributeType.Double,
    };

    /// <summary>The text of a String, else null.</summary>
    public string? AsString() => _content as string;

    /// <summary>The value of a Bool.</summary>
    public bool AsBool() => Number(BoolTag) != 0;

    /// <summary>The value of an Int.</summary>
    public long AsInt() => Number(IntTag);

    /// <summary>The value of a Double.</summary>
    public double AsDouble() => BitConverter.Int64BitsToDouble(Number(DoubleTag));

    /// <summary>The content of Bytes.</summary>
    public byte[] AsBytes() => (byte[])_content!;

    /// <summary>The elements of an Array.</summary>
    public AttributeValue[] AsArray() => (AttributeValue[])_content!;

    /// <summary>The entries of a Map, in the order they came; their keys may repeat.</summary>
    public KeyValue[] AsMap() => (KeyValue[])_content!;

    long Number(object tag)
    {
        Debug.Assert(_content == tag, "asked for another type than the value has");
        return _bits;
    }

    public bool Equals(AttributeValue other) => _content switch
    {
        string text => other._content is string otherText && text == otherText,
        byte[] bytes => other._content is byte[] otherBytes && bytes.AsSpan().SequenceEqual(otherBytes),
        AttributeValue[] array => other._content is AttributeValue[] otherArray &&
            array.AsSpan().SequenceEqual(otherArray),
        KeyValue[] map => other._content is KeyValue[] otherMap && map.AsSpan().SequenceEqual(otherMap),
        var tag => tag == other._content && _bits == other._bits,
    };

    public override bool Equals(object? obj) => obj is AttributeValue other && Equals(other);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        switch (_content)
        {
            case string text:
                return text.GetHashCode(StringComparison.Ordinal);
            case byte[] bytes:
                hash.AddBytes(bytes);
                break;
            case AttributeValue[] array:
                hash.AddAll(array);
                break;
            case KeyValue[] map:
                hash.AddAll(map);
                break;
            default:
                return SeededHash.Of((ulong)_bits);
        }
        return hash.ToHashCode();
    }

    public static bool operator ==(AttributeValue left, AttributeValue right) => left.Equals(right);

    public static bool operator !=(AttributeValue left, AttributeValue right) => !left.Equals(right);

    /// <summary>For debugging and messages; the formats have texts of their own.</summary>
    public override string ToString() => Type switch
    {
        AttributeType.Empty => "",
        AttributeType.String => (string)_content!,
        AttributeType.Bool => _bits != 0 ? "true" : "false",
        AttributeType.Int => AsInt().ToString(System.Globalization.CultureInfo.InvariantCulture),
        AttributeType.Double => AsDouble().ToString("R", System.Globalization.CultureInfo.InvariantCulture),
        AttributeType.Bytes => Convert.ToBase64String(AsBytes()),
        AttributeType.Array => "[" + string.Join(", ", AsArray()) + "]",
        _ => "{" + string.Join(", ", AsMap()) + "}",
    };
}

/// <summary>An attribute: a key and its typed value. Zipkin's tags are attributes whose values are text.</summary>
public readonly record struct KeyValue(string Key, AttributeValue Value)
{
    public override string ToString() => $"{Key}: {Value}";
}
