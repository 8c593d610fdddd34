using Tracing.Model;
using Tracing.Storage;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

public abstract partial class SpanStoreContract
{
    static readonly long _minute = Today / 60_000;

    private protected static SeriesQuery All(SeriesLevel level = SeriesLevel.Operation) => new()
    {
        Level = level,
        StartMinute = _minute - 60,
        EndMinute = _minute + 600,
        WithExemplars = true,
    };

    [Fact]
    public async Task Every_span_counts_once_in_its_service_and_its_operation()
    {
        var store = await OpenAsync();
        var spans = SomeLoad(seed: 1, count: 500);
        foreach (var request in spans.Chunk(7))
            await StoreAsync(store, request);
        await AssertCountsAsync(store, spans);
        store = await ReopenAsync(store);
        await AssertCountsAsync(store, spans);
        // and goes on from there
        var more = SomeLoad(seed: 2, count: 100);
        foreach (var request in more.Chunk(9))
            await StoreAsync(store, request);
        await AssertCountsAsync(store, [.. spans, .. more]);
        store = await ReopenAsync(store);
        await AssertCountsAsync(store, [.. spans, .. more]);
    }

    [Fact]
    public async Task Calls_of_what_was_just_stored_are_there_once_they_are_asked_to_be_added_up()
    {
        var store = await OpenAsync();
        for (var n = 1UL; n <= 3; n++)
        {
            await StoreAsync(store, Otlp(n, "web", "call") with { Kind = SpanKind.Client });
            await StoreAsync(store, Otlp(n, "cart", "serve", 2) with
            {
                Kind = SpanKind.Server,
                ParentSpanId = new SpanId(1),
            });
            while (!await store.AddUpCallsAsync(Cancellation))
                continue;
            // for the caller and for the callee
            Assert.Equal(2 * n, await CountedAsync(store, SeriesLevel.ServiceEdge));
        }
        Assert.True(await store.AddUpCallsAsync(Cancellation));
    }

    [Fact]
    public async Task A_body_that_comes_again_is_not_counted_again()
    {
        var store = await OpenAsync();
        var spans = SomeLoad(seed: 3, count: 20);
        for (var i = 0; i < 3; i++)
            await store.AppendAsync(Batch(7, spans), Cancellation);
        await AssertCountsAsync(store, spans);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(60)]
    public async Task Points_are_as_fine_as_asked_for(int step)
    {
        var store = await OpenAsync();
        var spans = SomeLoad(seed: 4, count: 200);
        await StoreAsync(store, spans);
        var points = await store.GetSeriesAsync(
            All(SeriesLevel.Service) with { StepMinutes = step }, Cancellation);
        var expected = spans.GroupBy(span => (span.ServiceName, span.Kind, IsError: span.Status == StatusCode.Error,
            Minute: step == 0 ? _minute - 60 : MinuteOf(span) / step * step));
        Assert.Equal(
            expected.Select(group => (group.Key.ServiceName, group.Key.Kind, group.Key.IsError, group.Key.Minute,
                (ulong)group.Count())).Order(),
            points.Select(point => (point.Series.Service, point.Series.Kind, point.Series.IsError, point.Minute,
                point.Latencies.Count)).Order());
    }

    [Fact]
    public async Task A_query_chooses_its_series_and_its_time()
    {
        var store = await OpenAsync();
        var spans = SomeLoad(seed: 5, count: 300);
        await StoreAsync(store, spans);
        var query = All() with
        {
            Service = "cart",
            Operation = "op 1",
            Kind = SpanKind.Server,
            StartMinute = _minute + 3,
            EndMinute = _minute + 8,
            StepMinutes = 1,
        };
        var expected = spans.Where(span => span.ServiceName == "cart" && span.Name == "op 1" &&
            span.Kind == SpanKind.Server && MinuteOf(span) >= _minute + 3 && MinuteOf(span) < _minute + 8).ToList();
        var points = await store.GetSeriesAsync(query, Cancellation);
        Assert.NotEmpty(expected);
        Assert.Equal(expected.Count, points.Sum(point => (int)point.Latencies.Count));
        Assert.Equal(expected.Select(MinuteOf).Distinct().Count(),
            points.Select(point => point.Minute).Distinct().Count());
    }

    [Fact]
    public async Task Quantiles_are_right_to_a_hundredth()
    {
        var store = await OpenAsync();
        var spans = SomeLoad(seed: 6, count: 400);
        await StoreAsync(store, spans);
        foreach (var group in spans.GroupBy(span => (span.ServiceName, span.Name)))
        {
            var points = await store.GetSeriesAsync(
                All() with { Service = group.Key.ServiceName, Operation = group.Key.Name }, Cancellation);
            var merged = new LatencyHistogram();
            foreach (var point in points)
                merged.Merge(point.Latencies);
            var sorted = group.Select(span => span.DurationNanos).Order().ToList();
            foreach (var q in new[] { 0.01, 0.5, 0.9, 0.99 })
            {
                var exact = sorted[Math.Max(0, (int)Math.Ceiling(q * sorted.Count) - 1)];
                Assert.InRange(merged.Quantile(q), exact * (1 - 0.0109), exact * (1 + 0.0109));
            }
        }
    }

    [Fact]
    public async Task Exemplars_are_traces_of_their_bucket()
    {
        var store = await OpenAsync();
        var spans = SomeLoad(seed: 7, count: 300);
        foreach (var request in spans.Chunk(10))
            await StoreAsync(store, request);
        var points = await store.GetSeriesAsync(All(), Cancellation);
        foreach (var point in points)
        {
            // one for each octave
            Assert.Equal(point.Latencies.Buckets().Select(bucket => ExemplarSet.OctaveOf(bucket.Index)).Distinct(),
                point.Exemplars!.Keys.Select(ExemplarSet.OctaveOf).Order());
            foreach (var (bucket, exemplar) in point.Exemplars!)
            {
                Assert.Contains(spans, span => span.TraceId == exemplar.Trace &&
                    span.StartUnixNano / 1_000_000_000 == exemplar.UnixSeconds &&
                    span.Name == point.Series.Operation && LatencyHistogram.IndexOf(span.DurationNanos) == bucket);
            }
        }
        // whatever the order and the grouping
        var other = new SpanStatistics(Today, new SeriesNames());
        foreach (var request in Enumerable.Reverse(spans).Chunk(13))
            other.Add(request);
        var others = SeriesPoints.Merge(
            other.Points(series => series.Level == SeriesLevel.Operation, 0, long.MaxValue), 0, All().StartMinute);
        Assert.Equal(points.Select(Text), others.Select(Text));
    }

    [Fact]
    public async Task Spans_stand_for_those_that_were_not_sampled()
    {
        var store = await OpenAsync();
        // 1 in 64
        var spans = SomeLoad(seed: 8, count: 100).Select(span => span with { TraceState = "ot=th:fc" }).ToArray();
        await StoreAsync(store, spans);
        await StoreAsync(store, Otlp(1, "unsure") with { TraceState = "ot=rv:1234567890abcd" });
        var points = await store.GetSeriesAsync(All(SeriesLevel.Service), Cancellation);
        Assert.Equal(6400ul + 1, points.Aggregate(0ul, (sum, point) => sum + point.Latencies.Count));
        Assert.Equal(["unsure"], points.Where(point => point.IsEstimated).Select(point => point.Series.Service));
    }

    [Fact]
    public async Task What_others_counted_is_kept_apart()
    {
        var store = await OpenAsync();
        var latencies = new LatencyHistogram();
        latencies.Record(1_000_000, 5000);
        var series = new Series(
            SeriesLevel.Service, "cart", "", SpanKind.Server, false, SeriesSource.Metrics);
        var batch = new SpanBatch([], 11) { Counted = [new SeriesPoint(series, _minute, latencies, false)] };
        for (var i = 0; i < 2; i++)
            await store.AppendAsync(batch, Cancellation);
        await StoreAsync(store, Otlp(1, "cart"));
        for (var i = 0; i < 2; i++)
        {
            var found = await store.GetSeriesAsync(
                All(SeriesLevel.Service) with { Source = SeriesSource.Metrics }, Cancellation);
            Assert.Equal(5000ul, Assert.Single(found).Latencies.Count);
            Assert.Equal(series, found[0].Series);
            found = await store.GetSeriesAsync(All(SeriesLevel.Service), Cancellation);
            Assert.Equal(1ul, Assert.Single(found).Latencies.Count);
            store = await ReopenAsync(store);
        }
    }

    static async Task AssertCountsAsync(ISpanStore store, Span[] spans)
    {
        var expected = spans.GroupBy(span =>
            (span.ServiceName, span.Name, span.Kind, IsError: span.Status == StatusCode.Error))
            .Select(group => $"{group.Key} {group.Count()}").Order(StringComparer.Ordinal);
        var points = await store.GetSeriesAsync(All(), Cancellation);
        var found = points.GroupBy(point =>
            (point.Series.Service, point.Series.Operation, point.Series.Kind, point.Series.IsError))
            .Select(group => $"{group.Key} {group.Sum(point => (long)point.Latencies.Count)}")
            .Order(StringComparer.Ordinal);
        Assert.Equal(expected, found);
        points = await store.GetSeriesAsync(All(SeriesLevel.Service), Cancellation);
        Assert.Equal(spans.Length, points.Sum(point => (int)point.Latencies.Count));
    }

    private protected static string Text(SeriesPoint point) => $"{point.Series} {point.Minute} " +
        Convert.ToHexString(point.Latencies.Encode()) + " " +
        string.Join(' ', point.Exemplars!.OrderBy(each => each.Key));

    static long MinuteOf(Span span) => (long)(span.StartUnixNano / 60_000_000_000);

    private protected static Span[] SomeLoad(int seed, int count)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            var service = new[] { "cart", "shop", "Payment" }[random.Next(3)];
            var span = Otlp((ulong)random.NextInt64(), service, $"op {random.Next(3)}", (ulong)i + 1);
            var duration = (long)(1000 * Math.Exp(3 * random.NextDouble()));
            return span.At(random.Next(10) * 60_000_000L, duration) with
            {
                Kind = random.Next(2) == 0 ? SpanKind.Server : SpanKind.Client,
                Status = random.Next(10) == 0 ? StatusCode.Error : StatusCode.Unset,
            };
        })];
    }
}
