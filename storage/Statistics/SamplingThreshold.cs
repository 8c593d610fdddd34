using System.Globalization;
using Tracing.Model;

namespace Tracing.Storage;

/// <summary>
/// How many spans a sampled span stands for, by its trace state: of the entry <c>ot</c> the value <c>th</c> is the
/// threshold T that the trace's randomness had to reach, up to 14 hexadecimal digits of 56 bits ("OpenTelemetry:
/// TraceState probability sampling"). The span stands for 2^56 / (2^56 - T).
/// </summary>
public static class SamplingThreshold
{
    const int Digits = 14;
    const ulong Range = 1UL << 56;

    /// <summary>
    /// 1 where OpenTelemetry says nothing of sampling; null where the probability is not known; 0 for a span that its
    /// client kept for what it showed, as those that were sampled stand for it already.
    /// </summary>
    public static double? AdjustedCount(string traceState)
    {
        if (traceState.Length == 0)
            return 1;
        if (OtTraceState.IsUpgraded(traceState))
            return 0;
        foreach (var entry in traceState.AsSpan().Split(','))
        {
            var member = traceState.AsSpan(entry).Trim();
            if (member.StartsWith("ot=", StringComparison.Ordinal))
                return OfEntry(member[3..]);
        }
        return 1;
    }

    /// <summary>
    /// The same before the collector's own sampling: spans that it drops are counted as they come, and those that it
    /// keeps must not stand for them once more.
    /// </summary>
    public static double? AdjustedCountOfClient(string traceState)
    {
        var client = OtTraceState.FieldOf(traceState, OtTraceState.ClientThresholdKey);
        return client.Length == 0 ? AdjustedCount(traceState) : OfEntry($"th:{client}");
    }

    static double? OfEntry(ReadOnlySpan<char> entry)
    {
        foreach (var part in entry.Split(';'))
        {
            var field = entry[part].Trim();
            if (!field.StartsWith("th:", StringComparison.Ordinal))
                continue;
            var digits = field[3..];
            if (digits.Length is 0 or > Digits ||
                !ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var number))
                return null;
            // the digits that are left out are zeros; less than Range, so that something is left of it
            return Range / (double)(Range - (number << (4 * (Digits - digits.Length))));
        }
        // without a threshold OpenTelemetry says that the probability is unknown
        return null;
    }
}
