using System.Text.Json;
using Xunit;

namespace Tracing.Tests.Instrumentation;

/// <summary>
/// One request through services of which some are traced by OpenTelemetry's SDK and some by our library.
/// </summary>
[Collection(nameof(TracerCollection))]
public sealed class InteropTests
{
    [Theory]
    [InlineData("http", "w3c")]
    [InlineData("http", "b3")]
    [InlineData("grpc", "w3c")]
    [InlineData("grpc", "b3")]
    public async Task A_request_is_one_trace_through_both_libraries(string call, string propagation)
    {
        await using var server = await RunningServer.StartAsync();
        await using var last = await StartAsync("third", "otel", null);
        await using var middle = await StartAsync("second", "ours", last);
        await using var first = await StartAsync("first", "otel", middle);

        using (var client = new HttpClient())
        {
            var names = await client.GetStringAsync(new Uri(first.Http, "/hop"));
            Assert.StartsWith("first", names);
        }
        await first.StopAsync();
        await middle.StopAsync();
        await last.StopAsync();

        var traces = await server.GetJsonAsync("/api/v2/traces?limit=10");
        var spans = Assert.Single(traces.EnumerateArray()).EnumerateArray().ToList();
        var served = spans.Where(span => Text(span, "kind") == "SERVER")
            // by time they would be in the same order, if the clocks of processes did not differ by a millisecond
            .OrderBy(ServiceOf, StringComparer.Ordinal).ToList();
        Assert.Equal(["first", "second", "third"], served.Select(ServiceOf));
        // each was asked by a client's span of the one before
        var byId = spans.ToDictionary(span => Text(span, "id"));
        foreach (var (asked, asking) in served.Skip(1).Zip(served))
        {
            var caller = byId[Text(asked, "parentId")];
            Assert.Equal(("CLIENT", ServiceOf(asking)), (Text(caller, "kind"), ServiceOf(caller)));
        }
        Assert.Equal(call == "grpc" ? "hops.hop/go" : "get /hop", Text(served[1], "name"));

        Task<HopProcess> StartAsync(string name, string tracing, HopProcess? next) => HopProcess.StartAsync([
            $"--name={name}", $"--tracing={tracing}", $"--server={server.OtlpHttp}", $"--propagation={propagation}",
            $"--call={call}",
            .. next is null ? Array.Empty<string>() : [$"--next={(call == "grpc" ? next.Grpc : next.Http)}"],
        ]);
    }

    static string Text(JsonElement span, string key) => span.TryGetProperty(key, out var text) ? text.GetString()! : "";

    static string ServiceOf(JsonElement span) => Text(span.GetProperty("localEndpoint"), "serviceName");
}
