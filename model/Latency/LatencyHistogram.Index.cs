namespace Tracing.Model;

public sealed partial class LatencyHistogram
{
    /// <summary>
    /// Index of the bucket of a duration at the default scale; for what takes no time or less, that of 1 ns.
    /// </summary>
    public static int IndexOf(long nanos) => LatencyBuckets.IndexOf(Math.Max(1, nanos), DefaultScale);
}
