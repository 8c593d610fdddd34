namespace Tracing.Storage;

/// <summary>Why a trace is still stored; the numbers are in files.</summary>
public enum KeptReason
{
    /// <summary>Nothing was thinned out around it, or not yet.</summary>
    All = 0,

    /// <summary>Some span failed.</summary>
    Error = 1,

    /// <summary>It took longer than 99 of 100 traces of its operation.</summary>
    Slow = 2,

    /// <summary>Few traces went through the same operations.</summary>
    Rare = 3,

    /// <summary>Zipkin's debug flag asks for it.</summary>
    Debug = 4,

    /// <summary>Drawn at random from all others.</summary>
    Baseline = 5,

    /// <summary>It is the example for how long an operation took in some hour.</summary>
    Exemplar = 6,
}

/// <summary>Why a trace is still stored, and what it stands for.</summary>
/// <param name="Weight">
/// For how many traces that were stored: the inverse of the probability with which such a trace is kept, at least 1.
/// Sums of weights are unbiased estimates of what was stored.
/// </param>
public readonly record struct TraceKept(KeptReason Reason, double Weight)
{
    /// <summary>Of traces on which nothing was decided.</summary>
    public static TraceKept Whole { get; } = new(KeptReason.All, 1);
}
