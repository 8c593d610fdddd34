using Tracing.Model;
using Tracing.Model.Wire;
using Xunit;

namespace Tracing.Tests;

public class LatencyHistogramConversionTests
{
    [Theory]
    [InlineData("constant")]
    [InlineData("log-normal")]
    [InlineData("heavy-tailed")]
    [InlineData("bimodal")]
    [InlineData("tiny")]
    public void OTLP_keeps_all(string kind)
    {
        var values = SomeLatencies.Create(kind, 3000);
        for (var scale = 0; scale <= 6; scale++)
        {
            var histogram = SomeLatencies.Histogram(values.Append(0), scale);
            Assert.Equal(histogram.Content(), LatencyHistogram.FromOtlp(histogram.ToOtlp(), scale).Content());
        }
    }

    [Theory]
    [InlineData("constant")]
    [InlineData("log-normal")]
    [InlineData("heavy-tailed")]
    [InlineData("bimodal")]
    [InlineData("tiny")]
    public void Prometheus_keeps_all_but_min_and_max(string kind)
    {
        var values = SomeLatencies.Create(kind, 3000);
        for (var scale = 0; scale <= 6; scale++)
        {
            var histogram = SomeLatencies.Histogram(values.Append(0), scale);
            var back = LatencyHistogram.FromPrometheus(histogram.ToPrometheus(), scale);
            Assert.Equal(histogram.Buckets(), back.Buckets());
            Assert.Equal((histogram.Count, histogram.ZeroCount, histogram.Sum), (back.Count, back.ZeroCount, back.Sum));
            Assert.InRange(back.Max, histogram.Max, histogram.Buckets().Last().UpperNanos);
        }
    }

    [Fact]
    public void Empty_ones_stay_empty()
    {
        var empty = new LatencyHistogram();
        Assert.Null(empty.ToOtlp().Min);
        Assert.Equal(empty.Content(), LatencyHistogram.FromOtlp(empty.ToOtlp()).Content());
        Assert.Equal(empty.Content(), LatencyHistogram.FromPrometheus(empty.ToPrometheus()).Content());
    }

    [Fact]
    public void Durations_beyond_what_a_double_holds_keep_their_buckets()
    {
        var histogram = SomeLatencies.Histogram([long.MaxValue, long.MaxValue - 1, (1L << 60) + 1, 1]);
        var back = LatencyHistogram.FromOtlp(histogram.ToOtlp());
        Assert.Equal(histogram.Buckets(), back.Buckets());
        Assert.Equal((histogram.Min, histogram.Max), (back.Min, back.Max));
        Assert.Equal((double)histogram.Sum, (double)back.Sum);
    }

    [Fact]
    public void Buckets_have_the_numbers_of_both_specifications()
    {
        // base 2: 3 is in (2, 4], which is bucket 1 of OpenTelemetry and 2 of Prometheus
        var histogram = SomeLatencies.Histogram([1, 3, 3, 1000, 1024], scale: 0);
        var otlp = histogram.ToOtlp();
        Assert.Equal((0, -1, 5.0), (otlp.Scale, otlp.Offset, otlp.BucketCounts.Sum(count => (double)count)));
        Assert.Equal([1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2], otlp.BucketCounts.Select(count => (int)count));
        var native = histogram.ToPrometheus();
        Assert.Equal([new BucketSpan(0, 3), new BucketSpan(7, 1)], native.PositiveSpans);
        Assert.Equal([1, -1, 2, 0], native.PositiveDeltas);
        Assert.Equal((5UL, 2031.0), (native.Count, native.Sum));
    }

    [Fact]
    public void Finer_data_is_coarsened_exactly_and_coarser_data_keeps_its_scale()
    {
        var values = SomeLatencies.Create("log-normal", 2000);
        foreach (var scale in (int[])[6, 8, 12, 20])
        {
            // of a few of the values, as scale 20 has many buckets
            var nearby = values.Where(value => value is > 5_000_000 and < 5_200_000).ToArray();
            var indexes = nearby.Select(value => (int)Math.Ceiling(Math.Log2(value) * (1 << scale)) - 1).ToArray();
            var counts = new ulong[indexes.Max() - indexes.Min() + 1];
            foreach (var index in indexes)
                counts[index - indexes.Min()]++;
            var foreign = new ExponentialHistogram
            {
                Scale = scale,
                Offset = indexes.Min(),
                BucketCounts = counts,
                Sum = nearby.Sum(),
                Min = nearby.Min(),
                Max = nearby.Max(),
            };
            Assert.Equal(SomeLatencies.Histogram(nearby).Content(), LatencyHistogram.FromOtlp(foreign).Content());
        }
        var coarse = LatencyHistogram.FromOtlp(SomeLatencies.Histogram(values, scale: 3).ToOtlp());
        Assert.Equal(SomeLatencies.Histogram(values, scale: 3).Content(), coarse.Content());
    }

    [Fact]
    public void What_a_sender_left_out_is_bounded_by_the_buckets()
    {
        var values = SomeLatencies.Create("log-normal", 2000);
        var histogram = SomeLatencies.Histogram(values);
        var bare = LatencyHistogram.FromOtlp(histogram.ToOtlp() with { Sum = null, Min = null, Max = null });
        Assert.Equal(histogram.Buckets(), bare.Buckets());
        Assert.Equal(1, (double)bare.Sum / (double)histogram.Sum, histogram.RelativeError);
        Assert.InRange(bare.Min, histogram.Buckets().First().LowerNanos, histogram.Min);
        Assert.InRange(bare.Max, histogram.Max, histogram.Buckets().Last().UpperNanos);
        foreach (var wrong in (double[])[double.NaN, double.NegativeInfinity, double.PositiveInfinity, -1, 1e300])
        {
            var bent = LatencyHistogram.FromOtlp(histogram.ToOtlp() with { Sum = wrong, Min = wrong, Max = wrong });
            Assert.Equal(bent.Content(), LatencyHistogram.Decode(bent.Encode()).Content());
        }
    }

    [Fact]
    public void Fractions_of_nanoseconds_count_for_the_next_whole_one()
    {
        // 1.5 to 1.53 ns at scale 5
        var foreign = new ExponentialHistogram
        {
            Scale = 5,
            Offset = 19,
            BucketCounts = [4],
            Sum = 6,
            Min = 1.51,
            Max = 1.52,
        };
        Assert.Equal(SomeLatencies.Histogram([2, 2, 2, 2]).Content(), LatencyHistogram.FromOtlp(foreign).Content());
    }

    [Fact]
    public void OTLP_data_that_cannot_be_held_is_refused()
    {
        RefusesOtlp(new() { Scale = -1 }, "scale -1");
        RefusesOtlp(new() { Scale = 5, Offset = -32, BucketCounts = [1] }, "bucket -32 of scale 5");
        RefusesOtlp(new() { Scale = 5, Offset = 2016, BucketCounts = [1] }, "bucket 2016 of scale 5");
        RefusesOtlp(new() { Scale = 20, Offset = int.MaxValue, BucketCounts = [0, 1] }, "bucket 65536 of scale 5");
        RefusesOtlp(new() { Scale = 5, BucketCounts = [ulong.MaxValue, 0, 1] }, "2^64 - 1");
        RefusesOtlp(new() { Scale = 5, ZeroCount = ulong.MaxValue, BucketCounts = [1] }, "2^64 - 1");
        RefusesOtlp(new() { Scale = 5, ZeroThreshold = 1000 }, "zero threshold 1000");
    }

    [Fact]
    public void A_native_histogram_that_contradicts_itself_is_refused()
    {
        var good = SomeLatencies.Histogram([1, 2, 3]).ToPrometheus();
        RefusesNative(good with { Count = 4 }, "buckets count 3, and it says 4");
        RefusesNative(good with { PositiveDeltas = [1] }, "another length");
        RefusesNative(good with { PositiveSpans = [new(0, 1), new(-1, 2)] }, "begins -1");
        RefusesNative(good with { PositiveSpans = [new(0, 3)], PositiveDeltas = [1, -2, 1] }, "counts -1");
        RefusesNative(good with { PositiveSpans = [new(0, 2)], PositiveDeltas = [1, long.MaxValue] }, "counts -");
        RefusesNative(good with { Schema = -53 }, "scale -53");
    }

    static void RefusesOtlp(ExponentialHistogram data, string reason) => Assert.Contains(
        reason, Assert.Throws<WireException>(() => LatencyHistogram.FromOtlp(data)).Message, StringComparison.Ordinal);

    static void RefusesNative(NativeHistogram data, string reason) => Assert.Contains(
        reason, Assert.Throws<WireException>(() => LatencyHistogram.FromPrometheus(data)).Message,
        StringComparison.Ordinal);
}
