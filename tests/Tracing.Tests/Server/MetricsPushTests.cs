using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Tracing.Model;
using Tracing.Server;
using Tracing.Storage;
using Xunit;
using Proto = Tracing.Model.Wire.Proto.Otlp;

namespace Tracing.Tests;

public sealed class MetricsPushTests
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_server_pushes_what_it_counted_and_goes_on_after_a_refusal()
    {
        var pushed = new TaskCompletionSource<List<Proto.Metric>>();
        var metrics = new List<Proto.Metric>();
        var requests = 0;
        string? contentType = null;
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var receiver = builder.Build();
        receiver.MapPost("/v1/metrics", async (HttpRequest request) =>
        {
            contentType = request.ContentType;
            using var body = new MemoryStream();
            await request.Body.CopyToAsync(body, Cancellation);
            if (Interlocked.Increment(ref requests) == 1)
                return Results.StatusCode(StatusCodes.Status503ServiceUnavailable);
            var data = Proto.MetricsData.Parser.ParseFrom(body.ToArray());
            metrics.AddRange(data.ResourceMetrics.Single().ScopeMetrics.Single().Metrics);
            if (metrics.Exists(metric => metric.Name == "traces_spanmetrics_calls"))
                pushed.TrySetResult([.. metrics]);
            return Results.Ok();
        });
        await receiver.StartAsync(Cancellation);
        var address = receiver.Services.GetRequiredService<IServer>().Features
            .GetRequiredFeature<IServerAddressesFeature>().Addresses.Single();

        await using var server = await RunningServer.StartAsync(
            $"--Tracing:MetricsPush:Endpoint={address}/v1/metrics", "--Tracing:MetricsPush:Interval=00:00:00.1");
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() * 1000;
        var span = $$$"""
            [{"traceId":"000000000000000f","id":"1","name":"pay","timestamp":{{{now}}},"duration":5000,
            "kind":"SERVER","localEndpoint":{"serviceName":"shop"}}]
            """;
        using var content = new StringContent(span, System.Text.Encoding.UTF8, "application/json");
        (await server.Client.PostAsync("/api/v2/spans", content, Cancellation)).EnsureSuccessStatusCode();

        var found = await pushed.Task.WaitAsync(TimeSpan.FromSeconds(60), Cancellation);
        Assert.Equal("application/x-protobuf", contentType);
        var calls = found.First(metric => metric.Name == "traces_spanmetrics_calls").Sum;
        Assert.True(calls.IsMonotonic);
        Assert.Equal(1, Assert.Single(calls.DataPoints).AsDouble);
        Assert.Contains(calls.DataPoints[0].Attributes,
            attribute => attribute is { Key: "service", Value.StringValue: "shop" });
        Assert.Contains(found, metric => metric.Gauge is not null);
        Assert.Contains(found, metric => metric.Summary is not null);
    }

    [Fact]
    public void Histograms_keep_their_accuracy_and_requests_are_bounded()
    {
        var random = new Random(3);
        var exact = new LatencyHistogram();
        for (var i = 0; i < 1000; i++)
            exact.Record((long)Math.Pow(10, 3 + (random.NextDouble() * 7)));
        exact.Record(0);
        var trace = new TraceExemplar(new TraceId(1, 2), 99);
        var exemplars = new Dictionary<int, TraceExemplar> { [LatencyHistogram.IndexOf(3_000_000)] = trace };
        var samples = Enumerable.Range(0, 2500).Select(i => new MetricSample(
            [("number", i.ToString(CultureInfo.InvariantCulture))], 0, 0,
            new ExposedLatencies(exact, exemplars, 1e9)));
        var family = new MetricFamily("latency_seconds", FamilyKind.Histogram, "time", "seconds", samples);

        var requests = OtlpExposition.Requests([family], DateTimeOffset.UnixEpoch).ToList();
        Assert.Equal([1000, 1000, 500], requests.Select(request =>
            request.ResourceMetrics[0].ScopeMetrics[0].Metrics.Sum(m => m.ExponentialHistogram.DataPoints.Count)));
        Assert.All(requests, request => Assert.InRange(request.CalculateSize(), 1, 4 << 20));
        var metric = requests[0].ResourceMetrics[0].ScopeMetrics[0].Metrics[0];
        Assert.Equal("s", metric.Unit);
        var point = metric.ExponentialHistogram.DataPoints[0];
        Assert.Equal((1001ul, 1ul, 6), (point.Count, point.ZeroCount, point.Scale));
        Assert.Equal(1000ul, point.Positive.BucketCounts.Aggregate(0ul, (sum, count) => sum + count));
        Assert.Equal((double)exact.Sum / 1e9, point.Sum, 1e-9);
        Assert.Equal(99_000_000_000ul, Assert.Single(point.Exemplars).TimeUnixNano);
        Assert.Equal("00000000000000010000000000000002", Convert.ToHexString(point.Exemplars[0].TraceId.Span));
        foreach (var q in new[] { 0.01, 0.5, 0.9, 0.99 })
            Assert.InRange(Quantile(point, q) * 1e9 / exact.Quantile(q), 1 - 0.0056, 1 + 0.0056);
    }

    /// <summary>The middle of the bucket of the rank.</summary>
    static double Quantile(Proto.ExponentialHistogramDataPoint point, double q)
    {
        var (rank, seen, at) = ((ulong)Math.Ceiling(q * point.Count), point.ZeroCount, -1);
        while (seen < rank)
            seen += point.Positive.BucketCounts[++at];
        var bucketsOfOctave = Math.Pow(2, point.Scale);
        var lower = Math.Pow(2, (point.Positive.Offset + at) / bucketsOfOctave);
        var upper = lower * Math.Pow(2, 1 / bucketsOfOctave);
        return 2 * lower * upper / (lower + upper);
    }
}
