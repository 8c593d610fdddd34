using System.Globalization;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>Reads what <see cref="AttributeWriter"/> appends.</summary>
static class AttributeReader
{
    /// <summary>What <see cref="Read"/> reads, in its order, after the layout's columns.</summary>
    public const string Columns = "shape, codes, texts, texts_beside";

    public static KeyValue[] Read(IRow row, Layout layout, Shapes shapes)
    {
        var columns = new AttributeValue[layout.Columns.Length];
        for (var i = 0; i < columns.Length; i++)
            columns[i] = NextOf(row, layout.Columns[i].Type);
        var id = row.Next<int>();
        var codes = row.NextNumbers();
        var texts = row.NextTexts();
        var beside = row.NextTexts();
        var values = texts is null ? [] : ParseTexts(texts, beside, id == Shapes.FreeForm);
        if (id == Shapes.FreeForm)
            return values;
        var shape = shapes.All[id];
        var attributes = new KeyValue[shape.Keys.Length];
        var next = 0;
        for (var i = 0; i < attributes.Length; i++)
        {
            var key = shape.Keys[i];
            if (key.Column >= 0)
            {
                attributes[i] = new KeyValue(key.Key, columns[key.Column]);
                continue;
            }
            var code = codes![next++];
            attributes[i] = new KeyValue(key.Key, code >= 0 ? key.Values[code] : values[-code - 1].Value);
        }
        return attributes;
    }

    /// <summary>With keys if they are in free form, else with empty ones.</summary>
    static KeyValue[] ParseTexts(List<string> texts, List<string>? beside, bool withKeys)
    {
        var values = new KeyValue[texts.Count];
        var nextBeside = 0;
        for (var i = 0; i < values.Length; i++)
        {
            var (key, text) = withKeys ? CutKey(texts[i]) : ("", texts[i]);
            values[i] = new KeyValue(
                key, AttributeText.Parse(text, text[0] == AttributeText.Beside ? beside![nextBeside++] : null));
        }
        return values;
    }

    static (string Key, string Text) CutKey(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var runes = int.Parse(text.AsSpan(1, colon - 1), CultureInfo.InvariantCulture);
        var length = text[(colon + 1)..].EnumerateRunes().Take(runes).Sum(rune => rune.Utf16SequenceLength);
        return (text.Substring(colon + 1, length), text[0] + text[(colon + 1 + length)..]);
    }

    /// <summary>Empty for NULL, which the shape tells apart.</summary>
    static AttributeValue NextOf(IRow row, AttributeType type) => type switch
    {
        AttributeType.String => row.NextText() is { } text ? new AttributeValue(text) : default,
        AttributeType.Int => row.NextOrNull<long>() is { } number ? new AttributeValue(number) : default,
        AttributeType.Bool => row.NextOrNull<bool>() is { } flag ? new AttributeValue(flag) : default,
        _ => row.NextOrNull<double>() is { } number ? new AttributeValue(number) : default,
    };
}
