using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Tracing.Model.Wire;

/// <summary>Reads the spans of the list that the body is.</summary>
delegate void SpansReader(ref ZipkinJsonReader json, ZipkinSpanList spans);

/// <summary>
/// Reads a JSON list of objects as leniently as Zipkin does: numbers pass for text and numeric text for numbers,
/// invalid UTF-8 is replaced, and nothing after the list is looked at. Faults of syntax leave as JsonException, all
/// others as WireException.
/// </summary>
ref struct ZipkinJsonReader
{
    // skipping needs no stack, and the tokenizer a bit a level
    static readonly JsonReaderOptions AnyDepth = new() { MaxDepth = int.MaxValue };

    // hex digits of a trace id
    const int MaxIdLength = 32;

    readonly ZipkinSpanList _spans;
    readonly char[] _id = new char[MaxIdLength];
    Utf8JsonReader _json;

    ZipkinJsonReader(ReadOnlySpan<byte> utf8, ZipkinSpanList spans)
    {
        _spans = spans;
        _json = new Utf8JsonReader(utf8, AnyDepth);
    }

    /// <summary>Where the current token begins.</summary>
    public readonly long Offset => _json.TokenStartIndex;

    /// <summary>Which span is read, and which of its fields; for messages.</summary>
    public int Span { get; set; }

    public string Field { get; set; } = "";

    public readonly bool IsNull => _json.TokenType == JsonTokenType.Null;

    public readonly bool IsString => _json.TokenType == JsonTokenType.String;

    public readonly bool IsBoolean => _json.TokenType is JsonTokenType.True or JsonTokenType.False;

    /// <summary>
    /// Reads a body by the function given. Invalid UTF-8 is replaced by U+FFFD, and control characters are let pass
    /// within texts, which JSON forbids but Zipkin takes.
    /// </summary>
    public static DecodedSpans ReadList(
        ReadOnlyMemory<byte> utf8, WireLimits limits, DecodedMemory? memory, SpansReader read)
    {
        var body = utf8.Span;
        var spans = new ZipkinSpanList(limits, memory);
        var mark = memory?.Mark ?? 0;
        var json = new ZipkinJsonReader(body, spans);
        try
        {
            read(ref json, spans);
            return spans.ToDecoded();
        }
        catch (JsonException e)
        {
            var length = JsonControls.Escape(body, default);
            if (length == body.Length)
                throw json.Error("Malformed", e);
            memory?.ReturnTo(mark);
            // each takes six bytes instead of one
            if (length > Array.MaxLength || memory?.TryTake(length) == false)
                throw json.Error("Too many control characters in texts");
            var escaped = new byte[length];
            JsonControls.Escape(body, escaped);
            spans = new ZipkinSpanList(limits, memory);
            json = new ZipkinJsonReader(escaped, spans);
        }
        try
        {
            read(ref json, spans);
            return spans.ToDecoded();
        }
        catch (JsonException e)
        {
            throw json.Error("Malformed", e);
        }
    }

    /// <summary>Steps into the list that the body is.</summary>
    public void Begin()
    {
        _json.Read();
        Expect(JsonTokenType.StartArray);
    }

    /// <summary>The current token must begin a list or an object.</summary>
    public readonly void Expect(JsonTokenType type)
    {
        if (_json.TokenType != type)
            throw WrongType(type == JsonTokenType.StartArray ? "BEGIN_ARRAY" : "BEGIN_OBJECT");
    }

    /// <summary>Steps to the next element of a list; false at its end.</summary>
    public bool NextElement()
    {
        _json.Read();
        return _json.TokenType != JsonTokenType.EndArray;
    }

    /// <summary>Steps to the value of the next field of an object; false at its end.</summary>
    public bool NextField(out ReadOnlySpan<byte> name)
    {
        _json.Read();
        name = default;
        if (_json.TokenType == JsonTokenType.EndObject)
            return false;
        name = Unescape();
        _json.Read();
        return true;
    }

    public void Skip() => _json.Skip();

    /// <summary>Text of a field's name.</summary>
    public readonly string Name(ReadOnlySpan<byte> utf8) => _spans.Name(utf8);

    /// <summary>A string, or the literal of a number.</summary>
    /// <param name="field">Where it belongs, for messages.</param>
    public string ReadString(string field) => IsText(field) ? _spans.Value(Unescape()) : "";

    /// <summary>As <see cref="ReadString"/>, for what mostly repeats.</summary>
    public string ReadName(string field) => IsText(field) ? _spans.Name(Unescape()) : "";

    // false when it is too long whatever its escapes stand for
    bool IsText(string field)
    {
        Field = field;
        return _json.TokenType is JsonTokenType.String or JsonTokenType.Number
            ? _spans.IsShortEnough(_json.ValueSpan.Length / JsonText.LongestEscape)
            : throw WrongType("a string");
    }

    // half of a surrogate pair becomes a question mark, as Zipkin writes it
    readonly ReadOnlySpan<byte> Unescape()
    {
        var text = _json.ValueSpan;
        if (!_json.ValueIsEscaped)
            return text;
        var unescaped = new byte[text.Length];
        return unescaped.AsSpan(0, JsonText.Unescape(text, unescaped, "?"u8).Length);
    }

    /// <summary>
    /// As <see cref="ReadString"/>, but good only until the next call: ids are many, and no string is made of them.
    /// </summary>
    public ReadOnlySpan<char> ReadId(string field)
    {
        var utf8 = _json.ValueSpan;
        var fits = _json.TokenType == JsonTokenType.String && !_json.ValueIsEscaped && utf8.Length <= _id.Length;
        return fits && Ascii.ToUtf16(utf8, _id, out var length) == OperationStatus.Done
            ? _id.AsSpan(0, length)
            : ReadString(field);
    }

    /// <summary>A whole number, also in quotes or with an exponent.</summary>
    public long ReadLong(string field)
    {
        Field = field;
        if (_json.TokenType is not (JsonTokenType.String or JsonTokenType.Number))
            throw WrongType("a long");
        var text = _json.ValueSpan;
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value))
            return value;
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var real))
        {
            value = (long)real;
            if (value == real)
                return value;
        }
        throw Error($"Expected a long but was {Warnings.Shorten(Encoding.UTF8.GetString(text))} at {Path}");
    }

    public bool ReadBoolean(string field)
    {
        Field = field;
        return IsBoolean ? _json.TokenType == JsonTokenType.True : throw WrongType("a boolean");
    }

    /// <summary>Fails with the reason when there is one.</summary>
    public readonly void Check(string? reason)
    {
        if (reason is not null)
            throw Error(reason);
    }

    public readonly string Path =>
        string.Create(CultureInfo.InvariantCulture, $"$[{Span}]{(Field.Length == 0 ? "" : ".")}{Field}");

    public readonly WireException Error(string reason, Exception? inner = null) =>
        new($"{reason} reading List<Span> from json", Offset, inner);

    readonly WireException WrongType(string expected)
    {
        var found = _json.TokenType switch
        {
            JsonTokenType.StartArray => "BEGIN_ARRAY",
            JsonTokenType.StartObject => "BEGIN_OBJECT",
            JsonTokenType.String => "STRING",
            JsonTokenType.Number => "NUMBER",
            JsonTokenType.Null => "NULL",
            _ => "BOOLEAN",
        };
        return Error(expected == "BEGIN_OBJECT" ? "Malformed" : $"Expected {expected} but was {found} at {Path}");
    }
}
