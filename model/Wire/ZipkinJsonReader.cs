using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Tracing.Model.Wire;

/// <summary>Reads the spans of the list that the body is.</summary>
delegate List<Span> SpansReader(ref ZipkinJsonReader json, WireLimits limits);

/// <summary>
/// Reads a JSON list of objects as leniently as Zipkin does: numbers pass for text and numeric text for numbers,
/// invalid UTF-8 is replaced, and nothing after the list is looked at. Faults of syntax leave as JsonException, all
/// others as WireException.
/// </summary>
ref struct ZipkinJsonReader
{
    // levels that a span itself needs: list, span, annotations, annotation, endpoint
    const int OwnDepth = 5;

    // hex digits of a trace id
    const int MaxIdLength = 32;

    readonly WireLimits _limits;
    readonly char[] _id = new char[MaxIdLength];
    Utf8JsonReader _json;

    public ZipkinJsonReader(ReadOnlySpan<byte> utf8, WireLimits limits)
    {
        _limits = limits;
        _json = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = limits.MaxNesting + OwnDepth });
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
    public static DecodedSpans ReadList(ReadOnlyMemory<byte> utf8, WireLimits limits, SpansReader read)
    {
        var body = Utf8.IsValid(utf8.Span) ? utf8.Span : Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(utf8.Span));
        var json = new ZipkinJsonReader(body, limits);
        try
        {
            return new DecodedSpans(read(ref json, limits));
        }
        catch (JsonException e)
        {
            if (EscapeControls(body) is not { } escaped)
                throw json.Error("Malformed", e);
            json = new ZipkinJsonReader(escaped, limits);
        }
        try
        {
            return new DecodedSpans(read(ref json, limits));
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
        name = _json.ValueIsEscaped ? Encoding.UTF8.GetBytes(Unescape(_json.ValueSpan)) : _json.ValueSpan;
        _json.Read();
        return true;
    }

    public void Skip() => _json.Skip();

    /// <summary>Text of a field's name.</summary>
    public readonly string Name(ReadOnlySpan<byte> utf8) => Text(utf8, StringCache.Names);

    /// <summary>A string, or the literal of a number.</summary>
    /// <param name="field">Where it belongs, for messages.</param>
    public string ReadString(string field) => ReadText(field, StringCache.Values);

    /// <summary>As <see cref="ReadString"/>, for what mostly repeats.</summary>
    public string ReadName(string field) => ReadText(field, StringCache.Names);

    string ReadText(string field, StringCache cache)
    {
        Field = field;
        if (_json.TokenType is not (JsonTokenType.String or JsonTokenType.Number))
            throw WrongType("a string");
        if (!_json.ValueIsEscaped)
            return Text(_json.ValueSpan, cache);
        var text = Unescape(_json.ValueSpan);
        // escapes are longer than what they stand for
        if (_json.ValueSpan.Length > _limits.MaxStringBytes)
            Check(ZipkinFaults.TooLong(Encoding.UTF8.GetByteCount(text), _limits));
        return text;
    }

    readonly string Text(ReadOnlySpan<byte> utf8, StringCache cache)
    {
        Check(ZipkinFaults.TooLong(utf8.Length, _limits));
        return cache.GetRepaired(utf8);
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
        throw Error($"Expected a long but was {Encoding.UTF8.GetString(text)} at {Path}");
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

    // null when there are none
    static byte[]? EscapeControls(ReadOnlySpan<byte> body)
    {
        if (!body.ContainsAnyInRange((byte)0, (byte)31))
            return null;
        var escaped = new ArrayBufferWriter<byte>(body.Length + 64);
        var inText = false;
        for (var i = 0; i < body.Length; i++)
        {
            if (inText && body[i] < ' ')
            {
                escaped.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"\\u{body[i]:x4}")));
                continue;
            }
            var length = inText && body[i] == '\\' && i + 1 < body.Length && body[i + 1] >= ' ' ? 2 : 1;
            inText ^= body[i] == '"';
            escaped.Write(body.Slice(i, length));
            i += length - 1;
        }
        return escaped.WrittenCount > body.Length ? escaped.WrittenSpan.ToArray() : null;
    }

    // the tokenizer has checked the escapes; half of a surrogate pair becomes a question mark, as Zipkin writes it
    static string Unescape(ReadOnlySpan<byte> escaped)
    {
        var text = Encoding.UTF8.GetString(escaped).ToCharArray();
        var length = 0;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c == '\\')
            {
                c = text[++i] switch
                {
                    'b' => '\b',
                    'f' => '\f',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'u' => (char)ushort.Parse(text.AsSpan(i + 1, 4), NumberStyles.HexNumber, null),
                    var itself => itself,
                };
                if (text[i] == 'u')
                    i += 4;
            }
            text[length++] = c;
        }
        return WholePairs(text.AsSpan(0, length));
    }

    static string WholePairs(Span<char> text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i]))
                continue;
            if (i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]))
                i++;
            else
                text[i] = '?';
        }
        return new string(text);
    }
}
