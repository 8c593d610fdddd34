using System.Globalization;
using System.Net.Http.Headers;

namespace Tracing.CrashTest;

/// <summary>Spans, and calls between services, in the server's statistics, by what it tells Prometheus.</summary>
/// <param name="CallersCalls">Calls as their callers saw them; of as many each side has a span here.</param>
readonly record struct StoredCounts(long Spans, long Calls, long CallersCalls)
{
    public static async Task<StoredCounts> ReadAsync(HttpClient client)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/openmetrics-text"));
        using var answer = await client.SendAsync(request);
        answer.EnsureSuccessStatusCode();
        var text = await answer.Content.ReadAsStringAsync();
        var lines = text.Split('\n');
        return new StoredCounts(
            Sum("traces_spanmetrics_calls_total{"), Sum("traces_service_graph_request_server_seconds_count{"),
            Sum("traces_service_graph_request_client_seconds_count{"));

        long Sum(string start) => lines
            .Where(line => line.StartsWith(start, StringComparison.Ordinal))
            .Sum(line => long.Parse(
                line[(line.LastIndexOf('}') + 2)..].Split(' ')[0], NumberStyles.Float, CultureInfo.InvariantCulture));
    }
}
