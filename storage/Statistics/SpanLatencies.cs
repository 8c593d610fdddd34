using Tracing.Model;

namespace Tracing.Storage;

/// <summary>How long spans took, those with the status error apart.</summary>
public sealed record SpanLatencies(LatencyHistogram Succeeded, LatencyHistogram Failed)
{
    public SpanLatencies()
        : this(new LatencyHistogram(), new LatencyHistogram())
    {
    }

    /// <summary>How many spans have no duration that is known; they are in neither histogram.</summary>
    public ulong Unknown { get; private set; }

    /// <summary>Whether a span stands for a number of spans that is not known, and counts as one.</summary>
    public bool IsEstimated { get; set; }

    /// <summary>Counts a span that stands for so many.</summary>
    /// <param name="nanos">See <see cref="Span.KnownDuration"/>.</param>
    public void Record(ulong? nanos, bool isError, ulong weight)
    {
        if (nanos is { } known)
            (isError ? Failed : Succeeded).Record((long)known, weight);
        else
            Unknown = ulong.MaxValue - Unknown < weight ? ulong.MaxValue : Unknown + weight;
    }

    public ulong Count => checked(Succeeded.Count + Failed.Count);

    /// <summary>Both together, a copy.</summary>
    public LatencyHistogram All()
    {
        var all = new LatencyHistogram();
        all.Merge(Succeeded);
        all.Merge(Failed);
        return all;
    }
}
