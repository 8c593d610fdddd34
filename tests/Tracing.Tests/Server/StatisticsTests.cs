using System.Globalization;
using System.Text.Json;
using Tracing.Model;
using Xunit;
using static Tracing.Tests.StatisticsKit;

namespace Tracing.Tests;

/// <summary>Rates, errors and latencies through the whole server.</summary>
public sealed class StatisticsTests
{
    static StatisticsKit Shop()
    {
        var kit = new StatisticsKit();
        for (var i = 1; i <= 100; i++)
            kit.Add("Shop", "GET /", i, isError: i > 90, trace: (ulong)i);
        return kit.Add("Shop", "POST /a/b", 400, minute: 1).Add("Shop", "SELECT", 3, kind: SpanKind.Client)
            .Add("batch", "run", 50, kind: SpanKind.Internal);
    }

    [Fact]
    public async Task Services_tell_rate_errors_and_quantiles_with_their_bounds()
    {
        await using var server = await Shop().StartAsync();
        var answer = await server.GetJsonAsync(
            "/api/tracing/services?start=2026-01-02T00:00:30Z&end=1767312060.5");
        // rounded out to whole minutes
        Assert.Equal("""{"startUnixSeconds":1767312000,"endUnixSeconds":1767312120}""",
            answer.GetProperty("range").GetRawText());
        Assert.Equal("spans", answer.GetProperty("source").GetString());
        var services = List(answer, "services");
        Assert.Equal(["Shop", "batch"], services.Select(service => service.GetProperty("service").GetString()));
        Assert.Equal("""["server"]""", services[0].GetProperty("kinds").GetRawText());
        // it has no span that was asked for something
        Assert.Equal("""["internal"]""", services[1].GetProperty("kinds").GetRawText());
        var shop = services[0].GetProperty("current");
        Assert.Equal(101, Number(shop, "count"));
        Assert.Equal(101 / 120.0, Number(shop, "rate"));
        Assert.Equal(10, Number(shop, "errors"));
        Assert.Equal(10 / 101.0, Number(shop, "errorShare"));
        Assert.False(shop.GetProperty("estimated").GetBoolean());
        var quantiles = List(shop, "quantiles");
        Assert.Equal([0.5, 0.9, 0.95, 0.99, 0.999], quantiles.Select(each => Number(each, "q")));
        Assert.Equal(51e6, Number(quantiles[0], "nanos")!.Value, 51e6 * 0.011);
        Assert.InRange(Number(quantiles[0], "lowerNanos")!.Value, 38e6, 43e6);
        Assert.InRange(Number(quantiles[0], "upperNanos")!.Value, 58e6, 64e6);
        // a hundred spans do not bound it
        Assert.Null(Number(quantiles[4], "upperNanos"));
        Assert.Equal(JsonValueKind.Null, services[0].GetProperty("base").ValueKind);
        Assert.Equal(JsonValueKind.Null, services[0].GetProperty("ratio").ValueKind);
    }

    [Fact]
    public async Task A_kind_can_be_chosen()
    {
        await using var server = await Shop().StartAsync();
        Assert.Equal((1, 102), (await CountAsync("client"), await CountAsync("all")));
        Assert.Equal(0, await CountAsync("consumer"));
        Assert.Empty(List(await server.GetJsonAsync($"/api/tracing/services?{Window}&source=metrics"), "services"));

        async Task<double?> CountAsync(string kind) =>
            List(await server.GetJsonAsync($"/api/tracing/services?{Window}&kind={kind}"), "services")
                .Where(service => service.GetProperty("service").GetString() == "Shop")
                .Sum(service => Number(service, "current", "count"));
    }

    [Theory]
    [InlineData("base=previous", 1767311880)]
    [InlineData("base=day", 1767312000 - 86_400)]
    [InlineData("base=week", 1767312000 - (7 * 86_400))]
    [InlineData("baseStart=1767308400&baseEnd=1767308520", 1767308400)]
    public async Task Figures_are_compared_with_a_base(string parameters, long start)
    {
        var kit = Shop();
        for (var i = 0; i < 50; i++)
            kit.Add("Shop", "GET /", 25, minute: (int)((start - 1767312000) / 60), isError: i == 0);
        await using var server = await kit.StartAsync();
        var answer = await server.GetJsonAsync($"/api/tracing/services?{Window}&{parameters}");
        Assert.Equal(start, Number(answer, "base", "startUnixSeconds"));
        var shop = List(answer, "services")[0];
        Assert.Equal(50, Number(shop, "base", "count"));
        Assert.Equal(101 / 50.0, Number(shop, "ratio", "rate"));
        Assert.Equal(10 / 101.0 / 0.02, Number(shop, "ratio", "errorShare")!.Value, 9);
        Assert.Equal(51 / 25.0, Number(shop, "ratio", "p50")!.Value, 0.05);
        // what was not there has no ratio
        Assert.Null(Number(List(answer, "services")[1], "ratio", "rate"));
    }

    [Fact]
    public async Task Operations_are_those_of_the_service_named_whatever_its_name()
    {
        var kit = Shop().Add("a/b%2Fc", "x", 1);
        await using var server = await kit.StartAsync();
        var answer = await server.GetJsonAsync($"/api/tracing/services/Shop/operations?{Window}");
        Assert.Equal(["GET /", "POST /a/b"],
            List(answer, "operations").Select(operation => operation.GetProperty("operation").GetString()));
        answer = await server.GetJsonAsync($"/api/tracing/services/a%2Fb%252Fc/operations?{Window}");
        Assert.Equal("x", Assert.Single(List(answer, "operations")).GetProperty("operation").GetString());
        Assert.Empty(List(await server.GetJsonAsync($"/api/tracing/services/none/operations?{Window}"), "operations"));
    }

    [Fact]
    public async Task A_series_of_time_has_a_point_for_each_step_with_spans()
    {
        await using var server = await Shop().StartAsync();
        var answer = await server.GetJsonAsync($"/api/tracing/timeseries?service=Shop&{Window}");
        Assert.Equal(1, Number(answer, "stepMinutes"));
        var points = List(answer, "points");
        Assert.Equal([1767312000, 1767312060], points.Select(point => Number(point, "unixSeconds")));
        Assert.Equal([100, 1], points.Select(point => Number(point, "count")));
        Assert.Equal([10, 0], points.Select(point => Number(point, "errors")));
        Assert.Equal(100 / 60.0, Number(points[0], "rate"));
        Assert.Equal(400e6, Number(points[1], "durationNanos", "p999"));
        // a step of five minutes holds both, and the range is whole steps
        answer = await server.GetJsonAsync($"/api/tracing/timeseries?service=Shop&{Window}&step=5");
        Assert.Equal(1767312300, Number(answer, "range", "endUnixSeconds"));
        Assert.Equal(101, Number(Assert.Single(List(answer, "points")), "count"));
        answer = await server.GetJsonAsync($"/api/tracing/timeseries?service=Shop&operation=SELECT&{Window}");
        Assert.Equal(1, Number(Assert.Single(List(answer, "points")), "count"));
    }

    [Fact]
    public async Task A_distribution_has_all_buckets()
    {
        await using var server = await Shop().StartAsync();
        var answer = await server.GetJsonAsync($"/api/tracing/distribution?service=Shop&operation=GET%20/&{Window}");
        var buckets = List(answer, "buckets");
        Assert.Equal(100, buckets.Sum(bucket => Number(bucket, "count")));
        Assert.Equal(10, buckets.Sum(bucket => Number(bucket, "errors")));
        Assert.All(buckets.Zip(buckets.Skip(1)),
            pair => Assert.True(Number(pair.First, "upperNanos") <= Number(pair.Second, "lowerNanos")));
        Assert.Equal((5050e6, 1e6, 100e6),
            (Number(answer, "sumNanos"), Number(answer, "minNanos"), Number(answer, "maxNanos")));
        Assert.Equal(100, Number(answer, "effectiveCount"));
        Assert.Equal(5, List(answer, "quantiles").Count);
        answer = await server.GetJsonAsync($"/api/tracing/distribution?service=none&{Window}");
        Assert.Empty(List(answer, "buckets"));
        Assert.Null(Number(answer, "minNanos"));
        Assert.Null(Number(List(answer, "quantiles")[0], "nanos"));
    }

    [Fact]
    public async Task A_distribution_of_a_search_is_that_of_the_spans_that_fit()
    {
        const string Trace = """
            {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},
            "scopeSpans":[{"spans":[{"traceId":"A0000000000000000000000000000010","spanId":"000000000000000B",
            "name":"buy","startTimeUnixNano":"1767312000000000000","endTimeUnixNano":"1767312001000000000",
            "status":{"code":2}}]}]}]}
            """;
        await using var server = await RunningServer.StartAsync();
        await server.PostAsync("/v1/traces", Trace);
        var answer = await server.GetJsonAsync(
            $"/api/tracing/distribution?q=%7Bname=%22buy%22%7D&start=1767312030&end=1767312031");
        Assert.Equal("search", answer.GetProperty("source").GetString());
        Assert.Equal((1, 1, 1e9), (Number(answer, "count"), Number(answer, "errors"), Number(answer, "sumNanos")));
        answer = await server.GetJsonAsync($"/api/tracing/distribution?q=%7Bname=%22no%22%7D&{Window}");
        Assert.Equal(0, Number(answer, "count"));
        // and by the low half of its id, which is all that an exemplar tells
        Assert.Contains("a0000000000000000000000000000010",
            (await server.Client.GetStringAsync("/api/tracing/traces/0000000000000010")).ToLowerInvariant(),
            StringComparison.Ordinal);
        Assert.Equal(404, (int)(await server.Client.GetAsync(
            "/api/tracing/traces/b0000000000000000000000000000010")).StatusCode);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(5)]
    public async Task A_heat_map_counts_every_span_once_in_few_rows(int rows)
    {
        var kit = Shop().Add("Shop", "POST /a/b", 0, minute: 1);
        await using var server = await kit.StartAsync();
        var answer = await server.GetJsonAsync($"/api/tracing/heatmap?service=Shop&rows={rows}&{Window}");
        var bounds = List(answer, "rows");
        Assert.InRange(bounds.Count, rows / 2, rows);
        Assert.Equal((0, 0), (Number(bounds[0], "lowerNanos"), Number(bounds[0], "upperNanos")));
        Assert.All(bounds.Skip(1).Zip(bounds.Skip(2)), pair =>
            Assert.Equal(Number(pair.First, "upperNanos"), Number(pair.Second, "lowerNanos")));
        var columns = List(answer, "columns");
        Assert.Equal([1767312000, 1767312060], columns.Select(column => Number(column, "unixSeconds")));
        Assert.Equal([100, 2], columns.Select(column => List(column, "cells").Sum(cell => Number(cell, "count"))));
        Assert.Equal(0, Number(List(columns[1], "cells")[0], "row"));
        foreach (var cell in List(columns[0], "cells"))
        {
            var (row, trace) = (bounds[cell.GetProperty("row").GetInt32()], cell.GetProperty("traceId").GetString());
            // trace n took n milliseconds; it is one of the same octave
            var nanos = long.Parse(trace!, NumberStyles.HexNumber, CultureInfo.InvariantCulture) * 1e6;
            Assert.True(
                nanos > Number(row, "lowerNanos") / 2 && nanos <= Number(row, "upperNanos") * 2, $"{cell} {row}");
            Assert.Equal(32, trace!.Length);
            Assert.Equal(Number(cell, "errors") > 0,
                cell.GetProperty("errorTraceId").ValueKind == JsonValueKind.String);
        }
        Assert.Equal(10, columns.SelectMany(column => List(column, "cells")).Sum(cell => Number(cell, "errors")));
    }

    [Fact]
    public async Task Spans_that_stand_for_an_unknown_number_make_figures_estimates()
    {
        var kit = new StatisticsKit().Add("a", "x", 5, traceState: "ot=rv:00000000000001").Add("b", "x", 5)
            .Add("b", "x", 7, traceState: "ot=th:c");
        await using var server = await kit.StartAsync();
        var services = List(await server.GetJsonAsync($"/api/tracing/services?{Window}"), "services");
        Assert.Equal([5, 1], services.Select(service => Number(service, "current", "count")));
        Assert.Equal([false, true],
            services.Select(service => service.GetProperty("current").GetProperty("estimated").GetBoolean()));
    }

    [Theory]
    [InlineData("services?kind=x",
        "kind is \"x\"; it must be all or one of unspecified, internal, server, client, producer, consumer")]
    [InlineData("services?source=logs", "source is \"logs\"; it must be spans or metrics")]
    [InlineData("services?base=month", "base is \"month\"; it must be previous, day or week")]
    [InlineData("services?base=day&baseStart=5",
        "base is \"day\"; it must not be given with baseStart or baseEnd")]
    [InlineData("services?baseStart=5", "baseStart is \"5\" and baseEnd \"\"; both must be given, or neither")]
    [InlineData("services?baseStart=5&baseEnd=5", "baseStart \"5\" is not before baseEnd \"5\"")]
    [InlineData("services?start=6&end=5", "start \"6\" is not before end \"5\"")]
    [InlineData("timeseries", "service is not given; it must name a service, as it was sent")]
    [InlineData("timeseries?service=a&step=1&start=0&end=240000",
        "step is \"1\"; it must be a number from 2 to 2147483647")]
    [InlineData("heatmap?service=a&rows=1", "rows is \"1\"; it must be a number from 2 to 400")]
    [InlineData("distribution?service=a&q=%7B%7D",
        "q is \"{}\"; with it service, operation, kind and source must not be given")]
    [InlineData("distribution?q=x", "column 1: 'x' is no known field or word; attributes are written .x, span.x or " +
        "resource.x, texts in double quotes")]
    [InlineData("graph?level=trace", "level is \"trace\"; it must be one of service, operation")]
    [InlineData("edges", "service is not given; it must name a service, as it was sent")]
    [InlineData("edges?service=a&limit=0", "limit is \"0\"; it must be a number from 1 to 10000")]
    [InlineData("load?service=a&minCount=0", "minCount is \"0\"; it must be a number from 1 to 1000000")]
    [InlineData("changes?fdr=1", "fdr is \"1\"; it must be a number from 1E-06 to 0.5")]
    [InlineData("changes?minEffect=NaN", "minEffect is \"NaN\"; it must be a number from 0 to 10")]
    [InlineData("changes?direction=up", "direction is \"up\"; it must be one of worse, better")]
    [InlineData("changes?level=x", "level is \"x\"; it must be one of all, service, operation, edge")]
    public async Task What_is_wrong_is_told_as_a_problem(string path, string detail)
    {
        await using var server = await new StatisticsKit().StartAsync();
        var answer = await server.Client.GetAsync("/api/tracing/" + path);
        Assert.Equal(400, (int)answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal(detail, problem.GetProperty("detail").GetString());
    }

    [Theory]
    [InlineData("services?base=week")]
    [InlineData("services/a/operations?base=previous")]
    [InlineData("timeseries?service=a")]
    [InlineData("heatmap?service=a")]
    [InlineData("distribution?service=")]
    [InlineData("edges?service=a")]
    [InlineData("graph?level=operation")]
    [InlineData("load?service=a")]
    [InlineData("changes")]
    public async Task Nothing_counted_or_all_time_is_no_error(string path)
    {
        await using var server = await Shop().StartAsync();
        var separator = path.Contains('?', StringComparison.Ordinal) ? '&' : '?';
        foreach (var window in (string[])["", "start=0&end=1", "start=0&end=99999999999", "start=0"])
            Assert.NotEqual(default, await server.GetJsonAsync($"/api/tracing/{path}{separator}{window}"));
    }
}
