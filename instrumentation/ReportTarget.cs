using System.Diagnostics;

namespace Tracing.Instrumentation;

/// <summary>Where and how one kind of data is sent.</summary>
/// <param name="Address">With the path.</param>
/// <param name="Headers">Besides those of the format.</param>
/// <param name="Timeout">Of one request.</param>
sealed record ReportTarget(
    Signal Signal, Uri Address, ReportFormat Format, IReadOnlyDictionary<string, string> Headers, TimeSpan Timeout,
    bool Gzip)
{
    public bool IsGrpc => Format == ReportFormat.OtlpGrpc;

    public bool IsOtlp => Format is ReportFormat.Otlp or ReportFormat.OtlpGrpc;

    /// <summary>The address of a format and signal below that of a server, whose path is kept.</summary>
    public static Uri AddressOf(Uri server, ReportFormat format, Signal signal)
    {
        switch (format)
        {
            case ReportFormat.OtlpGrpc:
                var service = signal == Signal.Traces ? "trace.v1.TraceService" : "metrics.v1.MetricsService";
                return new Uri(server, $"/opentelemetry.proto.collector.{service}/Export");
            case ReportFormat.Otlp:
                return Below(server, signal == Signal.Traces ? "/v1/traces" : "/v1/metrics", "/v1/traces");
            case ReportFormat.ZipkinJson or ReportFormat.ZipkinProto:
                return Below(server, "/api/v2/spans", "/api/v2/spans");
            default:
                throw new UnreachableException($"{format}");
        }
    }

    /// <summary>A path below that of a server.</summary>
    /// <param name="known">Where the server's ends with this one, it was given with the address.</param>
    public static Uri Below(Uri server, string path, string? known = null)
    {
        var basePath = server.AbsolutePath.TrimEnd('/');
        if (known is not null && basePath.EndsWith(known, StringComparison.Ordinal))
            basePath = basePath[..^known.Length];
        return new Uri(server, basePath + path);
    }
}
