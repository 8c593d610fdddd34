using System.Globalization;
using System.Net.Http.Headers;

namespace Tracing.CrashTest;

/// <summary>How many spans the server's statistics have, by what it tells Prometheus.</summary>
static class StoredCounts
{
    const string Family = "traces_spanmetrics_calls_total{";

    public static async Task<long> ReadAsync(HttpClient client)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/openmetrics-text"));
        using var answer = await client.SendAsync(request);
        answer.EnsureSuccessStatusCode();
        var text = await answer.Content.ReadAsStringAsync();
        return text.Split('\n')
            .Where(line => line.StartsWith(Family, StringComparison.Ordinal))
            .Sum(line => long.Parse(
                line[(line.LastIndexOf('}') + 2)..].Split(' ')[0], NumberStyles.Float, CultureInfo.InvariantCulture));
    }
}
