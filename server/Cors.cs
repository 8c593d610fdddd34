using Microsoft.Net.Http.Headers;

namespace Tracing.Server;

/// <summary>
/// Cross-origin answers as Zipkin gives them, byte for byte. ASP.NET Core's own middleware answers preflights with 204
/// and other headers.
/// </summary>
sealed class Cors(RequestDelegate next, string allowedOrigins)
{
    readonly string[] _allowed = allowedOrigins.Split(
        ',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    public Task InvokeAsync(HttpContext context)
    {
        var origin = context.Request.Headers.Origin.ToString();
        if (origin.Length == 0 || !Allows(origin))
            return next(context);
        var headers = context.Response.Headers;
        if (_allowed.Contains("*"))
        {
            headers.AccessControlAllowOrigin = origin == "null" ? origin : "*";
        }
        else
        {
            headers.AccessControlAllowOrigin = origin;
            headers.Append(HeaderNames.Vary, "origin");
        }
        headers.AccessControlAllowHeaders = "content-type,x-grpc-web";
        if (!IsPreflight(context.Request))
            return next(context);
        headers.AccessControlAllowMethods = "GET,POST";
        headers.AccessControlMaxAge = "0";
        context.Response.StatusCode = StatusCodes.Status200OK;
        return Task.CompletedTask;
    }

    bool Allows(string origin) =>
        _allowed.Contains("*") || _allowed.Contains(origin, StringComparer.OrdinalIgnoreCase);

    static bool IsPreflight(HttpRequest request) =>
        HttpMethods.IsOptions(request.Method) && request.Headers.AccessControlRequestMethod.Count > 0;
}
