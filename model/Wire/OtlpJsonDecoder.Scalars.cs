using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Tracing.Model.Wire;

// tokens: what a field or an element is, and numbers, texts and ids
sealed partial class OtlpJsonDecoder
{
    static readonly string[] KindNames =
    [
        "SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER", "SPAN_KIND_CLIENT", "SPAN_KIND_PRODUCER",
        "SPAN_KIND_CONSUMER",
    ];

    static readonly SearchValues<byte> NumberCharacters = SearchValues.Create("0123456789+-.eE"u8);

    static readonly string[] StatusNames = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

    // bytes of a field's name with escapes
    const int LongestName = 256;

    // for texts with escapes, and for base64; grows to the longest
    byte[] _unescaped = new byte[256];

    /// <summary>
    /// Goes to the value of the next field of this object that is not null; false at the object's end. The name is good
    /// until the next token is read.
    /// </summary>
    bool NextField(ref Utf8JsonReader json, out ReadOnlySpan<byte> name)
    {
        do
        {
            json.Read();
            if (json.TokenType == JsonTokenType.EndObject)
            {
                name = default;
                return false;
            }
            // what is longer is none that is known
            name = json.ValueSpan.Length <= LongestName ? Unescape(ref json) : json.ValueSpan;
            json.Read();
        }
        while (json.TokenType == JsonTokenType.Null);
        return true;
    }

    static bool NextElement(ref Utf8JsonReader json)
    {
        json.Read();
        return json.TokenType != JsonTokenType.EndArray;
    }

    /// <summary>Refuses the body unless the token is of this type.</summary>
    void Expect(ref Utf8JsonReader json, JsonTokenType type, string what, string wanted)
    {
        if (json.TokenType != type)
            throw Malformed(ref json, what, wanted);
    }

    /// <summary>
    /// As <see cref="Is"/>, for what spans or data points are in: a body that is malformed there and has none is
    /// refused.
    /// </summary>
    bool IsPart(ref Utf8JsonReader json, JsonTokenType type, string what, string wanted)
    {
        if (json.TokenType != type)
            _malformed ??= Malformed(ref json, what, wanted);
        return Is(ref json, type, what, wanted);
    }

    WireException Malformed(ref Utf8JsonReader json, string what, string wanted) =>
        new($"Malformed: {what} is {Name(json.TokenType)}, not {wanted}", At(ref json));

    /// <summary>Whether the token is of this type; else it is skipped and the span rejected.</summary>
    bool Is(ref Utf8JsonReader json, JsonTokenType type, string what, string wanted)
    {
        if (json.TokenType == type)
            return true;
        if (!IsLost)
            AddProblem($"{what} is {Name(json.TokenType)}, not {wanted}", At(ref json));
        json.Skip();
        return false;
    }

    /// <summary>Where in the body the token begins.</summary>
    long At(ref Utf8JsonReader json) => _start + json.TokenStartIndex;

    static string Name(JsonTokenType type) => type switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "a list",
        JsonTokenType.String => "a text",
        JsonTokenType.Number => "a number",
        JsonTokenType.Null => "null",
        _ => "true or false",
    };

    void Warn(ref Utf8JsonReader json, string found, string expected) => _warning ??=
        $"Nothing was read from \"{found}\" at byte {At(ref json)}: OTLP's JSON has \"{expected}\" there";

    string ReadName(ref Utf8JsonReader json, string what) => ReadText(ref json, what, NameCache);

    string ReadText(ref Utf8JsonReader json, string what, StringCache? cache = null)
    {
        if (!Is(ref json, JsonTokenType.String, what, "a text"))
            return "";
        // the shortest that it can stand for
        if (!IsShortEnough(json.ValueSpan.Length / JsonText.LongestEscape, At(ref json)))
            return "";
        var utf8 = Unescape(ref json, out var isRepaired);
        return Text(utf8, cache, At(ref json), isRepaired);
    }

    ReadOnlySpan<byte> Unescape(ref Utf8JsonReader json) => Unescape(ref json, out _);

    /// <summary>
    /// Content of a text or a name, good until the next one is asked for; half of a surrogate pair becomes U+FFFD.
    /// </summary>
    ReadOnlySpan<byte> Unescape(ref Utf8JsonReader json, out bool isRepaired)
    {
        isRepaired = false;
        if (!json.ValueIsEscaped)
            return json.ValueSpan;
        Reserve(json.ValueSpan.Length);
        (var length, isRepaired) = JsonText.Unescape(json.ValueSpan, _unescaped, "\uFFFD"u8);
        return _unescaped.AsSpan(0, length);
    }

    void Reserve(int length)
    {
        // not more than the body, and gone with it; doubling keeps texts that grow from growing it each time
        if (_unescaped.Length < length)
            _unescaped = new byte[Math.Max(length, Math.Min(2L * _unescaped.Length, 1 << 20))];
    }

    bool ReadBool(ref Utf8JsonReader json, string what) =>
        json.TokenType == JsonTokenType.True || (Is(ref json, JsonTokenType.False, what, "true or false") && false);

    double ReadDouble(ref Utf8JsonReader json, string what)
    {
        var text = NumberText(ref json, what);
        if (text.SequenceEqual("NaN"u8))
            return double.NaN;
        if (text.SequenceEqual("Infinity"u8))
            return double.PositiveInfinity;
        if (text.SequenceEqual("-Infinity"u8))
            return double.NegativeInfinity;
        if (IsNumber(text) && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) &&
            double.IsFinite(number))
            return number;
        AddNumberProblem(ref json, what, text);
        return 0;
    }

    long ReadInt64(ref Utf8JsonReader json, string what)
    {
        var text = NumberText(ref json, what);
        if (Utf8Parser.TryParse(text, out long number, out var length) && length == text.Length)
            return number;
        if (TryParseWhole(text, long.MinValue, long.MaxValue, out var whole))
            return (long)whole;
        AddNumberProblem(ref json, what, text);
        return 0;
    }

    ulong ReadUInt64(ref Utf8JsonReader json, string what, ulong max)
    {
        var text = NumberText(ref json, what);
        if (Utf8Parser.TryParse(text, out ulong number, out var length) && length == text.Length && number <= max)
            return number;
        if (TryParseWhole(text, 0, max, out var whole))
            return (ulong)whole;
        AddNumberProblem(ref json, what, text);
        return 0;
    }

    uint ReadUInt32(ref Utf8JsonReader json, string what) => (uint)ReadUInt64(ref json, what, uint.MaxValue);

    // proto3 takes 1e3 and 2.0 for whole numbers
    static bool TryParseWhole(ReadOnlySpan<byte> text, decimal min, decimal max, out decimal number)
    {
        number = 0;
        return IsNumber(text) && decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out number) &&
            decimal.IsInteger(number) && number >= min && number <= max;
    }

    // .NET takes blanks around a number and zero bytes after it, proto3 does not
    static bool IsNumber(ReadOnlySpan<byte> text) => !text.ContainsAnyExcept(NumberCharacters);

    /// <summary>A number as it is written, bare or as a text; empty when it is something else.</summary>
    ReadOnlySpan<byte> NumberText(ref Utf8JsonReader json, string what)
    {
        if (json.TokenType == JsonTokenType.Number)
            return json.ValueSpan;
        return Is(ref json, JsonTokenType.String, what, "a number") ? Unescape(ref json) : default;
    }

    void AddNumberProblem(ref Utf8JsonReader json, string what, scoped ReadOnlySpan<byte> text)
    {
        if (!IsLost)
            AddProblem($"{what} is \"{Beginning(text)}\", not a number that fits", At(ref json));
    }

    int ReadEnum(ref Utf8JsonReader json, string what, string[] names)
    {
        var text = NumberText(ref json, what);
        if (Utf8Parser.TryParse(text, out int number, out var length) && length == text.Length)
            return number;
        if (TryParseWhole(text, int.MinValue, int.MaxValue, out var whole))
            return (int)whole;
        for (var i = 0; i < names.Length; i++)
        {
            if (Ascii.Equals(text, names[i]))
                return i;
        }
        AddProblem($"{what} is \"{Beginning(text)}\", neither a number nor a name of one", At(ref json));
        return 0;
    }

    // either alphabet, with or without padding
    byte[] ReadBytes(ref Utf8JsonReader json, string what)
    {
        if (!Is(ref json, JsonTokenType.String, what, "a text in base64"))
            return [];
        var text = Unescape(ref json);
        if (!IsShortEnough(text.Length / 4 * 3, At(ref json)) ||
            !HasMemory(DecodedMemory.Object + text.Length, At(ref json)))
            return [];
        if (!json.ValueIsEscaped)
            Reserve(text.Length);
        var urlSafe = _unescaped.AsSpan(0, text.Length);
        text.Replace(urlSafe, (byte)'+', (byte)'-');
        urlSafe.Replace((byte)'/', (byte)'_');
        var bytes = new byte[Base64Url.GetMaxDecodedLength(urlSafe.Length)];
        if (Base64Url.DecodeFromUtf8(urlSafe, bytes, out _, out var length) == OperationStatus.Done)
            return bytes.Length == length ? bytes : bytes[..length];
        AddProblem($"{what} is no base64", At(ref json));
        return [];
    }

    TraceId ReadTraceId(ref Utf8JsonReader json, string what)
    {
        Span<byte> bytes = stackalloc byte[16];
        return ReadId(ref json, what, bytes, 32) ? TraceId.FromBytes(bytes) : default;
    }

    /// <param name="shortest">16 hex digits, or 0 where the id may be empty.</param>
    SpanId ReadSpanId(ref Utf8JsonReader json, string what, int shortest)
    {
        Span<byte> bytes = stackalloc byte[8];
        return ReadId(ref json, what, bytes, shortest) ? SpanId.FromBytes(bytes) : default;
    }

    bool ReadId(ref Utf8JsonReader json, string what, scoped Span<byte> bytes, int shortest)
    {
        if (!Is(ref json, JsonTokenType.String, what, "a text of hex digits"))
            return false;
        var hex = Unescape(ref json);
        if (hex.IsEmpty && shortest == 0)
            return false;
        if (hex.Length == bytes.Length * 2 && Convert.FromHexString(hex, bytes, out _, out _) == OperationStatus.Done)
            return true;
        AddProblem($"{what} \"{Beginning(hex)}\" has not {bytes.Length * 2} hex digits", At(ref json));
        return false;
    }

    // of a text that may be of any length, as much as a message bears
    static string Beginning(ReadOnlySpan<byte> text) => Encoding.UTF8.GetString(text[..Math.Min(text.Length, 64)]);
}
