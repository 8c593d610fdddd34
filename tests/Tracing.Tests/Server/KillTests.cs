using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Xunit;

namespace Tracing.Tests;

public sealed class KillTests
{
    const int SpansPerTrace = 50;

    /// <summary>Acknowledgements to wait for before the kill, so that it comes in the middle of the work.</summary>
    const int EnoughTraces = 200;

    [Fact]
    public async Task What_was_acknowledged_survives_a_kill_and_bodies_are_whole_or_absent()
    {
        using var folder = new TemporaryFolder();
        var acknowledged = new ConcurrentDictionary<string, bool>();
        await using (var server = await ServerProcess.StartAsync(folder.Path))
        {
            var enough = new TaskCompletionSource();
            var senders = Enumerable.Range(0, 4).Select(n => SendAsync(server, n, acknowledged, enough)).ToList();
            await enough.Task;
            await server.KillAsync();
            await Task.WhenAll(senders);
        }

        await using var again = await ServerProcess.StartAsync(folder.Path);
        var answer = await again.Client.GetStringAsync("/api/v2/traces?limit=1000000");
        using var traces = JsonDocument.Parse(answer);
        var found = traces.RootElement.EnumerateArray()
            .ToDictionary(t => t[0].GetProperty("traceId").GetString()!, t => t.GetArrayLength());
        Assert.All(found, trace => Assert.Equal(SpansPerTrace, trace.Value));
        Assert.Subset(found.Keys.ToHashSet(), acknowledged.Keys.ToHashSet());
    }

    /// <summary>Sends one trace after the other until the server is gone.</summary>
    static async Task SendAsync(
        ServerProcess server, int sender, ConcurrentDictionary<string, bool> acknowledged, TaskCompletionSource enough)
    {
        try
        {
            for (var n = 1; ; n++)
            {
                var id = ((sender * 1_000_000L) + n).ToString("x16", CultureInfo.InvariantCulture);
                using var body = new StringContent(Trace(id), Encoding.UTF8, "application/json");
                var answer = await server.Client.PostAsync("/api/v2/spans", body);
                Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
                acknowledged[id] = true;
                if (acknowledged.Count >= EnoughTraces)
                    enough.TrySetResult();
            }
        }
        catch (HttpRequestException)
        {
            // the kill
        }
    }

    static string Trace(string id)
    {
        var micros = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() * 1000;
        return "[" + string.Join(',', Enumerable.Range(1, SpansPerTrace).Select(n =>
            $$$"""{"traceId":"{{{id}}}","id":"{{{n:x16}}}","timestamp":{{{micros}}},"tags":{"n":"{{{n}}}"}}""")) + "]";
    }
}
