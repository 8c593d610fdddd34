using Tracing.Model.Wire;

namespace Tracing.Model;

public sealed partial class LatencyHistogram
{
    /// <summary>From which threshold on another's zero bucket holds durations that are not zero here: 1 ns.</summary>
    const double TooHighThreshold = 1;

    /// <summary>
    /// The same as OTLP has it, without loss but for two things: OTLP's sum, min and max are doubles, exact up to 2^53
    /// ns (104 days), and it has no place for weights, so that <see cref="EffectiveCount"/> is lost.
    /// </summary>
    public ExponentialHistogram ToOtlp()
    {
        var occupied = Occupied(out var first);
        return new ExponentialHistogram
        {
            Scale = Scale,
            ZeroCount = ZeroCount,
            Offset = occupied.Length == 0 ? 0 : first,
            BucketCounts = occupied.ToArray(),
            Sum = (double)Sum,
            Min = Count == 0 ? null : _totals.Min,
            Max = Count == 0 ? null : _totals.Max,
        };
    }

    /// <summary>
    /// A histogram of OTLP data in nanoseconds, each span with weight 1. Data of a finer scale than
    /// <paramref name="maxScale"/> is coarsened to it, which is exact. Data of a coarser one keeps its scale, since its
    /// buckets cannot be divided: see <see cref="Scale"/> of the result, which merges into coarser ones only.
    /// <para>
    /// Durations are whole nanoseconds here: a bucket that lies between two of them counts for the next. Min and max
    /// that are missing, or contradict the buckets, are those that the buckets allow. A missing sum is estimated,
    /// within <see cref="RelativeError"/>; one that contradicts them is the nearest that they allow.
    /// </para>
    /// </summary>
    /// <exception cref="WireException">
    /// Scale below 0, buckets beyond 1 ns to 2^63 ns (in another unit than ns?), a zero threshold of 1 ns or more, or
    /// more than 2^64 - 1 spans.
    /// </exception>
    public static LatencyHistogram FromOtlp(ExponentialHistogram data, int maxScale = DefaultScale)
    {
        ArgumentNullException.ThrowIfNull(data);
        var buckets = data.BucketCounts.Select((count, i) => ((long)data.Offset + i, count));
        return FromBuckets(
            data.Scale, maxScale, data.ZeroCount, data.ZeroThreshold, buckets, data.Sum, data.Min, data.Max);
    }

    /// <summary>
    /// The same as a Prometheus native histogram, with the loss of <see cref="ToOtlp"/>; it has no min and max either.
    /// </summary>
    /// <remarks>A bucket that counts more than 2^63 - 1 spans says so many, as its deltas are signed.</remarks>
    public NativeHistogram ToPrometheus()
    {
        // empty buckets that cost less as deltas of 0 than as a span, which are two numbers; so does client_golang
        const int Bridged = 2;
        var spans = new List<BucketSpan>();
        var deltas = new List<long>();
        var occupied = Occupied(out var first);
        var (end, last) = (0, 0L);
        for (var i = 0; i < occupied.Length; i++)
        {
            if (occupied[i] == 0)
                continue;
            if (spans.Count == 0 || i - end > Bridged)
            {
                spans.Add(new BucketSpan(spans.Count == 0 ? first + 1 : i - end, 0));
                end = i;
            }
            for (; end <= i; end++)
            {
                var count = (long)Math.Min(occupied[end], long.MaxValue);
                deltas.Add(count - last);
                last = count;
                spans[^1] = spans[^1] with { Length = spans[^1].Length + 1 };
            }
        }
        return new NativeHistogram
        {
            Schema = Scale,
            Count = Count,
            ZeroCount = ZeroCount,
            Sum = (double)Sum,
            PositiveSpans = spans,
            PositiveDeltas = deltas,
        };
    }

    /// <summary>A histogram of a native histogram in nanoseconds; all as for <see cref="FromOtlp"/>.</summary>
    /// <exception cref="WireException">
    /// As there; or spans, deltas and count contradict each other, or a count is negative.
    /// </exception>
    public static LatencyHistogram FromPrometheus(NativeHistogram data, int maxScale = DefaultScale)
    {
        ArgumentNullException.ThrowIfNull(data);
        var histogram = FromBuckets(data.Schema, maxScale, data.ZeroCount, data.ZeroThreshold, NativeBuckets(data),
            data.Sum, min: null, max: null);
        if (histogram.Count != data.Count)
            throw Malformed($"the native histogram's buckets count {histogram.Count}, and it says {data.Count}");
        return histogram;
    }

    static IEnumerable<(long Index, ulong Count)> NativeBuckets(NativeHistogram data)
    {
        if (data.PositiveSpans.Sum(span => (long)span.Length) != data.PositiveDeltas.Count)
            throw Malformed("the native histogram's spans have another length than its deltas");
        var (next, index, count) = (0, -1L, 0L);
        foreach (var (place, span) in data.PositiveSpans.Index())
        {
            if (place > 0 && span.Offset < 0)
                throw Malformed($"a span of the native histogram begins {span.Offset} after the one before");
            index += span.Offset;
            for (var i = 0; i < span.Length; i++, index++)
            {
                count = unchecked(count + data.PositiveDeltas[next++]);
                if (count < 0)
                    throw Malformed($"bucket {index + 1} of the native histogram counts {count}");
                yield return (index, (ulong)count);
            }
        }
    }

    static LatencyHistogram FromBuckets(int scale, int maxScale, ulong zeroCount, double zeroThreshold,
        IEnumerable<(long Index, ulong Count)> buckets, double? sum, double? min, double? max)
    {
        if (scale < LatencyBuckets.MinScale)
            throw Malformed($"scale {scale} of a histogram is below {LatencyBuckets.MinScale}");
        // written so that NaN fails
        if (!(zeroThreshold < TooHighThreshold))
            throw Malformed($"zero threshold {zeroThreshold} of a histogram is not below 1 ns");
        var histogram = new LatencyHistogram(Math.Min(scale, maxScale));
        histogram._totals.Count = histogram._totals.ZeroCount = zeroCount;
        foreach (var (index, count) in buckets)
        {
            if (count != 0)
                histogram.TakeForeign(index >> Math.Min(scale - histogram.Scale, 63), count);
        }
        // NaN is neither, nor are two that contradict each other
        if (min > max)
            min = max = null;
        histogram.SetExtremes(
            min >= 0 ? (long)Math.Floor(min.Value) : 0, max >= 0 ? (long)Math.Ceiling(max.Value) : long.MaxValue);
        histogram.SetSum(sum);
        return histogram;
    }

    void TakeForeign(long index, ulong count)
    {
        if (index < LatencyBuckets.FirstIndex || index > LatencyBuckets.LastIndex(Scale))
        {
            throw Malformed($"bucket {index} of scale {Scale} is not among the buckets of 1 to 2^63 ns; " +
                "the unit of a histogram of latencies has to be ns");
        }
        if (count > ulong.MaxValue - Count)
            throw Malformed("a histogram's buckets count more than 2^64 - 1");
        var whole = LatencyBuckets.LeastIn((int)index, Scale);
        CountOf(LatencyBuckets.IndexOf(whole, Scale)) += count;
        _totals.Count += count;
    }

    void SetSum(double? sum)
    {
        var (least, greatest) = SumBounds();
        var given = sum is { } value && !double.IsNaN(value)
            ? value
            : Buckets().Sum(bucket => Estimate(bucket) * bucket.Count);
        // below what a double cannot be converted from
        var whole = given <= 0 ? 0 : given >= Math.ScaleB(1, 127) ? greatest : (UInt128)Math.Round(given);
        _totals.Sum = UInt128.Clamp(whole, least, greatest);
    }

    static WireException Malformed(string reason) => new($"Malformed: {reason}", byteOffset: null);
}
