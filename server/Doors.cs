using System.Globalization;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Routing.Patterns;
using Tracing.Collector;

namespace Tracing.Server;

/// <summary>The ports, by what they are for.</summary>
enum Door
{
    Main,
    OtlpHttp,
    Grpc,
    Sampling,
}

/// <summary>
/// What each port serves and nothing else, and how many connections it takes. Paths have a case, as Zipkin's have.
/// </summary>
static partial class Doors
{
    /// <summary>Marks a connection with the port that it came in by.</summary>
    const string DoorKey = "tracing.door";

    /// <summary>Connections of a port, some 10 KB each when idle.</summary>
    const int MaxConnections = 10_000;

    const int LogEveryMillis = 60_000;

    /// <summary>
    /// Of each port. All ports together take at most half of the file handles: the store needs the others, and without
    /// any the runtime ends the process.
    /// </summary>
    public static long ConnectionsOf(int ports, long fileHandles) =>
        Math.Clamp(fileHandles / 2 / ports, 1, MaxConnections);

    /// <summary>How many file handles the process may have; where that is not known, as many as are enough.</summary>
    public static long FileHandles()
    {
        const string Limits = "/proc/self/limits";
        var line = File.Exists(Limits)
            ? File.ReadLines(Limits).FirstOrDefault(each => each.StartsWith("Max open files", StringComparison.Ordinal))
            : null;
        var soft = line?.Split(' ', StringSplitOptions.RemoveEmptyEntries).ElementAtOrDefault(3);
        return long.TryParse(soft, CultureInfo.InvariantCulture, out var count) ? count : long.MaxValue;
    }

    /// <summary>Marks the connections of a port with what it is for; more than so many are closed at once.</summary>
    public static void Mark(IConnectionBuilder listen, Door door, long maxConnections)
    {
        var count = 0L;
        var lastTold = 0L;
        var log = listen.ApplicationServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(Doors));
        listen.Use(next => async connection =>
        {
            connection.Items[DoorKey] = door;
            try
            {
                if (Interlocked.Increment(ref count) <= maxConnections)
                {
                    await next(connection);
                    return;
                }
                // Kestrel's own limit writes a line for each
                var (now, last) = (Environment.TickCount64, Volatile.Read(ref lastTold));
                if ((last == 0 || now - last > LogEveryMillis) &&
                    Interlocked.CompareExchange(ref lastTold, now, last) == last)
                    log.TooManyConnections(door, maxConnections);
                connection.Abort();
            }
            finally
            {
                Interlocked.Decrement(ref count);
            }
        });
    }

    /// <summary>404 for what the port is not for.</summary>
    public static Task KeepToItsPort(HttpContext context, RequestDelegate next)
    {
        // no door in a test host without ports
        var door = context.Features.Get<IConnectionItemsFeature>()?.Items[DoorKey] as Door? ?? Door.Main;
        if (Serves(door, context.Request))
            return door == Door.Sampling ? SamplingEndpoints.AnswerAsync(context) : next(context);
        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    }

    static bool Serves(Door door, HttpRequest request) => door switch
    {
        Door.Main => !CollectorExtensions.IsGrpc(request.Path),
        Door.OtlpHttp => CollectorExtensions.IsOtlpHttp(request.Path),
        Door.Grpc => HttpMethods.IsPost(request.Method) && CollectorExtensions.IsGrpc(request.Path),
        // any path, as Jaeger does
        _ => HttpMethods.IsGet(request.Method),
    };

    /// <summary>
    /// 404 for a path that is one of ours but for its case, which ASP.NET Core's routing does not look at.
    /// </summary>
    public static Task KeepToItsCase(HttpContext context, RequestDelegate next)
    {
        // one that is no route's says that the path exists with another method
        var isKnown = context.GetEndpoint() switch
        {
            null => true,
            RouteEndpoint route => HasCaseOf(route, context.Request.Path),
            _ => context.RequestServices.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
                .Any(route => IsOf(route, context.Request.Path) && HasCaseOf(route, context.Request.Path)),
        };
        if (!isKnown)
            context.SetEndpoint(null);
        return next(context);
    }

    // the gRPC host has a route of parameters only
    static bool IsOf(RouteEndpoint route, PathString path) =>
        route.RoutePattern.PathSegments.Count == SegmentsOf(path).Length &&
        route.RoutePattern.PathSegments.Any(segment => LiteralOf(segment) is not null);

    static bool HasCaseOf(RouteEndpoint route, PathString path) => route.RoutePattern.PathSegments
        .Zip(SegmentsOf(path))
        .All(each => LiteralOf(each.First) is not { } literal || literal == each.Second);

    static string? LiteralOf(RoutePatternPathSegment segment) =>
        segment.IsSimple && segment.Parts[0] is RoutePatternLiteralPart literal ? literal.Content : null;

    [LoggerMessage(1, LogLevel.Warning, "The port {Door} has {Max} connections, as many as it may; others are closed")]
    static partial void TooManyConnections(this ILogger logger, Door door, long max);

    static string[] SegmentsOf(PathString path) =>
        (path.Value ?? "").Split('/', StringSplitOptions.RemoveEmptyEntries);
}
