using System.Buffers.Text;
using System.Diagnostics;
using System.Text;

namespace Tracing.Model.Wire;

/// <summary>Texts of JSON with escapes. .NET's reader throws for half a surrogate pair; here it is replaced.</summary>
static class JsonText
{
    /// <summary>Bytes of the longest escape of one byte.</summary>
    public const int LongestEscape = 6;

    const int HexDigits = 4;

    /// <summary>
    /// Undoes the escapes of a text whose syntax the tokenizer has checked.
    /// </summary>
    /// <param name="utf8">As large as the escaped text: no escape is shorter than what it stands for.</param>
    /// <param name="replacement">Of half a surrogate pair; up to 3 bytes.</param>
    /// <returns>The length of the text, and whether something was replaced.</returns>
    public static (int Length, bool IsRepaired) Unescape(
        ReadOnlySpan<byte> escaped, Span<byte> utf8, ReadOnlySpan<byte> replacement)
    {
        var (length, isRepaired) = (0, false);
        while (escaped.IndexOf((byte)'\\') is var at and >= 0)
        {
            escaped[..at].CopyTo(utf8[length..]);
            length += at;
            var what = escaped[at + 1];
            escaped = escaped[(at + 2)..];
            if (what != 'u')
            {
                utf8[length++] = Plain(what);
                continue;
            }
            var first = Unit(escaped);
            escaped = escaped[HexDigits..];
            if (Rune.TryCreate(first, out var rune) || TryPair(first, ref escaped, out rune))
            {
                length += rune.EncodeToUtf8(utf8[length..]);
                continue;
            }
            replacement.CopyTo(utf8[length..]);
            length += replacement.Length;
            isRepaired = true;
        }
        escaped.CopyTo(utf8[length..]);
        return (length + escaped.Length, isRepaired);
    }

    static bool TryPair(char first, ref ReadOnlySpan<byte> rest, out Rune rune)
    {
        rune = default;
        if (!rest.StartsWith("\\u"u8) || !Rune.TryCreate(first, Unit(rest[2..]), out rune))
            return false;
        rest = rest[(2 + HexDigits)..];
        return true;
    }

    static char Unit(ReadOnlySpan<byte> hex)
    {
        // the reader has checked the digits
        var isHex = Utf8Parser.TryParse(hex[..HexDigits], out ushort unit, out _, 'x');
        Debug.Assert(isHex);
        return (char)unit;
    }

    static byte Plain(byte escaped) => escaped switch
    {
        (byte)'b' => (byte)'\b',
        (byte)'f' => (byte)'\f',
        (byte)'n' => (byte)'\n',
        (byte)'r' => (byte)'\r',
        (byte)'t' => (byte)'\t',
        _ => escaped,
    };
}
