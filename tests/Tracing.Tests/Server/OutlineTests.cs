using System.Net;
using System.Text.Json;
using Xunit;

namespace Tracing.Tests;

/// <summary>What the pages are made of, beyond statistics and searches.</summary>
public sealed class OutlineTests
{
    [Fact]
    public async Task An_outline_has_all_spans_in_windows_parents_before_children()
    {
        await using var server = await RunningServer.StartAsync();
        await server.PostAsync("/v1/traces", ShopTraffic.LargeTrace(TimeProvider.System.GetUtcNow(), 1200));

        var text = await server.Client.GetStringAsync($"/api/tracing/traces/{0xffff:x32}/outline");

        var lines = text.TrimEnd('\n').Split('\n').Select(line => JsonElement.Parse(line)).ToList();
        Assert.Equal(1200, lines[0].GetProperty("spans").GetInt32());
        Assert.Equal("all", lines[0].GetProperty("kept").GetString());
        var windows = lines.Skip(1).ToList();
        Assert.Equal([500, 700], windows.Select(window => window.GetProperty("ids").GetArrayLength()));
        var parents = windows.SelectMany(window => window.GetProperty("parents").EnumerateArray())
            .Select(parent => parent.GetInt32()).ToList();
        Assert.Equal(3, parents.Count(parent => parent == -1));
        Assert.All(parents.Select((parent, i) => (parent, i)), each => Assert.True(each.parent < each.i));
        var names = windows.SelectMany(window => window.GetProperty("texts").EnumerateArray())
            .Select(name => name.GetString()).ToList();
        Assert.Equal(names.Distinct(), names);
        Assert.Contains("batch", names);
        Assert.Contains("batch-0", names);
    }

    [Fact]
    public async Task A_span_whose_parent_is_missing_is_told_from_a_root()
    {
        await using var server = await RunningServer.StartAsync();
        await server.PostAsync("/api/v2/spans", """
            [{"traceId":"ab","id":"1"},{"traceId":"ab","id":"2","parentId":"9"},
            {"traceId":"ab","id":"3","parentId":"1"}]
            """);

        var text = await server.Client.GetStringAsync("/api/tracing/traces/ab/outline");

        var window = JsonElement.Parse(text.Split('\n')[1]);
        Assert.Equal(["0000000000000001", "0000000000000003", "0000000000000002"],
            window.GetProperty("ids").EnumerateArray().Select(id => id.GetString()));
        Assert.Equal([-1, 0, -2], window.GetProperty("parents").EnumerateArray().Select(parent => parent.GetInt32()));
    }

    [Fact]
    public async Task Times_that_are_unknown_or_inverted_are_told()
    {
        await using var server = await RunningServer.StartAsync();
        await server.PostAsync("/v1/traces", """
            {"resourceSpans":[{"scopeSpans":[{"spans":[
            {"traceId":"0000000000000000000000000000000A","spanId":"0000000000000001",
            "startTimeUnixNano":"1767312000000000000","endTimeUnixNano":"1767311999000000000"},
            {"traceId":"0000000000000000000000000000000A","spanId":"0000000000000002",
            "startTimeUnixNano":"1767312000000000001"},
            {"traceId":"0000000000000000000000000000000B","spanId":"0000000000000003","name":"x",
            "endTimeUnixNano":"1767312000000000000"}]}]}]}
            """);
        var lines = (await server.Client.GetStringAsync("/api/tracing/traces/a/outline")).Split('\n');
        var window = JsonElement.Parse(lines[1]);
        Assert.Equal("[0,0] [1] [0]", $"{window.GetProperty("durations")} {window.GetProperty("unknown")} " +
            $"{window.GetProperty("inverted")}");
        Assert.Equal(1, JsonElement.Parse(lines[0]).GetProperty("durationNanos").GetInt64());
        var summary = (await server.GetJsonAsync("/api/tracing/traces/a?depth=5")).GetProperty("summary");
        Assert.Equal("[\"0000000000000002\"] [\"0000000000000001\"]",
            $"{summary.GetProperty("unknown")} {summary.GetProperty("inverted")}");

        // of one span: all say the same
        var found = (await server.GetJsonAsync("/api/tracing/search?start=0&q={name=%22x%22}"))
            .GetProperty("traces").EnumerateArray().Single();
        var head = JsonElement.Parse(
            (await server.Client.GetStringAsync("/api/tracing/traces/b/outline")).Split('\n')[0]);
        foreach (var one in new[] { found, found.GetProperty("spans").EnumerateArray().Single(), head })
        {
            Assert.Equal(0, one.GetProperty("durationNanos").GetInt64());
            Assert.True(one.GetProperty("isDurationUnknown").GetBoolean());
        }
        Assert.False(found.TryGetProperty("isRootMissing", out _));
    }

    [Fact]
    public async Task The_history_of_a_trace_is_that_of_its_operations()
    {
        await using var server = await RunningServer.StartAsync();
        await server.PostAsync("/v1/traces", ShopTraffic.Body(TimeProvider.System.GetUtcNow()));

        var answer = await server.GetJsonAsync($"/api/tracing/traces/{480:x32}/history");

        var operations = answer.GetProperty("operations").EnumerateArray().ToList();
        Assert.Equal(["GET /cart", "select", "stock.Reserve", "stock.Reserve"],
            operations.Select(each => each.GetProperty("operation").GetString()).Order());
        var percentiles = operations.Single(each => each.GetProperty("operation").GetString() == "GET /cart")
            .GetProperty("percentiles").EnumerateArray().Select(nanos => nanos.GetDouble() / 1e6).ToList();
        Assert.Equal(101, percentiles.Count);
        // 12 to 28 ms and 9 for the way; of the slow ones, a sixteenth, 700 and more
        Assert.InRange(percentiles[0], 20.5, 21.5);
        Assert.InRange(percentiles[90], 21, 38);
        Assert.InRange(percentiles[97], 690, 810);
    }

    [Fact]
    public async Task The_system_tells_its_intake_files_and_settings()
    {
        await using var server = await RunningServer.StartAsync("--Tracing:Collector:SampleRate=0.5");
        await server.PostAsync("/api/v2/spans", """[{"traceId":"ab","id":"1","debug":true}]""");

        var system = await server.GetJsonAsync("/api/tracing/system");

        Assert.Equal(1, system.GetProperty("intake").EnumerateArray().First().GetProperty("spans").GetInt64());
        Assert.NotEqual(0, system.GetProperty("store").GetProperty("bytes").GetInt64());
        var rate = system.GetProperty("settings").EnumerateArray()
            .Single(each => each.GetProperty("key").GetString() == "Tracing:Collector:SampleRate");
        Assert.Equal("0.5", rate.GetProperty("value").GetString());
        Assert.Equal("1", rate.GetProperty("default").GetString());
    }

    [Fact]
    public async Task The_system_tells_what_clients_are_to_sample()
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "strategies.json");
        await File.WriteAllTextAsync(file, """
            {"service_strategies":[{"service":"shop","type":"probabilistic","param":0.25,
              "operation_strategies":[{"operation":"GET /cart","type":"probabilistic","param":0.5}]}],
             "default_strategy":{"type":"ratelimiting","param":7}}
            """, TestContext.Current.CancellationToken);
        await using var server = await RunningServer.StartAsync($"--Tracing:Sampling:StrategiesFile={file}");
        await server.PostAsync("/v1/traces", ShopTraffic.Body(TimeProvider.System.GetUtcNow()));

        var system = await server.GetJsonAsync("/api/tracing/system");

        var sampling = system.GetProperty("sampling").EnumerateArray().ToList();
        Assert.Equal(["shop", "stock"], sampling.Select(each => each.GetProperty("service").GetString()));
        Assert.Equal(0.25, sampling[0].GetProperty("probability").GetDouble());
        Assert.Equal(0.5, sampling[0].GetProperty("operations").GetProperty("GET /cart").GetDouble());
        Assert.Equal(7, sampling[1].GetProperty("maxTracesPerSecond").GetInt32());
    }

    [Fact]
    public async Task The_page_allows_nothing_from_elsewhere_and_only_browsers_get_it_at_the_root()
    {
        await using var server = await RunningServer.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        request.Headers.Add("Accept", "text/html");
        var page = await server.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        var policy = Assert.Single(page.Headers.GetValues("Content-Security-Policy"));
        Assert.StartsWith("default-src 'none'; script-src 'self'; style-src 'self'", policy, StringComparison.Ordinal);

        using var plain = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false })
        {
            BaseAddress = server.Http,
        };
        Assert.Equal("/zipkin/?a=b", (await plain.GetAsync("/?a=b")).Headers.Location?.ToString());
        Assert.Equal(HttpStatusCode.NotFound, (await plain.GetAsync("/assets/nothing.js")).StatusCode);
    }
}
