using System.Net;
using Xunit;

namespace Tracing.Tests;

/// <summary>What the server answers to those who look for a page, and what it says about its ports.</summary>
public class PagesTests
{
    const string Html = "text/html,application/xhtml+xml,*/*;q=0.8";

    [Theory]
    [InlineData("/nope")]
    [InlineData("/nope.html")]
    [InlineData("/SEARCH/nothing")]
    [InlineData("/search/")]
    [InlineData("/traces/")]
    public async Task A_browser_that_asks_for_a_page_that_is_not_there_gets_ours_with_404(string path)
    {
        await using var server = await RunningServer.StartAsync();
        using var answer = await GetAsync(server.Client, path, Html);
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal("text/html", answer.Content.Headers.ContentType?.MediaType);
        Assert.True(answer.Headers.CacheControl?.NoStore);
        Assert.Contains("<html", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Programs_and_other_ports_get_a_bare_404()
    {
        await using var server = await RunningServer.StartAsync();
        using var other = new HttpClient { BaseAddress = server.OtlpHttp };
        foreach (var (client, path, accept) in new[]
        {
            (server.Client, "/nope", "*/*"),
            (server.Client, "/api/nope", Html),
            (server.Client, "/assets/nope.js", Html),
            (other, "/nope", Html),
        })
        {
            using var answer = await GetAsync(client, path, accept);
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            Assert.NotEqual("text/html", answer.Content.Headers.ContentType?.MediaType);
        }
        using var posted = await server.PostAsync("/nope", "[]");
        Assert.Equal(HttpStatusCode.NotFound, posted.StatusCode);
    }

    [Fact]
    public async Task Without_the_pages_nothing_is_answered_in_html()
    {
        await using var server = await RunningServer.StartAsync("--Tracing:UiEnabled=false");
        using var answer = await GetAsync(server.Client, "/nope", Html);
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Empty(await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task The_open_ports_are_told_with_what_each_takes()
    {
        await using var server = await RunningServer.StartAsync(
            "--Tracing:GrpcPort=-1", "--Tracing:Sampling:Port=0", "--Tracing:Collector:GrpcEnabled=false");
        var ports = (await server.GetJsonAsync("/api/tracing/system")).GetProperty("ports").EnumerateArray()
            .Select(port => $"{port.GetProperty("port").GetInt32()}: " + string.Join(", ",
                port.GetProperty("protocols").EnumerateArray().Select(protocol => protocol.GetString())));
        Assert.Equal(
            [
                $"{server.Addresses[0].Port}: zipkin/http, otlp/http",
                $"{server.Addresses[1].Port}: otlp/http",
                $"{server.Addresses[2].Port}: ",
            ],
            ports);
    }

    [Fact]
    public async Task A_port_that_takes_no_spans_says_so()
    {
        await using var server = await RunningServer.StartAsync("--Tracing:Collector:HttpEnabled=false");
        var ports = (await server.GetJsonAsync("/api/tracing/system")).GetProperty("ports").EnumerateArray().ToList();
        Assert.Equal([0, 0, 2], ports.ConvertAll(port => port.GetProperty("protocols").GetArrayLength()));
    }

    static async Task<HttpResponseMessage> GetAsync(HttpClient client, string path, string accept)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        Assert.True(request.Headers.TryAddWithoutValidation("Accept", accept));
        return await client.SendAsync(request, TestContext.Current.CancellationToken);
    }
}
