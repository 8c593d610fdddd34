namespace Tracing.Model.Wire;

/// <summary>
/// Bounds of what one request may carry. What is beyond them rejects its span alone; too many spans refuse the body.
/// </summary>
public sealed class WireLimits
{
    public static WireLimits Default { get; } = new();

    /// <summary>Spans, or data points of metrics, of one request. Default 1,000,000.</summary>
    public int MaxSpans { get; init; } = 1_000_000;

    /// <summary>
    /// Attributes of one span, event, link, scope or resource; elements of an array or map; events and links of a span.
    /// Default 10,000.
    /// </summary>
    public int MaxAttributes { get; init; } = 10_000;

    /// <summary>
    /// Attributes, elements and entries of all levels of one span, resource or scope: ten times
    /// <see cref="MaxAttributes"/>, since a list of lists has more than each of them.
    /// </summary>
    public long MaxValues => 10L * MaxAttributes;

    /// <summary>Length of one text or bytes value in UTF-8 bytes. Default 4 MiB.</summary>
    public int MaxStringBytes { get; init; } = 4 << 20;

    /// <summary>How deep arrays and maps may be nested within one attribute value. Default 64.</summary>
    public int MaxNesting { get; init; } = 64;

    /// <summary>
    /// Buckets of one data point of a histogram. Default 2,048: all durations of 1 ns to 2^63 ns at scale 5 are 2,016.
    /// </summary>
    public int MaxBuckets { get; init; } = 2048;
}
