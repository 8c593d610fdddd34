using System.Net;
using System.Net.Http.Headers;
using Xunit;

namespace Tracing.Tests;

/// <summary>Whatever is sent wherever, the server answers as a server should and goes on.</summary>
public sealed class HostileInputTests
{
    /// <summary>Bytes of a file of which every truncation is sent.</summary>
    const int SmallBytes = 1200;

    static readonly string[] Routes = ["/api/v2/spans", "/api/v1/spans", "/v1/traces", "/v1/metrics"];

    static readonly string[] ContentTypes = ["application/json", "application/x-protobuf", "application/x-thrift"];

    [Fact]
    public async Task No_recorded_file_sent_anywhere_as_anything_harms_the_server()
    {
        var files = Directory.GetFiles(SharedFolder.Path("traces"), "*", SearchOption.AllDirectories);
        await using var server = await RunningServer.StartAsync();
        await Parallel.ForEachAsync(files, async (file, cancellation) =>
        {
            var body = await File.ReadAllBytesAsync(file, cancellation);
            foreach (var route in Routes)
            {
                foreach (var contentType in ContentTypes)
                    await SendAsync(server, route, contentType, body, Path.GetFileName(file));
            }
        });
        await AssertAliveAsync(server);
    }

    [Fact]
    public async Task No_truncation_of_a_small_file_harms_the_server()
    {
        var files = new[] { "zipkin", "otlp" }
            .SelectMany(folder => Directory.GetFiles(SharedFolder.Path("traces/" + folder), "*.json"))
            .Where(file => new FileInfo(file).Length <= SmallBytes)
            .ToList();
        Assert.NotEmpty(files);
        await using var server = await RunningServer.StartAsync();
        foreach (var file in files)
        {
            var body = await File.ReadAllBytesAsync(file);
            var end = body.AsSpan().TrimEnd(" \r\n"u8).Length;
            await Parallel.ForAsync(0, end, async (length, _) =>
            {
                foreach (var route in Routes)
                {
                    var what = $"{length} bytes of {Path.GetFileName(file)}";
                    var status = await SendAsync(server, route, "application/json", body[..length], what);
                    // Zipkin takes an empty body for an empty list
                    var accepted = length == 0 && !route.StartsWith("/v1/", StringComparison.Ordinal);
                    Assert.True(accepted || status == HttpStatusCode.BadRequest, $"{route}: {what}: {status}");
                }
            });
        }
        await AssertAliveAsync(server);
        Assert.Equal("[]", await server.Client.GetStringAsync("/api/v2/services"));
    }

    static async Task<HttpStatusCode> SendAsync(
        RunningServer server, string route, string contentType, byte[] body, string what)
    {
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue(contentType);
        using var answer = await server.Client.PostAsync(route, content);
        Assert.True((int)answer.StatusCode is 200 or 202 or 400 or 413 or 415, $"{route}: {what}: {answer.StatusCode}");
        return answer.StatusCode;
    }

    static async Task AssertAliveAsync(RunningServer server)
    {
        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("/health")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("/v1/traces", "{}")).StatusCode);
    }
}
