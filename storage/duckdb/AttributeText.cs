using System.Globalization;
using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Attribute values as text: a letter for the type, then the value's text as Zipkin's tags have it, so that a search
/// is a comparison. s: string, i: int, d: double (round-trip), b: bool. t: the text of anything else, and of doubles
/// whose text does not give them back; beside such a text is the value as an AnyValue in Base64.
/// </summary>
static class AttributeText
{
    public const char Beside = 't';

    /// <summary>The letter and the text after it.</summary>
    public static (char Letter, string Text) Of(AttributeValue value)
    {
        var text = ZipkinMapping.TagText(value);
        var letter = value.Type switch
        {
            AttributeType.String => 's',
            AttributeType.Int => 'i',
            AttributeType.Bool => 'b',
            AttributeType.Double when IsRoundTrip(text, value.AsDouble()) => 'd',
            _ => Beside,
        };
        return (letter, text);
    }

    /// <summary>What stands beside a text that does not give its value back.</summary>
    public static string Pack(AttributeValue value) => Convert.ToBase64String(OtlpProtobuf.EncodeValue(value));

    /// <param name="text">Letter and text.</param>
    /// <param name="beside">What stands beside it; only looked at for that letter.</param>
    public static AttributeValue Parse(ReadOnlySpan<char> text, string? beside)
    {
        var rest = text[1..];
        return text[0] switch
        {
            's' => new AttributeValue(rest.ToString()),
            'i' => new AttributeValue(long.Parse(rest, CultureInfo.InvariantCulture)),
            'd' => new AttributeValue(double.Parse(rest, CultureInfo.InvariantCulture)),
            'b' => new AttributeValue(rest is "true"),
            Beside => OtlpProtobuf.DecodeValue(Convert.FromBase64String(beside!)),
            _ => throw new InvalidDataException($"An attribute's value has the unknown type '{text[0]}'."),
        };
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

    // equality by bits: -0 and each NaN are values of their own
    static bool IsRoundTrip(string text, double value) =>
        double.TryParse(text, CultureInfo.InvariantCulture, out var parsed) &&
        BitConverter.DoubleToInt64Bits(parsed) == BitConverter.DoubleToInt64Bits(value);
}
