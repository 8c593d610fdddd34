namespace Tracing.Model;

/// <summary>
/// The content of an OTLP ExponentialHistogramDataPoint without negative buckets, its unit being the nanosecond:
/// "OpenTelemetry metrics data model". Times and attributes are the caller's.
/// </summary>
public sealed record ExponentialHistogram
{
    /// <summary>Base of the buckets is 2^(2^-scale). OpenTelemetry's SDKs use -10 to 20.</summary>
    public required int Scale { get; init; }

    /// <summary>How many durations are at most <see cref="ZeroThreshold"/>.</summary>
    public ulong ZeroCount { get; init; }

    public double ZeroThreshold { get; init; }

    /// <summary>Index i of the first of the counts; bucket i holds what is in (base^i, base^(i + 1)].</summary>
    public int Offset { get; init; }

    public IReadOnlyList<ulong> BucketCounts { get; init; } = [];

    /// <summary>Null if the sender did not say.</summary>
    public double? Sum { get; init; }

    /// <summary>Null if the sender did not say, or there is none.</summary>
    public double? Min { get; init; }

    public double? Max { get; init; }
}

/// <summary>Some buckets in a row of a <see cref="NativeHistogram"/>.</summary>
/// <param name="Offset">Of the first: the number of the bucket; of others: how many empty ones lie before.</param>
/// <param name="Length">How many deltas belong to it.</param>
public readonly record struct BucketSpan(int Offset, uint Length);

/// <summary>
/// The content of a Prometheus native histogram of integers without negative buckets, its unit being the nanosecond:
/// "Prometheus: Native Histograms" specification. Time and labels are the caller's.
/// </summary>
public sealed record NativeHistogram
{
    /// <summary>Base of the buckets is 2^(2^-schema): -4 to 8.</summary>
    public required int Schema { get; init; }

    /// <summary>Durations counted, the zero ones among them.</summary>
    public required ulong Count { get; init; }

    /// <summary>How many durations are at most <see cref="ZeroThreshold"/>.</summary>
    public ulong ZeroCount { get; init; }

    public double ZeroThreshold { get; init; }

    public double Sum { get; init; }

    /// <summary>Where the buckets lie; bucket k holds what is in (base^(k - 1), base^k].</summary>
    public IReadOnlyList<BucketSpan> PositiveSpans { get; init; } = [];

    /// <summary>The first bucket's count, then by how much each exceeds the one before.</summary>
    public IReadOnlyList<long> PositiveDeltas { get; init; } = [];
}
