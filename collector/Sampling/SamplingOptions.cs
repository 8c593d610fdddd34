using System.ComponentModel;

namespace Tracing.Collector;

/// <summary>Settings of what clients are told to sample, section <c>Tracing:Sampling</c>.</summary>
public sealed class SamplingOptions
{
    [Description("Port of Jaeger's remote sampling alone; it is served on the main port too. " +
        "-1 for none, 0 for any free one, to 65535; Jaeger's is 5778.")]
    public int Port { get; set; } = -1;

    [Description("File of strategies in Jaeger's form, read again when it changes. Empty for none.")]
    public string StrategiesFile { get; set; } = "";

    [Description("Traces a second that clients without a strategy in the file should begin in all, divided among " +
        "the operations that begin them; collectors that share a store share it. 0 to 1000000; 0 leaves them at " +
        "the default strategy.")]
    public double TracesPerSecond { get; set; }

    [Description("Share of traces that clients record of operations that nothing is known of. More than 0, to 1.")]
    public double InitialProbability { get; set; } = 0.01;

    [Description("Traces a second that each process should record of each operation at least. 0 to 1000000.")]
    public double MinTracesPerSecond { get; set; } = 0.02;

    [Description("Operations that begin traces of which the rates are known; further ones are sampled as the " +
        "initial probability says. 1 to 1000000.")]
    public int MaxOperations { get; set; } = 5000;

    /// <summary>What is wrong with the values: the name and value of each bad one and what it must be.</summary>
    public IEnumerable<string> Validate()
    {
        if (Port is < -1 or > 65535)
            yield return $"Port is {Port}; it must be between -1 and 65535";
        if (!(TracesPerSecond is >= 0 and <= 1_000_000))
            yield return $"TracesPerSecond is {TracesPerSecond}; it must be between 0 and 1000000";
        if (!(InitialProbability is > 0 and <= 1))
            yield return $"InitialProbability is {InitialProbability}; it must be more than 0 and at most 1";
        if (!(MinTracesPerSecond is >= 0 and <= 1_000_000))
            yield return $"MinTracesPerSecond is {MinTracesPerSecond}; it must be between 0 and 1000000";
        if (MaxOperations is < 1 or > 1_000_000)
            yield return $"MaxOperations is {MaxOperations}; it must be between 1 and 1000000";
        if (StrategiesFile.Length > 0 && StrategyFile.Problem(StrategiesFile) is { } problem)
            yield return $"StrategiesFile is \"{StrategiesFile}\"; {problem}";
    }
}
