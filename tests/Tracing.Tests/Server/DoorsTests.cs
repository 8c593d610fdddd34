using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Tracing.Server;
using Xunit;

namespace Tracing.Tests;

/// <summary>Each port serves what it is for, and its paths have a case.</summary>
public sealed class DoorsTests
{
    static readonly string[] OfOtlp = ["/v1/traces", "/v1/metrics", "/sampling"];

    static readonly string[] Services =
    [
        "opentelemetry.proto.collector.trace.v1.TraceService",
        "opentelemetry.proto.collector.metrics.v1.MetricsService",
        "zipkin.proto3.SpanService", "jaeger.api_v2.SamplingManager",
    ];

    [Fact]
    public async Task Every_route_is_served_at_its_ports_and_nowhere_else()
    {
        await using var server = await RunningServer.StartAsync("--Tracing:Sampling:Port=0");
        var routes = Routes(server);
        Assert.InRange(routes.Count, 60, 200);
        foreach (var (path, pattern) in routes)
        {
            var isGrpc = Services.Any(service => path.StartsWith($"/{service}/", StringComparison.Ordinal));
            await AssertAsync(server.Http, !isGrpc, HttpVersion.Version11);
            await AssertAsync(server.OtlpHttp, OfOtlp.Contains(path), HttpVersion.Version11);
            await AssertAsync(server.Grpc, isGrpc, HttpVersion.Version20);

            async Task AssertAsync(Uri port, bool isServed, Version version)
            {
                var answers = new List<HttpStatusCode>();
                foreach (var method in new[] { HttpMethod.Get, HttpMethod.Post })
                {
                    foreach (var type in new[] { "application/json", "application/grpc" })
                    {
                        using var request = new HttpRequestMessage(method, new Uri(port, path))
                        {
                            Version = version,
                            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                            Content = new ByteArrayContent([]),
                        };
                        request.Content.Headers.ContentType = new(type);
                        using var answer = await server.Client.SendAsync(
                            request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
                        answers.Add(answer.StatusCode);
                    }
                }
                Assert.True(isServed || answers.TrueForAll(status => status == HttpStatusCode.NotFound),
                    $"{pattern} at {port}: {string.Join(", ", answers)}");
                // what is not found where it is served is an id, never the route
                Assert.True(!isServed || path.Contains("/00", StringComparison.Ordinal) ||
                    answers.Exists(status => status != HttpStatusCode.NotFound), $"{pattern} at {port}");
            }
        }
    }

    [Fact]
    public async Task The_port_of_sampling_tells_how_to_sample_and_takes_nothing()
    {
        await using var server = await RunningServer.StartAsync("--Tracing:Sampling:Port=0");
        foreach (var (path, _) in Routes(server))
        {
            var uri = new Uri(server.Addresses[3], path + "?service=x");
            Assert.Contains("strategyType", await server.Client.GetStringAsync(uri), StringComparison.Ordinal);
            using var answer = await server.Client.PostAsync(uri, new StringContent("[]"));
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        }
    }

    [Fact]
    public async Task A_path_in_another_case_is_not_found()
    {
        await using var server = await RunningServer.StartAsync();
        foreach (var (path, pattern) in Routes(server))
        {
            foreach (var method in new[] { HttpMethod.Get, HttpMethod.Post, HttpMethod.Delete })
            {
                using var request = new HttpRequestMessage(method, path.ToUpperInvariant());
                using var answer = await server.Client.SendAsync(request);
                var isSame = string.Equals(path, request.RequestUri!.OriginalString, StringComparison.Ordinal);
                Assert.True(answer.StatusCode == HttpStatusCode.NotFound || isSame,
                    $"{method} {pattern}: {answer.StatusCode}");
            }
        }
    }

    [Fact]
    public async Task A_browser_that_asks_for_an_icon_is_answered()
    {
        await using var server = await RunningServer.StartAsync();
        foreach (var path in new[] { "/favicon.ico", "/zipkin/favicon.ico", "/favicon.svg" })
            Assert.True((await server.Client.GetAsync(path)).IsSuccessStatusCode, path);
    }

    [Theory]
    [InlineData("/api/tracing/traces/12", HttpStatusCode.NotFound)]
    [InlineData("/api/tracing/traces/x", HttpStatusCode.BadRequest)]
    [InlineData("/api/tracing/search?q=%7B", HttpStatusCode.BadRequest)]
    public async Task A_problem_does_not_show_a_trace_that_is_not_here(string path, HttpStatusCode status)
    {
        await using var server = await RunningServer.StartAsync();
        using var answer = await server.Client.GetAsync(path);
        Assert.Equal(status, answer.StatusCode);
        using var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        Assert.Equal((int)status, problem.RootElement.GetProperty("status").GetInt32());
        Assert.False(problem.RootElement.TryGetProperty("traceId", out _));
    }

    [Fact]
    public async Task Bodies_that_are_only_announced_do_not_keep_others_from_being_taken()
    {
        await using var server = await RunningServer.StartAsync(
            "--Tracing:Collector:MaxBodyBytes=1000000", "--Tracing:Collector:MaxInFlightBytes=2000000");
        var idle = new List<Socket>();
        try
        {
            for (var i = 0; i < 20; i++)
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                idle.Add(socket);
                await socket.ConnectAsync(server.Http.Host, server.Http.Port);
                // answered when the server begins to read the body, so that it has made room for it
                await socket.SendAsync(Encoding.ASCII.GetBytes("POST /api/v2/spans HTTP/1.1\r\nHost: x\r\n" +
                    "Expect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"));
                var answer = new byte[12];
                Assert.Equal(answer.Length, await socket.ReceiveAsync(answer));
                Assert.Equal("HTTP/1.1 100", Encoding.ASCII.GetString(answer));
            }
            var body = $"[{{\"traceId\":\"1\",\"id\":\"1\",\"name\":\"{new string('a', 50_000)}\"}}]";
            Assert.Equal(HttpStatusCode.Accepted, (await server.PostAsync("/api/v2/spans", body)).StatusCode);
        }
        finally
        {
            idle.ForEach(socket => socket.Dispose());
        }
    }

    [Theory]
    [InlineData(1_024, 4, 128)]
    [InlineData(1_048_576, 4, 10_000)]
    [InlineData(long.MaxValue, 1, 10_000)]
    [InlineData(4, 4, 1)]
    public void Connections_leave_half_of_the_file_handles(long handles, int ports, long expected) =>
        Assert.Equal(expected, Doors.ConnectionsOf(ports, handles));

    [Fact]
    public void The_limit_of_file_handles_is_known_on_linux()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "elsewhere it is not read");
        Assert.InRange(Doors.FileHandles(), 1, long.MaxValue - 1);
    }

    static List<(string Path, string Pattern)> Routes(RunningServer server) =>
        [.. server.Endpoints.OfType<RouteEndpoint>()
            // the gRPC host's, for services that are not known
            .Where(route => route.RoutePattern.PathSegments.Any(segment => segment.Parts[0] is RoutePatternLiteralPart))
            .Select(route => (PathOf(route.RoutePattern), route.RoutePattern.RawText!))
            .Where(route => !route.Item1.Contains("unimplemented", StringComparison.Ordinal))
            .Distinct()];

    static string PathOf(RoutePattern pattern) => "/" + string.Join('/', pattern.PathSegments.Select(segment =>
        segment.Parts[0] is RoutePatternLiteralPart literal ? literal.Content : "00000000000000ff"));
}
