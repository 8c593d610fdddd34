using System.Buffers;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace Tracing.Model.Wire;

/// <summary>Text rules of Zipkin, which are those of Java.</summary>
static class ZipkinText
{
    const char CapitalSigma = '\u03a3';
    const char FinalSigma = '\u03c2';
    const char CapitalDottedI = '\u0130';

    // letters whose lower case depends on their place or is longer than they are
    static readonly SearchValues<char> Special = SearchValues.Create([CapitalSigma, CapitalDottedI]);

    /// <summary>
    /// Lower case of no language, as Zipkin makes it of names: like <see cref="string.ToLowerInvariant"/>, but a sigma
    /// that ends a word becomes the final one, and a dotted capital I becomes two characters.
    /// </summary>
    public static string ToLower(string text)
    {
        if (!text.AsSpan().ContainsAny(Special))
            return text.ToLowerInvariant();
        var lower = new StringBuilder(text.Length + 1);
        var plain = text.ToLowerInvariant();
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == CapitalDottedI)
                lower.Append("i\u0307");
            else
                lower.Append(text[i] == CapitalSigma && EndsWord(text, i) ? FinalSigma : plain[i]);
        }
        return lower.ToString();
    }

    /// <summary>
    /// Without blanks around it, which are all characters up to the space; <see cref="string.Trim()"/> takes Unicode's.
    /// </summary>
    public static string Trim(string text)
    {
        var (start, end) = (0, text.Length);
        while (start < end && text[start] <= ' ')
            start++;
        while (end > start && text[end - 1] <= ' ')
            end--;
        return text[start..end];
    }

    /// <summary>
    /// A whole number in decimal digits of any script, with a sign or without. .NET's parsers take only ASCII's digits,
    /// and pass over NUL characters at the end.
    /// </summary>
    public static bool TryParse<T>(string text, out T number)
        where T : struct, IBinaryInteger<T>
    {
        var digits = string.Create(text.Length, text, static (ascii, text) =>
        {
            for (var i = 0; i < ascii.Length; i++)
            {
                var digit = CharUnicodeInfo.GetDecimalDigitValue(text[i]);
                ascii[i] = digit >= 0 ? (char)('0' + digit) : text[i];
            }
        });
        number = default;
        return !digits.Contains('\0') &&
            T.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number);
    }

    static bool EndsWord(string text, int at)
    {
        var before = false;
        for (var i = at - 1; i >= 0 && InWord(text[i]) && !before; i--)
            before = HasCase(text[i]);
        if (!before)
            return false;
        for (var i = at + 1; i < text.Length && InWord(text[i]); i++)
        {
            if (HasCase(text[i]))
                return false;
        }
        return true;
    }

    static bool HasCase(char c) => char.GetUnicodeCategory(c) is
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter;

    static bool InWord(char c) =>
        char.IsLetterOrDigit(c) || c is '\'' or '_' ||
        char.GetUnicodeCategory(c) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark;
}
