using System.Globalization;
using System.Text;
using System.Text.Json;
using Tracing.Storage;
using Xunit;

namespace Tracing.Tests;

public sealed class SearchTests
{
    const string Trace = """
        {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},
        "scopeSpans":[{"spans":[{"traceId":"0000000000000000000000000000000A","spanId":"000000000000000B","name":"buy",
        "kind":2,"startTimeUnixNano":"1767312000123456789","endTimeUnixNano":"1767312001123456789",
        "status":{"code":2}}]}]}]}
        """;

    static string Path(string query, string parameters = "&start=1767312000&end=1767312001") =>
        $"/api/tracing/search?q={Uri.EscapeDataString(query)}{parameters}";

    [Fact]
    public async Task A_page_is_json()
    {
        await using var server = await RunningServer.StartAsync();
        await server.PostAsync("/v1/traces", Trace);
        const string Expected = """
            {"traces":[{"traceId":"0000000000000000000000000000000a","rootService":"shop","rootName":"buy",
            "startUnixNano":"1767312000123456789","durationNanos":1000000000,"spanCount":1,"errorCount":1,
            "kept":"all","weight":1,"services":[{"name":"shop","spans":1,"errors":1}],"matchCount":1,
            "spans":[{"spanId":"000000000000000b","name":"buy","service":"shop",
            "startUnixNano":"1767312000123456789","durationNanos":1000000000,"status":"error","kind":"server"}]}],
            "next":null}
            """;
        Assert.Equal(Expected.ReplaceLineEndings(""), await server.Client.GetStringAsync(Path("{ name = \"buy\" }")));
    }

    [Theory]
    [InlineData("&start=1767312000.1&end=1767312000.2", 1)]
    [InlineData("&start=1767312000.123456789&end=1767312000.12345679", 1)]
    [InlineData("&start=1767312000.12345679&end=1767312009", 0)]
    [InlineData("&start=1767312000&end=1767312000.123456789", 0)]
    [InlineData("&start=2026-01-02T00:00:00Z&end=2026-01-02T00:00:01Z", 1)]
    [InlineData("&start=2026-01-02T01:00:00%2B01:00&end=2026-01-02T00:00:00.2Z", 1)]
    [InlineData("&end=1767312001", 1)]
    [InlineData("&end=1767315601", 0)]
    [InlineData("&start=0", 1)]
    [InlineData("", 0)]
    public async Task The_window_is_in_seconds_or_dates(string window, int expected)
    {
        await using var server = await RunningServer.StartAsync();
        await server.PostAsync("/v1/traces", Trace);
        Assert.Equal(expected, (await server.GetJsonAsync(Path("{ }", window))).GetProperty("traces").GetArrayLength());
    }

    [Theory]
    [InlineData("?q=%7B%20name%20%3D%205%20%7D",
        "column 10: a value of type text does not compare with one of type integer")]
    [InlineData("?order=best", "order is \"best\"; it must be one of newest, oldest, slowest, mostSpans, mostErrors")]
    [InlineData("?limit=0", "limit is \"0\"; it must be a number from 1 to 1000")]
    [InlineData("?spansPerTrace=x", "spansPerTrace is \"x\"; it must be a number from 0 to 1000")]
    [InlineData("?cursor=abc", "cursor \"abc\" is not the field next of an answer")]
    [InlineData("?start=soon",
        "start is \"soon\"; it must be Unix seconds such as 1767312000.5, or 2026-01-02T00:00:00Z")]
    [InlineData("?start=5&end=5", "start \"5\" is not before end \"5\"")]
    public async Task What_is_wrong_is_told_as_a_problem(string parameters, string detail)
    {
        await using var server = await RunningServer.StartAsync();
        var answer = await server.Client.GetAsync("/api/tracing/search" + parameters);
        Assert.Equal(400, (int)answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal(detail, problem.GetProperty("detail").GetString());
        Assert.Equal(detail.StartsWith("column", StringComparison.Ordinal), problem.TryGetProperty("column", out _));
    }

    [Fact]
    public async Task Pages_are_turned_by_the_cursor()
    {
        await using var server = await RunningServer.StartAsync();
        for (var i = 1; i <= 5; i++)
            await server.PostAsync("/v1/traces", Trace.Replace("A\"", $"{i}\"", StringComparison.Ordinal));
        var ids = new List<string?>();
        for (var cursor = ""; cursor is not null;)
        {
            var page = await server.GetJsonAsync(Path("{ }", "&start=0&order=slowest&limit=2&cursor=" + cursor));
            ids.AddRange(page.GetProperty("traces").EnumerateArray().Select(t => t.GetProperty("traceId").GetString()));
            cursor = page.GetProperty("next").GetString();
        }
        Assert.Equal(Enumerable.Range(1, 5).Select(i => i.ToString("x32", CultureInfo.InvariantCulture)), ids);
    }

    [Fact]
    public void A_cursor_comes_back_from_its_text()
    {
        var cursor = new SearchCursor(SearchOrder.Slowest, 1, ulong.MaxValue, 3, SomeSpans.Trace(4, 5), 6);
        Assert.True(SearchCursor.TryParse(cursor.ToString(), out var parsed));
        Assert.Equal(cursor, parsed);
        Assert.False(SearchCursor.TryParse(cursor.ToString()[1..], out _));
        Assert.False(SearchCursor.TryParse(cursor + "A", out _));
        Assert.False(SearchCursor.TryParse("", out _));
    }

    /// <summary>
    /// Jaeger's tags are found wherever they are; the query line says where. They may be of several events of a span:
    /// what is negated, here twice, is decided for each on its own.
    /// </summary>
    [Fact]
    public async Task What_Jaegers_storage_tests_search_for_is_found()
    {
        var folder = SharedFolder.Path("traces/otlp/jaeger-integration");
        await using var server = await RunningServer.StartAsync();
        var traces = new Dictionary<string, string?>();
        foreach (var file in Directory.GetFiles(folder, "*_trace*.json").Append(folder + "/default.json"))
        {
            var body = await File.ReadAllTextAsync(file);
            Assert.Equal(200, (int)(await server.PostAsync("/v1/traces", body)).StatusCode);
            traces[System.IO.Path.GetFileNameWithoutExtension(file)] = JsonDocument.Parse(body).RootElement
                .GetProperty("resourceSpans")[0].GetProperty("scopeSpans")[0].GetProperty("spans")[0]
                .GetProperty("traceId").GetString();
        }
        var cases = JsonDocument.Parse(await File.ReadAllTextAsync(folder + "/queries.json")).RootElement;
        foreach (var one in cases.EnumerateArray())
        {
            var query = one.GetProperty("Query");
            var window = $"&limit={query.GetProperty("NumTraces")}&start={query.GetProperty("StartTimeMin")}" +
                $"&end={query.GetProperty("StartTimeMax")}";
            var page = await server.GetJsonAsync(Path(QueryLine(query), window));
            Assert.Equal(
                one.GetProperty("ExpectedFixtures").EnumerateArray().Select(f => traces[f.GetString()!]).Order(),
                page.GetProperty("traces").EnumerateArray().Select(t => t.GetProperty("traceId").GetString()).Order());
        }
        Assert.Equal(25, cases.GetArrayLength());
    }

    static string QueryLine(JsonElement query)
    {
        var line = new StringBuilder($"{{ resource.service.name = {query.GetProperty("ServiceName").GetRawText()}");
        if (query.GetProperty("OperationName").GetString() is { Length: > 0 } name)
            line.Append(CultureInfo.InvariantCulture, $" && name = \"{name}\"");
        if (query.GetProperty("DurationMin").GetInt64() is > 0 and var min)
            line.Append(CultureInfo.InvariantCulture, $" && duration >= {min}ns");
        if (query.GetProperty("DurationMax").GetInt64() is > 0 and var max)
            line.Append(CultureInfo.InvariantCulture, $" && duration <= {max}ns");
        if (query.GetProperty("Tags") is { ValueKind: JsonValueKind.Object } tags)
        {
            foreach (var tag in tags.EnumerateObject())
            {
                var places = new[] { ".", "resource.", "event.", "link.", "instrumentation." };
                line.Append(" && !!(").AppendJoin(" || ", places.Select(
                    place => $"{place}{tag.Name} = {tag.Value.GetRawText()}")).Append(')');
            }
        }
        return line.Append(" }").ToString();
    }
}
