using Tracing.Model;

namespace Tracing.Storage;

/// <summary>How long spans took, those with the status error apart.</summary>
public sealed record SpanLatencies(LatencyHistogram Succeeded, LatencyHistogram Failed)
{
    public SpanLatencies()
        : this(new LatencyHistogram(), new LatencyHistogram())
    {
    }

    /// <summary>Whether a span stands for a number of spans that is not known, and counts as one.</summary>
    public bool IsEstimated { get; set; }

    /// <summary>Counts a span that stands for so many.</summary>
    /// <param name="nanos">See <see cref="Span.KnownDuration"/>.</param>
    public void Record(ulong? nanos, bool isError, ulong weight)
    {
        var latencies = isError ? Failed : Succeeded;
        if (nanos is { } known)
            latencies.Record((long)known, weight);
        else
            latencies.RecordUnknown(weight);
    }

    /// <summary>How many spans there were, whether it is known how long they took or not.</summary>
    public ulong Count => LatencyHistogram.SaturatingSum(Succeeded.Calls, Failed.Calls);

    /// <summary>Both together, a copy.</summary>
    public LatencyHistogram All()
    {
        var all = new LatencyHistogram();
        all.Merge(Succeeded);
        all.Merge(Failed);
        return all;
    }
}
