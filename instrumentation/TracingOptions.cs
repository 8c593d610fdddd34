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

/// <summary>What is done with the decision of a caller whether its trace is recorded.</summary>
public enum CallerDecisions
{
    /// <summary>
    /// It is kept: a trace is recorded as a whole or not at all, and the first service decides how much there is.
    /// </summary>
    Keep,

    /// <summary>
    /// It is kept if the trace is recorded; else <see cref="TracingOptions.Sampler"/> decides. For services whose
    /// callers are not traced, but say of each request that it is not recorded, as HttpClient does in an ASP.NET Core
    /// service without tracing.
    /// </summary>
    KeepSampled,

    /// <summary><see cref="TracingOptions.Sampler"/> decides of every request.</summary>
    Ignore,
}

/// <summary>
/// How a service is traced. The defaults trace everything and report it to this machine, unless OpenTelemetry's
/// environment variables say otherwise; what is set in code goes before them.
/// </summary>
public sealed class TracingOptions
{
    readonly OtelEnvironment _environment;
    string? _serviceName;
    Uri? _endpoint;
    ReportFormat? _format;
    bool? _gzip;
    Sampler? _sampler;
    CallerDecisions? _callers;

    /// <summary>The defaults, by the environment of the process.</summary>
    public TracingOptions()
        : this(Environment.GetEnvironmentVariable)
    {
    }

    /// <param name="variable">Gives the value of an environment variable.</param>
    internal TracingOptions(Func<string, string?> variable)
    {
        _environment = new OtelEnvironment(variable);
        (Disabled, Histograms, Propagation) =
            (_environment.IsDisabled, _environment.HasMetrics, _environment.Propagation());
    }

    /// <summary>
    /// Whether nothing is recorded; contexts of callers are passed on. Default: false, or the environment's
    /// <c>OTEL_SDK_DISABLED</c>.
    /// </summary>
    public bool Disabled { get; set; }

    /// <summary>
    /// Name of the service, not empty. Default: the environment's <c>OTEL_SERVICE_NAME</c>, else the
    /// <c>service.name</c> of its <c>OTEL_RESOURCE_ATTRIBUTES</c>, else the program's name.
    /// </summary>
    public string ServiceName
    {
        get => _serviceName ?? _environment.ServiceName ?? Assembly.GetEntryAssembly()?.GetName().Name ?? "unknown";
        set => _serviceName = value;
    }

    /// <summary>
    /// What else describes the process, such as <c>deployment.environment.name</c>: texts, numbers and booleans.
    /// Added to those of the environment's <c>OTEL_RESOURCE_ATTRIBUTES</c>. Default: none.
    /// <c>service.instance.id</c>, <c>host.name</c> and <c>process.pid</c> are set unless given here.
    /// </summary>
    public IDictionary<string, object> ResourceAttributes { get; } = new Dictionary<string, object>();

    /// <summary>
    /// The server, an absolute http or https address; the path of the format is added to its path. Default: the
    /// environment's <c>OTEL_EXPORTER_OTLP_ENDPOINT</c>, else port 4318 of this machine, or 4317 for gRPC. The
    /// environment's addresses of traces or metrics alone are heeded where this is not set.
    /// </summary>
    /// <exception cref="ArgumentException">It is the environment's, and no address.</exception>
    public Uri Endpoint
    {
        get => _endpoint ?? _environment.Endpoint() ?? DefaultOf(Format);
        set => _endpoint = value;
    }

    /// <summary>
    /// The wire. Default: <see cref="ReportFormat.Otlp"/>, or the environment's <c>OTEL_EXPORTER_OTLP_PROTOCOL</c>.
    /// </summary>
    public ReportFormat Format
    {
        get => _format ?? _environment.Format(Signal.Traces);
        set => _format = value;
    }

    /// <summary>
    /// Headers, or metadata of gRPC, of every request to the server, such as <c>authorization</c>: names and values of
    /// ASCII. Added to those of the environment's <c>OTEL_EXPORTER_OTLP_HEADERS</c>. Default: none.
    /// </summary>
    public IDictionary<string, string> Headers { get; } =
        new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// Whether bodies are sent gzipped, for networks that cost more than CPU. Default: false, or the environment's
    /// <c>OTEL_EXPORTER_OTLP_COMPRESSION</c>.
    /// </summary>
    public bool Gzip
    {
        get => _gzip ?? _environment.Gzip(Signal.Traces);
        set => _gzip = value;
    }

    /// <summary>
    /// Names of the <see cref="ActivitySource"/>s that are traced; <c>*</c> stands for any text. Sources whose names
    /// begin with <c>Experimental.</c> are traced only if a name here does too. Default: <c>*</c>.
    /// </summary>
    public IList<string> Sources { get; } = ["*"];

    /// <summary>
    /// Decides of each trace that begins here whether it is recorded. Default: <see cref="Sampler.Always"/>, or the
    /// environment's <c>OTEL_TRACES_SAMPLER</c>.
    /// </summary>
    public Sampler Sampler
    {
        get => _sampler ?? _environment.Sampler().Sampler ?? Sampler.Always;
        set => _sampler = value;
    }

    /// <summary>
    /// What is done with the decisions of callers. Default: <see cref="CallerDecisions.Keep"/>;
    /// <see cref="CallerDecisions.Ignore"/> where the sampler is one of the environment that is not parent-based.
    /// </summary>
    public CallerDecisions CallerDecisions
    {
        get => _callers ?? (_sampler is null ? _environment.Sampler().Callers : CallerDecisions.Keep);
        set => _callers = value;
    }

    /// <summary>
    /// The headers that are written, at least one. Default: <see cref="PropagationFormats.TraceContext"/>, or the
    /// environment's <c>OTEL_PROPAGATORS</c>.
    /// </summary>
    public PropagationFormats Propagation { get; set; }

    /// <summary>
    /// Whether the durations of all spans, sampled or not, are counted and sent every 10 s as OTLP exponential
    /// histograms. A span that is not sampled then costs an <see cref="Activity"/>, or two readings of the clock if
    /// <see cref="ActivitySourceExtensions.StartSpan"/> begins it. Default: true, unless the
    /// environment's <c>OTEL_METRICS_EXPORTER</c> is "none".
    /// </summary>
    public bool Histograms { get; set; }

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
    /// How long a stop waits until what was recorded is sent; what is not is dropped and counted. 0 to 10 minutes. It
    /// waits for up to 1 s, if this is less, where a tag's own code holds up the writing of spans. Default: 5 s.
    /// </summary>
    public TimeSpan StopTimeout { get; set; } = TimeSpan.FromSeconds(5);

    internal bool Upgrades => UpgradeErrors || UpgradeSlowerThan is not null;

    internal bool IsOtlp => Format is ReportFormat.Otlp or ReportFormat.OtlpGrpc;

    internal ReportTarget Traces => Target(Signal.Traces);

    internal ReportTarget Metrics => Target(Signal.Metrics);

    /// <summary>Values of the environment that are not heeded, and why.</summary>
    internal IEnumerable<string> Problems => _environment.Problems;

    /// <summary>What describes the process, by the environment and by code.</summary>
    internal Dictionary<string, object> AllResourceAttributes()
    {
        var all = new Dictionary<string, object>();
        foreach (var (key, value) in _environment.ResourceAttributes())
            all[key] = value;
        foreach (var (key, value) in ResourceAttributes)
            all[key] = value;
        return all;
    }

    /// <summary>Checks all, so that a mistake ends the start where it was made.</summary>
    /// <exception cref="ArgumentException">Something is not as it must be; the message names it and its
    /// value.</exception>
    internal void Resolve()
    {
        Validate();
        _ = (Traces, Metrics, Sampler, AllResourceAttributes());
    }

    ReportTarget Target(Signal signal)
    {
        var format = _format ?? _environment.Format(signal);
        var headers = new Dictionary<string, string>(_environment.Headers(signal), StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in Headers)
            headers[name] = value;
        return new ReportTarget(signal, AddressOf(signal, format), format, headers,
            _environment.Timeout(signal) ?? UntracedHttp.Timeout, _gzip ?? _environment.Gzip(signal));
    }

    Uri AddressOf(Signal signal, ReportFormat format)
    {
        if (_endpoint is null && _environment.Endpoint(signal) is { } own)
            return format == ReportFormat.OtlpGrpc ? ReportTarget.AddressOf(own, format, signal) : own;
        return ReportTarget.AddressOf(_endpoint ?? _environment.Endpoint() ?? DefaultOf(format), format, signal);
    }

    static Uri DefaultOf(ReportFormat format) =>
        new(format == ReportFormat.OtlpGrpc ? "http://127.0.0.1:4317" : "http://127.0.0.1:4318");

    /// <exception cref="ArgumentException">Something is not as it must be; the message names it and its
    /// value.</exception>
    void Validate()
    {
        Check(!string.IsNullOrWhiteSpace(ServiceName), nameof(ServiceName), ServiceName, "not empty");
        Check(Endpoint is { IsAbsoluteUri: true, Scheme: "http" or "https" }, nameof(Endpoint), Endpoint,
            "an absolute http or https address");
        Check(Enum.IsDefined(Format), nameof(Format), Format,
            "one of " + string.Join(", ", Enum.GetNames<ReportFormat>()));
        Check((int)Propagation is > 0 and < 8, nameof(Propagation), Propagation,
            "one or more of " + string.Join(", ", Enum.GetNames<PropagationFormats>()));
        Check(Enum.IsDefined(CallerDecisions), nameof(CallerDecisions), CallerDecisions,
            "one of " + string.Join(", ", Enum.GetNames<CallerDecisions>()));
        foreach (var (name, value) in Headers)
        {
            // a value may be a secret
            Check(value is not null && OtelEnvironment.IsHeader(name, value), $"{nameof(Headers)}[\"{name}\"]", "…",
                "a header that HTTP can carry");
        }
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

    static void Check(bool holds, string name, object? value, string must)
    {
        if (!holds)
            throw new ArgumentException($"{nameof(TracingOptions)}.{name} is \"{value}\"; it must be {must}.");
    }
}
