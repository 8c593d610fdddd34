using System.Diagnostics;
using System.Reflection;

namespace Tracing.Instrumentation;

/// <summary>The wire by which spans are reported.</summary>
public enum ReportFormat
{
    /// <summary>OTLP over HTTP, as protobuf, to <c>/v1/traces</c> and <c>/v1/metrics</c>. Port 4318 or 9411.</summary>
    Otlp,

    /// <summary>OTLP over gRPC, without TLS if the address begins with http. Port 4317.</summary>
    OtlpGrpc,

    /// <summary>Zipkin's v2 JSON to <c>/api/v2/spans</c>. Links are not sent, nor histograms. Port 9411.</summary>
    ZipkinJson,

    /// <summary>Zipkin's protobuf to <c>/api/v2/spans</c>. Links are not sent, nor histograms. Port 9411.</summary>
    ZipkinProto,
}

/// <summary>The headers in which a trace's context is written; of those that come in, all are read.</summary>
[Flags]
public enum PropagationFormats
{
    /// <summary>W3C's <c>traceparent</c> and <c>tracestate</c>.</summary>
    TraceContext = 1,

    /// <summary>Zipkin's <c>b3</c>.</summary>
    B3Single = 2,

    /// <summary>Zipkin's <c>X-B3-TraceId</c> and so on.</summary>
    B3Multi = 4,
}

/// <summary>How a service is traced. The defaults trace everything and report it to this machine.</summary>
public sealed class TracingOptions
{
    /// <summary>
    /// Name of the service, not empty. Default: the environment's <c>OTEL_SERVICE_NAME</c>, else the program's name.
    /// </summary>
    public string ServiceName { get; set; } =
        Variable("OTEL_SERVICE_NAME") ?? Assembly.GetEntryAssembly()?.GetName().Name ?? "unknown";

    /// <summary>
    /// What else describes the process, such as <c>deployment.environment.name</c>: texts, numbers and booleans.
    /// Default: none. <c>service.instance.id</c>, <c>host.name</c> and <c>process.pid</c> are set unless given here.
    /// </summary>
    public IDictionary<string, object> ResourceAttributes { get; } = new Dictionary<string, object>();

    /// <summary>
    /// The server, an absolute http or https address without the path of the format. Default: the environment's
    /// <c>OTEL_EXPORTER_OTLP_ENDPOINT</c>, else <c>http://127.0.0.1:4318</c>.
    /// </summary>
    public Uri Endpoint { get; set; } =
        new(Variable("OTEL_EXPORTER_OTLP_ENDPOINT") ?? "http://127.0.0.1:4318", UriKind.RelativeOrAbsolute);

    /// <summary>The wire. Default: <see cref="ReportFormat.Otlp"/>.</summary>
    public ReportFormat Format { get; set; } = ReportFormat.Otlp;

    /// <summary>Whether bodies are sent gzipped, for networks that cost more than CPU. Default: false.</summary>
    public bool Gzip { get; set; }

    /// <summary>
    /// Names of the <see cref="ActivitySource"/>s that are traced; <c>*</c> stands for any text. Sources whose names
    /// begin with <c>Experimental.</c> are traced only if a name here does too. Default: <c>*</c>.
    /// </summary>
    public IList<string> Sources { get; } = ["*"];

    /// <summary>
    /// Decides of each trace that begins here whether it is recorded; a trace that comes from elsewhere keeps what was
    /// decided there. Default: <see cref="Sampler.Always"/>.
    /// </summary>
    public Sampler Sampler { get; set; } = Sampler.Always;

    /// <summary>
    /// The headers that are written, at least one. Default: <see cref="PropagationFormats.TraceContext"/>.
    /// </summary>
    public PropagationFormats Propagation { get; set; } = PropagationFormats.TraceContext;

    /// <summary>
    /// Whether the durations of all spans, sampled or not, are counted and sent every 10 s as OTLP exponential
    /// histograms. A span that is not sampled then costs an <see cref="Activity"/>, or two readings of the clock if
    /// <see cref="ActivitySourceExtensions.StartSpan"/> begins it. Default: true.
    /// </summary>
    public bool Histograms { get; set; } = true;

    /// <summary>
    /// Whether the spans of an unsampled trace are reported all the same if the first of them in this process fails.
    /// All spans then cost what a recorded one does. Default: false.
    /// </summary>
    public bool UpgradeErrors { get; set; }

    /// <summary>
    /// The same if the first span in this process takes longer than this; more than 0. Default: null, no matter how
    /// long.
    /// </summary>
    public TimeSpan? UpgradeSlowerThan { get; set; }

    /// <summary>
    /// Memory for spans that wait to be sent; beyond it the oldest are dropped and counted. Some 4,000 spans that have
    /// just ended are held besides. Bytes, 65,536 to 2^31 - 1. Default: 16 MiB.
    /// </summary>
    public int MaxBufferBytes { get; set; } = 16 << 20;

    /// <summary>How long spans wait for others to be sent with; 10 ms to 1 minute. Default: 1 s.</summary>
    public TimeSpan ReportInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long a stop waits until what was recorded is sent; what is not is dropped and counted. 0 to 10 minutes.
    /// Default: 5 s.
    /// </summary>
    public TimeSpan StopTimeout { get; set; } = TimeSpan.FromSeconds(5);

    internal bool Upgrades => UpgradeErrors || UpgradeSlowerThan is not null;

    internal bool IsOtlp => Format is ReportFormat.Otlp or ReportFormat.OtlpGrpc;

    /// <exception cref="ArgumentException">Something is not as it must be; the message names it and its
    /// value.</exception>
    internal void Validate()
    {
        Check(!string.IsNullOrWhiteSpace(ServiceName), nameof(ServiceName), ServiceName, "not empty");
        Check(Endpoint is { IsAbsoluteUri: true, Scheme: "http" or "https" }, nameof(Endpoint), Endpoint,
            "an absolute http or https address");
        Check(Enum.IsDefined(Format), nameof(Format), Format,
            "one of " + string.Join(", ", Enum.GetNames<ReportFormat>()));
        Check((int)Propagation is > 0 and < 8, nameof(Propagation), Propagation,
            "one or more of " + string.Join(", ", Enum.GetNames<PropagationFormats>()));
        Check(Sources.All(source => !string.IsNullOrEmpty(source)), nameof(Sources), string.Join(", ", Sources),
            "names that are not empty");
        Check(Sampler is not null, nameof(Sampler), null, "set");
        Check(UpgradeSlowerThan is null || UpgradeSlowerThan > TimeSpan.Zero, nameof(UpgradeSlowerThan),
            UpgradeSlowerThan, "more than 0");
        Check(MaxBufferBytes >= 1 << 16, nameof(MaxBufferBytes), MaxBufferBytes, "65536 to 2147483647");
        Check(ReportInterval >= TimeSpan.FromMilliseconds(10) && ReportInterval <= TimeSpan.FromMinutes(1),
            nameof(ReportInterval), ReportInterval, "00:00:00.01 to 00:01:00");
        Check(StopTimeout >= TimeSpan.Zero && StopTimeout <= TimeSpan.FromMinutes(10), nameof(StopTimeout), StopTimeout,
            "00:00:00 to 00:10:00");
    }

    static string? Variable(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;

    static void Check(bool holds, string name, object? value, string must)
    {
        if (!holds)
            throw new ArgumentException($"{nameof(TracingOptions)}.{name} is \"{value}\"; it must be {must}.");
    }
}
