using Tracing.Model;
using Tracing.Storage;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>What sampling does to statistics: it makes them less sure, and bends nothing.</summary>
public sealed class SamplingStatisticsTests
{
    const int Seeds = 50;
    const int Traces = 20_000;

    [Theory]
    // one in 64; three in four; one in 1,000
    [InlineData("fc", 1 / 64.0)]
    [InlineData("4", 3 / 4.0)]
    [InlineData("ffbe76c8b43958", 1 / 1000.0)]
    public void Counts_and_errors_are_unbiased_whatever_share_was_sampled(string threshold, double probability)
    {
        var least = Convert.ToUInt64(threshold.PadRight(14, '0'), 16);
        // of a sum of draws, each of which stands for 1 / p
        var error = Math.Sqrt(Traces * (1 - probability) / probability);
        var (within, sum, failed) = (0, 0.0, 0.0);
        for (var seed = 0; seed < Seeds; seed++)
        {
            var (all, errors) = Count(new Random(seed), least, threshold);
            within += Math.Abs(all - Traces) <= 2 * error ? 1 : 0;
            sum += all;
            failed += errors;
        }
        // 95 % of the seeds are expected to be; fewer than 42 of 50 in one run of two thousand
        Assert.InRange(within, 42, Seeds);
        Assert.InRange(sum / Seeds, Traces - (3 * error / Math.Sqrt(Seeds)), Traces + (3 * error / Math.Sqrt(Seeds)));
        Assert.InRange(failed / Seeds, (Traces / 10) - (3 * error / Math.Sqrt(10 * Seeds)),
            (Traces / 10) + (3 * error / Math.Sqrt(10 * Seeds)));
    }

    static (double All, double Errors) Count(Random random, ulong least, string threshold)
    {
        var statistics = new SpanStatistics(Today, new SeriesNames());
        var sampled = new List<Span>();
        for (var i = 0; i < Traces; i++)
        {
            var trace = new TraceId((ulong)random.NextInt64(), (ulong)random.NextInt64());
            // the randomness of a trace is the last 7 bytes of its id
            if ((trace.Low & 0xff_ffff_ffff_ffff) < least)
                continue;
            sampled.Add(Otlp(1) with
            {
                TraceId = trace,
                TraceState = $"ot=th:{threshold}",
                Status = i % 10 == 0 ? StatusCode.Error : StatusCode.Unset,
            });
        }
        statistics.Add(sampled);
        var points = statistics.Points(series => series.Level == SeriesLevel.Service, 0, long.MaxValue);
        return (points.Sum(point => (double)point.Latencies.Count),
            points.Where(point => point.Series.IsError).Sum(point => (double)point.Latencies.Count));
    }
}
