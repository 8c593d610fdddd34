using System.Buffers;
using System.Globalization;

namespace Tracing.Model;

/// <summary>
/// OpenTelemetry's entry <c>ot</c> of a W3C trace state, such as <c>ot=th:e666;rv:6e6d1a75832a2f</c>: of the threshold
/// <c>th</c> and the randomness <c>rv</c>, up to 14 and exactly 14 hexadecimal digits of 56 bits. A trace is kept if
/// its randomness reaches the threshold ("OpenTelemetry: TraceState probability sampling").
/// </summary>
static class OtTraceState
{
    /// <summary>One more than the greatest randomness.</summary>
    public const ulong Range = 1UL << 56;

    /// <summary>Stands where a span was kept for what it showed, not by chance: it adds no weight.</summary>
    public const string UpgradeKey = "up";

    /// <summary>
    /// The client's threshold, where the collector has sampled once more and <c>th</c> is that of both.
    /// </summary>
    public const string ClientThresholdKey = "cth";

    /// <summary>Longest value of the entry, by the specification; what is longer is not read.</summary>
    const int MaxLength = 256;

    const int Digits = 14;

    static readonly SearchValues<char> LowerHex = SearchValues.Create("0123456789abcdef");

    /// <summary>Digits of a threshold beyond those that all thresholds as high begin with.</summary>
    const int Precision = 4;

    /// <summary>
    /// The threshold that a share of all randomness reaches, in as few digits as make it right to 0.01 %.
    /// </summary>
    /// <param name="probability">0 to 1; 0, and what is too little for 56 bits, gives <see cref="Range"/>.</param>
    public static ulong ThresholdOf(double probability)
    {
        // written so that NaN fails
        if (!(probability >= 0 && probability <= 1))
            throw new ArgumentOutOfRangeException(nameof(probability), probability, "A probability is 0 to 1.");
        var kept = (ulong)Math.Round(probability * Range);
        if (kept is 0 or Range)
            return Range - kept;
        // a digit more for each that is f, or 0, in all thresholds near it
        var same = Math.Max(LeadingZeros(probability), LeadingZeros(1 - probability)) / 4;
        var shift = 4 * (Digits - Math.Min(Digits, Precision + Math.Max(0, same)));
        var half = shift == 0 ? 0 : 1UL << (shift - 1);
        return ((Range - kept + half) >> shift) << shift;
    }

    /// <summary>Of the binary digits after the point.</summary>
    static int LeadingZeros(double share) => -Math.ILogB(Math.Max(share, double.Epsilon)) - 1;

    /// <summary>The share of all randomness that reaches a threshold.</summary>
    public static double ProbabilityOf(ulong threshold) => (Range - threshold) / (double)Range;

    /// <summary>The digits of a threshold below <see cref="Range"/>, without zeros at the end.</summary>
    public static string Hex(ulong threshold)
    {
        var digits = threshold.ToString("x14", CultureInfo.InvariantCulture).TrimEnd('0');
        return digits.Length == 0 ? "0" : digits;
    }

    /// <summary>The threshold, if there is one and it is well formed.</summary>
    public static bool TryReadThreshold(ReadOnlySpan<char> state, out ulong threshold)
    {
        threshold = 0;
        var digits = Field(Entry(state), "th");
        if (digits.Length is 0 or > Digits || !IsLowerHex(digits))
            return false;
        threshold = ulong.Parse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)
            << (4 * (Digits - digits.Length));
        return true;
    }

    /// <summary>The randomness, if it is given apart from the trace id.</summary>
    public static bool TryReadRandomness(ReadOnlySpan<char> state, out ulong randomness)
    {
        randomness = 0;
        var digits = Field(Entry(state), "rv");
        return digits.Length == Digits && IsLowerHex(digits) &&
            ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out randomness);
    }

    /// <summary>Whether a span was kept for what it showed.</summary>
    public static bool IsUpgraded(ReadOnlySpan<char> state) => Field(Entry(state), UpgradeKey).Length > 0;

    /// <summary>The value of a field of the entry; empty if there is none.</summary>
    public static ReadOnlySpan<char> FieldOf(ReadOnlySpan<char> state, ReadOnlySpan<char> key) =>
        Field(Entry(state), key);

    /// <summary>The trace state with a field of the entry set, or taken away; all else is kept.</summary>
    /// <param name="value">Null to take it away.</param>
    public static string With(string? state, string key, string? value)
    {
        var fields = value is null ? "" : $"{key}:{value}";
        foreach (var range in Entry(state).Split(';'))
        {
            var field = Entry(state)[range];
            if (field.Length > 0 && !IsKey(field, key))
                fields += fields.Length == 0 ? field.ToString() : $";{field}";
        }
        // what was changed comes first, as W3C asks for
        var members = fields.Length == 0 ? "" : $"ot={fields}";
        foreach (var range in state.AsSpan().Split(','))
        {
            var member = state.AsSpan()[range].Trim(" \t");
            if (member.Length > 0 && !member.StartsWith("ot=", StringComparison.Ordinal))
                members += members.Length == 0 ? member.ToString() : $",{member}";
        }
        return members;
    }

    static ReadOnlySpan<char> Entry(ReadOnlySpan<char> state)
    {
        foreach (var range in state.Split(','))
        {
            var member = state[range].Trim(" \t");
            if (member.StartsWith("ot=", StringComparison.Ordinal))
                return member.Length - 3 <= MaxLength ? member[3..] : [];
        }
        return [];
    }

    static ReadOnlySpan<char> Field(ReadOnlySpan<char> entry, ReadOnlySpan<char> key)
    {
        foreach (var range in entry.Split(';'))
        {
            if (IsKey(entry[range], key))
                return entry[range][(key.Length + 1)..];
        }
        return [];
    }

    static bool IsKey(ReadOnlySpan<char> field, ReadOnlySpan<char> key) =>
        field.Length > key.Length && field[key.Length] == ':' && field.StartsWith(key, StringComparison.Ordinal);

    static bool IsLowerHex(ReadOnlySpan<char> text) => !text.ContainsAnyExcept(LowerHex);
}
