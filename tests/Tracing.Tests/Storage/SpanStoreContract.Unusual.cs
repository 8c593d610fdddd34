using FsCheck.Fluent;
using Tracing.Model;
using Tracing.Storage;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

// What statistics make of spans that are legal and extreme, or do not say what they should.
public abstract partial class SpanStoreContract
{
    const ulong Minute = 60_000_000_000;

    [Fact]
    public async Task Any_span_that_is_taken_leaves_counting_alive()
    {
        var store = await OpenAsync();
        var random = new Random(11);
        string[] states = ["", "ot=th:ffffffffffffff", "ot=th:fffffffffffff8", "ot=th:0", "ot=th:",
            "ot=th:8;cth:fffffff", "ot=rv:1", "ot=up:1", "ot=th:fffffffffffffff"];
        ulong[] times = [0, 1, Micros(0), Micros(1000), 1UL << 63, (1UL << 63) - 1, ulong.MaxValue, ulong.MaxValue - 1];
        var spans = SpanGen.Otlp.Sample(40, 200).Concat(ZipkinSpanGen.Zipkin.Sample(40, 200)).Select(span => span with
        {
            TraceState = states[random.Next(states.Length)],
            StartUnixNano = times[random.Next(times.Length)],
            EndUnixNano = times[random.Next(times.Length)],
        }).Select(span => span.Origin == SpanOrigin.Zipkin
            ? span with { EndUnixNano = Math.Max(span.StartUnixNano, span.EndUnixNano) }
            : span with { Kind = (SpanKind)random.Next(7) }).ToArray();
        foreach (var chunk in spans.Chunk(60))
            await StoreAsync(store, chunk);
        await PassAsync(store, TimeSpan.FromSeconds(5));
        await AssertAliveAsync(1);
        store = await ReopenAsync(store);
        await AssertAliveAsync(2);

        async Task AssertAliveAsync(int count)
        {
            await StoreAsync(store, Otlp(99, "usual", id: (ulong)count));
            await PassAsync(store, TimeSpan.FromSeconds(5));
            foreach (var level in Enum.GetValues<SeriesLevel>())
                await store.GetSeriesAsync(Always(level), Cancellation);
            var points = await store.GetSeriesAsync(
                All(SeriesLevel.Service) with { Service = "usual" }, Cancellation);
            Assert.Equal((ulong)count, Assert.Single(points).Latencies.Count);
            Assert.Equal(0, (await store.GetUncountedAsync(Cancellation)).Rejected);
        }
    }

    [Fact]
    public async Task The_weight_of_a_span_is_bounded_and_marked_as_estimated()
    {
        var store = await OpenAsync();
        await StoreAsync(store, Otlp(1, "rare") with { TraceState = "ot=th:ffffffffffffff" });
        await StoreAsync(store, [.. Enumerable.Range(1, 300).Select(i =>
            Otlp(2, "heavy", id: (ulong)i) with { TraceState = "ot=th:fffffffffffff8" })]);
        for (var i = 0; i < 2; i++)
        {
            var points = await store.GetSeriesAsync(All(SeriesLevel.Service), Cancellation);
            Assert.Equal([("heavy", 300 * AdjustedCount.Max), ("rare", AdjustedCount.Max)],
                points.Select(point => (point.Series.Service, point.Latencies.Count)));
            Assert.All(points, point => Assert.True(point.IsEstimated));
            store = await ReopenAsync(store);
        }
    }

    [Fact]
    public async Task Counts_that_are_full_stay_full()
    {
        var store = await OpenAsync();
        var latencies = new LatencyHistogram();
        latencies.Record(1_000_000, ulong.MaxValue - 5);
        var series = new Series(SeriesLevel.Service, "cart", "", SpanKind.Server, false, SeriesSource.Metrics);
        for (var i = 0; i < 3; i++)
        {
            await store.AppendAsync(new SpanBatch([], (UInt128)i + 1)
            {
                Counted = [new SeriesPoint(series, _minute + i, latencies, false)],
            }, Cancellation);
        }
        var query = All(SeriesLevel.Service) with { Source = SeriesSource.Metrics };
        Assert.Equal(ulong.MaxValue, Assert.Single(await store.GetSeriesAsync(query, Cancellation)).Latencies.Count);
        await PassAsync(store, TimeSpan.FromSeconds(5));
        store = await ReopenAsync(store);
        Assert.Equal(ulong.MaxValue, Assert.Single(await store.GetSeriesAsync(query, Cancellation)).Latencies.Count);
    }

    [Fact]
    public async Task A_span_without_a_duration_is_a_call_and_one_that_ends_before_it_starts_took_none()
    {
        var store = await OpenAsync();
        await StoreAsync(store, Otlp(1), Otlp(2) with { EndUnixNano = 0, Status = StatusCode.Error },
            Otlp(3) with { EndUnixNano = 0 }, Otlp(4) with { EndUnixNano = Micros(-1000) },
            Zipkin(5, "zipkin") with { EndUnixNano = Micros(0) });
        for (var i = 0; i < 2; i++)
        {
            var points = await store.GetSeriesAsync(All(SeriesLevel.Service), Cancellation);
            Assert.Equal([("Frontend", false, 2UL, 1UL, 1UL), ("Frontend", true, 0UL, 0UL, 1UL),
                ("zipkin", false, 0UL, 0UL, 1UL)], points.Select(point => (point.Series.Service, point.Series.IsError,
                point.Latencies.Count, point.Latencies.ZeroCount, point.Latencies.UnknownCount)));
            Assert.Equal((UInt128)10_000_000, points[0].Latencies.Sum);
            store = await ReopenAsync(store);
        }
    }

    [Fact]
    public async Task A_span_without_a_time_counts_in_no_minute_and_is_told_of()
    {
        var store = await OpenAsync();
        var year = 367 * 1440 * Minute;
        var now = (ulong)Clock.GetUtcNow().ToUnixTimeSeconds() * 1_000_000_000;
        await StoreAsync(store, Otlp(1) with { StartUnixNano = 0 }, Starting(2, now - year), Starting(3, now + year),
            Starting(4, now - year + (2 * 1440 * Minute)), Starting(5, now));
        var points = await store.GetSeriesAsync(Always(SeriesLevel.Service) with { StepMinutes = 1 }, Cancellation);
        // a minute that long ago is known by its day
        Assert.Equal(2, points.Count);
        Assert.Equal(((long)((now - year) / Minute) + 2880) / 1440, points[0].Minute / 1440);
        Assert.Equal((long)(now / Minute), points[1].Minute);
        Assert.Equal(new UncountedCounts(3, 0), await store.GetUncountedAsync(Cancellation));

        static Span Starting(ulong trace, ulong start) =>
            Otlp(trace) with { StartUnixNano = start, EndUnixNano = start + 1_000_000 };
    }

    [Fact]
    public async Task Who_has_no_spans_is_seen_within_seconds_and_gives_way_to_spans_that_come_after_all()
    {
        var store = await OpenAsync();
        Span[] callers = [.. Enumerable.Range(1, 6).Select(i => Otlp(7, "shop", "POST", (ulong)i) with
        {
            Kind = SpanKind.Client,
            Attributes = [Tag("server.address", "api.pay.example")],
        })];
        await StoreAsync(store, callers);
        await PassAsync(store, TimeSpan.FromSeconds(5));
        await PassAsync(store, TimeSpan.FromSeconds(5));
        await AssertEdgesAsync("shop api.pay.example Caller 6");
        await StoreAsync(store, [.. Enumerable.Range(1, 6).Skip(1).Select(i => Otlp(7, "pay", "pay", (ulong)i + 50) with
        {
            Kind = SpanKind.Server,
            ParentSpanId = new SpanId((ulong)i),
        })]);
        await PassAsync(store, TimeSpan.FromSeconds(5));
        await PassAsync(store, TimeSpan.FromSeconds(5));
        await AssertEdgesAsync(
            "shop api.pay.example Caller 1", "shop pay Caller 5", "shop pay Callee 5");
        store = await ReopenAsync(store);
        // the time that callers wait begins when what is stored has been counted
        await store.GetSeriesAsync(All(SeriesLevel.ServiceEdge), Cancellation);
        await PassAsync(store, TimeSpan.FromSeconds(5));
        await PassAsync(store, TimeSpan.FromSeconds(5));
        await AssertEdgesAsync(
            "shop api.pay.example Caller 1", "shop pay Caller 5", "shop pay Callee 5");

        async Task AssertEdgesAsync(params string[] expected)
        {
            foreach (var level in new[] { SeriesLevel.ServiceEdge, SeriesLevel.OperationEdge })
            {
                var points = await store.GetSeriesAsync(All(level), Cancellation);
                Assert.Equal(expected, points.Select(point =>
                    $"{point.Series.Service} {point.Series.Peer} {point.Series.Side} {point.Latencies.Count}"));
            }
        }
    }

    [Fact]
    public async Task Long_names_are_cut_in_statistics_and_nowhere_else()
    {
        var store = await OpenAsync();
        Span[] spans = [Otlp(1, name: "SELECT " + new string('x', 5000) + "a"),
            Otlp(2, name: "SELECT " + new string('x', 5000) + "b")];
        await StoreAsync(store, spans);
        Assert.Equal([spans[0]], await GetAsync(store, Trace(1)));
        var points = await store.GetSeriesAsync(All(), Cancellation);
        Assert.Equal(2, points.Select(point => point.Series.Operation).Distinct().Count());
        Assert.All(points, point => Assert.InRange(point.Series.Operation.Length, 1, SeriesNames.MaxLength));
        // asked for by the whole name
        var one = Assert.Single(await store.GetSeriesAsync(All() with { Operation = spans[0].Name }, Cancellation));
        Assert.Equal(1UL, one.Latencies.Count);
    }

    static SeriesQuery Always(SeriesLevel level) => new()
    {
        Level = level,
        StartMinute = 0,
        EndMinute = int.MaxValue,
    };
}
