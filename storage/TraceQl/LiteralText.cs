using System.Globalization;
using System.Text;

namespace Tracing.Storage.TraceQl;

/// <summary>Texts in quotes, with Go's escapes, or raw in backquotes.</summary>
static class LiteralText
{
    /// <summary>Reads from the opening quote; <paramref name="next"/> is then after the closing one.</summary>
    public static string Read(string query, ref int next)
    {
        var start = next++;
        if (query[start] == '`')
        {
            var end = query.IndexOf('`', next);
            if (end < 0)
                throw new TraceQlException(start + 1, "a raw text has no end: expected '`'");
            next = end + 1;
            return query[(start + 1)..end].Replace("\r", "", StringComparison.Ordinal);
        }
        // as bytes, since \x and octal escapes are bytes
        var bytes = new List<byte>();
        while (true)
        {
            if (next >= query.Length || query[next] == '\n')
                throw new TraceQlException(start + 1, "a text has no end: expected '\"'");
            if (query[next] == '"')
                break;
            if (query[next] == '\\')
            {
                ReadEscape(query, ref next, bytes);
                continue;
            }
            var length = next + 1 < query.Length && char.IsSurrogatePair(query[next], query[next + 1]) ? 2 : 1;
            bytes.AddRange(Encoding.UTF8.GetBytes(query, next, length));
            next += length;
        }
        next++;
        return Encoding.UTF8.GetString([.. bytes]);
    }

    static void ReadEscape(string query, ref int next, List<byte> bytes)
    {
        var start = next;
        var c = start + 1 < query.Length ? query[start + 1] : '\0';
        next += 2;
        switch (c)
        {
            case 'a': bytes.Add(7); break;
            case 'b': bytes.Add(8); break;
            case 't': bytes.Add(9); break;
            case 'n': bytes.Add(10); break;
            case 'v': bytes.Add(11); break;
            case 'f': bytes.Add(12); break;
            case 'r': bytes.Add(13); break;
            case '\\' or '"': bytes.Add((byte)c); break;
            case 'x': bytes.Add((byte)ReadHex(query, ref next, 2, start)); break;
            case 'u': AddRune(bytes, ReadHex(query, ref next, 4, start), start); break;
            case 'U': AddRune(bytes, ReadHex(query, ref next, 8, start), start); break;
            case >= '0' and <= '7': bytes.Add(ReadOctal(query, ref next, start)); break;
            default:
                throw new TraceQlException(start + 1,
                    $"'\\{c}' is no escape; a backslash is written \\\\ or in a raw text of backquotes");
        }
    }

    static uint ReadHex(string query, ref int next, int digits, int start)
    {
        if (next + digits > query.Length || !uint.TryParse(
            query.AsSpan(next, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
        {
            throw new TraceQlException(start + 1, $"expected {digits} hex digits after '{query[start..next]}'");
        }
        next += digits;
        return value;
    }

    static byte ReadOctal(string query, ref int next, int start)
    {
        next = start + 4;
        var digits = query.AsSpan(start + 1, Math.Min(3, query.Length - start - 1));
        var value = 0;
        foreach (var digit in digits)
            value = digit is >= '0' and <= '7' ? (value * 8) + digit - '0' : int.MaxValue / 16;
        if (digits.Length < 3 || value > byte.MaxValue)
            throw new TraceQlException(start + 1, "expected three octal digits of at most 377 after '\\'");
        return (byte)value;
    }

    static void AddRune(List<byte> bytes, uint code, int start)
    {
        if (!Rune.IsValid(code))
            throw new TraceQlException(start + 1, $"U+{code:X4} is no character");
        Span<byte> encoded = stackalloc byte[4];
        bytes.AddRange(encoded[..new Rune(code).EncodeToUtf8(encoded)]);
    }
}
