using System.Globalization;
using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Attribute values as text: a letter for the type, then the value's text as Zipkin's tags have it, so that a search
/// is a comparison. s: string, i: int, d: double (round-trip), b: bool. t: the text of anything else, and of doubles
/// whose text does not give them back; such values are in a list beside, in the order of their keys, each as an
/// AnyValue in Base64.
/// </summary>
static class AttributeText
{
    const char Beside = 't';

    public static void Append(TableAppender row, KeyValue[] attributes)
    {
        row.BeginList(attributes.Length);
        var beside = 0;
        foreach (var (key, value) in attributes)
        {
            var text = ZipkinMapping.TagText(value);
            var type = TypeOf(value, text);
            row.AppendEntry(key, type, text);
            if (type == Beside)
                beside++;
        }
        if (beside == 0)
            row.AppendNull();
        else
            AppendBeside(row, attributes, beside);
    }

    public static KeyValue[] Read(RowReader row)
    {
        var keys = row.Next<List<string>>();
        var texts = row.Next<List<string>>();
        var beside = row.NextTexts();
        var nextBeside = 0;
        var attributes = new KeyValue[keys.Count];
        for (var i = 0; i < attributes.Length; i++)
        {
            var value = texts[i][0] == Beside ? Unpack(beside![nextBeside++]) : Parse(texts[i]);
            attributes[i] = new KeyValue(keys[i], value);
        }
        return attributes;
    }

    /// <summary>The texts of all values that a tag of this text may be.</summary>
    public static string[] Candidates(string tag) => ["s" + tag, "i" + tag, "d" + tag, "b" + tag, Beside + tag];

    static char TypeOf(AttributeValue value, string text) => value.Type switch
    {
        AttributeType.String => 's',
        AttributeType.Int => 'i',
        AttributeType.Bool => 'b',
        AttributeType.Double when IsRoundTrip(text, value.AsDouble()) => 'd',
        _ => Beside,
    };

    static void AppendBeside(TableAppender row, KeyValue[] attributes, int count)
    {
        row.BeginList(count);
        foreach (var (_, value) in attributes)
        {
            if (TypeOf(value, ZipkinMapping.TagText(value)) == Beside)
                row.AppendElement(Convert.ToBase64String(OtlpProtobuf.EncodeValue(value)));
        }
    }

    static AttributeValue Parse(string text)
    {
        var rest = text.AsSpan(1);
        return text[0] switch
        {
            's' => new AttributeValue(text[1..]),
            'i' => new AttributeValue(long.Parse(rest, CultureInfo.InvariantCulture)),
            'd' => new AttributeValue(double.Parse(rest, CultureInfo.InvariantCulture)),
            'b' => new AttributeValue(rest is "true"),
            _ => throw new InvalidDataException($"An attribute's value has the unknown type '{text[0]}'."),
        };
    }

    static AttributeValue Unpack(string base64) => OtlpProtobuf.DecodeValue(Convert.FromBase64String(base64));

    // equality by bits: -0 and each NaN are values of their own
    static bool IsRoundTrip(string text, double value) =>
        double.TryParse(text, CultureInfo.InvariantCulture, out var parsed) &&
        BitConverter.DoubleToInt64Bits(parsed) == BitConverter.DoubleToInt64Bits(value);
}
