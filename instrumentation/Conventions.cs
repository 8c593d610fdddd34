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

    const string HttpOut = "System.Net.Http.HttpRequestOut";

    /// <summary>"package.Service/Method" for gRPC, else as the span says.</summary>
    public static string NameOf(Activity span) =>
        span.GetTagItem(GrpcMethod) is string { Length: > 1 } method ? WithoutSlash(method) : span.DisplayName;

    /// <summary>
    /// The span that the called service is to see as its parent. For a call of gRPC it is gRPC's: HttpClient makes one
    /// of its own below that, which is not sampled so that a call is one span, not two.
    /// </summary>
    public static Activity? CallOf(Activity? span) =>
        span?.Parent is { } parent && parent.Source.Name == GrpcClientSource && span.OperationName == HttpOut
            ? parent
            : span;

    public static ActivityKind KindOf(Activity span) =>
        span.Kind == ActivityKind.Internal && span.Source.Name == GrpcClientSource ? ActivityKind.Client : span.Kind;

    public static bool IsError(Activity span) =>
        span.Status == ActivityStatusCode.Error ||
        (span.Status == ActivityStatusCode.Unset && IsGrpcError(span, GrpcStatusOf(span)));

    /// <summary>
    /// A client's call failed unless it is OK; a server is to blame for UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED,
    /// INTERNAL, UNAVAILABLE and DATA_LOSS only.
    /// </summary>
    static bool IsGrpcError(Activity span, int status) =>
        span.Kind == ActivityKind.Server ? status is 2 or 4 or 12 or 13 or 14 or 15 : status > 0;

    static int GrpcStatusOf(Activity span) =>
        int.TryParse(
            span.GetTagItem(GrpcStatus) as string, NumberStyles.None, CultureInfo.InvariantCulture, out var status)
            ? status
            : -1;

    static string WithoutSlash(string method) => method[0] == '/' ? method[1..] : method;
}
