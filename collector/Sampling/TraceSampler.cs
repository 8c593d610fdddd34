using Tracing.Model;

namespace Tracing.Collector;

/// <summary>
/// Keeps a share of traces by their id, exactly as Zipkin's collector does, so that several collectors, and a Zipkin
/// beside this one, agree: a trace is kept when the low 64 bits, as a signed number without its sign, are at most
/// rate x 2^63. Ids must be random for the rate to hold.
/// </summary>
sealed class TraceSampler(double rate)
{
    /// <summary>Of 2^64 ids, the bits that OpenTelemetry's clients decide by.</summary>
    const int RandomBits = 56;

    readonly long _boundary = rate >= 1 ? long.MaxValue : (long)(long.MaxValue * rate);

    public bool KeepsAll => _boundary == long.MaxValue;

    public bool Keeps(Span span)
    {
        var low = unchecked((long)span.TraceId.Low);
        // the most negative number has no positive twin
        var distance = low == long.MinValue ? long.MaxValue : Math.Abs(low);
        return IsDebug(span) || (_boundary > 0 && distance <= _boundary);
    }

    /// <summary>
    /// A span that is kept, with the threshold of both rounds of sampling, the client's and this one; where the
    /// client's is not known there is none. The client's stays beside it, as the spans of each operation are counted
    /// before this round.
    /// </summary>
    public Span WithThreshold(Span span)
    {
        if (IsDebug(span) || !OtTraceState.TryReadThreshold(span.TraceState, out var threshold))
            return span;
        var both = OtTraceState.TryReadRandomness(span.TraceState, out _)
            ? rate * OtTraceState.ProbabilityOf(threshold)
            : ProbabilityOfBoth(threshold);
        var state = OtTraceState.With(span.TraceState, OtTraceState.ClientThresholdKey, OtTraceState.Hex(threshold));
        return span with
        {
            TraceState = OtTraceState.With(state, "th", OtTraceState.Hex(OtTraceState.ThresholdOf(both))),
        };
    }

    /// <summary>
    /// The share of all ids that both rounds let through. They are no independent coins: both look at the low bits, of
    /// which the client wants high ones and this one those near 0 or 2^64. So the ids are counted.
    /// </summary>
    double ProbabilityOfBoth(ulong threshold)
    {
        var cycle = OtTraceState.Range;
        var (cycles, rest) = ((ulong)_boundary >> RandomBits, (ulong)_boundary & (cycle - 1));
        var accepted = cycle - threshold;
        var positive = (double)cycles * accepted + (rest > threshold ? rest - threshold : 0);
        // -d has the bits of 2^56 - d
        var negative = (double)cycles * accepted + Math.Min(rest, accepted);
        return (positive + negative) / Math.Pow(2, 64);
    }

    /// <summary>Asked for by somebody who waits for it: Zipkin's flag, or what our client makes of it.</summary>
    static bool IsDebug(Span span) => span.Debug || span.TraceState.Contains("b3=d", StringComparison.Ordinal);
}
