using System.Net;
using System.Net.Http.Headers;
using Tracing.Model;
using Tracing.Server;
using Tracing.Storage;
using Xunit;
using Proto = Tracing.Model.Wire.Proto.Prometheus;

namespace Tracing.Tests;

public sealed class ExpositionTests
{
    const string OpenMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    const string TextType = "text/plain; version=0.0.4; charset=utf-8";
    const string ProtobufType =
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

    static readonly Series Checkout = new(SeriesLevel.Operation, "shop", "GET /\"x\"\\\n", SpanKind.Server, false);

    readonly TestClock _clock = new();

    [Theory]
    [InlineData(null, "application/json")]
    [InlineData("*/*", "application/json")]
    [InlineData("application/json, text/plain, */*", "application/json")]
    [InlineData("text/html,application/xhtml+xml,*/*;q=0.8", "application/json")]
    [InlineData("image/png", "application/json")]
    [InlineData("text/plain", TextType)]
    [InlineData("text/*;q=0.5, */*;q=0.1", TextType)]
    [InlineData("application/openmetrics-text", OpenMetricsType)]
    [InlineData("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6," +
        "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", OpenMetricsType)]
    [InlineData("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7," +
        "application/openmetrics-text;q=0.6", ProtobufType)]
    [InlineData("application/vnd.google.protobuf;proto=other,text/plain;q=0.1", TextType)]
    public async Task The_accept_header_chooses_and_zipkins_json_is_what_else_there_is(string? accept, string expected)
    {
        await using var server = await StartAsync(new SpanStatistics(0, new SeriesNames()));
        using var answer = await GetAsync(server, accept);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(MediaTypeHeaderValue.Parse(expected), answer.Content.Headers.ContentType);
    }

    [Fact]
    public async Task The_real_answer_is_open_metrics_with_the_names_that_grafana_and_jaeger_query()
    {
        await using var server = await StartAsync(Some());
        var text = await (await GetAsync(server, "application/openmetrics-text")).Content.ReadAsStringAsync();
        var families = OpenMetrics.Parse(text);

        foreach (var (name, service) in new[]
        {
            ("traces_spanmetrics_calls", "service"), ("traces_span_metrics_calls", "service_name"),
        })
        {
            var calls = Assert.Single(families[name].Samples,
                sample => sample.Labels["status_code"] == "STATUS_CODE_UNSET");
            Assert.Equal(3, calls.Value);
            Assert.Equal([service, "span_name", "span_kind", "status_code"], calls.Labels.Keys);
            Assert.Equal(("shop", Checkout.Operation, "SPAN_KIND_SERVER"),
                (calls.Labels[service], calls.Labels["span_name"], calls.Labels["span_kind"]));
            Assert.Equal(1, Assert.Single(families[name].Samples,
                sample => sample.Labels["status_code"] == "STATUS_CODE_ERROR").Value);
        }
        AssertLatency(families["traces_spanmetrics_latency"], 1);
        AssertLatency(families["traces_span_metrics_duration_milliseconds"], 1000);
        Assert.Equal("milliseconds", families["traces_span_metrics_duration_milliseconds"].Unit);

        AssertGraph("traces_service_graph_request", "_total", 5);
        AssertGraph("traces_service_graph_request_failed", "_total", 1);
        AssertGraph("traces_service_graph_request_server_seconds", "_count", 4);
        AssertGraph("traces_service_graph_request_client_seconds", "_count", 5);
        Assert.Contains(families["tracing_collector_spans"].Samples, s => s.Labels["transport"] == "otlp_http");
        Assert.Equal(1, Assert.Single(families["tracing_series_up"].Samples).Value);

        void AssertGraph(string name, string suffix, double value)
        {
            var sample = Assert.Single(families[name].Samples, each => each.Name == name + suffix);
            Assert.Equal(value, sample.Value);
            Assert.Equal(("web", "shop", ""),
                (sample.Labels["client"], sample.Labels["server"], sample.Labels["connection_type"]));
        }
    }

    [Fact]
    public async Task Prometheus_text_names_counters_in_full_and_has_no_exemplars()
    {
        await using var server = await StartAsync(Some());
        var text = await (await GetAsync(server, "text/plain")).Content.ReadAsStringAsync();
        Assert.Contains("# TYPE traces_spanmetrics_calls_total counter\n", text, StringComparison.Ordinal);
        Assert.DoesNotContain("trace_id", text, StringComparison.Ordinal);
        Assert.DoesNotContain("# EOF", text, StringComparison.Ordinal);
        Assert.DoesNotContain("# UNIT", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Protobuf_has_native_histograms_that_keep_our_accuracy()
    {
        var statistics = new SpanStatistics(0, new SeriesNames());
        var exact = new LatencyHistogram();
        var random = new Random(3);
        for (var i = 0; i < 1000; i++)
        {
            var nanos = (long)Math.Pow(10, 3 + (random.NextDouble() * 7));
            exact.Record(nanos);
            statistics.Add(Checkout, 5, nanos, Exemplar((ulong)i + 1, 5));
        }
        await using var server = await StartAsync(statistics);
        var body = await (await GetAsync(server, ProtobufType)).Content.ReadAsByteArrayAsync();

        using var stream = new MemoryStream(body);
        var families = new Dictionary<string, Proto.MetricFamily>();
        while (stream.Position < stream.Length)
        {
            var family = Proto.MetricFamily.Parser.ParseDelimitedFrom(stream);
            families.Add(family.Name, family);
        }
        Assert.Equal(1000, Assert.Single(families["traces_spanmetrics_calls_total"].Metric).Counter.Value);
        var histogram = Assert.Single(families["traces_spanmetrics_latency"].Metric).Histogram;
        Assert.Equal(1000UL, histogram.SampleCount);
        Assert.Equal((double)exact.Sum / 1e9, histogram.SampleSum, 1e-9);
        Assert.Equal(15, histogram.Bucket.Count);
        Assert.Equal(1000UL, histogram.Bucket[^1].CumulativeCount);
        Assert.All(histogram.Bucket.Where(bucket => bucket.Exemplar is not null),
            bucket => Assert.Equal(301, bucket.Exemplar.Timestamp.Seconds));
        Assert.Contains(histogram.Bucket, bucket => bucket.Exemplar is not null);
        foreach (var q in new[] { 0.01, 0.5, 0.9, 0.99 })
            Assert.InRange(Quantile(histogram, q) * 1e9 / exact.Quantile(q), 0.997, 1.003);
    }

    [Fact]
    public async Task Head_has_no_body_and_gzip_is_used_when_it_is_taken()
    {
        await using var server = await StartAsync(Some());
        using var head = await server.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/metrics"));
        Assert.Equal("", await head.Content.ReadAsStringAsync());
        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        request.Headers.Add("Accept", "application/openmetrics-text");
        request.Headers.Add("Accept-Encoding", "gzip");
        using var answer = await server.Client.SendAsync(request);
        Assert.Equal(["gzip"], answer.Content.Headers.ContentEncoding);
        using var gzip = new System.IO.Compression.GZipStream(
            await answer.Content.ReadAsStreamAsync(), System.IO.Compression.CompressionMode.Decompress);
        using var reader = new StreamReader(gzip);
        OpenMetrics.Parse(await reader.ReadToEndAsync());
    }

    [Fact]
    public async Task A_store_that_fails_leaves_the_counters_that_tell_of_it()
    {
        await using var server = await IntakeTests.WithStoreAsync(new FaultyStore
        {
            Series = _ => throw new IOException("disk on fire"),
        });
        var families = OpenMetrics.Parse(
            await (await GetAsync(server, "application/openmetrics-text")).Content.ReadAsStringAsync());
        Assert.Equal(0, Assert.Single(families["tracing_series_up"].Samples).Value);
        Assert.DoesNotContain("traces_spanmetrics_calls", families.Keys);
        Assert.Contains("tracing_collector_spans", families.Keys);
    }

    [Fact]
    public async Task Series_beyond_the_bound_are_counted_together_and_never_move()
    {
        var statistics = new SpanStatistics(0, new SeriesNames());
        foreach (var name in new[] { "a", "b", "c", "d" })
            statistics.Add(Checkout with { Operation = name }, 5, 1000);
        var series = new ExposedSeries(StoreOf(statistics), 2, TimeSpan.Zero, _clock);

        var first = (await series.GetAsync(CancellationToken.None)).Operations;
        Assert.Equal(3, first.Count);
        Assert.Equal(2UL, Assert.Single(first, IsOthers).Latencies.Count);

        statistics.Add(Checkout with { Operation = "e" }, 5, 1000);
        Assert.Same(first, (await series.GetAsync(CancellationToken.None)).Operations);
        _clock.Advance(TimeSpan.FromSeconds(2));
        var second = (await series.GetAsync(CancellationToken.None)).Operations;
        Assert.Equal(first.Select(point => point.Series), second.Select(point => point.Series));
        Assert.Equal(3UL, Assert.Single(second, IsOthers).Latencies.Count);

        static bool IsOthers(SeriesPoint point) =>
            point.Series is { Service: Series.Others, Operation: Series.Others };
    }

    [Fact]
    public async Task Counters_never_fall_when_the_store_drops_its_oldest_days()
    {
        var random = new Random(7);
        var statistics = new SpanStatistics(0, new SeriesNames());
        var series = new ExposedSeries(
            new FaultyStore { Series = query => Points(statistics, query) }, 10, TimeSpan.Zero, _clock);
        LatencyHistogram? last = null;
        for (var round = 0; round < 50; round++)
        {
            if (round % 7 == 6)
                statistics = new SpanStatistics(0, new SeriesNames());
            for (var i = random.Next(1, 20); i > 0; i--)
                statistics.Add(Checkout, round, random.Next(1_000_000));
            _clock.Advance(TimeSpan.FromSeconds(2));
            var point = Assert.Single((await series.GetAsync(CancellationToken.None)).Operations);
            if (last is not null)
            {
                var before = new ExposedLatencies(last, null, 1e9).ClassicBuckets().Select(b => b.Count);
                var now = new ExposedLatencies(point.Latencies, null, 1e9).ClassicBuckets().Select(b => b.Count);
                Assert.All(before.Zip(now), pair => Assert.True(pair.First <= pair.Second));
                Assert.True(last.Count <= point.Latencies.Count);
            }
            last = point.Latencies;
        }
    }

    [Fact]
    public async Task Calls_withdrawn_from_a_counter_are_made_up_for_before_it_grows()
    {
        var statistics = new SpanStatistics(0, new SeriesNames());
        var edge = new Series(
            SeriesLevel.ServiceEdge, "web", "", SpanKind.Client, false, Peer: "host", Side: EdgeSide.Caller);
        var withdrawn = edge with { Side = EdgeSide.CallerWithdrawn };
        var series = new ExposedSeries(StoreOf(statistics), 10, TimeSpan.Zero, _clock);
        Add(edge, 10);
        Assert.Equal(10UL, await CountAsync());
        Add(withdrawn, 3);
        Assert.Equal(10UL, await CountAsync());
        Add(edge, 2);
        Assert.Equal(10UL, await CountAsync());
        Add(edge, 2);
        Assert.Equal(11UL, await CountAsync());
        // one that has nothing left ends, and may begin anew
        Add(withdrawn, 11);
        Assert.Null(await CountAsync());
        Add(edge, 1);
        Assert.Equal(1UL, await CountAsync());

        void Add(Series to, ulong count) => statistics.Add(to, 5, 1_000_000, weight: count);

        async Task<ulong?> CountAsync()
        {
            _clock.Advance(TimeSpan.FromSeconds(2));
            return (await series.GetAsync(CancellationToken.None)).Edges.SingleOrDefault()?.Latencies.Count;
        }
    }

    [Fact]
    public async Task Names_of_all_series_together_are_bounded()
    {
        var statistics = new SpanStatistics(0, new SeriesNames());
        for (var i = 0; i < 10; i++)
            statistics.Add(Checkout with { Operation = SeriesNames.Cut(i + new string('x', 10_000)) }, 5, 1000);
        var series = new ExposedSeries(StoreOf(statistics), 50, TimeSpan.Zero, _clock);
        var points = (await series.GetAsync(CancellationToken.None)).Operations;
        Assert.InRange(points.Sum(point => point.Series.Operation.Length), 1, 50 * 128);
        Assert.Equal(10UL, points.Aggregate(0UL, (sum, point) => sum + point.Latencies.Count));
    }

    /// <summary>A second after the minute began.</summary>
    static TraceExemplar Exemplar(ulong trace, long minute) =>
        new(new TraceId(0xf, trace), (uint)(minute * 60) + 1);

    static string Id(ulong trace) => $"000000000000000f{trace:x16}";

    static SpanStatistics Some()
    {
        var statistics = new SpanStatistics(0, new SeriesNames());
        statistics.Add(Checkout, 5, 1_000_000, Exemplar(0xa, 5));
        statistics.Add(Checkout, 6, 3_000_000, Exemplar(0xb, 6));
        statistics.Add(Checkout, 7, 60_000_000_000, Exemplar(0xc, 7));
        statistics.Add(Checkout with { IsError = true }, 7, 1 << 22);
        var edge = new Series(SeriesLevel.ServiceEdge, "web", "", SpanKind.Client, false, Peer: "shop");
        statistics.Add(edge with { Side = EdgeSide.Caller }, 5, 5_000_000, Exemplar(0xd, 5), 5);
        statistics.Add(edge with { Side = EdgeSide.Callee }, 5, 4_000_000, Exemplar(0xd, 5), 3);
        statistics.Add(edge with { Side = EdgeSide.Callee, IsError = true }, 5, 4_000_000, Exemplar(0xd, 5));
        return statistics;
    }

    static void AssertLatency(OpenMetrics.Family family, double ofSecond)
    {
        var good = family.Samples.FindAll(sample => sample.Labels["status_code"] == "STATUS_CODE_UNSET");
        var buckets = good.FindAll(sample => sample.Labels.ContainsKey("le"));
        Assert.Equal(15, buckets.Count);
        // 2^21 ns: 1 ms is in it, 3 ms is not, and 60 s is in the last
        Assert.Equal([1, 2, 2, 3], new[] { 0, 1, 13, 14 }.Select(i => buckets[i].Value));
        Assert.Equal([Id(0xa) + " 301", Id(0xb) + " 361", null, Id(0xc) + " 421"],
            new[] { 0, 1, 13, 14 }.Select(i => buckets[i].Exemplar));
        Assert.Equal(60.004 * ofSecond, good[^1].Value, 1e-6);
        // a duration on a bound is within it
        var failed = family.Samples.FindAll(sample => sample.Labels["status_code"] == "STATUS_CODE_ERROR");
        Assert.Equal([0, 1], failed.Take(2).Select(sample => sample.Value));
    }

    /// <summary>As Prometheus has it but for the interpolation: the middle of the bucket of the rank.</summary>
    static double Quantile(Proto.Histogram histogram, double q)
    {
        var (rank, index, delta, count, seen) = (Math.Ceiling(q * histogram.SampleCount), 0, 0, 0L, 0L);
        foreach (var span in histogram.PositiveSpan)
        {
            index += span.Offset;
            for (var i = 0; i < span.Length; i++, index++)
            {
                count += histogram.PositiveDelta[delta++];
                seen += count;
                if (seen >= rank)
                    return Math.Pow(2, (index - 0.5) / 256);
            }
        }
        throw new InvalidOperationException("no such rank");
    }

    static IReadOnlyList<SeriesPoint> Points(SpanStatistics statistics, SeriesQuery query) =>
        [.. statistics.Points(
                s => s.Level == query.Level && s.Source == query.Source, query.StartMinute, query.EndMinute)
            .GroupBy(point => point.Series)
            .Select(group =>
            {
                var (latencies, exemplars) = (new LatencyHistogram(), new ExemplarSet());
                foreach (var point in group)
                {
                    latencies.Merge(point.Latencies);
                    exemplars.Merge(point.Exemplars!);
                }
                return new SeriesPoint(group.Key, 0, latencies, false, exemplars.ByBucket);
            })];

    static FaultyStore StoreOf(SpanStatistics statistics) => new() { Series = query => Points(statistics, query) };

    static Task<RunningServer> StartAsync(SpanStatistics statistics) =>
        IntakeTests.WithStoreAsync(StoreOf(statistics));

    static Task<HttpResponseMessage> GetAsync(RunningServer server, string? accept)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        if (accept is not null)
            request.Headers.TryAddWithoutValidation("Accept", accept);
        return server.Client.SendAsync(request);
    }
}
