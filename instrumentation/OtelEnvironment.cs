using System.Buffers;
using System.Globalization;

namespace Tracing.Instrumentation;

/// <summary>A kind of data that is sent.</summary>
enum Signal
{
    Traces,
    Metrics,
}

/// <summary>
/// OpenTelemetry's environment variables ("OpenTelemetry: Environment Variable Specification"), as far as this library
/// has what they set. A value that is not known is named among the problems and counts as not set, as the specification
/// asks for; only an address must be right, since without one nothing is ever sent.
/// </summary>
/// <param name="variable">Gives the value of a variable; null or "" for none.</param>
sealed class OtelEnvironment(Func<string, string?> variable)
{
    const string Exporter = "OTEL_EXPORTER_OTLP_";
    const string SamplerName = "OTEL_TRACES_SAMPLER";

    /// <summary>Milliseconds that a request may take at most, however much is asked for.</summary>
    const int MaxTimeout = 600_000;

    static readonly SearchValues<char> Token = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>What is wrong with the values: the variable, its value, and what is done instead.</summary>
    public List<string> Problems { get; } = [];

    public bool IsDisabled =>
        Choose("OTEL_SDK_DISABLED", false, ("true", true), ("false", false)) ||
        Choose("OTEL_TRACES_EXPORTER", false, ("none", true), ("otlp", false));

    public bool HasMetrics => Choose("OTEL_METRICS_EXPORTER", true, ("none", false), ("otlp", true));

    public string? ServiceName => Variable("OTEL_SERVICE_NAME") ??
        (ResourceAttributes().TryGetValue("service.name", out var name) ? name : null);

    /// <summary>The sampler, and whether it heeds callers' decisions; a null sampler if none was asked for.</summary>
    public (Sampler? Sampler, CallerDecisions Callers) Sampler()
    {
        var name = Variable(SamplerName)?.Trim().ToLowerInvariant();
        const string ParentBased = "parentbased_";
        var isParentBased = name?.StartsWith(ParentBased, StringComparison.Ordinal) == true;
        Sampler? sampler = (isParentBased ? name![ParentBased.Length..] : name) switch
        {
            null => null,
            "always_on" => Instrumentation.Sampler.Always,
            "always_off" => Instrumentation.Sampler.Never,
            "traceidratio" => Instrumentation.Sampler.Probability(Probability()),
            _ => Unknown<Sampler?>(SamplerName, Variable(SamplerName)!, null, "Sampler.Always"),
        };
        return (sampler, sampler is null || isParentBased ? CallerDecisions.Keep : CallerDecisions.Ignore);
    }

    public PropagationFormats Propagation()
    {
        const string Name = "OTEL_PROPAGATORS";
        PropagationFormats formats = 0;
        foreach (var each in (Variable(Name) ?? "").Split(
            ',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            formats |= each.ToLowerInvariant() switch
            {
                "tracecontext" => PropagationFormats.TraceContext,
                "b3" => PropagationFormats.B3Single,
                "b3multi" => PropagationFormats.B3Multi,
                // always carried
                "baggage" => 0,
                _ => Unknown(Name, each, (PropagationFormats)0, "what else is named"),
            };
        }
        return formats == 0 ? PropagationFormats.TraceContext : formats;
    }

    public ReportFormat Format(Signal signal) => Choose(Key(signal, "PROTOCOL"), ReportFormat.Otlp,
        ("http/protobuf", ReportFormat.Otlp), ("grpc", ReportFormat.OtlpGrpc));

    public bool Gzip(Signal signal) => Choose(Key(signal, "COMPRESSION"), false, ("gzip", true), ("none", false));

    /// <summary>Null if there is none.</summary>
    public TimeSpan? Timeout(Signal signal)
    {
        var key = Key(signal, "TIMEOUT");
        if (Variable(key) is not { } text)
            return null;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds) &&
            milliseconds is > 0 and <= MaxTimeout
            ? TimeSpan.FromMilliseconds(milliseconds)
            : Unknown<TimeSpan?>(key, text, null, "the default");
    }

    /// <summary>The address that all signals share, without their paths.</summary>
    /// <exception cref="ArgumentException">It is none.</exception>
    public Uri? Endpoint() => Address(Exporter + "ENDPOINT");

    /// <summary>The address of one signal alone, with its path.</summary>
    /// <exception cref="ArgumentException">It is none.</exception>
    public Uri? Endpoint(Signal signal) => Address(OwnKey(signal, "ENDPOINT"));

    public Dictionary<string, string> ResourceAttributes() => Pairs("OTEL_RESOURCE_ATTRIBUTES", isSecret: false);

    public Dictionary<string, string> Headers(Signal signal) => Pairs(Key(signal, "HEADERS"), isSecret: true);

    /// <summary>Whether HTTP can carry a header; what it cannot would fail every request.</summary>
    public static bool IsHeader(string name, string value) =>
        name.Length > 0 && !name.AsSpan().ContainsAnyExcept(Token) &&
        !value.AsSpan().ContainsAnyExceptInRange(' ', '~');

    string? Variable(string name) => variable(name) is { Length: > 0 } value ? value : null;

    static string OwnKey(Signal signal, string name) => $"{Exporter}{signal.ToString().ToUpperInvariant()}_{name}";

    /// <summary>The variable of the signal alone if it is set, else that of all.</summary>
    string Key(Signal signal, string name) =>
        Variable(OwnKey(signal, name)) is null ? Exporter + name : OwnKey(signal, name);

    double Probability()
    {
        const string Name = "OTEL_TRACES_SAMPLER_ARG";
        if (Variable(Name) is not { } text)
            return 1;
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var share) &&
            share is >= 0 and <= 1
            ? share
            : Unknown(Name, text, 1.0, "1");
    }

    Uri? Address(string key)
    {
        if (Variable(key) is not { } text)
            return null;
        return Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme is "http" or "https"
            ? address
            : throw new ArgumentException(
                $"{key} is \"{text}\"; it must be an absolute http or https address, such as http://localhost:4318.");
    }

    T Choose<T>(string key, T otherwise, params ReadOnlySpan<(string Name, T Value)> choices)
    {
        if (Variable(key)?.Trim() is not { } text)
            return otherwise;
        foreach (var (name, value) in choices)
        {
            if (name.Equals(text, StringComparison.OrdinalIgnoreCase))
                return value;
        }
        return Unknown(key, text, otherwise, "the default");
    }

    /// <summary>"key=value,key=value" with percent signs; as a whole nothing if a part of it is malformed.</summary>
    Dictionary<string, string> Pairs(string key, bool isSecret)
    {
        var pairs = new Dictionary<string, string>();
        foreach (var pair in (Variable(key) ?? "").Split(
            ',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=');
            var name = equals < 1 ? "" : Uri.UnescapeDataString(pair[..equals].Trim());
            var value = Uri.UnescapeDataString(pair[(equals + 1)..].Trim());
            if (name.Length == 0 || (isSecret && !IsHeader(name, value)))
                return Unknown(key, isSecret ? "…" : Variable(key)!, new Dictionary<string, string>(), "nothing");
            pairs[name] = value;
        }
        return pairs;
    }

    T Unknown<T>(string key, string value, T instead, string name)
    {
        var problem = $"{key} is \"{value}\", which is not known here; {name} is used";
        if (!Problems.Contains(problem))
            Problems.Add(problem);
        return instead;
    }
}
