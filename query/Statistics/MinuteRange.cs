namespace Tracing.Query;

/// <summary>Whole minutes that statistics are asked for.</summary>
/// <param name="Start">In minutes since 1970, included.</param>
/// <param name="End">In minutes since 1970, excluded.</param>
/// <param name="NowSeconds">In seconds since 1970; what lies after it has no spans yet and counts in no rate.</param>
readonly record struct MinuteRange(long Start, long End, double NowSeconds)
{
    public long Minutes => End - Start;

    /// <summary>
    /// How long spans could come in some minutes of the range, at least a second; of minutes to come, whose spans have
    /// a wrong time, their whole length.
    /// </summary>
    public double SecondsOf(long startMinute, long minutes)
    {
        var passed = NowSeconds - (startMinute * 60);
        return passed <= 0 ? minutes * 60 : Math.Clamp(passed, 1, minutes * 60);
    }

    public double Seconds => SecondsOf(Start, Minutes);

    public double RateOf(ulong count) => count / Seconds;

    /// <summary>Rounded out to multiples of so many minutes.</summary>
    public MinuteRange RoundedOut(int minutes) => this with
    {
        Start = Start / minutes * minutes,
        End = (End + minutes - 1) / minutes * minutes,
    };

    /// <summary>Since 1970; the greatest number where the end lies beyond it.</summary>
    public ulong StartNanos => Nanos(Start);

    public ulong EndNanos => Nanos(End);

    static ulong Nanos(long minute) => (ulong)Int128.Min((Int128)minute * 60_000_000_000, ulong.MaxValue);

    public CoveredRange Covered => new(Start * 60, End * 60);
}

/// <summary>What an answer is about: whole minutes, or steps.</summary>
/// <param name="StartUnixSeconds">Included.</param>
/// <param name="EndUnixSeconds">Excluded.</param>
sealed record CoveredRange(long StartUnixSeconds, long EndUnixSeconds);
