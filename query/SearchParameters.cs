using System.Globalization;
using System.Text.RegularExpressions;
using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.TraceQl;

namespace Tracing.Query;

/// <summary>Parameters of our own API. What is wrong with one is said with its name and value.</summary>
static partial class SearchParameters
{
    /// <summary>Facets that one scan can count.</summary>
    const int MaxKeys = 20;

    /// <summary>Without the fraction of the second. A time without an offset is in UTC, a date its midnight.</summary>
    static readonly string[] Rfc3339 =
        ["yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd HH:mm:ssK", "yyyy-MM-dd'T'HH:mmK", "yyyy-MM-dd HH:mmK", "yyyy-MM-dd"];

    static readonly Dictionary<string, SearchOrder> Orders = new(StringComparer.OrdinalIgnoreCase)
    {
        ["newest"] = SearchOrder.Newest,
        ["oldest"] = SearchOrder.Oldest,
        ["slowest"] = SearchOrder.Slowest,
        ["mostSpans"] = SearchOrder.MostSpans,
        ["mostErrors"] = SearchOrder.MostErrors,
    };

    /// <summary>Nanoseconds since 1970; the last hour when neither end is given.</summary>
    /// <param name="startName">The parameter that the start is of.</param>
    public static (ulong Start, ulong End) Window(
        string? start, string? end, TimeProvider time, string startName = "start", string endName = "end")
    {
        var to = string.IsNullOrEmpty(end) ? NanosOf(time.GetUtcNow()) : Instant(endName, end);
        const ulong Hour = 3_600_000_000_000;
        var from = string.IsNullOrEmpty(start) ? to - Math.Min(to, Hour) : Instant(startName, start);
        return from < to ? (from, to) : throw NotBefore(startName, start, endName, end);
    }

    /// <summary>Says of an end that is absent what stands for it.</summary>
    static BadParameterException NotBefore(string startName, string? start, string endName, string? end) => new(
        string.IsNullOrEmpty(start) ? $"{endName} is \"{end}\"; it must be after 1970-01-01T00:00:00Z"
        : string.IsNullOrEmpty(end) ? $"{startName} is \"{start}\"; it must be before now, as there is no {endName}"
        : $"{startName} \"{start}\" is not before {endName} \"{end}\"");

    /// <exception cref="TraceQlException">The filter is wrong.</exception>
    public static SpanSelection Selection(string? q, string? start, string? end, TimeProvider time,
        string startName = "start", string endName = "end")
    {
        var (from, to) = Window(start, end, time, startName, endName);
        return Selection(q, from, to);
    }

    /// <inheritdoc cref="Selection(string?, string?, string?, TimeProvider, string, string)"/>
    public static SpanSelection Selection(string? q, ulong startUnixNano, ulong endUnixNano) => new()
    {
        Filter = string.IsNullOrEmpty(q) ? SpanFilter.Any : SpanFilter.Parse(q),
        StartUnixNano = startUnixNano,
        EndUnixNano = endUnixNano,
    };

    /// <summary>Null for all.</summary>
    public static KeyScope? Scope(string? text)
    {
        if (string.IsNullOrEmpty(text))
            return null;
        return EnumNames.TryParse<KeyScope>(text, out var scope)
            ? scope
            : throw new BadParameterException($"scope is \"{text}\"; it must be one of " +
                string.Join(", ", Enum.GetValues<KeyScope>().Select(each => each.Lower())));
    }

    /// <summary>Keys as the query language writes them, separated by commas that are not in quotes.</summary>
    public static IReadOnlyList<SpanKey> Keys(string? text)
    {
        var keys = new List<SpanKey>();
        var (begin, isQuoted) = (0, false);
        for (var i = 0; i <= text?.Length; i++)
        {
            if (i < text.Length && text[i] == '"' && (i == 0 || text[i - 1] != '\\'))
                isQuoted = !isQuoted;
            if (i < text.Length && (isQuoted || text[i] != ','))
                continue;
            if (i > begin)
                keys.Add(Key(text[begin..i].Trim()));
            begin = i + 1;
        }
        return keys.Count <= MaxKeys
            ? keys
            : throw new BadParameterException($"keys has {keys.Count} keys; it must have at most {MaxKeys}");
    }

    static SpanKey Key(string text)
    {
        try
        {
            return SpanKey.Parse(text);
        }
        catch (TraceQlException e)
        {
            throw new BadParameterException($"keys has \"{text}\": {e.Message}");
        }
    }

    public static SearchOrder Order(string? text)
    {
        if (string.IsNullOrEmpty(text))
            return SearchOrder.Newest;
        return Orders.TryGetValue(text, out var order)
            ? order
            : throw new BadParameterException(
                $"order is \"{text}\"; it must be one of {string.Join(", ", Orders.Keys)}");
    }

    public static SearchCursor? Cursor(string? text)
    {
        if (string.IsNullOrEmpty(text))
            return null;
        return SearchCursor.TryParse(text, out var cursor)
            ? cursor
            : throw new BadParameterException($"cursor \"{text}\" is not the field next of an answer");
    }

    public static int Number(string name, string? text, int @default, int min, int max)
    {
        if (string.IsNullOrEmpty(text))
            return @default;
        return !text.Contains('\0') &&
            int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) &&
            number >= min && number <= max
            ? number
            : throw new BadParameterException($"{name} is \"{text}\"; it must be a number from {min} to {max}");
    }

    public static double Decimal(string name, string? text, double @default, double min, double max)
    {
        if (string.IsNullOrEmpty(text))
            return @default;
        return !text.Contains('\0') &&
            double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) &&
            number >= min && number <= max
            ? number
            : throw new BadParameterException(string.Create(CultureInfo.InvariantCulture,
                $"{name} is \"{text}\"; it must be a number from {min} to {max}"));
    }

    public static TraceWindowQuery TraceWindow(
        string? root, string? depth, string? start, string? end, string? limit, string? offset)
    {
        var id = default(SpanId);
        if (!string.IsNullOrEmpty(root) && (!SpanId.TryParse(root, out id) || id.IsZero))
            throw new BadParameterException($"root is \"{root}\"; it must be 1 to 16 hex digits, not all zeros");
        var from = string.IsNullOrEmpty(start) ? 0 : NanosOrInstant("start", start);
        var to = string.IsNullOrEmpty(end) ? default(ulong?) : NanosOrInstant("end", end);
        return from >= to
            ? throw NotBefore("start", start, "end", end)
            : new TraceWindowQuery
            {
                Root = id.IsZero ? null : id,
                Depth = string.IsNullOrEmpty(depth) ? null : Number("depth", depth, 0, 0, int.MaxValue),
                StartUnixNano = from,
                EndUnixNano = to,
                Limit = Number("limit", limit, int.MaxValue, 1, int.MaxValue),
                Offset = Number("offset", offset, 0, 0, int.MaxValue),
            };
    }

    /// <summary>A whole number of 15 digits or more is of nanoseconds: as seconds it would be past all time.</summary>
    static ulong NanosOrInstant(string name, string text) =>
        text.Length >= 15 && ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var nanos)
            ? nanos
            : Instant(name, text);

    /// <summary>Unix seconds, which may have a fraction, or RFC 3339; to nanoseconds, what is finer is cut.</summary>
    public static ulong Instant(string name, string text)
    {
        // which .NET's parsers pass over at the end
        if (text.Contains('\0'))
            throw NoInstant(name, text);
        if (decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds))
            return (ulong)Math.Min(Math.Min(seconds, 1e11m) * 1_000_000_000m, ulong.MaxValue);
        // a DateTimeOffset has no more than seven digits of a fraction
        var fraction = Fraction().Match(text);
        var whole = fraction.Success ? text.Remove(fraction.Index, fraction.Length) : text;
        if (!DateTimeOffset.TryParseExact(whole.ToUpperInvariant(), Rfc3339, CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal, out var time) || time < DateTimeOffset.UnixEpoch)
            throw NoInstant(name, text);
        var nanos = fraction.Success
            ? uint.Parse(fraction.Groups[1].Value.PadRight(9, '0').AsSpan(0, 9), CultureInfo.InvariantCulture)
            : 0;
        return (ulong)UInt128.Min((UInt128)NanosOf(time) + nanos, ulong.MaxValue);
    }

    static BadParameterException NoInstant(string name, string text) => new(
        $"{name} is \"{text}\"; it must be Unix seconds such as 1767312000.5, or 2026-01-02T00:00:00Z");

    /// <summary>Of a second; what follows it may be an offset.</summary>
    [GeneratedRegex(@"(?<=:[0-9]{2}:[0-9]{2})\.([0-9]+)")]
    private static partial Regex Fraction();

    public static ulong NanosOf(DateTimeOffset time) =>
        (ulong)Int128.Min((Int128)(time - DateTimeOffset.UnixEpoch).Ticks * 100, ulong.MaxValue);
}
