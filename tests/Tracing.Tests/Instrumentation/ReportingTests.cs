using System.Diagnostics;
using System.Text.Json;
using Tracing.Instrumentation;
using Tracing.Storage;
using Xunit;

namespace Tracing.Tests.Instrumentation;

/// <summary>From an activity to what the server has of it.</summary>
[Collection(nameof(TracerCollection))]
public sealed class ReportingTests : IDisposable
{
    readonly ActivitySource _source = new($"Test.{Guid.NewGuid():n}", "1.2");

    public void Dispose() => _source.Dispose();

    [Theory]
    [InlineData(ReportFormat.Otlp, false)]
    [InlineData(ReportFormat.Otlp, true)]
    [InlineData(ReportFormat.OtlpGrpc, false)]
    [InlineData(ReportFormat.OtlpGrpc, true)]
    public async Task All_that_a_span_says_arrives(ReportFormat format, bool gzip)
    {
        await using var server = await RunningServer.StartAsync();
        string trace;
        await using (var tracer = Start(server, o => (o.Format, o.Gzip) = (format, gzip)))
        {
            trace = Record();
            await tracer.FlushAsync();
            Assert.Equal(new ReportCounts(2, 2, 0, 0), tracer.Counts);
        }

        var resource = Assert.Single(
            (await server.GetJsonAsync($"/api/tracing/traces/{trace}")).GetProperty("resourceSpans").EnumerateArray());
        var process = Attributes(resource.GetProperty("resource"));
        Assert.Equal(("Shop", "7"), (process["service.name"], process["shop.floor"]));
        var scope = Assert.Single(resource.GetProperty("scopeSpans").EnumerateArray());
        var library = scope.GetProperty("scope");
        Assert.Equal((_source.Name, "1.2"), (Text(library, "name"), Text(library, "version")));
        var spans = scope.GetProperty("spans").EnumerateArray().ToDictionary(span => Text(span, "name"));
        var (root, child) = (spans["GET /cart"], spans["reserve"]);
        Assert.Equal(("", Text(root, "spanId")), (Text(root, "parentSpanId"), Text(child, "parentSpanId")));
        Assert.Equal((2, 3), (root.GetProperty("kind").GetInt32(), child.GetProperty("kind").GetInt32()));
        Assert.Equal(("ot=th:0", "ot=th:0"), (Text(root, "traceState"), Text(child, "traceState")));
        Assert.Equal("2500000", (Nanos(child, "endTimeUnixNano") - Nanos(child, "startTimeUnixNano")).ToString());
        Assert.Equal(["answer=42", "big=1234567890123", "flag=true", "list=[a,b]", "half=0.5", "text=ä€😀"],
            Attributes(child).Select(each => $"{each.Key}={each.Value}"));
        var happened = Assert.Single(child.GetProperty("events").EnumerateArray());
        Assert.Equal(("retried", "2"), (Text(happened, "name"), Attributes(happened)["attempt"]));
        Assert.Equal("b7ad6b7169203331", Text(Assert.Single(child.GetProperty("links").EnumerateArray()), "spanId"));
        Assert.Equal((2, "no stock"),
            (child.GetProperty("status").GetProperty("code").GetInt32(), Text(child.GetProperty("status"), "message")));
    }

    [Theory]
    [InlineData(ReportFormat.ZipkinJson)]
    [InlineData(ReportFormat.ZipkinProto)]
    public async Task Zipkins_formats_are_sent_too(ReportFormat format)
    {
        await using var server = await RunningServer.StartAsync();
        string trace;
        await using (Start(server, o => o.Format = format))
            trace = Record();

        var spans = (await server.GetJsonAsync($"/api/v2/trace/{trace}")).EnumerateArray().ToList();

        var child = spans.Single(span => span.TryGetProperty("parentId", out _));
        Assert.Equal(("reserve", "CLIENT", "shop"),
            (Text(child, "name"), Text(child, "kind"), Text(child.GetProperty("localEndpoint"), "serviceName")));
        Assert.Equal(("42", "no stock"),
            (Text(child.GetProperty("tags"), "answer"), Text(child.GetProperty("tags"), "error")));
        Assert.Equal(2500, child.GetProperty("duration").GetInt64());
    }

    [Fact]
    public async Task Histograms_count_all_spans_whatever_is_sampled()
    {
        await using var server = await RunningServer.StartAsync();
        var start = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() / 60 * 60;
        await using (Start(server, o => o.Sampler = Sampler.Probability(0.25)))
        {
            for (var i = 0; i < 400; i++)
                Record();
        }

        var services = (await server.GetJsonAsync(
            $"/api/tracing/services?start={start}&end={start + 180}&source=metrics&kind=all"))
            .GetProperty("services").EnumerateArray().ToList();

        var current = Assert.Single(services).GetProperty("current");
        Assert.Equal((800, 400), (current.GetProperty("count").GetInt32(), current.GetProperty("errors").GetInt32()));
        // a quarter of them is stored, and stands for all
        Assert.Equal(800, (await CountAsync(server)), 320.0);
    }

    [Theory]
    [InlineData("error", "slow")]
    [InlineData("slow", "error")]
    public async Task Unsampled_traces_that_fail_or_are_slow_are_reported_marked_and_weigh_nothing(
        string reason, string noReason)
    {
        await using var server = await RunningServer.StartAsync();
        var start = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() / 60 * 60;
        string upgraded;
        await using (Start(server, o =>
        {
            (o.Sampler, o.Histograms, o.UpgradeErrors) = (Sampler.Never, false, reason == "error");
            o.UpgradeSlowerThan = reason == "slow" ? TimeSpan.FromSeconds(2) : null;
        }))
        {
            Record(root => Become(root, noReason));
            // not longer than that
            Record(root => root.SetEndTime(root.StartTimeUtc + TimeSpan.FromSeconds(2)));
            upgraded = Record(root => Become(root, reason));
        }

        Assert.Equal(0, await CountAsync(server));
        Assert.Single((await server.GetJsonAsync("/api/tracing/search?q={}")).GetProperty("traces").EnumerateArray());
        var spans = (await server.GetJsonAsync($"/api/tracing/traces/{upgraded}"))
            .GetProperty("resourceSpans")[0].GetProperty("scopeSpans")[0].GetProperty("spans").EnumerateArray();
        Assert.Equal(2, spans.Count());
        Assert.All(spans, span => Assert.Equal($"ot=up:{reason}", Text(span, "traceState")));
        var services = (await server.GetJsonAsync($"/api/tracing/services?start={start}&end={start + 180}&kind=all"))
            .GetProperty("services").EnumerateArray();
        Assert.All(services,
            service => Assert.Equal(0, service.GetProperty("current").GetProperty("count").GetInt32()));

        static void Become(Activity root, string what) => _ = what == "error"
            ? root.SetStatus(ActivityStatusCode.Error)
            : root.SetEndTime(root.StartTimeUtc + TimeSpan.FromSeconds(2.1));
    }

    [Fact]
    public void Of_an_unsampled_trace_the_spans_that_ended_last_are_kept()
    {
        var sources = new SourceNames([_source.Name]);
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source == _source,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
        };
        ActivitySource.AddActivityListener(listener);
        var ring = new UpgradeRing(new TracingOptions { UpgradeErrors = true }, sources);
        var reported = new List<(Activity Span, string? State)>();
        using var other = _source.StartActivity("other")!;
        var otherChild = _source.StartActivity("other's")!;
        otherChild.Dispose();
        other.Dispose();
        // what others make above it does not count
        using var above = new Activity("of others").Start();
        using var root = _source.StartActivity("root")!;
        var children = Enumerable.Range(0, 3000).Select(_ => _source.StartActivity("child")!).ToList();
        children.AsEnumerable().Reverse().ToList().ForEach(child => child.Dispose());
        root.TraceStateString = "a=1";

        foreach (var child in children)
            ring.Add(child, (span, state) => reported.Add((span, state)));
        ring.Add(otherChild, (span, state) => reported.Add((span, state)));
        Assert.Empty(reported);
        ring.Add(root.SetStatus(ActivityStatusCode.Error), (span, state) => reported.Add((span, state)));

        Assert.Equal([.. children[^2046..], root], reported.Select(each => each.Span));
        Assert.All(reported, each => Assert.Equal("ot=up:error,a=1", each.State));
    }

    [Fact]
    public async Task While_the_server_is_away_memory_is_bounded_and_afterwards_the_audit_adds_up()
    {
        const int Bound = 1 << 20;
        using var folder = new TemporaryFolder();
        var port = FreePort();
        await using var tracer = Tracer.Start(o =>
        {
            Configure(o, new Uri($"http://127.0.0.1:{port}"));
            (o.MaxBufferBytes, o.StopTimeout) = (Bound, TimeSpan.FromMinutes(1));
        });
        for (var i = 0; i < 20_000; i++)
        {
            Record();
            // the ring is as large as what ends before the writing thread is scheduled; here it is to see all
            if (i % 1000 == 999)
                await Until(() => tracer.Counts.Ended >= 2 * (i - 1000));
        }
        Assert.InRange(tracer.WaitingBytes, Bound / 2, Bound);
        Assert.Equal(0, tracer.Counts.Sent);

        await using var server = await RunningServer.StartAsync(folder.Path, configure: null, $"--Tracing:Port={port}");
        Record();
        await tracer.FlushAsync();

        var counts = tracer.Counts;
        Assert.Equal(counts.Ended, counts.Sent + counts.Dropped);
        Assert.Equal(40_002, counts.Ended);
        Assert.InRange(counts.Dropped, 1, 40_000);
        Assert.True(counts.Retries > 0);
        Assert.Equal(counts.Sent, await CountAsync(server));
    }

    [Fact]
    public async Task The_server_knows_what_became_of_a_clients_spans()
    {
        await using var server = await RunningServer.StartAsync("--Tracing:Collector:MaxAttributes=10");
        await using (Start(server, _ => { }))
        {
            for (var i = 0; i < 10; i++)
                Record(Refused);
        }

        var lines = (await server.Client.GetStringAsync("/prometheus")).Split('\n');
        var system = await server.GetJsonAsync("/api/tracing/system");

        foreach (var (outcome, spans) in new[] { ("ended", 20), ("sent", 10), ("dropped", 10) })
        {
            Assert.Contains(lines, line => line.StartsWith("tracing_client_spans_total", StringComparison.Ordinal) &&
                line.Contains($"outcome=\"{outcome}\"", StringComparison.Ordinal) && line.EndsWith($" {spans}"));
            var client = Assert.Single(system.GetProperty("clients").EnumerateArray());
            Assert.Equal(spans, client.GetProperty(outcome).GetInt32());
        }
        Assert.Equal(10, await CountAsync(server));
    }

    [Fact]
    public void A_stop_throws_nothing_while_connections_are_refused()
    {
        var address = new Uri($"http://127.0.0.1:{FreePort()}");
        // at some of them the refusal comes right after the stop
        for (var i = 0; i < 300; i++)
        {
            ReportCounts counts;
            using (var tracer = Tracer.Start(o =>
            {
                Configure(o, address);
                (o.StopTimeout, o.Histograms) = (TimeSpan.Zero, false);
            }))
            {
                Record();
                tracer.CatchUp();
                tracer.Dispose();
                counts = tracer.Counts;
            }
            Assert.Equal((2, 0, 2), (counts.Ended, counts.Sent, counts.Dropped));
        }
    }

    [Fact]
    public async Task A_server_that_is_busy_gets_its_spans_later()
    {
        var refusals = 3;
        await using var server = await IntakeTests.WithStoreAsync(new FaultyStore
        {
            Append = _ => Task.FromResult(
                Interlocked.Decrement(ref refusals) >= 0 ? AppendOutcome.Overloaded : AppendOutcome.Stored),
        });
        await using var tracer = Start(server, o => o.Histograms = false);

        Record();
        await tracer.FlushAsync();

        Assert.Equal(new ReportCounts(2, 2, 0, 3), tracer.Counts);
    }

    [Fact]
    public async Task A_server_that_does_not_answer_takes_no_more_memory_than_one_that_is_away()
    {
        const int Bound = 1 << 20;
        var answer = new TaskCompletionSource<AppendOutcome>();
        var stored = 0L;
        await using var server = await IntakeTests.WithStoreAsync(new FaultyStore
        {
            Append = async batch =>
            {
                var outcome = await answer.Task;
                Interlocked.Add(ref stored, batch.Spans.Count);
                return outcome;
            },
        });
        await using var tracer = Start(server, o => (o.MaxBufferBytes, o.Histograms) = (Bound, false));

        for (var i = 0; i < 20_000; i++)
        {
            Record();
            if (i % 1000 == 999)
                await Until(() => tracer.Counts.Ended >= 2 * (i - 1000));
        }
        Assert.InRange(tracer.WaitingBytes, Bound / 2, Bound);
        answer.SetResult(AppendOutcome.Stored);
        await tracer.FlushAsync();

        var counts = tracer.Counts;
        Assert.Equal((40_000, counts.Ended), (counts.Ended, counts.Sent + counts.Dropped));
        Assert.True(counts.Dropped > 0);
        Assert.Equal(counts.Sent, stored);
    }

    [Fact]
    public async Task What_the_server_refuses_is_counted_as_dropped()
    {
        await using var server = await RunningServer.StartAsync("--Tracing:Collector:MaxAttributes=10");
        await using var tracer = Start(server, o => o.Histograms = false);

        Record(Refused);
        await tracer.FlushAsync();

        Assert.Equal(new ReportCounts(2, 1, 1, 0), tracer.Counts);
    }

    [Theory]
    [InlineData("ServiceName", "\" \"")]
    [InlineData("Endpoint", "\"relative/\"")]
    [InlineData("MaxBufferBytes", "\"5\"")]
    [InlineData("ReportInterval", "\"00:00:00\"")]
    public void A_wrong_option_is_named_with_its_value(string option, string value)
    {
        var problem = Assert.Throws<ArgumentException>(() => Tracer.Start(o =>
        {
            switch (option)
            {
                case "ServiceName": o.ServiceName = " "; break;
                case "Endpoint": o.Endpoint = new Uri("relative/", UriKind.Relative); break;
                case "MaxBufferBytes": o.MaxBufferBytes = 5; break;
                case "ReportInterval": o.ReportInterval = TimeSpan.Zero; break;
            }
        }));

        Assert.Contains($"{option} is {value}", problem.Message, StringComparison.Ordinal);
    }

    Tracer Start(RunningServer server, Action<TracingOptions> configure) => Tracer.Start(o =>
    {
        Configure(o, server.Http);
        configure(o);
        if (o.Format == ReportFormat.OtlpGrpc)
            o.Endpoint = server.Grpc;
    });

    void Configure(TracingOptions options, Uri endpoint)
    {
        options.ServiceName = "Shop";
        options.ResourceAttributes["shop.floor"] = 7;
        options.Endpoint = endpoint;
        options.Sources.Clear();
        options.Sources.Add(_source.Name);
    }

    /// <summary>More attributes than a server takes that takes 10.</summary>
    static void Refused(Activity span)
    {
        for (var i = 0; i < 11; i++)
            span.SetTag($"key {i}", i);
    }

    /// <summary>A server span with a failing client span below it.</summary>
    string Record(Action<Activity>? change = null)
    {
        using var root = _source.StartActivity("GET /cart", ActivityKind.Server, default(ActivityContext));
        using (var child = _source.StartActivity("reserve", ActivityKind.Client, default(ActivityContext), links:
            [new ActivityLink(ActivityContext.Parse("00-4bf92f3577b34da6a3ce929d0e0e4736-b7ad6b7169203331-01", null))]))
        {
            child?.SetTag("answer", 42).SetTag("big", 1234567890123).SetTag("flag", true)
                .SetTag("list", new[] { "a", "b" }).SetTag("half", 0.5).SetTag("text", "ä€😀").SetTag("none", null)
                .AddEvent(new ActivityEvent("retried", tags: new() { ["attempt"] = 2 }))
                .SetStatus(ActivityStatusCode.Error, "no stock")
                .SetEndTime(child.StartTimeUtc + TimeSpan.FromMicroseconds(2500));
        }
        if (root is not null)
            change?.Invoke(root);
        return root?.TraceId.ToHexString() ?? "";
    }

    static async Task<long> CountAsync(RunningServer server) =>
        (await server.GetJsonAsync("/api/tracing/facets?q=%7B%7D")).GetProperty("spans").GetInt64();

    static async Task Until(Func<bool> holds)
    {
        while (!holds())
            await Task.Yield();
    }

    static int FreePort()
    {
        using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        return ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
    }

    static string Text(JsonElement element, string key) =>
        element.TryGetProperty(key, out var text) ? text.GetString()! : "";

    static ulong Nanos(JsonElement span, string key) =>
        ulong.Parse(Text(span, key), System.Globalization.CultureInfo.InvariantCulture);

    static Dictionary<string, string> Attributes(JsonElement element) => element.GetProperty("attributes")
        .EnumerateArray().ToDictionary(each => Text(each, "key"), each => Show(each.GetProperty("value")));

    static string Show(JsonElement value)
    {
        var content = value.EnumerateObject().Single().Value;
        return content.ValueKind == JsonValueKind.Object
            ? $"[{string.Join(',', content.GetProperty("values").EnumerateArray().Select(Show))}]"
            : content.ToString().Replace("True", "true", StringComparison.Ordinal);
    }
}
