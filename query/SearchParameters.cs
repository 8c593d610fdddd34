using System.Globalization;
using Tracing.Storage;

namespace Tracing.Query;

/// <summary>Parameters of our own API. What is wrong with one is said with its name and value.</summary>
static class SearchParameters
{
    static readonly Dictionary<string, SearchOrder> Orders = new(StringComparer.OrdinalIgnoreCase)
    {
        ["newest"] = SearchOrder.Newest,
        ["oldest"] = SearchOrder.Oldest,
        ["slowest"] = SearchOrder.Slowest,
        ["mostSpans"] = SearchOrder.MostSpans,
        ["mostErrors"] = SearchOrder.MostErrors,
    };

    /// <summary>Nanoseconds since 1970; the last hour when neither end is given.</summary>
    public static (ulong Start, ulong End) Window(string? start, string? end, TimeProvider time)
    {
        var to = string.IsNullOrEmpty(end) ? NanosOf(time.GetUtcNow()) : Instant("end", end);
        const ulong Hour = 3_600_000_000_000;
        var from = string.IsNullOrEmpty(start) ? to - Math.Min(to, Hour) : Instant("start", start);
        return from < to
            ? (from, to)
            : throw new BadParameterException($"start \"{start}\" is not before end \"{end}\"");
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
        return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) &&
            number >= min && number <= max
            ? number
            : throw new BadParameterException($"{name} is \"{text}\"; it must be a number from {min} to {max}");
    }

    /// <summary>Unix seconds, which may have a fraction, or RFC 3339; to nanoseconds.</summary>
    static ulong Instant(string name, string text)
    {
        if (decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds))
            return (ulong)Math.Min(Math.Min(seconds, 1e11m) * 1_000_000_000m, ulong.MaxValue);
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            && time >= DateTimeOffset.UnixEpoch
            ? NanosOf(time)
            : throw new BadParameterException(
                $"{name} is \"{text}\"; it must be Unix seconds such as 1767312000.5, or 2026-01-02T00:00:00Z");
    }

    static ulong NanosOf(DateTimeOffset time) =>
        (ulong)Int128.Min((Int128)(time - DateTimeOffset.UnixEpoch).Ticks * 100, ulong.MaxValue);
}
