using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Tracing.Model.Wire;
using Tracing.Model.Wire.Proto.Otlp;
using Tracing.Storage;
using Xunit;
using RpcStatus = Tracing.Model.Wire.Proto.Rpc.Status;

namespace Tracing.Tests;

public sealed class IntakeTests
{
    const string ZipkinBody = """
        [{"traceId":"00000000000000ab","id":"1","name":"Get","localEndpoint":{"serviceName":"Web"}}]
        """;

    const string OtlpBody = """
        {"resourceSpans":[{"scopeSpans":[{"spans":[
        {"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"Get"}]}]}]}
        """;

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    [InlineData("br")]
    [InlineData("zstd")]
    public async Task Compressed_bodies_are_taken_on_every_route(string coding)
    {
        await using var server = await RunningServer.StartAsync();
        var zipkin = await SendAsync(server, "/api/v2/spans", Compress(ZipkinBody, coding), coding);
        var otlp = await SendAsync(server, "/v1/traces", Compress(OtlpBody, coding), coding);

        Assert.Equal(HttpStatusCode.Accepted, zipkin.StatusCode);
        Assert.Equal(HttpStatusCode.OK, otlp.StatusCode);
        Assert.Equal(1, (await server.GetJsonAsync("/api/v2/trace/ab")).GetArrayLength());
        await server.GetJsonAsync("/api/tracing/traces/0af7651916cd43dd8448eb211c80319c");
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    [InlineData("br")]
    [InlineData("zstd")]
    public async Task A_compressed_body_cut_anywhere_is_refused(string coding)
    {
        await using var server = await RunningServer.StartAsync();
        var whole = Compress(OtlpBody, coding);
        for (var length = 1; length < whole.Length; length++)
        {
            var answer = await SendAsync(server, "/v1/traces", whole[..length], coding);
            Assert.True(answer.StatusCode == HttpStatusCode.BadRequest, $"{length} bytes: {answer.StatusCode}");
        }
    }

    [Theory]
    [InlineData("/v1/traces", """{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":""")]
    [InlineData("/v1/traces", """{"resourceSpans": nonsense}""")]
    [InlineData("/api/v2/spans", """[{"traceId":"ab","id":"1","timestamp":{}}]""")]
    [InlineData("/api/v1/spans", """[{"traceId":"ab","id":"1","annotations":[3]}]""")]
    public async Task Malformed_json_gets_400_with_the_byte_offset(string path, string body)
    {
        await using var server = await RunningServer.StartAsync();
        var answer = await server.PostAsync(path, body);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Matches(@"at byte \d+", await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Malformed_protobuf_gets_a_status_in_protobuf_with_the_byte_offset()
    {
        await using var server = await RunningServer.StartAsync();
        // a resource_spans of 127 bytes, of which there are two
        var answer = await SendAsync(server, "/v1/traces", [0x0a, 0x7f, 1, 2], null, "application/x-protobuf");

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("application/x-protobuf", answer.Content.Headers.ContentType?.MediaType);
        var status = RpcStatus.Parser.ParseFrom(await answer.Content.ReadAsByteArrayAsync());
        Assert.Equal(3, status.Code);
        Assert.Matches(@"at byte \d+", status.Message);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("gzip")]
    public async Task A_body_over_the_limit_gets_413_before_and_after_decompression(string? coding)
    {
        await using var server = await RunningServer.StartAsync("--Tracing:Collector:MaxBodyBytes=2000");
        var (fits, exceeds) = (Padded(2000), Padded(2001));

        foreach (var path in new[] { "/v1/traces", "/api/v2/spans", "/api/v1/spans" })
        {
            var good = await SendAsync(server, path, Compress(fits[(path == "/v1/traces")], coding), coding);
            Assert.True(good.IsSuccessStatusCode, $"{path}: {good.StatusCode}");
            var bad = await SendAsync(server, path, Compress(exceeds[(path == "/v1/traces")], coding), coding);
            Assert.Equal(HttpStatusCode.RequestEntityTooLarge, bad.StatusCode);
            Assert.Contains("2000", await bad.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
    }

    /// <summary>Empty requests of so many bytes: OTLP's for true, Zipkin's for false.</summary>
    static Dictionary<bool, string> Padded(int length) => new()
    {
        [true] = "{" + new string(' ', length - 2) + "}",
        [false] = "[" + new string(' ', length - 2) + "]",
    };

    [Fact]
    public async Task Unknown_content_types_are_json_to_zipkin_and_415_to_otlp()
    {
        await using var server = await RunningServer.StartAsync();
        var zipkin = await server.PostAsync("/api/v2/spans", ZipkinBody, "text/plain");
        var otlp = await server.PostAsync("/v1/traces", OtlpBody, "text/plain");

        Assert.Equal(HttpStatusCode.Accepted, zipkin.StatusCode);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, otlp.StatusCode);
        Assert.Contains("text/plain", await otlp.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_bad_span_is_rejected_alone_and_counted()
    {
        await using var server = await RunningServer.StartAsync();
        var body = OtlpBody.Replace(
            "\"name\":\"Get\"}", "\"name\":\"Get\"},{\"traceId\":\"12\",\"spanId\":\"34\",\"name\":\"bad one\"}",
            StringComparison.Ordinal);

        var answer = await server.PostAsync("/v1/traces", body);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var partial = JsonDocument.Parse(await answer.Content.ReadAsStringAsync())
            .RootElement.GetProperty("partialSuccess");
        Assert.Equal("1", partial.GetProperty("rejectedSpans").GetString());
        Assert.Contains("bad one", partial.GetProperty("errorMessage").GetString(), StringComparison.Ordinal);
        await server.GetJsonAsync("/api/tracing/traces/0af7651916cd43dd8448eb211c80319c");
        var metrics = await server.GetJsonAsync("/metrics");
        Assert.Equal(2, metrics.GetProperty("counter.zipkin_collector.spans.otlp_http").GetDouble());
        Assert.Equal(1, metrics.GetProperty("counter.zipkin_collector.spans_dropped.otlp_http").GetDouble());
    }

    [Fact]
    public async Task The_same_body_again_is_acknowledged_and_stored_once()
    {
        await using var server = await RunningServer.StartAsync();
        for (var i = 0; i < 3; i++)
            Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("/v1/traces", OtlpBody)).StatusCode);
        var trace = await server.GetJsonAsync("/api/tracing/traces/0af7651916cd43dd8448eb211c80319c");
        Assert.Equal(1, trace.GetProperty("resourceSpans")[0].GetProperty("scopeSpans")[0].GetProperty("spans")
            .GetArrayLength());
    }

    [Fact]
    public async Task Overload_gets_503_and_says_when_to_come_again()
    {
        await using var server = await WithStoreAsync(
            new FaultyStore { Append = _ => Task.FromResult(AppendOutcome.Overloaded) });
        foreach (var (path, body) in new[] { ("/v1/traces", OtlpBody), ("/api/v2/spans", ZipkinBody) })
        {
            var answer = await server.PostAsync(path, body);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            Assert.Equal(TimeSpan.FromSeconds(1), answer.Headers.RetryAfter?.Delta);
        }
    }

    [Fact]
    public async Task A_store_that_fails_is_never_acknowledged()
    {
        await using var server = await WithStoreAsync(
            new FaultyStore { Append = _ => Task.FromException<AppendOutcome>(new IOException("disk on fire")) });
        foreach (var (path, body) in new[] { ("/v1/traces", OtlpBody), ("/api/v2/spans", ZipkinBody) })
        {
            var answer = await server.PostAsync(path, body);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            Assert.Contains("disk on fire", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
        Assert.Equal(1, (await server.GetJsonAsync("/metrics"))
            .GetProperty("counter.zipkin_collector.spans_dropped.http").GetDouble());
    }

    [Fact]
    public async Task Stopping_finishes_the_requests_in_flight()
    {
        var arrived = new TaskCompletionSource();
        var release = new TaskCompletionSource<AppendOutcome>();
        await using var server = await WithStoreAsync(new FaultyStore
        {
            Append = _ =>
            {
                arrived.SetResult();
                return release.Task;
            },
        });
        var posting = server.PostAsync("/v1/traces", OtlpBody);
        await arrived.Task;

        var stopping = server.StopAsync();
        Assert.False(posting.IsCompleted);
        release.SetResult(AppendOutcome.Stored);

        Assert.Equal(HttpStatusCode.OK, (await posting).StatusCode);
        await stopping;
    }

    [Fact]
    public async Task Sampling_keeps_or_drops_whole_traces_and_always_keeps_debug()
    {
        await using var server = await RunningServer.StartAsync("--Tracing:Collector:SampleRate=0.5");
        // of the low 64 bits, as a number without its sign, up to half is kept
        await server.PostAsync("/api/v2/spans", """
            [{"traceId":"3fffffffffffffff","id":"1"},{"traceId":"4000000000000001","id":"1"},
            {"traceId":"c000000000000001","id":"1"},{"traceId":"7fffffffffffffff","id":"1","debug":true}]
            """);
        async Task<bool> Has(string id) => (await server.Client.GetAsync("/api/v2/trace/" + id)).IsSuccessStatusCode;
        Assert.True(await Has("3fffffffffffffff"));
        Assert.False(await Has("4000000000000001"));
        Assert.True(await Has("c000000000000001"));
        Assert.True(await Has("7fffffffffffffff"));
    }

    [Fact]
    public async Task Protobuf_answers_have_no_partial_success_when_all_is_well()
    {
        await using var server = await RunningServer.StartAsync();
        var spans = OtlpJson.Decode(Encoding.UTF8.GetBytes(OtlpBody), WireLimits.Default).Spans;
        var answer = await SendAsync(server, "/v1/traces", OtlpProtobuf.Encode(spans), null, "application/x-protobuf");
        var response = ExportTraceServiceResponse.Parser.ParseFrom(await answer.Content.ReadAsByteArrayAsync());
        Assert.Null(response.PartialSuccess);
    }

    internal static Task<RunningServer> WithStoreAsync(ISpanStore store, params string[] args) =>
        RunningServer.StartAsync(null, builder => Replace(builder, store), args);

    static void Replace(WebApplicationBuilder builder, ISpanStore store) =>
        builder.Services.AddSingleton(store);

    static Task<HttpResponseMessage> SendAsync(
        RunningServer server, string path, byte[] body, string? coding, string contentType = "application/json")
    {
        var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue(contentType);
        if (coding is not null)
            content.Headers.ContentEncoding.Add(coding);
        return server.Client.PostAsync(path, content);
    }

    static byte[] Compress(string text, string? coding)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        using var output = new MemoryStream();
        using (Stream stream = coding switch
        {
            "gzip" => new GZipStream(output, CompressionLevel.Fastest),
            "deflate" => new ZLibStream(output, CompressionLevel.Fastest),
            "br" => new BrotliStream(output, CompressionLevel.Fastest),
            "zstd" => new ZstdSharp.CompressionStream(output),
            _ => output,
        })
        {
            stream.Write(bytes);
        }
        return output.ToArray();
    }
}
