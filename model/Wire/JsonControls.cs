using System.Buffers;
using System.Buffers.Text;

namespace Tracing.Model.Wire;

/// <summary>Control characters within texts of JSON, which are not allowed there.</summary>
static class JsonControls
{
    static readonly SearchValues<byte> Special = SearchValues.Create(
        [.. Enumerable.Range(0, ' ').Select(c => (byte)c), (byte)'"', (byte)'\\']);

    /// <summary>The body with each of them as an escape.</summary>
    /// <param name="escaped">Where to write; nowhere, to learn the length.</param>
    public static long Escape(ReadOnlySpan<byte> body, Span<byte> escaped)
    {
        var length = 0L;
        var inText = false;
        while (!body.IsEmpty)
        {
            var run = inText ? body.IndexOfAny(Special) : body.IndexOf((byte)'"');
            if (run < 0)
                run = body.Length;
            else if (inText && body[run] == '\\')
                run += run + 1 < body.Length && body[run + 1] >= ' ' ? 2 : 1;
            else if (!inText || body[run] == '"')
                (inText, run) = (!inText, run + 1);
            if (!escaped.IsEmpty)
                body[..run].CopyTo(escaped[(int)length..]);
            length += run;
            body = body[run..];
            for (; inText && body is [< (byte)' ', ..]; body = body[1..])
            {
                if (!escaped.IsEmpty)
                    Write(body[0], escaped[(int)length..]);
                length += JsonText.LongestEscape;
            }
        }
        return length;
    }

    static void Write(byte control, Span<byte> escaped)
    {
        "\\u00"u8.CopyTo(escaped);
        Utf8Formatter.TryFormat(control, escaped[4..], out _, new StandardFormat('x', 2));
    }
}
