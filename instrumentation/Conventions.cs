using System.Diagnostics;
using System.Globalization;

namespace Tracing.Instrumentation;

/// <summary>
/// What spans of gRPC are in OpenTelemetry's words. Its libraries say only <c>grpc.method</c>, as
/// "/package.Service/Method", and <c>grpc.status_code</c>, as a text; what the others say is as it should be.
/// </summary>
static class Conventions
{
    public const string GrpcMethod = "grpc.method";
    public const string GrpcStatus = "grpc.status_code";
    public const string GrpcClientSource = "Grpc.Net.Client";
    public const string HttpClientSource = "System.Net.Http";
    public const string ErrorType = "error.type";
    public const string ServerAddress = "server.address";
    public const string ServerPort = "server.port";

    /// <summary>Longest name of a span, in UTF-16 units; what is longer is cut.</summary>
    public const int MaxName = 1024;

    const string HttpOut = "System.Net.Http.HttpRequestOut";

    /// <summary>Of a span of HTTP that says nothing beyond the call of gRPC above it.</summary>
    const string MergedProperty = "tracing.merged";

    static readonly string[] GrpcStatuses =
    [
        "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
        "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
        "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
    ];

    /// <summary>"package.Service/Method" for gRPC, else as the span says.</summary>
    public static string NameOf(Activity span) =>
        Cut(span.GetTagItem(GrpcMethod) is string { Length: > 1 } method ? WithoutSlash(method) : span.DisplayName);

    public static string Cut(string name) => name.Length <= MaxName ? name : name[..MaxName];

    /// <summary>
    /// The span that the called service is to see as its parent. For a call of gRPC it is gRPC's: what HttpClient makes
    /// of its own below that is the same call, and is not reported.
    /// </summary>
    public static Activity? CallOf(Activity? span, HttpRequestMessage request)
    {
        if (span?.OperationName != HttpOut || span.Parent is not { } call || call.Source.Name != GrpcClientSource ||
            !IsGrpc(request))
            return span;
        if (span.Source.Name == HttpClientSource)
            span.SetCustomProperty(MergedProperty, MergedProperty);
        return call;
    }

    /// <summary>Whether a request is a gRPC call itself, not what it asks for first, such as a token.</summary>
    public static bool IsGrpc(HttpRequestMessage request) =>
        request.Content?.Headers.ContentType?.MediaType is { } type &&
        type.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase);

    public static bool IsMerged(Activity span) =>
        span.OperationName == HttpOut && span.GetCustomProperty(MergedProperty) is not null;

    public static ActivityKind KindOf(Activity span) =>
        span.Kind == ActivityKind.Internal && span.Source.Name == GrpcClientSource ? ActivityKind.Client : span.Kind;

    public static bool IsError(Activity span) =>
        span.Status == ActivityStatusCode.Error ||
        (span.Status == ActivityStatusCode.Unset && IsGrpcError(span, GrpcStatusOf(span.GetTagItem(GrpcStatus))));

    /// <summary>The name of a status that is an error, as <c>error.type</c> has it; null for others.</summary>
    public static string? GrpcErrorOf(Activity span, int status) => !IsGrpcError(span, status) ? null
        : status < GrpcStatuses.Length ? GrpcStatuses[status]
        : status.ToString(CultureInfo.InvariantCulture);

    /// <summary>-1 if there is none.</summary>
    public static int GrpcStatusOf(object? tag) =>
        int.TryParse(tag as string, NumberStyles.None, CultureInfo.InvariantCulture, out var status) ? status : -1;

    /// <summary>
    /// A client's call failed unless it is OK; a server is to blame for UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED,
    /// INTERNAL, UNAVAILABLE and DATA_LOSS only.
    /// </summary>
    static bool IsGrpcError(Activity span, int status) =>
        span.Kind == ActivityKind.Server ? status is 2 or 4 or 12 or 13 or 14 or 15 : status > 0;

    static string WithoutSlash(string method) => method[0] == '/' ? method[1..] : method;
}
