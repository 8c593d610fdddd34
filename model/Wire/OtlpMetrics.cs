namespace Tracing.Model.Wire;

/// <summary>What a data point counts; the numbers are OTLP's.</summary>
public enum MetricTemporality
{
    Unspecified = 0,

    /// <summary>What happened since the point before.</summary>
    Delta = 1,

    /// <summary>What happened since the start of the stream.</summary>
    Cumulative = 2,
}

/// <summary>What the data points of a metric have in common. Complete once the whole body is decoded.</summary>
public sealed class MetricInstrument
{
    /// <summary>
    /// The sum by which our client library tells what became of its spans; its points are read as those of a histogram
    /// without buckets.
    /// </summary>
    public const string ClientSpans = "tracing.client.spans";

    public Resource Resource { get; internal set; } = Resource.Empty;

    public InstrumentationScope Scope { get; internal set; } = InstrumentationScope.Empty;

    public string Name { get; internal set; } = "";

    public string Unit { get; internal set; } = "";

    public MetricTemporality Temporality { get; internal set; }
}

/// <summary>A data point of a histogram, of either kind, in the unit of its instrument.</summary>
public sealed record HistogramPoint
{
    public required MetricInstrument Instrument { get; init; }

    /// <summary>Each key once.</summary>
    public KeyValue[] Attributes { get; init; } = [];

    /// <summary>Nanoseconds since 1970; 0 if the sender did not say.</summary>
    public ulong StartUnixNano { get; init; }

    /// <summary>Nanoseconds since 1970.</summary>
    public ulong TimeUnixNano { get; init; }

    public ulong Count { get; init; }

    /// <summary>Null if the sender did not say; so are the next two.</summary>
    public double? Sum { get; init; }

    public double? Min { get; init; }

    public double? Max { get; init; }

    /// <summary>Upper bounds of all buckets but the last, ascending; null for an exponential histogram.</summary>
    public double[]? Bounds { get; init; }

    /// <summary>Base of an exponential histogram's buckets is 2^(2^-scale).</summary>
    public int Scale { get; init; }

    /// <summary>Number of the first of an exponential histogram's counts.</summary>
    public int Offset { get; init; }

    /// <summary>Counts by bucket; of an exponential histogram those of positive values.</summary>
    public ulong[] BucketCounts { get; init; } = [];

    /// <summary>What an exponential histogram counts as zero or as less.</summary>
    public ulong ZeroCount { get; init; }

    /// <summary>Where the point begins in the body, in bytes.</summary>
    public long ByteOffset { get; init; }
}

/// <summary>What a body of metrics holds.</summary>
/// <param name="Points">The good ones of the histograms that were asked for.</param>
/// <param name="Ignored">Data points of other metrics.</param>
/// <param name="Rejected">Bad data points of those that were asked for.</param>
/// <param name="RejectedReason">Why the first of them was.</param>
/// <param name="Warning">What was taken otherwise than it was sent.</param>
public sealed record DecodedMetrics(
    List<HistogramPoint> Points, int Ignored, int Rejected, string? RejectedReason, string? Warning = null);

/// <summary>OTLP's metrics in protobuf: ExportMetricsServiceRequest or MetricsData, the same on the wire.</summary>
public static class OtlpMetricsProtobuf
{
    /// <summary>
    /// The histograms of a body. A data point that is malformed in itself, or has more than the limits allow, is
    /// rejected alone.
    /// </summary>
    /// <param name="isWanted">Says by a metric's name whether it is taken; others are ignored.</param>
    /// <param name="memory">Bounds what the decoded takes; null for no bound.</param>
    /// <exception cref="WireException">No OTLP protobuf, or too many data points.</exception>
    public static DecodedMetrics Decode(
        ReadOnlyMemory<byte> body, WireLimits limits, Func<string, bool> isWanted, DecodedMemory? memory = null) =>
        new OtlpProtobufDecoder(body, limits, memory).DecodeMetrics(isWanted);
}

/// <summary>OTLP's metrics in JSON.</summary>
public static class OtlpMetricsJson
{
    /// <inheritdoc cref="OtlpMetricsProtobuf.Decode"/>
    public static DecodedMetrics Decode(
        ReadOnlyMemory<byte> utf8, WireLimits limits, Func<string, bool> isWanted, DecodedMemory? memory = null) =>
        new OtlpJsonDecoder(limits, memory).DecodeMetrics(utf8.Span, isWanted);
}
