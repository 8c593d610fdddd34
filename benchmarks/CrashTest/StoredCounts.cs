using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace Tracing.CrashTest;

/// <summary>
/// The spans that are stored; and spans, and calls between services, in the server's statistics, by what it tells
/// Prometheus.
/// </summary>
/// <param name="CallersCalls">Calls as their callers saw them; of as many each side has a span here.</param>
readonly record struct StoredCounts(long Stored, long Spans, long Calls, long CallersCalls)
{
    const string AnyTime = "start=1&end=9999999999";

    /// <summary>A question waits a second for calls to be added up; who starts needs a few.</summary>
    const int MaxQuestions = 60;

    public static async Task<StoredCounts> ReadAsync(HttpClient client)
    {
        var facets = await client.GetFromJsonAsync<JsonElement>($"/api/tracing/facets?{AnyTime}&keys=kind");
        await WaitForCallsAsync(client);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/openmetrics-text"));
        using var answer = await client.SendAsync(request);
        answer.EnsureSuccessStatusCode();
        var text = await answer.Content.ReadAsStringAsync();
        var lines = text.Split('\n');
        return new StoredCounts(facets.GetProperty("spans").GetInt64(),
            Sum("traces_spanmetrics_calls_total{"), Sum("traces_service_graph_request_server_seconds_count{"),
            Sum("traces_service_graph_request_client_seconds_count{"));

        long Sum(string start) => lines
            .Where(line => line.StartsWith(start, StringComparison.Ordinal))
            .Sum(line => long.Parse(
                line[(line.LastIndexOf('}') + 2)..].Split(' ')[0], NumberStyles.Float, CultureInfo.InvariantCulture));
    }

    static async Task WaitForCallsAsync(HttpClient client)
    {
        for (var i = 0; i < MaxQuestions; i++)
        {
            using var answer = await client.GetAsync("/api/tracing/graph");
            // a question may take too long while a start adds up much
            if (answer.IsSuccessStatusCode && !answer.Headers.Contains("Tracing-Partial"))
                return;
        }
    }
}
