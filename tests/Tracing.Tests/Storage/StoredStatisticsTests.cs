using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.Engine;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>What becomes of counts over time.</summary>
public sealed class StoredStatisticsTests : EmbeddedStoreTests
{
    long NowMinute => Clock.GetUtcNow().ToUnixTimeSeconds() / 60;

    [Fact]
    public async Task Counts_outlive_their_spans()
    {
        var store = Open(new() { Retention = TimeSpan.FromDays(2) });
        await StoreAsync(store, Spans(10));
        var first = NowMinute;
        await PassAsync(store, TimeSpan.FromDays(1));
        await StoreAsync(store, Spans(5));
        await PassAsync(store, TimeSpan.FromDays(1));
        await PassAsync(store, TimeSpan.FromDays(3));
        Assert.Empty(await store.GetServiceNamesAsync(Cancellation));
        Assert.Equal(15, await CountAsync(store));
        // by the hour now, whatever is asked for
        var points = await store.GetSeriesAsync(Query(first, first + 600) with { StepMinutes = 1 }, Cancellation);
        Assert.Equal([first / 60 * 60], points.Select(point => point.Minute).Distinct());
        Assert.Equal(10ul, points[0].Latencies.Count);
        await PassAsync(store, TimeSpan.FromDays(70));
        Assert.Equal(15, await CountAsync(store));
        points = await store.GetSeriesAsync(Query(first, first + 600) with { StepMinutes = 60 }, Cancellation);
        Assert.Equal([first / 1440 * 1440], points.Select(point => point.Minute).Distinct());
        await store.DisposeAsync();
        store = Open(new() { Retention = TimeSpan.FromDays(2) });
        Assert.Equal(15, await CountAsync(store));
        await PassAsync(store, TimeSpan.FromDays(400));
        Assert.Equal(0, await CountAsync(store));
    }

    [Fact]
    public async Task What_comes_late_is_added_to_hours_and_days_that_are_merged()
    {
        var store = Open(new());
        var start = (ulong)Clock.GetUtcNow().ToUnixTimeSeconds() * 1_000_000_000;
        await StoreAsync(store, Spans(10));
        await PassAsync(store, TimeSpan.FromDays(2));
        // twice, as what was read is remembered until more comes
        await AssertAsync(10);
        await AssertAsync(10);
        await StoreAsync(store, Spans(3, start));
        await AssertAsync(13);
        await PassAsync(store, TimeSpan.FromHours(2));
        await AssertAsync(13);

        async Task AssertAsync(int count)
        {
            var first = (long)(start / 60_000_000_000);
            foreach (var step in new[] { 1, 60, 1440, 0 })
            {
                var points = await store.GetSeriesAsync(
                    Query(first / 1440 * 1440, (first / 1440 * 1440) + 1440) with { StepMinutes = step }, Cancellation);
                Assert.Equal(count, points.Sum(point => (int)point.Latencies.Count));
                Assert.Equal(step == 0 ? first / 1440 * 1440 : first / step * step, points[0].Minute);
            }
        }
    }

    [Fact]
    public async Task What_came_counted_ages_without_any_span()
    {
        var store = Open(new() { Retention = TimeSpan.FromDays(2) });
        var latencies = new LatencyHistogram();
        latencies.Record(5_000_000, 100);
        var point = new SeriesPoint(
            new Series(SeriesLevel.Operation, "cart", "buy", SpanKind.Server, false), NowMinute, latencies, false);
        await store.AppendAsync(new SpanBatch([], 1) { Counted = [point] }, Cancellation);
        Assert.Equal(100, await CountAsync(store));
        await PassAsync(store, TimeSpan.FromHours(1));
        await PassAsync(store, TimeSpan.FromDays(3));
        Assert.Equal(100, await CountAsync(store));
    }

    [Theory]
    [InlineData(90, 60, 396)]
    [InlineData(90, 60, 1)]
    [InlineData(20, 1, 90)]
    [InlineData(1, 90, 20)]
    [InlineData(70, 90, 20)]
    public async Task What_is_kept_for_longer_than_what_is_coarser_counts_once(int minutes, int hours, int days)
    {
        var store = Open(new()
        {
            Retention = TimeSpan.FromDays(minutes),
            HoursRetention = TimeSpan.FromDays(hours),
            DaysRetention = TimeSpan.FromDays(days),
        });
        await StoreAsync(store, Spans(10));
        var longest = Math.Max(minutes, Math.Max(hours, days));
        for (var passed = 0; passed < longest - 1;)
        {
            var step = Math.Min(10, longest - 1 - passed);
            await PassAsync(store, TimeSpan.FromDays(step));
            passed += step;
            Assert.Equal(10, await CountAsync(store));
        }
        await PassAsync(store, TimeSpan.FromDays(4));
        Assert.Equal(0, await CountAsync(store));
    }

    [Fact]
    public void Names_beyond_the_bound_are_others()
    {
        var names = new SeriesNames(maxServices: 2, maxOperations: 2);
        var statistics = new SpanStatistics(Today, names);
        statistics.Add([.. from service in Enumerable.Range(0, 4)
                           from operation in Enumerable.Range(0, 4)
                           select Otlp(1, $"service {service}", $"operation {operation}")]);
        var points = statistics.Points(series => series.Level == SeriesLevel.Operation, 0, long.MaxValue);
        Assert.Equal(
            ["(others) (others) 8", "service 0 (others) 2", "service 0 operation 0 1", "service 0 operation 1 1",
                "service 1 (others) 2", "service 1 operation 0 1", "service 1 operation 1 1"],
            points.Select(point => $"{point.Series.Service} {point.Series.Operation} {point.Latencies.Count}")
                .Order(StringComparer.Ordinal));
    }

    Span[] Spans(int count, ulong? start = null) => [.. Enumerable.Range(0, count).Select(_ =>
    {
        var begin = start ?? ((ulong)Clock.GetUtcNow().ToUnixTimeSeconds() * 1_000_000_000);
        return Otlp((ulong)Random.Shared.NextInt64(), "cart", "buy") with
        {
            StartUnixNano = begin,
            EndUnixNano = begin + 5_000_000,
        };
    })];

    static SeriesQuery Query(long start, long end) => new()
    {
        Level = SeriesLevel.Operation,
        StartMinute = start,
        EndMinute = end,
    };

    static async Task<int> CountAsync(BlockSpanStore store) => (int)(await store.GetSeriesAsync(
        Query(0, long.MaxValue / 2), Cancellation)).Sum(point => (decimal)point.Latencies.Count);
}
