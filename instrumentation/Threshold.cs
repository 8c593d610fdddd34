using System.Buffers.Binary;
using System.Diagnostics;
using Tracing.Model;

namespace Tracing.Instrumentation;

/// <summary>
/// What the randomness of a trace must reach for it to be sampled, with the text that says so downstream.
/// </summary>
sealed class Threshold
{
    public static readonly Threshold Always = new(0);

    public static readonly Threshold Never = new(OtTraceState.Range);

    Threshold(ulong value)
    {
        Value = value;
        State = value < OtTraceState.Range ? "ot=th:" + OtTraceState.Hex(value) : "";
    }

    /// <summary>0 to 2^56, in steps that a randomness of 56 bits can tell apart.</summary>
    public ulong Value { get; }

    /// <summary>The trace state of a trace that begins here.</summary>
    public string State { get; }

    public double Probability => OtTraceState.ProbabilityOf(Value);

    public static Threshold Of(double probability) => probability switch
    {
        >= 1 => Always,
        <= 0 => Never,
        _ => new Threshold(OtTraceState.ThresholdOf(probability)),
    };

    public bool Samples(ActivityTraceId traceId) =>
        Value == 0 || (Value < OtTraceState.Range && RandomnessOf(traceId) >= Value);

    /// <summary>The trace state of a trace that others have begun, and not decided upon.</summary>
    public string Within(string state) =>
        Value < OtTraceState.Range ? OtTraceState.With(state, "th", OtTraceState.Hex(Value)) : state;

    /// <summary>The last 56 bits of the id ("W3C Trace Context Level 2", random flag).</summary>
    public static ulong RandomnessOf(ActivityTraceId traceId)
    {
        Span<byte> bytes = stackalloc byte[8];
        Convert.FromHexString(traceId.ToHexString().AsSpan(16), bytes, out _, out _);
        return BinaryPrimitives.ReadUInt64BigEndian(bytes) & (OtTraceState.Range - 1);
    }
}
