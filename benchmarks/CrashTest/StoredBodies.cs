using System.Net;
using System.Net.Http.Headers;
using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.CrashTest;

/// <summary>How much of a body is in the store.</summary>
/// <param name="Found">Spans that are there as they were sent.</param>
/// <param name="Expected">Spans sent.</param>
/// <param name="Beyond">Spans there that were not sent so, or come twice.</param>
readonly record struct Stored(int Found, int Expected, int Beyond)
{
    public bool IsWhole => Found == Expected && Beyond == 0;

    public bool IsAbsent => Found + Beyond == 0;
}

/// <summary>Reads bodies back, trace by trace.</summary>
static class StoredBodies
{
    public static async Task<Stored> ReadAsync(HttpClient client, CrashBody body)
    {
        var missing = new HashSet<SentSpan>(body.Spans);
        var beyond = 0;
        foreach (var trace in body.Traces)
        {
            foreach (var span in await ReadAsync(client, trace))
            {
                if (!missing.Remove(SentSpan.Of(span)))
                    beyond++;
            }
        }
        return new Stored(body.Spans.Count - missing.Count, body.Spans.Count, beyond);
    }

    static async Task<IReadOnlyList<Span>> ReadAsync(HttpClient client, TraceId trace)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/tracing/traces/{trace}");
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/x-protobuf"));
        using var answer = await client.SendAsync(request);
        if (answer.StatusCode == HttpStatusCode.NotFound)
            return [];
        answer.EnsureSuccessStatusCode();
        return OtlpProtobuf.Decode(await answer.Content.ReadAsByteArrayAsync(), WireLimits.Default).Spans;
    }
}
