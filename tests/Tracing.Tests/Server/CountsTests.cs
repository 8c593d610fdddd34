using System.Text.Json;
using Xunit;

namespace Tracing.Tests;

public sealed class CountsTests
{
    const string Window = "start=1767312000&end=1767312001";

    const string Trace = """
        {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},
        "scopeSpans":[{"spans":[{"traceId":"0000000000000000000000000000000A","spanId":"000000000000000B","name":"buy",
        "kind":2,"startTimeUnixNano":"1767312000123456789","endTimeUnixNano":"1767312001123456789",
        "attributes":[{"key":"a/b%2F","value":{"intValue":"5"}}],"status":{"code":2}}]}]}]}
        """;

    static async Task<RunningServer> StartAsync()
    {
        var server = await RunningServer.StartAsync();
        await server.PostAsync("/v1/traces", Trace);
        return server;
    }

    [Fact]
    public async Task Keys_are_json()
    {
        await using var server = await StartAsync();
        Assert.Equal("""
            {"keys":[{"key":"a/b%2F","scope":"span","types":[{"type":"int","spans":1}],"spans":1}],"isComplete":true}
            """, await server.Client.GetStringAsync($"/api/tracing/keys?scope=span&{Window}"));
        Assert.Equal("""{"keys":[],"isComplete":true}""",
            await server.Client.GetStringAsync("/api/tracing/keys?start=5&end=6"));
    }

    [Fact]
    public async Task Values_of_any_key_are_json()
    {
        await using var server = await StartAsync();
        Assert.Equal("""
            {"values":[{"value":"5","type":"int","scope":"span","count":1}],"isComplete":true}
            """, await server.Client.GetStringAsync($"/api/tracing/keys/a%2Fb%252F/values?{Window}"));
        Assert.Equal("""
            {"values":[{"value":"server","type":"kind","scope":"intrinsic","count":1}],"isComplete":true}
            """, await server.Client.GetStringAsync($"/api/tracing/keys/kind/values?{Window}"));
    }

    [Fact]
    public async Task Facets_are_json()
    {
        await using var server = await StartAsync();
        Assert.Equal("""
            {"spans":1,"traces":1,"errors":1,"durationNanos":{"min":1000000000,"p50":1000000000,"p90":1000000000,
            "p99":1000000000,"max":1000000000},"facets":[{"key":"resource.service.name","distinctValues":1,"values":[
            {"value":"shop","type":"string","count":1}]},{"key":"span.\"a,b\"","distinctValues":0,"values":[]}]}
            """.ReplaceLineEndings(""),
            JsonSerializer.Serialize(await server.GetJsonAsync(
                $"/api/tracing/facets?{Window}&keys=service,%20span.%22a,b%22&q=%7Bname=%22buy%22%7D"), Relaxed));
        var compared = await server.GetJsonAsync(
            $"/api/tracing/facets?{Window}&keys=name&q=%7Bname=%22buy%22%7D&base=%7Bname=%22sell%22%7D&baseStart=5");
        Assert.Equal("""
            0, [{"key":"name","distinctValues":1,"values":[{"value":"buy","type":"string","count":1,"baseCount":0}]}]
            """, $"{compared.GetProperty("baseSpans")}, {compared.GetProperty("facets")}");
        var none = await server.GetJsonAsync("/api/tracing/facets?start=5&end=6");
        Assert.Equal(JsonValueKind.Null, none.GetProperty("durationNanos").ValueKind);
        Assert.Equal(["resource.service.name", "name", "kind", "status"],
            none.GetProperty("facets").EnumerateArray().Select(facet => facet.GetProperty("key").GetString()));
    }

    static readonly JsonSerializerOptions Relaxed =
        new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [Theory]
    [InlineData("keys?scope=trace",
        "scope is \"trace\"; it must be one of intrinsic, span, resource, event, link, instrumentation")]
    [InlineData("keys?scope=1",
        "scope is \"1\"; it must be one of intrinsic, span, resource, event, link, instrumentation")]
    [InlineData("keys?scope=span,resource",
        "scope is \"span,resource\"; it must be one of intrinsic, span, resource, event, link, instrumentation")]
    [InlineData("keys?limit=5%00", "limit is \"5\0\"; it must be a number from 1 to 1000")]
    [InlineData("facets?start=6&end=7&base=%7B%7D&baseEnd=5", "start \"6\" is not before baseEnd \"5\"")]
    [InlineData("facets?base=%7B%7D&baseStart=9999-12-31",
        "baseStart is \"9999-12-31\"; it must be before now, as there is no end")]
    [InlineData("facets?start=9999-12-31T23:59:59Z",
        "start is \"9999-12-31T23:59:59Z\"; it must be before now, as there is no end")]
    [InlineData("keys?end=0", "end is \"0\"; it must be after 1970-01-01T00:00:00Z")]
    [InlineData("traces/a?end=0", "end is \"0\"; it must be after 1970-01-01T00:00:00Z")]
    [InlineData("keys/a/values?limit=0", "limit is \"0\"; it must be a number from 1 to 1000")]
    [InlineData("facets?limit=101", "limit is \"101\"; it must be a number from 1 to 100")]
    [InlineData("facets?q=x", "column 1: 'x' is no known field or word; attributes are written .x, span.x or " +
        "resource.x, texts in double quotes")]
    [InlineData("facets?keys=name,event.a", "keys has \"event.a\": expected name, kind, status, statusMessage, " +
        "instrumentation:name, instrumentation:version, or an attribute")]
    [InlineData("facets?keys=.a%20.b", "keys has \".a .b\": expected the end of the key, but found '.b'")]
    [InlineData("facets?keys=name,.a,.b,.c,.d,.e,.f,.g,.h,.i,.j,.k,.l,.m,.n,.o,.p,.q,.r,.s,.t",
        "keys has 21 keys; it must have at most 20")]
    [InlineData("keys?start=6&end=5", "start \"6\" is not before end \"5\"")]
    [InlineData("traces/a?root=x", "root is \"x\"; it must be 1 to 16 hex digits, not all zeros")]
    [InlineData("traces/a?depth=-1", "depth is \"-1\"; it must be a number from 0 to 2147483647")]
    [InlineData("traces/a?limit=0", "limit is \"0\"; it must be a number from 1 to 2147483647")]
    [InlineData("traces/a?offset=x", "offset is \"x\"; it must be a number from 0 to 2147483647")]
    [InlineData("traces/a?start=soon",
        "start is \"soon\"; it must be Unix seconds such as 1767312000.5, or 2026-01-02T00:00:00Z")]
    [InlineData("traces/a?start=6&end=5", "start \"6\" is not before end \"5\"")]
    public async Task What_is_wrong_is_told_as_a_problem(string path, string detail)
    {
        await using var server = await RunningServer.StartAsync();
        var answer = await server.Client.GetAsync("/api/tracing/" + path);
        Assert.Equal(400, (int)answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal(detail, problem.GetProperty("detail").GetString());
    }

    [Fact]
    public async Task A_window_of_a_trace_tells_what_it_hides()
    {
        await using var server = await StartAsync();
        await server.PostAsync("/v1/traces", Trace.Replace("000B\"", "000C\",\"parentSpanId\":\"000000000000000B\"",
            StringComparison.Ordinal));
        var whole = await server.Client.GetStringAsync("/api/tracing/traces/a");
        Assert.DoesNotContain("summary", whole, StringComparison.Ordinal);
        var window = await server.Client.GetStringAsync(
            "/api/tracing/traces/a?depth=0&start=1767312000123456789&end=1767312000.2");
        Assert.StartsWith("{\"resourceSpans\":[{", window, StringComparison.Ordinal);
        Assert.EndsWith("""
            ,"summary":{"spans":2,"selectedSpans":1,"windowSpans":1,"startUnixNano":"1767312000123456789",
            "durationNanos":1000000000,"hidden":[{"spanId":"000000000000000b","children":1,"descendants":1}],
            "orphans":[]}}
            """.ReplaceLineEndings(""), window, StringComparison.Ordinal);
        Assert.Equal(404, (int)(await server.Client.GetAsync("/api/tracing/traces/a?root=d")).StatusCode);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/tracing/traces/a?root=c");
        request.Headers.Accept.Add(new("application/x-protobuf"));
        var body = await (await server.Client.SendAsync(request)).Content.ReadAsByteArrayAsync();
        var spans = Model.Wire.OtlpProtobuf.Decode(body, Model.Wire.WireLimits.Default).Spans;
        Assert.Equal(0xcUL, Assert.Single(spans).SpanId.Value);
    }
}
