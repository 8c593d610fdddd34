using Tracing.Model;
using Tracing.Model.Wire;
using Xunit;

namespace Tracing.Tests;

public class LatencyHistogramEncodingTests
{
    [Fact]
    public void What_was_encoded_is_decoded_to_the_same()
    {
        var random = new Random(10);
        for (var round = 0; round < 2000; round++)
        {
            var histogram = SomeLatencies.Any(random, scale: random.Next(7));
            var decoded = LatencyHistogram.Decode(histogram.Encode());
            Assert.Equal(histogram.Scale, decoded.Scale);
            Assert.Equal(histogram.Buckets(), decoded.Buckets());
            Assert.Equal((histogram.Count, histogram.ZeroCount, histogram.Sum),
                (decoded.Count, decoded.ZeroCount, decoded.Sum));
            Assert.Equal((histogram.Min, histogram.Max, histogram.EffectiveCount),
                (decoded.Min, decoded.Max, decoded.EffectiveCount));
            Assert.Equal((histogram.UnknownCount, histogram.EffectiveCalls),
                (decoded.UnknownCount, decoded.EffectiveCalls));
            Assert.Equal(histogram.Content(), decoded.Content());
            decoded.Record(1_000_000);
            histogram.Record(1_000_000);
            Assert.Equal(histogram.Content(), decoded.Content());
            decoded.MergeEncoded(histogram.Encode());
            histogram.Merge(LatencyHistogram.Decode(histogram.Encode()));
            Assert.Equal(histogram.Content(), decoded.Content());
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("1 9223372036854775807")]
    [InlineData("9223372036854775807")]
    [InlineData("1")]
    public void Extremes_survive(string nanos)
    {
        var values = nanos.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(long.Parse);
        var histogram = SomeLatencies.Histogram(values);
        Assert.Equal(histogram.Content(), LatencyHistogram.Decode(histogram.Encode()).Content());
    }

    [Fact]
    public void A_minute_of_an_operation_takes_some_hundred_bytes()
    {
        Assert.Equal(6, new LatencyHistogram().Encode().Length);
        Assert.InRange(SomeLatencies.Histogram([1_500_000]).Encode().Length, 8, 20);
        Assert.InRange(SomeLatencies.Histogram(SomeLatencies.Create("log-normal", 1000)).Encode().Length, 200, 450);
        Assert.InRange(SomeLatencies.Histogram(SomeLatencies.Create("log-normal", 100_000)).Encode().Length, 500, 900);
    }

    [Theory]
    [InlineData("", "Truncated: a histogram ends within a number at byte 0")]
    [InlineData("03", "Malformed: a histogram of version 3, where 2 is known at byte 0")]
    [InlineData("020000", "Malformed: a histogram of version 2 without a span of unknown duration at byte 1")]
    [InlineData("020101", "Malformed: weights of 1 spans of unknown duration with an excess of 1 at byte 2")]
    [InlineData("0107", "Malformed: scale 7 is above 6 at byte 1")]
    [InlineData("010500E10F", "Malformed: first bucket 2017 is above 2016 at byte 3")]
    [InlineData("01050000E20F", "Malformed: number of buckets 2018 is above 2017 at byte 4")]
    [InlineData("010500000200", "Malformed: the first bucket is empty at byte 5")]
    [InlineData("0105000002010000", "Malformed: the last bucket is empty at byte 7")]
    [InlineData("01050001010100", "Malformed: bucket 0 holds no whole number and counts 1 at byte 5")]
    [InlineData("01050000010101", "Malformed: weights of 1 spans with an excess of 1 at byte 6")]
    [InlineData("0105000001010002", "Malformed: sum 2 is not between 1 and 1, as the buckets have it at byte 7")]
    [InlineData("010500000101000101", "Malformed: min 1 is above 0 at byte 8")]
    [InlineData("0105FFFFFFFFFFFFFFFFFF02", "Malformed: a number of more than 64 bits at byte 2")]
    [InlineData("01050000000000", "Malformed: 1 bytes after a histogram at byte 6")]
    [InlineData("010500000080808080808080808080808080808080808008",
        "Malformed: a number of more than 128 bits at byte 5")]
    public void Damage_is_named_with_its_place(string hex, string message) => Assert.Equal(
        message, Assert.Throws<WireException>(() => LatencyHistogram.Decode(Convert.FromHexString(hex))).Message);

    [Fact]
    public void Damaged_bytes_are_refused_or_another_histogram_and_take_no_memory()
    {
        var random = new Random(11);
        var (refused, total) = (0, 0);
        for (var body = 0; body < 8; body++)
        {
            var encoded = SomeLatencies.Any(random).Encode();
            var made = Enumerable.Range(0, 1000).Select(_ => RandomBytes(random));
            foreach (var damaged in Damage.Cuts(encoded).Concat(Damage.Flips(encoded, body)).Concat(made))
            {
                total++;
                refused += IsRefused(damaged) ? 1 : 0;
            }
        }
        Assert.InRange(refused / (double)total, 0.5, 1);
    }

    static byte[] RandomBytes(Random random)
    {
        var bytes = new byte[random.Next(40)];
        random.NextBytes(bytes);
        // the version and scale, so that more than these are read
        if (bytes.Length > 2)
            (bytes[0], bytes[1]) = (1, (byte)(bytes[1] % 7));
        return bytes;
    }

    static bool IsRefused(byte[] damaged)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            var decoded = LatencyHistogram.Decode(damaged);
            // a window of 32 KB at most, and little else
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 60_000);
            // a whole one: what it says can be asked and encoded
            Assert.Equal(decoded.Content(), LatencyHistogram.Decode(decoded.Encode()).Content());
            Assert.True(decoded.Count == 0 || decoded.Quantile(0.5) <= decoded.Max);
            return false;
        }
        catch (WireException e)
        {
            Assert.InRange(e.ByteOffset!.Value, 0, damaged.Length);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 60_000);
            return true;
        }
    }
}
