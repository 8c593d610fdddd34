using System.Net;
using System.Net.Http.Headers;
using Tracing.Model.Wire;
using Xunit;

namespace Tracing.Tests;

public sealed class QueryTests
{
    const string Trace = """
        [{"traceId":"00000000000000ab","id":"1","kind":"SERVER","name":"get","timestamp":1700000000000000,"duration":5,
        "localEndpoint":{"serviceName":"a"}},
        {"traceId":"00000000000000ab","id":"2","parentId":"1","localEndpoint":{"serviceName":"b"}},
        {"traceId":"00000000000000ab","id":"3","parentId":"1","localEndpoint":{"serviceName":"c"}},
        {"traceId":"00000000000000ab","id":"4","parentId":"1","localEndpoint":{"serviceName":"d"}}]
        """;

    [Fact]
    public async Task Our_route_answers_json_or_protobuf_by_accept()
    {
        await using var server = await RunningServer.StartAsync();
        await server.PostAsync("/api/v2/spans", Trace);

        var json = await server.Client.GetAsync("/api/tracing/traces/ab");
        var protobuf = await GetAsync(server, "/api/tracing/traces/ab", r =>
            r.Accept.Add(new MediaTypeWithQualityHeaderValue("application/x-protobuf")));

        Assert.Equal("application/json", json.Content.Headers.ContentType?.MediaType);
        Assert.Equal("application/x-protobuf", protobuf.Content.Headers.ContentType?.MediaType);
        Assert.Equal(
            OtlpJson.Decode(await json.Content.ReadAsByteArrayAsync(), WireLimits.Default).Spans,
            OtlpProtobuf.Decode(await protobuf.Content.ReadAsByteArrayAsync(), WireLimits.Default).Spans);
    }

    [Theory]
    [InlineData("/api/tracing/traces/ab", 404, "no span of trace 000000000000000000000000000000ab")]
    [InlineData("/api/tracing/traces/xyz", 400, "xyz")]
    [InlineData("/api/tracing/traces/0", 400, "\\\"0\\\"")]
    public async Task Our_route_answers_errors_as_problems(string path, int status, string detail)
    {
        await using var server = await RunningServer.StartAsync();
        var answer = await server.Client.GetAsync(path);
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var text = (await answer.Content.ReadAsStringAsync()).Replace("\\u0022", "\\\"", StringComparison.Ordinal);
        Assert.Contains(detail, text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Names_may_be_cached_once_there_are_more_than_three_services()
    {
        await using var server = await RunningServer.StartAsync();
        var few = await server.Client.GetAsync("/api/v2/services");
        await server.PostAsync("/api/v2/spans", Trace);
        var many = await server.Client.GetAsync("/api/v2/services");
        var spans = await server.Client.GetAsync("/api/v2/spans?serviceName=a");

        Assert.Null(few.Headers.CacheControl);
        Assert.Equal("max-age=300, must-revalidate", Raw(many, "Cache-Control"));
        Assert.Equal("max-age=300, must-revalidate", Raw(spans, "Cache-Control"));
    }

    [Fact]
    public async Task Only_the_origins_allowed_get_cors_headers()
    {
        await using var server = await RunningServer.StartAsync("--Tracing:Query:AllowedOrigins=http://foo.example");
        var good = await GetAsync(server, "/api/v2/services", r => r.Add("Origin", "http://foo.example"));
        var bad = await GetAsync(server, "/api/v2/services", r => r.Add("Origin", "http://bar.example"));

        Assert.Equal("http://foo.example", good.Headers.GetValues("Access-Control-Allow-Origin").Single());
        Assert.Contains("origin", good.Headers.Vary);
        Assert.False(bad.Headers.Contains("Access-Control-Allow-Origin"));
        Assert.Equal(HttpStatusCode.OK, bad.StatusCode);
    }

    [Fact]
    public async Task A_query_over_its_time_gets_500_and_the_setting_named()
    {
        var store = new FaultyStore
        {
            Find = async token =>
            {
                await Task.Delay(Timeout.Infinite, token);
                return [];
            },
        };
        await using var server = await IntakeTests.WithStoreAsync(store, "--Tracing:Query:Timeout=00:00:00.001");
        foreach (var path in new[] { "/api/v2/traces", "/api/tracing/traces/1" })
        {
            var answer = await server.Client.GetAsync(path);
            Assert.Equal(HttpStatusCode.InternalServerError, answer.StatusCode);
            var text = await answer.Content.ReadAsStringAsync();
            Assert.Contains("Tracing:Query:Timeout", text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Health_is_down_when_the_store_is()
    {
        await using var server = await IntakeTests.WithStoreAsync(new FaultyStore { Broken = new IOException("gone") });
        var answer = await server.Client.GetAsync("/health");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.Contains("\"DOWN\"", text, StringComparison.Ordinal);
        Assert.Contains("IOException: gone", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Requests_are_counted_by_route()
    {
        await using var server = await RunningServer.StartAsync();
        await server.PostAsync("/api/v2/spans", Trace);
        await server.Client.GetAsync("/api/v2/trace/ab");
        await server.Client.GetAsync("/zipkin/api/v2/trace/ab");
        await server.Client.GetAsync("/nothing");

        var text = await server.Client.GetStringAsync("/prometheus");

        Assert.Contains("zipkin_collector_spans_total{transport=\"http\",} 4\n", text, StringComparison.Ordinal);
        AssertCount("POST", 202, "/api/v2/spans", 1);
        AssertCount("GET", 200, "/api/v2/trace/{traceId}", 2);
        AssertCount("GET", 404, "NOT_FOUND", 1);

        void AssertCount(string method, int status, string uri, int count) => Assert.Contains(
            $"http_server_requests_seconds_count{{method=\"{method}\",status=\"{status}\",uri=\"{uri}\",}} {count}\n",
            text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_port_of_otlp_shows_nothing_that_is_stored()
    {
        await using var server = await RunningServer.StartAsync();
        using var client = new HttpClient { BaseAddress = server.OtlpHttp };
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/api/v2/services")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("/api/v2/services")).StatusCode);
    }

    [Theory]
    [InlineData("--Tracing:Collector:HttpEnabled=false", "POST", "/api/v2/spans", 404)]
    [InlineData("--Tracing:Collector:HttpEnabled=false", "GET", "/api/v2/spans?serviceName=a", 200)]
    [InlineData("--Tracing:Query:Enabled=false", "GET", "/api/v2/services", 404)]
    [InlineData("--Tracing:Query:Enabled=false", "GET", "/zipkin/", 404)]
    [InlineData("--Tracing:Query:Enabled=false", "GET", "/health", 200)]
    [InlineData("--Tracing:UiEnabled=false", "GET", "/zipkin/", 404)]
    [InlineData("--Tracing:UiEnabled=false", "GET", "/api/v2/services", 200)]
    public async Task What_is_switched_off_is_not_found(string setting, string method, string path, int status)
    {
        await using var server = await RunningServer.StartAsync(setting);
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        Assert.Equal(status, (int)(await server.Client.SendAsync(request)).StatusCode);
    }

    /// <summary>A header as it came; the typed view reorders.</summary>
    static string Raw(HttpResponseMessage answer, string header) =>
        answer.Headers.NonValidated[header].ToString();

    static async Task<HttpResponseMessage> GetAsync(
        RunningServer server, string path, Action<HttpRequestHeaders> headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        headers(request.Headers);
        return await server.Client.SendAsync(request);
    }
}
