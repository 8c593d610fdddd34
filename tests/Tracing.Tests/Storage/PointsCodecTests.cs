using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.Engine;
using Xunit;

namespace Tracing.Tests;

/// <summary>Points of series as bytes.</summary>
public sealed class PointsCodecTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_was_counted_comes_back_as_it_was(bool isTransient)
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var counted = Counted(new Random(seed));
            var decoded = new List<SeriesCounts>();
            PointsCodec.Decode(PointsCodec.Encode(counted, isTransient), _ => true, decoded.Add);
            Assert.Equal(counted.Select(Text), decoded.Select(Text));
        }
    }

    [Fact]
    public void Series_that_are_not_wanted_are_passed_over()
    {
        var counted = Counted(new Random(7));
        var wanted = counted[^1].Series;
        var decoded = new List<SeriesCounts>();
        PointsCodec.Decode(PointsCodec.Encode(counted, false), series => series == wanted, decoded.Add);
        Assert.Equal(counted.Where(each => each.Series == wanted).Select(Text), decoded.Select(Text));
    }

    [Fact]
    public void Exemplars_may_be_left_out()
    {
        var decoded = new List<SeriesCounts>();
        PointsCodec.Decode(
            PointsCodec.Encode(Counted(new Random(8)), false, withExemplars: false), _ => true, decoded.Add);
        Assert.NotEmpty(decoded);
        Assert.All(decoded, each => Assert.Equal(0, each.Counts.ExemplarCount));
    }

    [Fact]
    public void Bytes_of_another_version_are_refused()
    {
        var error = Assert.Throws<InvalidDataException>(() =>
            PointsCodec.Decode(new byte[] { 1, 2 }, _ => true, _ => { }));
        Assert.Contains("version 1", error.Message, StringComparison.Ordinal);
    }

    static List<SeriesCounts> Counted(Random random)
    {
        var counts = new List<SeriesCounts>();
        foreach (var number in Enumerable.Range(0, random.Next(1, 6)))
        {
            var series = new Series((SeriesLevel)random.Next(4), $"service {random.Next(3)}", $"operation {number}",
                (SpanKind)random.Next(6), random.Next(2) == 0, (SeriesSource)random.Next(2), $"peer {random.Next(2)}",
                "", (EdgeSide)random.Next(6));
            var minute = random.NextInt64(-1_000_000, 40_000_000);
            foreach (var i in Enumerable.Range(0, random.Next(1, 4)))
                counts.Add(new SeriesCounts(series, minute + i, SomeCounts(random)));
        }
        return counts;
    }

    static LatencyCounts SomeCounts(Random random)
    {
        var counts = new LatencyCounts();
        for (var left = random.Next(1, 60); left > 0; left--)
        {
            long? nanos = random.Next(12) switch
            {
                0 => null,
                1 => 0,
                2 => long.MaxValue - random.Next(3),
                _ => random.NextInt64(1, 1L << random.Next(1, 62)),
            };
            var trace = new TraceId((ulong)random.Next(2), (ulong)random.Next(5));
            counts.Add(nanos, random.Next(8) == 0 ? ulong.MaxValue / 50 : (ulong)random.Next(4), random.Next(50) == 0,
                new TraceExemplar(trace, (uint)random.NextInt64(uint.MaxValue)));
            if (random.Next(20) == 0)
                break;
        }
        return counts;
    }

    static string Text(SeriesCounts each)
    {
        var (latencies, exemplars) = (new LatencyHistogram(), new ExemplarSet());
        each.Counts.AddTo(latencies);
        each.Counts.AddTo(exemplars);
        return $"{each.Series} {each.Minute} {each.Counts.IsEstimated} {Convert.ToHexString(latencies.Encode())} " +
            string.Join(' ', exemplars.ByBucket.OrderBy(exemplar => exemplar.Key));
    }
}
