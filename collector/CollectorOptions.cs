using System.ComponentModel;
using Tracing.Model.Wire;

namespace Tracing.Collector;

/// <summary>Settings of the intake, section <c>Tracing:Collector</c>.</summary>
public sealed class CollectorOptions
{
    [Description("Whether spans are taken over HTTP.")]
    public bool HttpEnabled { get; set; } = true;

    [Description("Whether spans are taken over gRPC.")]
    public bool GrpcEnabled { get; set; } = true;

    [Description("Share of traces to keep, decided by trace id, so that all spans of a trace share its fate; " +
        "spans with Zipkin's debug flag are always kept. 0 to 1.")]
    public double SampleRate { get; set; } = 1;

    [Description("Largest body of a request, before and after decompression; beyond it 413. " +
        "Bytes, 1024 to 1073741824.")]
    public int MaxBodyBytes { get; set; } = 64 << 20;

    [Description("Bodies being received, and what is decoded of them until it is stored, at one time; beyond it 503 " +
        "and Retry-After. Spans by which one request alone is beyond it are rejected. " +
        "Bytes, at least twice MaxBodyBytes.")]
    public long MaxInFlightBytes { get; set; } = 256 << 20;

    [Description("Spans, or data points of metrics, of one request; beyond it 400. 1 to 100000000.")]
    public int MaxSpans { get; set; } = WireLimits.Default.MaxSpans;

    [Description("Attributes, events or links of one span; beyond it the span is rejected. 1 to 1000000.")]
    public int MaxAttributes { get; set; } = WireLimits.Default.MaxAttributes;

    [Description("Length of one text or bytes value; beyond it the span is rejected. Bytes, 1 to 1073741824.")]
    public int MaxStringBytes { get; set; } = WireLimits.Default.MaxStringBytes;

    [Description("Depth of arrays and maps within an attribute; beyond it the span is rejected. 1 to 500.")]
    public int MaxNesting { get; set; } = WireLimits.Default.MaxNesting;

    [Description("Cumulative streams of duration metrics whose last point is remembered; of further ones the data " +
        "points are rejected. 1 to 10000000.")]
    public int MaxMetricStreams { get; set; } = 20_000;

    internal WireLimits Limits => new()
    {
        MaxSpans = MaxSpans,
        MaxAttributes = MaxAttributes,
        MaxStringBytes = MaxStringBytes,
        MaxNesting = MaxNesting,
    };

    /// <summary>What is wrong with the values: the name and value of each bad one and what it must be.</summary>
    public IEnumerable<string> Validate()
    {
        if (!(SampleRate is >= 0 and <= 1))
            yield return $"SampleRate is {SampleRate}; it must be between 0 and 1";
        if (MaxBodyBytes is < 1024 or > 1 << 30)
            yield return $"MaxBodyBytes is {MaxBodyBytes}; it must be between 1024 and 1073741824";
        if (MaxInFlightBytes < 2L * MaxBodyBytes)
            yield return $"MaxInFlightBytes is {MaxInFlightBytes}; it must be at least twice MaxBodyBytes";
        if (MaxSpans is < 1 or > 100_000_000)
            yield return $"MaxSpans is {MaxSpans}; it must be between 1 and 100000000";
        if (MaxAttributes is < 1 or > 1_000_000)
            yield return $"MaxAttributes is {MaxAttributes}; it must be between 1 and 1000000";
        if (MaxStringBytes is < 1 or > 1 << 30)
            yield return $"MaxStringBytes is {MaxStringBytes}; it must be between 1 and 1073741824";
        if (MaxNesting is < 1 or > 500)
            yield return $"MaxNesting is {MaxNesting}; it must be between 1 and 500";
        if (MaxMetricStreams is < 1 or > 10_000_000)
            yield return $"MaxMetricStreams is {MaxMetricStreams}; it must be between 1 and 10000000";
    }
}
