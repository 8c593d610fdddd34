using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Grpc.Core;
using Tracing.Model;
using Tracing.Model.Wire.Proto.Otlp;
using Tracing.Storage;
using Xunit;

namespace Tracing.Tests;

public sealed class MetricsIntakeTests
{
    const string Method = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

    static readonly ulong Now = (ulong)TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() * SomeMetrics.Second;

    readonly List<SpanBatch> _stored = [];
    AppendOutcome _outcome = AppendOutcome.Stored;

    [Theory]
    [InlineData("application/x-protobuf", null)]
    [InlineData("application/x-protobuf", "gzip")]
    [InlineData("application/json", null)]
    [InlineData("application/json", "gzip")]
    public async Task A_delta_histogram_becomes_points_of_its_service_and_its_operation(string type, string? coding)
    {
        await using var server = await StartAsync();
        var answer = await PostAsync(server, Requests(), type, coding);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(type, answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal(type == "application/json" ? "{}" : "", await answer.Content.ReadAsStringAsync());
        AssertRequests();
    }

    [Fact]
    public async Task The_grpc_service_takes_the_same()
    {
        await using var server = await StartAsync();
        Assert.Empty(await GrpcTests.CallAsync(server, Method, Requests().ToByteArray()));
        AssertRequests();

        var error = await Assert.ThrowsAsync<RpcException>(
            () => GrpcTests.CallAsync(server, Method, [0x0a, 0x7f, 1, 2]));
        Assert.Equal(Grpc.Core.StatusCode.InvalidArgument, error.StatusCode);
        Assert.Matches(@"at byte \d+", error.Status.Detail);

        _outcome = AppendOutcome.Overloaded;
        error = await Assert.ThrowsAsync<RpcException>(
            () => GrpcTests.CallAsync(server, Method, Requests().ToByteArray()));
        Assert.Equal(Grpc.Core.StatusCode.Unavailable, error.StatusCode);
    }

    [Theory]
    [InlineData("application/x-protobuf", "\n\u007f\u0001\u0002")]
    [InlineData("application/json", """{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":""")]
    [InlineData("application/json", """{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":3}]}]}]}""")]
    public async Task A_malformed_body_gets_400_with_the_byte_offset(string type, string body)
    {
        await using var server = await StartAsync();
        var answer = await SendAsync(server, Encoding.UTF8.GetBytes(body), type, null);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Matches(@"at byte \d+", await answer.Content.ReadAsStringAsync());
        Assert.Empty(_stored);
    }

    [Fact]
    public async Task Overload_gets_503_and_the_cumulative_counts_come_with_the_next_points()
    {
        await using var server = await StartAsync();
        var start = ((ulong)TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + 1) * SomeMetrics.Second;
        await PostAsync(server, Cumulative(start, start + (60 * SomeMetrics.Second), 1));
        _outcome = AppendOutcome.Overloaded;
        var refused = await PostAsync(server, Cumulative(start, start + (120 * SomeMetrics.Second), 5));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(1), refused.Headers.RetryAfter?.Delta);
        _outcome = AppendOutcome.Stored;
        await PostAsync(server, Cumulative(start, start + (180 * SomeMetrics.Second), 7));

        Assert.Equal([1UL, 4UL, 6UL], _stored.Select(batch => batch.Counted[0].Latencies.Count));
        Assert.Equal((3, 2, 0, 0, 1), await CountersAsync(server));
    }

    [Fact]
    public async Task Bad_points_are_rejected_alone_and_others_ignored()
    {
        await using var server = await StartAsync();
        var body = Requests();
        var metrics = body.ResourceMetrics[0].ScopeMetrics[0].Metrics;
        metrics.Add(SomeMetrics.Histogram("process.cpu.time", "s", 1, SomeMetrics.Point(0, Now, 1, 2, 3)));
        metrics.Add(SomeMetrics.Histogram("rpc.server.duration", "By", 1, SomeMetrics.Point(0, Now, 1, 2, 3)));
        metrics.Add(SomeMetrics.Histogram("rpc.server.duration", "ms", 0, SomeMetrics.Point(0, Now, 1, 2, 3)));

        var answer = await PostAsync(server, body, "application/json");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var partial = JsonDocument.Parse(await answer.Content.ReadAsStringAsync())
            .RootElement.GetProperty("partialSuccess");
        Assert.Equal("2", partial.GetProperty("rejectedDataPoints").GetString());
        Assert.Matches("Metric \"rpc.server.duration\": unit \"By\" .* at byte \\d+",
            partial.GetProperty("errorMessage").GetString());
        AssertRequests();
        Assert.Equal((5, 2, 1, 2, 0), await CountersAsync(server));
    }

    [Fact]
    public async Task More_streams_than_may_be_remembered_are_said_to_be_rejected()
    {
        await using var server = await StartAsync("--Tracing:Collector:MaxMetricStreams=1");
        var start = ((ulong)TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + 1) * SomeMetrics.Second;
        var body = Cumulative(start, start + 1, 1);
        body.MergeFrom(SomeMetrics.Body(SomeMetrics.Histogram(
            "rpc.server.duration", "ms", 2, SomeMetrics.Point(start, start + 1, 1, 0, 0))));
        var answer = await PostAsync(server, body);
        var partial = ExportMetricsServiceResponse.Parser.ParseFrom(await answer.Content.ReadAsByteArrayAsync())
            .PartialSuccess;
        Assert.Equal(1, partial.RejectedDataPoints);
        Assert.Contains("MaxMetricStreams", partial.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public void A_spread_histogram_has_the_sum_that_was_sent_and_no_count_leaves_its_bucket()
    {
        var random = new Random(11);
        var spread = new LatencySpread();
        double[] bounds = [5e6, 1e7, 2.5e7, 5e7, 1e8, 2.5e8, 5e8, 1e9, 2.5e9, 5e9];
        for (var round = 0; round < 300; round++)
        {
            var (counts, sum) = (new ulong[bounds.Length], 0.0);
            for (var i = random.Next(1, 500); i > 0; i--)
            {
                var bucket = random.Next(1, bounds.Length);
                counts[bucket]++;
                sum += bounds[bucket - 1] + (random.NextDouble() * (bounds[bucket] - bounds[bucket - 1]));
            }
            for (var i = 1; i < bounds.Length; i++)
            {
                if (counts[i] > 0)
                    spread.Add(Math.Log2(bounds[i - 1]), Math.Log2(bounds[i]), counts[i]);
            }
            var latencies = spread.Take(0, sum, null, null);
            // few counts cannot meet it exactly
            var total = counts.Aggregate(0UL, (all, count) => all + count);
            Assert.InRange((double)latencies.Sum / sum, total < 50 ? 0.7 : 0.999, total < 50 ? 1.4 : 1.001);
            for (var i = 0; i < bounds.Length; i++)
            {
                var upTo = counts.Take(i + 1).Aggregate(0UL, (all, count) => all + count);
                Assert.InRange(upTo, latencies.CountAtMost((long)(bounds[i] / 1.023)),
                    latencies.CountAtMost((long)(bounds[i] * 1.023)));
            }
        }
    }

    [Fact]
    public async Task Nanoseconds_at_our_scale_are_taken_without_loss()
    {
        await using var server = await StartAsync();
        var sent = new LatencyHistogram();
        foreach (var nanos in new[] { 1L, 17, 5_000, 1_234_567, 88_000_000_000 })
            sent.Record(nanos);
        var data = sent.ToOtlp();
        var point = new ExponentialHistogramDataPoint
        {
            TimeUnixNano = Now,
            Count = sent.Count,
            Scale = data.Scale,
            Positive = new Buckets { Offset = data.Offset, BucketCounts = { data.BucketCounts } },
            Sum = data.Sum ?? 0,
            Min = data.Min ?? 0,
            Max = data.Max ?? 0,
        };
        point.Attributes.Add(SomeMetrics.Text("span.name", "checkout"));
        point.Attributes.Add(SomeMetrics.Text("span.kind", "SPAN_KIND_CONSUMER"));
        point.Attributes.Add(SomeMetrics.Text("status.code", "STATUS_CODE_ERROR"));
        await PostAsync(server, SomeMetrics.Body(SomeMetrics.Exponential("tracing.span.duration", "ns", 1, point)));

        var counted = Assert.Single(Assert.Single(_stored).Counted, c => c.Series.Level == SeriesLevel.Operation);
        Assert.Equal(sent.Encode(), counted.Latencies.Encode());
        Assert.False(counted.IsEstimated);
        Assert.Equal(
            new Series(SeriesLevel.Operation, "shop", "checkout", Model.SpanKind.Consumer, true, SeriesSource.Metrics),
            counted.Series);
    }

    async Task<RunningServer> StartAsync(params string[] args) => await IntakeTests.WithStoreAsync(
        new FaultyStore
        {
            Append = batch =>
            {
                _stored.Add(batch);
                return Task.FromResult(_outcome);
            },
        }, args);

    /// <summary>20 good requests and 4 that failed, in two points.</summary>
    static MetricsData Requests()
    {
        var failed = SomeMetrics.Point(0, Now, 0, 0, 4);
        failed.Attributes.Add(SomeMetrics.Number("http.response.status_code", 503));
        var good = SomeMetrics.Point(0, Now, 10, 10, 0);
        good.Attributes.Add(SomeMetrics.Number("http.response.status_code", 404));
        good.Sum = 4.2;
        return SomeMetrics.Body(SomeMetrics.Histogram("http.server.request.duration", "s", 1, failed, good));
    }

    void AssertRequests()
    {
        var batch = Assert.Single(_stored);
        Assert.Empty(batch.Spans);
        Assert.NotEqual(UInt128.Zero, batch.BodyHash);
        Assert.Equal(4, batch.Counted.Count);
        foreach (var (level, operation) in new[]
        {
            (SeriesLevel.Service, ""), (SeriesLevel.Operation, "GET /cart"),
        })
        {
            var series = new Series(level, "shop", operation, Model.SpanKind.Server, false, SeriesSource.Metrics);
            var good = Assert.Single(batch.Counted, point => point.Series == series);
            var failed = Assert.Single(batch.Counted, point => point.Series == series with { IsError = true });
            Assert.Equal((20UL, 4UL), (good.Latencies.Count, failed.Latencies.Count));
            Assert.Equal((long)((Now - 1) / (60 * SomeMetrics.Second)), good.Minute);
            Assert.True(good.IsEstimated);
            Assert.Equal(4.2e9, (double)good.Latencies.Sum, 1.0);
            // half of them in 0.1 s, none above 1 s, within a bucket of ours
            Assert.Equal(10UL, good.Latencies.CountAtMost(102_000_000));
            Assert.InRange(good.Latencies.Max, 100_000_000, 1_022_000_000);
            Assert.InRange(failed.Latencies.Min, 978_000_000, long.MaxValue);
        }
    }

    static MetricsData Cumulative(ulong start, ulong time, ulong count) => SomeMetrics.Body(
        SomeMetrics.Histogram("http.client.request.duration", "s", 2, SomeMetrics.Point(start, time, count, 0, 0)));

    static async Task<(double, double, double, double, double)> CountersAsync(RunningServer server)
    {
        var text = await server.Client.GetStringAsync("/prometheus");
        return (Of("points_total{transport=\"otlp_http\"} "), OfOutcome("counted"), OfOutcome("ignored"),
            OfOutcome("rejected"), OfOutcome("failed"));

        double OfOutcome(string outcome) =>
            Of($"points_outcome_total{{transport=\"otlp_http\",outcome=\"{outcome}\"}} ");

        double Of(string series) => double.Parse(
            text.Split('\n').Single(line => line.StartsWith("tracing_collector_metric_" + series,
                StringComparison.Ordinal)).Split(' ')[^1], System.Globalization.CultureInfo.InvariantCulture);
    }

    static Task<HttpResponseMessage> PostAsync(
        RunningServer server, MetricsData body, string type = "application/x-protobuf", string? coding = null) =>
        SendAsync(server, type == "application/json"
            ? Encoding.UTF8.GetBytes(JsonFormatter.Default.Format(body))
            : body.ToByteArray(), type, coding);

    static Task<HttpResponseMessage> SendAsync(RunningServer server, byte[] body, string type, string? coding)
    {
        if (coding == "gzip")
        {
            using var output = new MemoryStream();
            using (var gzip = new GZipStream(output, CompressionLevel.Fastest))
                gzip.Write(body);
            body = output.ToArray();
        }
        var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue(type);
        if (coding is not null)
            content.Headers.ContentEncoding.Add(coding);
        return server.Client.PostAsync("/v1/metrics", content);
    }
}
