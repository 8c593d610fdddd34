namespace Tracing.Model;

/// <summary>
/// How many spans a span stands for that was sampled with the probability p: 1 / p ("OpenTelemetry: Probability
/// Sampling", adjusted count), which need not be whole.
/// </summary>
public static class AdjustedCount
{
    /// <summary>
    /// What a span stands for at most, whatever it says: one in 2^24 is no sampling, and 2^40 such spans fit into the
    /// 64 bits in which all are added up.
    /// </summary>
    public const ulong Max = 1UL << 24;

    /// <summary>
    /// The adjusted count made whole, at most <see cref="Max"/>: 10.246 becomes 11 for 24.6 % of the spans and 10 for
    /// the others, so that sums
    /// have the right mean. Histograms count in integers, since these add up to the same in any order and are what OTLP
    /// carries.
    /// <para>
    /// Which of them, the span's ids decide: the same span gives the same count when it is sent again. They are hashed,
    /// as the bits of the trace id have decided the sampling and are no longer random in what it let through.
    /// </para>
    /// </summary>
    /// <param name="adjustedCount">From 0.</param>
    public static ulong Round(double adjustedCount, TraceId trace, SpanId span)
    {
        // written so that NaN fails
        if (!(adjustedCount >= 0))
        {
            throw new ArgumentOutOfRangeException(
                nameof(adjustedCount), adjustedCount, "An adjusted count is 0 or more.");
        }
        if (adjustedCount >= Max)
            return Max;
        var whole = (ulong)adjustedCount;
        var random = Mix(Mix(Mix(trace.High) + trace.Low) + span.Value);
        return whole + ((random >> 11) * (1.0 / (1UL << 53)) < adjustedCount - whole ? 1UL : 0);
    }

    /// <summary>A step of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): each bit depends on all.</summary>
    static ulong Mix(ulong z)
    {
        z += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
}
