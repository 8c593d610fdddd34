using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Tracing.Query;

/// <summary>
/// Segments of the path as they were sent. Kestrel leaves %2F as it is and so cannot tell it from %252F.
/// </summary>
static class RawPath
{
    /// <summary>The segment before the last, which must be so named; null without a target.</summary>
    public static string? SegmentBefore(HttpContext context, string last)
    {
        var target = context.Features.Get<IHttpRequestFeature>()?.RawTarget ?? "";
        var segments = target.Split('?')[0].Split('/');
        return segments.Length > 1 && segments[^1] == last ? Uri.UnescapeDataString(segments[^2]) : null;
    }
}
