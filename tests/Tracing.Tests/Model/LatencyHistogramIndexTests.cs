using System.Numerics;
using Tracing.Model;
using Xunit;

namespace Tracing.Tests;

/// <summary>
/// Buckets against their definition, b^i &lt; x &lt;= b^(i + 1) with b = 2^(2^-s), in exact integers.
/// </summary>
public class LatencyHistogramIndexTests
{
    [Fact]
    public void Ten_million_durations_are_in_the_bucket_of_the_definition()
    {
        const int Scale = 5;
        var borders = ExactBorders(Scale);
        var random = new Random(6);
        for (var n = 0; n < 10_000_000; n++)
        {
            // as many of each octave
            var nanos = (long)(((ulong)random.NextInt64() | (1UL << 62)) >> random.Next(63));
            // borders[0] is b^0, the upper one of bucket -1
            var expected = FirstNotBelow(borders, (ulong)nanos) - 1;
            if (LatencyBuckets.IndexOf(nanos, Scale) != expected)
                Assert.Fail($"{nanos} ns is in bucket {expected}, not {LatencyBuckets.IndexOf(nanos, Scale)}");
        }
    }

    static int FirstNotBelow(ulong[] borders, ulong value)
    {
        var (low, high) = (0, borders.Length - 1);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = borders[middle] < value ? (middle + 1, high) : (low, middle);
        }
        return low;
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void Borders_and_what_is_beside_them_are_in_the_right_buckets(int scale)
    {
        var borders = ExactBorders(scale);
        Assert.Equal(borders.Length - 2, LatencyBuckets.LastIndex(scale));
        for (var index = LatencyBuckets.FirstIndex; index <= LatencyBuckets.LastIndex(scale); index++)
        {
            var least = index < 0 ? 1 : borders[index] + 1;
            var greatest = Math.Min(borders[index + 1], long.MaxValue);
            Assert.Equal((long)least, LatencyBuckets.LeastIn(index, scale));
            Assert.Equal((long)greatest, LatencyBuckets.GreatestIn(index, scale));
            if (least > greatest)
                continue;
            Assert.Equal(index, LatencyBuckets.IndexOf((long)least, scale));
            Assert.Equal(index, LatencyBuckets.IndexOf((long)greatest, scale));
        }
    }

    [Fact]
    public void A_power_of_two_is_the_upper_border_of_its_bucket()
    {
        for (var scale = 0; scale <= 6; scale++)
        {
            for (var power = 0; power < 63; power++)
            {
                Assert.Equal((power << scale) - 1, LatencyBuckets.IndexOf(1L << power, scale));
                Assert.Equal(Math.ScaleB(1, power), LatencyBuckets.Border(power << scale, scale));
            }
        }
    }

    [Fact]
    public void Borders_as_doubles_are_right_to_the_last_bits()
    {
        for (var index = -1; index <= LatencyBuckets.LastIndex(6) + 1; index++)
        {
            var expected = Math.Pow(2, index / 64.0);
            Assert.Equal(1, LatencyBuckets.Border(index, 6) / expected, 1e-14);
        }
    }

    [Theory]
    [InlineData(0, 0.3334)]
    [InlineData(3, 0.0433)]
    [InlineData(5, 0.01084)]
    [InlineData(6, 0.00542)]
    public void The_relative_error_is_that_of_the_scale(int scale, double expected) =>
        Assert.Equal(expected, new LatencyHistogram(scale).RelativeError, expected / 1000);

    /// <summary>b^i without its fraction for i = 0 to 63 * 2^scale: the greatest x with x^(2^s) &lt;= 2^i.</summary>
    static ulong[] ExactBorders(int scale)
    {
        var borders = new ulong[(63 << scale) + 1];
        for (var i = 0; i < borders.Length; i++)
        {
            // all but the lowest bits are those of a logarithm; the power decides
            var guess = Math.Pow(2, (double)i / (1 << scale));
            var (low, high) = ((ulong)(guess * (1 - 1e-13)), (ulong)(guess * (1 + 1e-13)) + 1);
            var power = BigInteger.One << i;
            Assert.True(BigInteger.Pow(low, 1 << scale) <= power && BigInteger.Pow(high, 1 << scale) > power);
            while (high - low > 1)
            {
                var middle = low + ((high - low) / 2);
                if (BigInteger.Pow(middle, 1 << scale) <= power)
                    low = middle;
                else
                    high = middle;
            }
            borders[i] = low;
        }
        return borders;
    }
}
