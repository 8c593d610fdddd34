using System.Text.Json;
using Tracing.Model;
using Xunit;
using static Tracing.Tests.StatisticsKit;

namespace Tracing.Tests;

/// <summary>Calls, latency under load and changes through the whole server.</summary>
public sealed class ComparisonEndpointsTests
{
    static StatisticsKit Calls()
    {
        var kit = new StatisticsKit().Add("shop", "buy", 30).Add("bank", "pay", 8).Add("lonely", "x", 1);
        for (var i = 0; i < 4; i++)
            kit.AddEdge("shop", "bank", 10, 8, isError: i == 0);
        kit.AddEdge("shop", "db", 5, 0).AddEdge("shop", "mail", 1, 60, SpanKind.Producer).AddEdge("", "shop", 0, 30);
        return kit.AddEdge("shop", "bank", 10, 8, operation: "buy", peerOperation: "pay")
            .AddEdge("bank", "bank", 4, 3);
    }

    [Fact]
    public async Task A_graph_tells_who_calls_whom_and_how_long_that_takes_either_side()
    {
        await using var server = await Calls().StartAsync();
        var answer = await server.GetJsonAsync($"/api/tracing/graph?{Window}");
        var edge = List(answer, "edges")[0];
        Assert.Equal("shop", edge.GetProperty("caller").GetProperty("service").GetString());
        Assert.Equal("bank", edge.GetProperty("callee").GetProperty("service").GetString());
        Assert.Equal((4, 1, 4 / 120.0), (Number(edge, "calls"), Number(edge, "errors"), Number(edge, "rate")));
        Assert.Equal((10e6, 8e6), (Number(edge, "callerSide", "p99"), Number(edge, "calleeSide", "p50")));
        Assert.Equal(2e6, Number(edge, "networkNanos"));
        Assert.Equal(0.2, Number(edge, "networkShare")!.Value, 12);
        Assert.Equal(["bank True", "lonely True", "shop True", " False", "db False", "mail True"],
            List(answer, "nodes").Select(node =>
                $"{node.GetProperty("service").GetString()} {node.GetProperty("instrumented").GetBoolean()}"));
        Assert.Equal(8e6, Number(List(answer, "nodes")[0], "durationNanos", "p50"));
        Assert.True(answer.GetProperty("isComplete").GetBoolean());
        answer = await server.GetJsonAsync($"/api/tracing/graph?level=operation&limit=1&{Window}");
        Assert.Equal("pay",
            Assert.Single(List(answer, "edges")).GetProperty("callee").GetProperty("operation").GetString());
        Assert.Equal(["pay", "x", "buy"],
            List(answer, "nodes").Select(node => node.GetProperty("operation").GetString()));
    }

    [Fact]
    public async Task Edges_of_a_service_are_those_to_and_from_it()
    {
        await using var server = await Calls().StartAsync();
        Assert.Equal(["shop bank call", " shop call", "shop db call", "shop mail message"], await EdgesAsync("shop"));
        Assert.Equal(["shop bank call", "bank bank call"], await EdgesAsync("bank"));
        var answer = await server.GetJsonAsync($"/api/tracing/edges?service=shop&{Window}");
        // a message lies before it is taken, and who has no spans has no duration
        Assert.All(List(answer, "edges").Skip(1), edge => Assert.Null(Number(edge, "networkNanos")));
        answer = await server.GetJsonAsync($"/api/tracing/edges?service=shop&limit=1&{Window}");
        Assert.Single(List(answer, "edges"));
        Assert.False(answer.GetProperty("isComplete").GetBoolean());

        async Task<IEnumerable<string>> EdgesAsync(string service) =>
            List(await server.GetJsonAsync($"/api/tracing/edges?service={service}&{Window}"), "edges")
                .Select(edge => string.Join(' ', edge.GetProperty("caller").GetProperty("service").GetString(),
                    edge.GetProperty("callee").GetProperty("service").GetString(),
                    edge.GetProperty("kind").GetString()));
    }

    [Fact]
    public async Task Latency_under_load_bends()
    {
        var random = new Random(4);
        var kit = new StatisticsKit();
        for (var minute = 0; minute < 120; minute++)
        {
            var spans = random.Next(110, 600);
            for (var i = 0; i < spans; i++)
            {
                kit.Add("shop", "buy",
                    TwoSamplesTests.LogNormal(random, 2000 * Math.Exp(Math.Max(0, spans - 400) * 0.01), 0.2, 0),
                    minute);
            }
        }
        kit.Add("shop", "buy", 5, minute: 130);
        await using var server = await kit.StartAsync();
        var answer = await server.GetJsonAsync(
            "/api/tracing/load?service=shop&operation=buy&start=1767312000&end=1767319860");
        Assert.Equal(121, List(answer, "points").Count);
        Assert.Equal(120, Number(answer, "n"));
        Assert.InRange(Number(answer, "p")!.Value, 0, 1e-6);
        Assert.InRange(Number(answer, "bend", "rate")!.Value, 375 / 60.0, 425 / 60.0);
        Assert.Equal(0.6, Math.Log(1 + Number(answer, "bend", "growthAbove")!.Value), 0.1);
        answer = await server.GetJsonAsync(
            "/api/tracing/load?service=shop&start=1767312000&end=1767319860&minCount=500");
        Assert.Equal(JsonValueKind.Null, (await server.GetJsonAsync(
            "/api/tracing/load?service=none")).GetProperty("bend").ValueKind);
        Assert.InRange(Number(answer, "n")!.Value, 5, 60);
    }

    [Fact]
    public async Task Changes_name_what_got_slower_and_what_fails()
    {
        var random = new Random(8);
        var kit = new StatisticsKit();
        foreach (var (minute, factor) in (ReadOnlySpan<(int, double)>)[(0, 2.0), (-2, 1.0)])
        {
            for (var i = 0; i < 400; i++)
            {
                kit.Add("shop", "buy", TwoSamplesTests.LogNormal(random, 1000 * factor, 0.5, 0), minute);
                kit.Add("shop", "look", TwoSamplesTests.LogNormal(random, 1000, 0.5, 0), minute);
                kit.Add("bank", "pay", TwoSamplesTests.LogNormal(random, 1000, 0.5, 0), minute,
                    isError: minute == 0 && i % 10 == 0);
            }
        }
        kit.Add("new", "x", 5);
        await using var server = await kit.StartAsync();
        var answer = await server.GetJsonAsync($"/api/tracing/changes?{Window}");
        // bank, shop, their operations: latency and tail of 5, errors of 2
        Assert.Equal((12, 2), (Number(answer, "comparisons"), Number(answer, "notCompared")));
        var changes = List(answer, "changes");
        Assert.Equal(changes.Count, Number(answer, "found"));
        var buy = changes[0];
        Assert.Equal(("operation", "shop", "buy", "latency"), (Text(buy, "level"), Text(buy, "service"),
            Text(buy, "operation"), Text(buy, "aspect")));
        Assert.InRange(Number(buy, "superiority")!.Value, 0.8, 0.88);
        Assert.Equal(2, Number(buy, "ratio", "p50")!.Value, 0.25);
        Assert.Contains(changes, each => (Text(each, "service"), Text(each, "aspect")) == ("bank", "errors"));
        Assert.DoesNotContain(changes, each => Text(each, "operation") == "look");
        Assert.DoesNotContain(changes, each => (Text(each, "service"), Text(each, "aspect")) == ("bank", "latency"));
        answer = await server.GetJsonAsync($"/api/tracing/changes?{Window}&direction=better");
        Assert.Empty(List(answer, "changes"));
        answer = await server.GetJsonAsync(
            "/api/tracing/changes?start=1767311880&end=1767312000&baseStart=1767312000&baseEnd=1767312120" +
            "&direction=better&level=operation&limit=1");
        Assert.Equal("buy", Text(Assert.Single(List(answer, "changes")), "operation"));
        Assert.InRange(Number(List(answer, "changes")[0], "superiority")!.Value, 0.12, 0.2);

        static string? Text(JsonElement change, string name) => change.GetProperty(name).GetString();
    }
}
