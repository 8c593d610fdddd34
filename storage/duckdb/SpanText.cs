using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>Names of a span as they are searched for.</summary>
static class SpanText
{
    /// <summary>Name of the service that the span talked to, in lower case; empty when unknown.</summary>
    public static string RemoteServiceName(Span span) =>
        (span.RemoteEndpoint?.ServiceName ?? "").ToLowerInvariant();

    /// <summary>The value as Zipkin's tags have it.</summary>
    public static string TagText(AttributeValue value) => value.ToString();
}
