using Tracing.Model;
using Xunit;

namespace Tracing.Tests;

/// <summary>What histograms count, and what merging, subtracting and weights make of it.</summary>
public class LatencyHistogramTests
{
    [Fact]
    public void An_empty_one_says_nothing()
    {
        var empty = new LatencyHistogram();
        Assert.Equal((0UL, 0UL, UInt128.Zero, 0L, 0L), (empty.Count, empty.ZeroCount, empty.Sum, empty.Min, empty.Max));
        Assert.Equal(0, empty.EffectiveCount);
        Assert.Empty(empty.Buckets());
        Assert.True(double.IsNaN(empty.Quantile(0.5)));
        Assert.True(double.IsNaN(empty.FractionAbove(1)));
        Assert.True(double.IsNaN(empty.QuantileBounds(0.5).LowerNanos));
        Assert.Equal(0UL, empty.CountAtMost(long.MaxValue));
    }

    [Fact]
    public void Count_sum_min_and_max_are_exact()
    {
        var values = SomeLatencies.Create("any", 10_000);
        var histogram = SomeLatencies.Histogram(values);
        Assert.Equal((ulong)values.Length, histogram.Count);
        Assert.Equal(values.Aggregate(UInt128.Zero, (sum, value) => sum + (ulong)value), histogram.Sum);
        Assert.Equal((values.Min(), values.Max()), (histogram.Min, histogram.Max));
        Assert.Equal(histogram.Count, histogram.ZeroCount + (ulong)histogram.Buckets().Sum(b => (long)b.Count));
    }

    [Fact]
    public void Buckets_hold_what_lies_between_their_borders()
    {
        var values = SomeLatencies.Create("heavy-tailed", 10_000);
        foreach (var bucket in SomeLatencies.Histogram(values).Buckets())
        {
            Assert.Equal(Math.Pow(2, 1 / 32.0), bucket.UpperNanos / bucket.LowerNanos, 1e-12);
            var inside = values.Count(value => value > bucket.LowerNanos && value <= bucket.UpperNanos);
            Assert.Equal((ulong)inside, bucket.Count);
        }
    }

    [Fact]
    public void Zero_and_negative_durations_count_as_zero()
    {
        var histogram = SomeLatencies.Histogram([-5, 0, long.MinValue, 7]);
        Assert.Equal((4UL, 3UL, (UInt128)7), (histogram.Count, histogram.ZeroCount, histogram.Sum));
        Assert.Equal((0L, 7L), (histogram.Min, histogram.Max));
        Assert.Equal(0, histogram.Quantile(0.75));
        Assert.InRange(histogram.Quantile(0.76), 7 * 0.989, 7);
        Assert.Equal((0UL, 3UL, 3UL, 4UL), (histogram.CountAtMost(-1), histogram.CountAtMost(0),
            histogram.CountAtMost(1), histogram.CountAtMost(7)));
    }

    [Fact]
    public void Counting_ends_at_the_greatest_number_and_stays_consistent()
    {
        var histogram = new LatencyHistogram();
        histogram.Record(long.MaxValue, ulong.MaxValue - 1);
        histogram.Record(long.MaxValue);
        Assert.Equal((UInt128)long.MaxValue * ulong.MaxValue, histogram.Sum);
        var content = histogram.Content();
        histogram.Record(1);
        histogram.Record(1, 2);
        histogram.Merge(SomeLatencies.Histogram([1]));
        Assert.Equal(content, histogram.Content());
        Assert.Equal(long.MaxValue, histogram.Quantile(0.5));
    }

    [Fact]
    public void Whatever_is_added_to_what_is_nearly_full_can_be_written_and_read()
    {
        var random = new Random(7);
        for (var round = 0; round < 300; round++)
        {
            var histogram = SomeLatencies.Any(random);
            histogram.Record(random.Next(), ulong.MaxValue - histogram.Count - (ulong)random.Next(3));
            histogram.RecordUnknown(ulong.MaxValue - (ulong)random.Next(3));
            var other = SomeLatencies.Any(random);
            other.Record(random.Next(2) == 0 ? 0 : random.Next(), ulong.MaxValue >> random.Next(64));
            other.RecordUnknown(ulong.MaxValue >> random.Next(64));
            var merged = Merged(histogram, other);
            Assert.InRange(merged.Count, Math.Max(histogram.Count, other.Count), ulong.MaxValue);
            Assert.Equal(ulong.MaxValue, merged.Calls);
            Assert.Equal(merged.Content(), LatencyHistogram.Decode(merged.Encode()).Content());
            var encoded = new LatencyHistogram();
            encoded.Merge(histogram);
            encoded.MergeEncoded(other.Encode());
            Assert.Equal(merged.Content(), encoded.Content());
        }
    }

    [Fact]
    public void Spans_of_unknown_duration_are_calls_and_in_no_quantile()
    {
        var histogram = SomeLatencies.Histogram([1_000_000]);
        histogram.RecordUnknown(3);
        histogram.RecordUnknown();
        Assert.Equal((1UL, 4UL, 5UL), (histogram.Count, histogram.UnknownCount, histogram.Calls));
        Assert.Equal((1_000_000, 1_000_000), (histogram.Min, histogram.Max));
        Assert.Equal(1_000_000, histogram.Quantile(0.01));
        // (1 + 3 + 1)^2 / (1 + 9 + 1)
        Assert.Equal(25 / 11.0, histogram.EffectiveCalls, 1e-12);
        Assert.Equal(1, histogram.EffectiveCount);
        var rest = Merged(histogram, SomeLatencies.Histogram([5]));
        rest.Subtract(histogram);
        Assert.Equal(SomeLatencies.Histogram([5]).Content(), rest.Content());
    }

    [Fact]
    public void What_is_taken_away_as_far_as_it_is_there_leaves_the_rest()
    {
        var random = new Random(8);
        for (var round = 0; round < 300; round++)
        {
            var (a, b) = (SomeLatencies.Any(random), SomeLatencies.Any(random));
            var rest = Merged(a, b);
            rest.SubtractWhatIsThere(b);
            Assert.Equal(a.Buckets(), rest.Buckets());
            Assert.Equal((a.Count, a.Calls, a.Sum), (rest.Count, rest.Calls, rest.Sum));
            rest.SubtractWhatIsThere(Merged(a, b));
            Assert.Equal(0UL, rest.Calls);
            Assert.Equal(new LatencyHistogram().Content(), rest.Content());
        }
    }

    [Fact]
    public void Merging_is_recording_all_in_one()
    {
        var random = new Random(2);
        for (var round = 0; round < 200; round++)
        {
            var parts = Enumerable.Range(0, 5).Select(_ => SomeLatencies.Create("any", random.Next(50), random.Next()));
            var (merged, all) = (new LatencyHistogram(), new LatencyHistogram());
            foreach (var part in parts)
            {
                merged.Merge(SomeLatencies.Histogram(part));
                Array.ForEach(part, all.Record);
            }
            Assert.Equal(all.Content(), merged.Content());
        }
    }

    [Fact]
    public void Merging_is_associative_and_commutative()
    {
        var random = new Random(3);
        for (var round = 0; round < 1000; round++)
        {
            var (a, b, c) = (SomeLatencies.Any(random), SomeLatencies.Any(random), SomeLatencies.Any(random));
            var expected = Merged(Merged(a, b), c).Content();
            Assert.Equal(expected, Merged(a, Merged(b, c)).Content());
            Assert.Equal(expected, Merged(Merged(c, b), a).Content());
        }
    }

    [Fact]
    public void One_merged_into_itself_counts_twice()
    {
        var histogram = SomeLatencies.Histogram([5, 1_000_000]);
        histogram.Merge(histogram);
        Assert.Equal(SomeLatencies.Histogram([5, 5, 1_000_000, 1_000_000]).Content(), histogram.Content());
    }

    [Fact]
    public void A_finer_one_is_coarsened_as_if_it_had_been_recorded_so()
    {
        var values = SomeLatencies.Create("any", 5000);
        for (var fine = 0; fine <= 6; fine++)
        {
            for (var coarse = 0; coarse <= fine; coarse++)
            {
                var merged = new LatencyHistogram(coarse);
                merged.Merge(SomeLatencies.Histogram(values, fine));
                Assert.Equal(SomeLatencies.Histogram(values, coarse).Content(), merged.Content());
            }
        }
    }

    [Fact]
    public void A_coarser_one_is_refused_and_changes_nothing()
    {
        var fine = SomeLatencies.Histogram([5], scale: 5);
        var content = fine.Content();
        Assert.Throws<ArgumentException>(() => fine.Merge(new LatencyHistogram(4)));
        Assert.Throws<ArgumentException>(() => fine.Subtract(new LatencyHistogram(4)));
        Assert.Equal(content, fine.Content());
        Assert.Throws<ArgumentOutOfRangeException>(() => new LatencyHistogram(7));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LatencyHistogram(-1));
    }

    [Fact]
    public void Subtracting_undoes_merging_but_for_min_and_max_which_become_bounds()
    {
        var random = new Random(4);
        for (var round = 0; round < 1000; round++)
        {
            var (a, b) = (SomeLatencies.Any(random), SomeLatencies.Any(random, scale: random.Next(5, 7)));
            var rest = Merged(a, b);
            rest.Subtract(b);
            Assert.Equal(a.Buckets(), rest.Buckets());
            Assert.Equal((a.Count, a.ZeroCount, a.Sum), (rest.Count, rest.ZeroCount, rest.Sum));
            Assert.Equal(a.EffectiveCount, rest.EffectiveCount);
            Assert.InRange(rest.Min, a.Min / 1.023, a.Min);
            Assert.InRange(rest.Max, a.Max, a.Max * 1.023);
            // nothing is left that a new merge could tell
            Assert.Equal(rest.Content(), LatencyHistogram.Decode(rest.Encode()).Content());
        }
    }

    [Fact]
    public void What_was_not_merged_in_cannot_be_subtracted()
    {
        var histogram = SomeLatencies.Histogram([0, 1000, 1001, 2_000_000]);
        var content = histogram.Content();
        long[][] others = [[0, 0], [3000], [1000, 1000, 1000], [2_000_000, 2_000_000], [1]];
        foreach (var other in others)
            Assert.Throws<ArgumentException>(() => histogram.Subtract(SomeLatencies.Histogram(other)));
        // the buckets would do, the sum not: 999 and 1000 would be left as 1002
        var near = SomeLatencies.Histogram([1000, 1000]);
        near.Subtract(SomeLatencies.Histogram([1000]));
        Assert.Throws<ArgumentException>(() => near.Subtract(SomeLatencies.Histogram([990])));
        Assert.Equal(content, histogram.Content());
    }

    [Fact]
    public void A_window_grows_in_any_order()
    {
        var values = SomeLatencies.Create("any", 3000);
        var expected = SomeLatencies.Histogram(values).Content();
        Assert.Equal(expected, SomeLatencies.Histogram(values.Order()).Content());
        Assert.Equal(expected, SomeLatencies.Histogram(values.OrderDescending()).Content());
    }

    [Fact]
    public void Recording_within_the_window_allocates_nothing()
    {
        var values = SomeLatencies.Create("log-normal", 10_000);
        var histogram = SomeLatencies.Histogram(values);
        var before = GC.GetAllocatedBytesForCurrentThread();
        foreach (var value in values)
        {
            histogram.Record(value);
            histogram.Record(value, 3);
        }
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void An_empty_one_takes_less_than_200_bytes()
    {
        // the first may set something up
        _ = new LatencyHistogram();
        var before = GC.GetAllocatedBytesForCurrentThread();
        var histogram = new LatencyHistogram();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, 200);
        GC.KeepAlive(histogram);
    }

    [Fact]
    public void A_span_stands_for_as_many_as_its_weight()
    {
        var (weighted, repeated) = (new LatencyHistogram(), new LatencyHistogram());
        foreach (var (nanos, count) in new (long, ulong)[] { (1000, 3), (0, 2), (5_000_000, 1), (7, 0) })
        {
            weighted.Record(nanos, count);
            for (var i = 0UL; i < count; i++)
                repeated.Record(nanos);
        }
        Assert.Equal(repeated.Buckets(), weighted.Buckets());
        Assert.Equal((repeated.Count, repeated.Sum), (weighted.Count, weighted.Sum));
        Assert.Equal((repeated.Min, repeated.Max), (weighted.Min, weighted.Max));
        Assert.Equal(6, repeated.EffectiveCount);
        // (3 + 2 + 1)^2 / (9 + 4 + 1)
        Assert.Equal(36 / 14.0, weighted.EffectiveCount, 1e-12);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(10.246)]
    [InlineData(1000.013)]
    [InlineData(1.5)]
    public void Adjusted_counts_are_made_whole_without_bias_and_the_same_each_time(double adjusted)
    {
        const int Spans = 100_000;
        var random = new Random(5);
        var sum = 0.0;
        for (var i = 0; i < Spans; i++)
        {
            // only traces that sampling lets through: the low 56 bits of their ids are high
            var trace = new TraceId(0, ~((ulong)random.NextInt64(long.MaxValue) >> 18));
            var span = new SpanId((ulong)(i % 7) + 1);
            var count = AdjustedCount.Round(adjusted, trace, span);
            Assert.Equal(count, AdjustedCount.Round(adjusted, trace, span));
            Assert.InRange(count, Math.Floor(adjusted), Math.Ceiling(adjusted));
            sum += count;
        }
        // 5 standard deviations of the mean of numbers that differ by one
        Assert.Equal(adjusted, sum / Spans, 5 * 0.5 / Math.Sqrt(Spans));
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(-0.1)]
    public void What_is_no_adjusted_count_is_refused(double adjusted) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => AdjustedCount.Round(adjusted, new(0, 1), new(1)));

    [Theory]
    [InlineData(1 << 24)]
    [InlineData(1e19)]
    [InlineData(double.PositiveInfinity)]
    public void No_span_stands_for_more_than_it_may(double adjusted) =>
        Assert.Equal(AdjustedCount.Max, AdjustedCount.Round(adjusted, new(0, 1), new(1)));

    static LatencyHistogram Merged(LatencyHistogram a, LatencyHistogram b)
    {
        var merged = new LatencyHistogram(a.Scale);
        merged.Merge(a);
        merged.Merge(b);
        return merged;
    }
}
