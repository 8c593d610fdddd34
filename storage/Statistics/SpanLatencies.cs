using Tracing.Model;

namespace Tracing.Storage;

/// <summary>How long spans took, those with the status error apart.</summary>
public sealed record SpanLatencies(LatencyHistogram Succeeded, LatencyHistogram Failed)
{
    public SpanLatencies()
        : this(new LatencyHistogram(), new LatencyHistogram())
    {
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
