using System.Globalization;
using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Attribute values as text: a letter for the type, then the value's text as Zipkin's tags have it, so that a search
/// can compare it. s: string, i: int, d: double (round-trip), b: bool. p: anything else, and doubles whose text does
/// not give them back: length of the text in UTF-16 units, a colon, the text, then an AnyValue in Base64.
/// </summary>
static class AttributeText
{
    const char Packed = 'p';

    public static void Append(TableAppender row, KeyValue attribute)
    {
        var value = attribute.Value;
        switch (value.Type)
        {
            case AttributeType.String:
                row.AppendEntry(attribute.Key, 's', value.AsString());
                break;
            case AttributeType.Int:
                Span<char> digits = stackalloc char[20];
                value.AsInt().TryFormat(digits, out var length, default, CultureInfo.InvariantCulture);
                row.AppendEntry(attribute.Key, 'i', digits[..length]);
                break;
            case AttributeType.Bool:
                row.AppendEntry(attribute.Key, 'b', SpanText.TagText(value));
                break;
            case AttributeType.Double when IsRoundTrip(SpanText.TagText(value), value.AsDouble()):
                row.AppendEntry(attribute.Key, 'd', SpanText.TagText(value));
                break;
            default:
                var packed = Convert.ToBase64String(OtlpProtobuf.EncodeValue(value));
                row.AppendEntry(attribute.Key, Packed, PackedStart(SpanText.TagText(value)) + packed);
                break;
        }
    }

    public static AttributeValue Parse(string text)
    {
        var rest = text.AsSpan(1);
        return text[0] switch
        {
            's' => new AttributeValue(text[1..]),
            'i' => new AttributeValue(long.Parse(rest, CultureInfo.InvariantCulture)),
            'd' => new AttributeValue(double.Parse(rest, CultureInfo.InvariantCulture)),
            'b' => new AttributeValue(rest is "true"),
            Packed => Unpack(text),
            _ => throw new InvalidDataException($"An attribute's value has the unknown type '{text[0]}'."),
        };
    }

    /// <summary>The texts of all unpacked values that a tag of this text may be.</summary>
    public static string[] Candidates(string tag) => ["s" + tag, "i" + tag, "d" + tag, "b" + tag];

    /// <summary>How the text of any packed value with this tag text begins, and of no other.</summary>
    public static string PackedCandidate(string tag) => Packed + PackedStart(tag);

    static string PackedStart(string tag) => string.Create(CultureInfo.InvariantCulture, $"{tag.Length}:{tag}");

    static bool IsRoundTrip(string text, double value) =>
        double.TryParse(text, CultureInfo.InvariantCulture, out var parsed) &&
        BitConverter.DoubleToInt64Bits(parsed) == BitConverter.DoubleToInt64Bits(value);

    static AttributeValue Unpack(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var length = int.Parse(text.AsSpan(1, colon - 1), CultureInfo.InvariantCulture);
        return OtlpProtobuf.DecodeValue(Convert.FromBase64String(text[(colon + 1 + length)..]));
    }
}
