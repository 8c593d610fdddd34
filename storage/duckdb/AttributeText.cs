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

    /// <summary>Appends the MAP and the list beside it.</summary>
    /// <param name="places">By attribute: those from <paramref name="first"/> on are for the MAP.</param>
    public static void Append(
        TableAppender row, KeyValue[] attributes, ReadOnlySpan<int> places, int first, int count)
    {
        row.BeginList(count);
        var beside = 0;
        for (var i = 0; i < attributes.Length; i++)
        {
            if (places[i] < first)
                continue;
            var (key, value) = attributes[i];
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

    /// <summary>Reads the MAP's keys, its values, and the list beside; adds the attributes.</summary>
    public static void Read(RowReader row, List<KeyValue> attributes)
    {
        var keys = row.NextTexts();
        var texts = row.NextTexts();
        var beside = row.NextTexts();
        var nextBeside = 0;
        for (var i = 0; i < keys?.Count; i++)
        {
            var value = texts![i][0] == Beside ? Unpack(beside![nextBeside++]) : Parse(texts[i]);
            attributes.Add(new KeyValue(keys[i], value));
        }
    }

    /// <summary>The texts of all values that a tag of this text may be.</summary>
    public static string[] Candidates(string tag) => ["s" + tag, "i" + tag, "d" + tag, "b" + tag, Beside + tag];

    /// <summary>The value of a column of this type whose text is this; null when there is none.</summary>
    public static object? Parse(AttributeType type, string tag)
    {
        object? value = type switch
        {
            AttributeType.String => tag,
            AttributeType.Int when long.TryParse(tag, CultureInfo.InvariantCulture, out var number) => number,
            AttributeType.Double when double.TryParse(tag, CultureInfo.InvariantCulture, out var number) => number,
            AttributeType.Bool when tag is "true" or "false" => tag is "true",
            _ => null,
        };
        // "007" is a text that no number has
        var text = value switch
        {
            long number => ZipkinMapping.TagText(new AttributeValue(number)),
            double number => ZipkinMapping.TagText(new AttributeValue(number)),
            _ => tag,
        };
        return text == tag && value is not double.NaN and not -0.0 ? value : null;
    }

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
        // those of columns are never beside
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
