using System.Collections.Concurrent;

namespace Tracing.Server;

/// <summary>What is counted of one kind of request.</summary>
sealed class RequestSeries
{
    long _count, _ticks;

    public long Count => Volatile.Read(ref _count);

    public double TotalSeconds => TimeSpan.FromTicks(Volatile.Read(ref _ticks)).TotalSeconds;

    public void Add(TimeSpan elapsed)
    {
        Interlocked.Increment(ref _count);
        Interlocked.Add(ref _ticks, elapsed.Ticks);
    }
}

/// <summary>
/// Counts and times requests by method, status and route, in Zipkin's terms: routes as templates, the prefix /zipkin
/// left out, redirects and unknown paths each as one. Routes are few, so the series are too.
/// </summary>
sealed class RequestMetrics(TimeProvider time)
{
    static readonly string[] Methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"];

    static readonly string[] Untracked = ["/health", "/info", "/metrics", "/prometheus", "/actuator"];

    public ConcurrentDictionary<(string Method, int Status, string Uri), RequestSeries> Series { get; } = new();

    public async Task MeasureAsync(HttpContext context, RequestDelegate next)
    {
        var start = time.GetTimestamp();
        await next(context);
        if (Uri(context) is not { } uri)
            return;
        var key = (KnownMethod(context.Request.Method), context.Response.StatusCode, uri);
        Series.GetOrAdd(key, _ => new RequestSeries()).Add(time.GetElapsedTime(start));
    }

    // any word may be sent as a method, and each would be a series of its own
    static string KnownMethod(string method) => Methods.Contains(method) ? method : "OTHER";

    static string? Uri(HttpContext context)
    {
        if (context.Response.StatusCode is >= 300 and < 400)
            return "REDIRECTION";
        if (context.GetEndpoint() is not RouteEndpoint endpoint)
            return "NOT_FOUND";
        var route = "/" + endpoint.RoutePattern.RawText?.TrimStart('/');
        if (Untracked.Any(u => route.StartsWith(u, StringComparison.Ordinal)))
            return null;
        return route.StartsWith("/zipkin/api", StringComparison.Ordinal) ? route["/zipkin".Length..] : route;
    }
}
