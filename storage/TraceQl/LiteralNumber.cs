using System.Globalization;

namespace Tracing.Storage.TraceQl;

/// <summary>Integers, floats, and durations of one or more units: 5, .5, 1e3, 1h30m.</summary>
static class LiteralNumber
{
    static readonly Dictionary<string, long> Nanoseconds = new(StringComparer.Ordinal)
    {
        ["ns"] = 1,
        ["us"] = 1_000,
        ["\u00b5s"] = 1_000,
        ["\u03bcs"] = 1_000,
        ["ms"] = 1_000_000,
        ["s"] = 1_000_000_000,
        ["m"] = 60_000_000_000,
        ["h"] = 3_600_000_000_000,
        ["d"] = 24 * 3_600_000_000_000,
        ["w"] = 7 * 24 * 3_600_000_000_000,
        ["y"] = 365 * 24 * 3_600_000_000_000,
    };

    /// <summary>Reads from the first digit or dot; <paramref name="next"/> is then after the last character.</summary>
    public static Literal Read(string query, ref int next)
    {
        var start = next;
        SkipMantissa(query, ref next);
        var isDuration = next < query.Length && IsUnitLetter(query[next]) && !IsExponent(query, next);
        var literal = isDuration ? ReadDuration(query, start, ref next) : ReadNumber(query, start, ref next);
        if (next < query.Length && (char.IsLetterOrDigit(query[next]) || query[next] is '_' or '.'))
            throw Error(query, start, next + 1, "is no number");
        return literal;
    }

    static Literal ReadNumber(string query, int start, ref int next)
    {
        var isFloat = query.AsSpan(start, next - start).Contains('.');
        if (next < query.Length && IsExponent(query, next))
        {
            isFloat = true;
            next += query[next + 1] is '+' or '-' ? 2 : 1;
            while (next < query.Length && char.IsAsciiDigit(query[next]))
                next++;
        }
        var text = query.AsSpan(start, next - start);
        if (!isFloat)
        {
            return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                ? new Literal(Value.Of(number), ValueType.Int)
                : throw Error(query, start, next, $"is more than an integer can be: {long.MaxValue}");
        }
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var real) &&
            double.IsFinite(real)
            ? new Literal(Value.Of(real), ValueType.Float)
            : throw Error(query, start, next, "is more than a number can be");
    }

    static Literal ReadDuration(string query, int start, ref int next)
    {
        var total = 0m;
        next = start;
        do
        {
            var from = next;
            SkipMantissa(query, ref next);
            var mantissa = query.AsSpan(from, next - from);
            var unitFrom = next;
            while (next < query.Length && IsUnitLetter(query[next]))
                next++;
            if (!Nanoseconds.TryGetValue(query[unitFrom..next], out var unit))
                throw Error(query, start, next, $"is no duration; its units are {string.Join(", ", Nanoseconds.Keys)}");
            // a decimal, so that fractions are exact
            if (!decimal.TryParse(mantissa, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var count)
                || count > (decimal)long.MaxValue / unit || (total += count * unit) > long.MaxValue)
            {
                throw Error(query, start, next, "is more than a duration can be: 292 years");
            }
        }
        while (next < query.Length && char.IsAsciiDigit(query[next]));
        return new Literal(Value.Of((long)total), ValueType.Duration);
    }

    static void SkipMantissa(string query, ref int next)
    {
        var hasPoint = false;
        for (; next < query.Length && (char.IsAsciiDigit(query[next]) || (query[next] == '.' && !hasPoint)); next++)
            hasPoint |= query[next] == '.';
    }

    static bool IsUnitLetter(char c) => char.IsAsciiLetter(c) || c is '\u00b5' or '\u03bc';

    static bool IsExponent(string query, int at)
    {
        if (query[at] is not ('e' or 'E'))
            return false;
        var digit = at + 1 < query.Length && query[at + 1] is '+' or '-' ? at + 2 : at + 1;
        return digit < query.Length && char.IsAsciiDigit(query[digit]);
    }

    static TraceQlException Error(string query, int start, int end, string what) =>
        new(start + 1, $"'{query[start..end]}' {what}");
}
