namespace Tracing.Instrumentation;

/// <summary>
/// Decides which of the traces that begin in this process are recorded. All decide by a threshold that the random bits
/// of the trace id must reach (OpenTelemetry's consistent probability), which goes along in <c>tracestate</c>: so spans
/// know how many they stand for, and other services that sample more strictly keep a part of the same traces.
/// </summary>
public abstract class Sampler
{
    private protected Sampler()
    {
    }

    /// <summary>Records every trace. For all services whose spans the server can take.</summary>
    public static Sampler Always { get; } = new FixedSampler(Threshold.Always);

    /// <summary>Records no trace that begins here; those that others have begun are still recorded.</summary>
    public static Sampler Never { get; } = new FixedSampler(Threshold.Never);

    /// <summary>Records this share of the traces, 0 to 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The share is not 0 to 1.</exception>
    public static Sampler Probability(double probability)
    {
        if (!(probability is >= 0 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(probability), probability, "A probability is 0 to 1.");
        return new FixedSampler(Threshold.Of(probability));
    }

    /// <summary>
    /// Records of each operation about so many traces a second, all of them while there are fewer. The share follows
    /// the load within a second, and each trace bears the one that it was decided by.
    /// </summary>
    /// <param name="tracesPerSecond">For each operation of this process, more than 0.</param>
    /// <param name="probability">Recorded at least, however many there are: 0 to 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is not in its range.</exception>
    public static Sampler RateLimited(double tracesPerSecond, double probability = 0)
    {
        if (!(tracesPerSecond > 0 && double.IsFinite(tracesPerSecond)))
        {
            throw new ArgumentOutOfRangeException(
                nameof(tracesPerSecond), tracesPerSecond, "Traces a second are more than 0.");
        }
        if (!(probability is >= 0 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(probability), probability, "A probability is 0 to 1.");
        return new OperationSampler(new Strategy(probability, tracesPerSecond, []), TimeProvider.System);
    }

    /// <summary>
    /// Asks a server every 10 s which share of which operation to record: Jaeger's remote sampling, which our server
    /// answers too, adapting to a budget of traces. Until the first answer, and when there is none, it is the one
    /// given.
    /// </summary>
    /// <param name="server">
    /// Absolute http address of which <c>/sampling?service=</c> is asked. Null for
    /// <see cref="TracingOptions.Endpoint"/>, which then must be HTTP's; Jaeger's own is port 5778.
    /// </param>
    /// <param name="initialProbability">The share until the first answer, 0 to 1. Default: 0.001.</param>
    /// <exception cref="ArgumentException">The address is not absolute, or the share not 0 to 1.</exception>
    public static Sampler Remote(Uri? server = null, double initialProbability = 0.001)
    {
        if (server is { IsAbsoluteUri: false })
            throw new ArgumentException($"The address is \"{server}\"; it must be absolute.", nameof(server));
        if (!(initialProbability is >= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(
                nameof(initialProbability), initialProbability, "A probability is 0 to 1.");
        }
        return new RemoteSampler(server, initialProbability, TimeProvider.System);
    }

    /// <summary>Whether the operation matters; finding its name costs.</summary>
    internal virtual bool IsPerOperation => false;

    internal abstract Threshold ThresholdOf(string operation);

    /// <summary>Begins what goes on in the background until the stop, if anything does.</summary>
    internal virtual void Start(TracingOptions options, CancellationToken stop)
    {
    }
}

/// <summary>The same for all traces.</summary>
sealed class FixedSampler(Threshold threshold) : Sampler
{
    internal override Threshold ThresholdOf(string operation) => threshold;
}
