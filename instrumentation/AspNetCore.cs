using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Tracing.Instrumentation;

/// <summary>
/// ASP.NET Core's types, of which services without HTTP have none: they are reached by name, as a reference would ask
/// every process for ASP.NET Core. Without reflection, so that it works ahead of time and trimmed.
/// </summary>
static class AspNetCore
{
    const string Abstractions = "Microsoft.AspNetCore.Http.Abstractions";
    const string Context = "Microsoft.AspNetCore.Http.HttpContext, " + Abstractions;
    const string Request = "Microsoft.AspNetCore.Http.HttpRequest, " + Abstractions;
    const string Response = "Microsoft.AspNetCore.Http.HttpResponse, " + Abstractions;
    const string Endpoint = "Microsoft.AspNetCore.Http.Endpoint, " + Abstractions;
    const string EndpointFeature = "Microsoft.AspNetCore.Http.Features.IEndpointFeature, " + Abstractions;
    const string ActivityFeature = "Microsoft.AspNetCore.Http.Features.IHttpActivityFeature, Microsoft.AspNetCore.Http";
    const string Features = "Microsoft.AspNetCore.Http.Features.IFeatureCollection, Microsoft.Extensions.Features";
    const string Diagnostics = "Microsoft.AspNetCore.Diagnostics.Abstractions";
    const string ExceptionFeature = "Microsoft.AspNetCore.Diagnostics.IExceptionHandlerFeature, " + Diagnostics;
    const string StatusPageFeature = "Microsoft.AspNetCore.Diagnostics.IStatusCodeReExecuteFeature, " + Diagnostics;
    const string RouteEndpoint = "Microsoft.AspNetCore.Routing.RouteEndpoint, Microsoft.AspNetCore.Routing";
    const string RoutePattern = "Microsoft.AspNetCore.Routing.Patterns.RoutePattern, Microsoft.AspNetCore.Routing";
    const string Unhandled =
        "Microsoft.AspNetCore.Hosting.HostingApplicationDiagnostics+UnhandledExceptionData, " +
        "Microsoft.AspNetCore.Hosting";

    static readonly Type? ActivityFeatureType = Type.GetType(ActivityFeature);
    static readonly Type? EndpointFeatureType = Type.GetType(EndpointFeature);
    static readonly Type? ExceptionFeatureType = Type.GetType(ExceptionFeature);
    static readonly Type? StatusPageFeatureType = Type.GetType(StatusPageFeature);
    static readonly Type? RouteEndpointType = Type.GetType(RouteEndpoint);
    static readonly Type? UnhandledType = Type.GetType(Unhandled);

    /// <summary>The span of a request, whatever the current one is.</summary>
    public static Activity? SpanOf(object? context) =>
        context is not null && FeatureOf(context, ActivityFeatureType) is { } feature ? GetActivity(feature) : null;

    public static int StatusOf(object context) => GetStatusCode(GetResponse(context));

    /// <summary>"HTTP" for one that nobody knows, as anything can be asked for.</summary>
    public static string MethodOf(object context) => GetMethod(GetRequest(context)) switch
    {
        var method and ("GET" or "POST" or "PUT" or "DELETE" or "PATCH" or "HEAD" or "OPTIONS" or "CONNECT" or "TRACE"
            or "QUERY") => method,
        _ => "HTTP",
    };

    public static object? EndpointOf(object context) =>
        FeatureOf(context, EndpointFeatureType) is { } feature ? GetEndpoint(feature) : null;

    /// <summary>Null for what is no endpoint of routing.</summary>
    public static string? RouteOf(object? endpoint)
    {
        if (RouteEndpointType is null || !RouteEndpointType.IsInstanceOfType(endpoint))
            return null;
        return GetRawText(GetRoutePattern(endpoint!)) is { Length: > 0 } route ? route : "/";
    }

    /// <summary>What a middleware has caught, with the endpoint that threw it.</summary>
    public static (Exception Error, object? Endpoint)? HandledExceptionOf(object context) =>
        FeatureOf(context, ExceptionFeatureType) is { } feature
            ? (GetError(feature), GetFailedEndpoint(feature))
            : null;

    /// <summary>Whether a request is run once more for the page that shows its status.</summary>
    /// <param name="asked">The endpoint that it was for; null for none.</param>
    public static bool AskedBeforeErrorPage(object context, out object? asked)
    {
        var feature = FeatureOf(context, StatusPageFeatureType);
        asked = feature is null ? null : GetAskedEndpoint(feature);
        return feature is not null;
    }

    /// <summary>What nobody has caught, by the payload of its event.</summary>
    public static Exception? ExceptionOf(object payload, out object? context)
    {
        var isKnown = payload.GetType() == UnhandledType;
        context = isKnown ? GetFailedContext(payload) : null;
        return isKnown ? GetException(payload) : null;
    }

    static object? FeatureOf(object context, Type? type) => type is null ? null : GetItem(GetFeatures(context), type);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_Features")]
    [return: UnsafeAccessorType(Features)]
    static extern object GetFeatures([UnsafeAccessorType(Context)] object context);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_Item")]
    static extern object? GetItem([UnsafeAccessorType(Features)] object features, Type type);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_Request")]
    [return: UnsafeAccessorType(Request)]
    static extern object GetRequest([UnsafeAccessorType(Context)] object context);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_Method")]
    static extern string GetMethod([UnsafeAccessorType(Request)] object request);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_Response")]
    [return: UnsafeAccessorType(Response)]
    static extern object GetResponse([UnsafeAccessorType(Context)] object context);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_StatusCode")]
    static extern int GetStatusCode([UnsafeAccessorType(Response)] object response);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_Activity")]
    static extern Activity GetActivity([UnsafeAccessorType(ActivityFeature)] object feature);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_Endpoint")]
    [return: UnsafeAccessorType(Endpoint)]
    static extern object? GetEndpoint([UnsafeAccessorType(EndpointFeature)] object feature);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_RoutePattern")]
    [return: UnsafeAccessorType(RoutePattern)]
    static extern object GetRoutePattern([UnsafeAccessorType(RouteEndpoint)] object endpoint);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_RawText")]
    static extern string? GetRawText([UnsafeAccessorType(RoutePattern)] object pattern);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_Error")]
    static extern Exception GetError([UnsafeAccessorType(ExceptionFeature)] object feature);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_Endpoint")]
    [return: UnsafeAccessorType(Endpoint)]
    static extern object? GetFailedEndpoint([UnsafeAccessorType(ExceptionFeature)] object feature);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_Endpoint")]
    [return: UnsafeAccessorType(Endpoint)]
    static extern object? GetAskedEndpoint([UnsafeAccessorType(StatusPageFeature)] object feature);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_httpContext")]
    [return: UnsafeAccessorType(Context)]
    static extern object GetFailedContext([UnsafeAccessorType(Unhandled)] object payload);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_exception")]
    static extern Exception GetException([UnsafeAccessorType(Unhandled)] object payload);
}
