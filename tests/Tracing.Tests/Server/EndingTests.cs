using System.Net;
using System.Net.Sockets;
using System.Text;
using Tracing.CrashTest;
using Tracing.Storage;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>Whatever runs, a request ends in its time, and so does the process.</summary>
public sealed class EndingTests
{
    static readonly string[] Reads =
    [
        "/api/v2/traces", "/api/v2/trace/1", "/api/v2/dependencies?endTs=1", "/api/tracing/traces/1",
        "/api/tracing/traces/1/outline", "/api/tracing/search", "/api/tracing/keys", "/api/tracing/facets",
        "/api/tracing/services", "/api/tracing/graph",
    ];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_query_ends_with_its_timeout_also_when_the_store_does_not_react(bool blocks)
    {
        using var release = new ManualResetEventSlim();
        var never = new TaskCompletionSource();
        var store = new FaultyStore
        {
            Find = async _ =>
            {
                if (blocks)
                    release.Wait(TestContext.Current.CancellationToken);
                await never.Task;
                return [];
            },
        };
        await using var server = await IntakeTests.WithStoreAsync(store, "--Tracing:Query:Timeout=00:00:00.01");
        try
        {
            // each that blocks takes a thread of the pool
            foreach (var path in Reads.Take(blocks ? 2 : Reads.Length))
            {
                using var answer = await server.Client.GetAsync(path);
                Assert.Equal(HttpStatusCode.InternalServerError, answer.StatusCode);
                Assert.Contains("Tracing:Query:Timeout", await answer.Content.ReadAsStringAsync(),
                    StringComparison.Ordinal);
            }
            Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("/health")).StatusCode);
            Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("/v1/traces", "{}")).StatusCode);
        }
        finally
        {
            release.Set();
            never.SetResult();
        }
    }

    [Fact]
    public async Task Few_answers_with_spans_are_made_at_a_time_and_searches_do_not_keep_traces_waiting()
    {
        var (made, most, searches) = (0, 0, 0);
        var release = new TaskCompletionSource();
        var (full, traceToo) = (new TaskCompletionSource(), new TaskCompletionSource());
        var store = new FaultyStore
        {
            Find = async cancellation =>
            {
                lock (release)
                {
                    most = Math.Max(most, ++made);
                    searches++;
                    if (searches == 4)
                        full.SetResult();
                    else if (searches == 5)
                        traceToo.SetResult();
                }
                await release.Task;
                lock (release)
                    made--;
                return [[Otlp(1)]];
            },
        };
        await using var server = await IntakeTests.WithStoreAsync(store, "--Tracing:Query:Timeout=00:05:00");
        var all = Enumerable.Range(0, 12).Select(_ => server.Client.GetAsync("/api/v2/traces")).ToList();
        await full.Task;
        var trace = server.Client.GetAsync("/api/v2/trace/1");
        await traceToo.Task;
        release.SetResult();
        Assert.All(await Task.WhenAll([.. all, trace]), answer => Assert.Equal(HttpStatusCode.OK, answer.StatusCode));
        Assert.InRange(most, 4, 5);
    }

    [Fact]
    public async Task Dependencies_that_are_not_all_counted_in_time_say_so()
    {
        var isPartial = true;
        var store = new FaultyStore { Links = () => new KnownLinks([new("web", "shop", 2, 0)], isPartial) };
        await using var server = await IntakeTests.WithStoreAsync(store);
        foreach (var expected in new[] { true, false })
        {
            isPartial = expected;
            using var answer = await server.Client.GetAsync("/api/v2/dependencies?endTs=1000");
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.Equal(expected, answer.Headers.Contains("Tracing-Partial"));
            Assert.Contains("\"callCount\":2", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("00:00:12", 0)]
    // less than the store needs to close
    [InlineData("00:00:00.0001", 1)]
    public async Task The_process_ends_in_time_and_keeps_what_it_acknowledged(string timeout, int exitCode)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "a signal is sent");
        using var folder = new TemporaryFolder();
        using var hung = new TcpClient();
        await using (var server = await ServerProcess.StartAsync(
            ServerAssembly.Path, folder.Path, $"--Tracing:StopTimeout={timeout}"))
        {
            using var body = new StringContent(
                """[{"traceId":"ab","id":"1","name":"get"}]""", Encoding.UTF8, "application/json");
            Assert.Equal(HttpStatusCode.Accepted, (await server.Client.PostAsync("/api/v2/spans", body)).StatusCode);
            await hung.ConnectAsync(IPAddress.Loopback, server.Client.BaseAddress!.Port);
            await hung.GetStream().WriteAsync(Encoding.ASCII.GetBytes("POST /api/v2/spans HTTP/1.1\r\nHost: x\r\n" +
                "Content-Type: application/json\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n"));
            Assert.NotEqual(-1, hung.GetStream().ReadByte());
            Assert.Equal(exitCode, await server.StopAsync());
            Assert.Equal(exitCode == 1, server.Output.Any(line =>
                line.Contains("(Tracing:StopTimeout)", StringComparison.Ordinal)));
        }
        await using var again = await ServerProcess.StartAsync(ServerAssembly.Path, folder.Path);
        Assert.Equal(HttpStatusCode.OK, (await again.Client.GetAsync("/api/v2/trace/ab")).StatusCode);
    }
}
