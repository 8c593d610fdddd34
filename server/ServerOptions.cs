using System.ComponentModel;
using System.Net;
using Tracing.Collector;
using Tracing.Query;

namespace Tracing.Server;

/// <summary>What a process does.</summary>
public enum Role
{
    All,
    Collector,
    Query,
}

/// <summary>All settings, section <c>Tracing</c>.</summary>
public sealed class ServerOptions
{
    public const string Section = "Tracing";

    [Description("Address to listen at: an IP address, or * for all.")]
    public string Address { get; set; } = "*";

    [Description("Port of Zipkin's API, OTLP over HTTP, our API and the UI. 0 for any free one, to 65535.")]
    public int Port { get; set; } = 9411;

    [Description("Port for OTLP over HTTP alone. -1 for none, 0 for any free one, to 65535.")]
    public int OtlpHttpPort { get; set; } = 4318;

    [Description("Port of gRPC, OTLP's and Zipkin's service. -1 for none, 0 for any free one, to 65535.")]
    public int GrpcPort { get; set; } = 4317;

    [Description("What this process does: all, collector or query. Other than all needs a store that is shared.")]
    public Role Role { get; set; } = Role.All;

    [Description("Whether the web UI is served.")]
    public bool UiEnabled { get; set; } = true;

    [Description("Series of operations, and of calls between services, that /metrics shows under their own names; " +
        "further ones are shown together as (others). 0 to 10000000.")]
    public int MaxExposedSeries { get; set; } = 10_000;

    [Description("How long the server may take to stop, of which requests in flight have three quarters to finish; " +
        "past it the process ends, whatever runs. Time span, more than 0.")]
    public TimeSpan StopTimeout { get; set; } = TimeSpan.FromSeconds(30);

    public CollectorOptions Collector { get; set; } = new();

    public SamplingOptions Sampling { get; set; } = new();

    public QueryOptions Query { get; set; } = new();

    public StorageOptions Storage { get; set; } = new();

    public MetricsPushOptions MetricsPush { get; set; } = new();

    /// <summary>Sentences that each name a key, its value and what it must be; none when all is well.</summary>
    public IReadOnlyList<string> Validate()
    {
        var problems = new List<string>();
        if (Address != "*" && !IPAddress.TryParse(Address, out _))
            problems.Add($"Address is \"{Address}\"; it must be an IP address or *");
        CheckPort(problems, nameof(Port), Port, 0);
        CheckPort(problems, nameof(OtlpHttpPort), OtlpHttpPort, -1);
        CheckPort(problems, nameof(GrpcPort), GrpcPort, -1);
        if (MaxExposedSeries is < 0 or > 10_000_000)
            problems.Add($"MaxExposedSeries is {MaxExposedSeries}; it must be between 0 and 10000000");
        if (StopTimeout <= TimeSpan.Zero)
            problems.Add($"StopTimeout is {StopTimeout}; it must be more than 0");
        problems.AddRange(Collector.Validate().Select(p => "Collector:" + p));
        problems.AddRange(Sampling.Validate().Select(p => "Sampling:" + p));
        problems.AddRange(Query.Validate().Select(p => "Query:" + p));
        problems.AddRange(MetricsPush.Validate().Select(p => "MetricsPush:" + p));
        problems.AddRange(Storage.Validate().Select(p => "Storage:" + p));
        if (Role != Role.All && Storage.Kind == StorageKind.Embedded)
        {
            problems.Add($"Role is {Role}; with Storage:Kind = embedded it must be all, " +
                "since one process at a time can open that store");
        }
        return problems.ConvertAll(p => $"{Section}:{p}.");
    }

    static void CheckPort(List<string> problems, string key, int port, int lowest)
    {
        if (port < lowest || port > 65535)
            problems.Add($"{key} is {port}; it must be between {lowest} and 65535");
    }

    /// <summary>Reads the section; every problem found ends up in one exception.</summary>
    /// <exception cref="InvalidOptionsException">A key is unknown, or a value is not what it must be.</exception>
    public static ServerOptions Read(IConfiguration configuration)
    {
        var removed = StorageOptions.ValidateRemoved(configuration.GetSection($"{Section}:{nameof(Storage)}"))
            .Select(problem => $"{Section}:{nameof(Storage)}:{problem}.").ToList();
        if (removed.Count > 0)
            throw new InvalidOptionsException(removed);
        ServerOptions options;
        try
        {
            options = configuration.GetSection(Section)
                .Get<ServerOptions>(binder => binder.ErrorOnUnknownConfiguration = true) ?? new ServerOptions();
        }
        catch (InvalidOperationException e)
        {
            // the binder's message names the key and, where there is one, the value
            throw new InvalidOptionsException([e.Message], e);
        }
        var problems = options.Validate();
        if (problems.Count > 0)
            throw new InvalidOptionsException(problems);
        options.KeepToRole();
        return options;
    }

    /// <summary>A collector answers no queries, and a query server takes no spans.</summary>
    void KeepToRole()
    {
        if (Role == Role.Collector)
            Query.Enabled = false;
        if (Role != Role.Query)
            return;
        (Collector.HttpEnabled, Collector.GrpcEnabled) = (false, false);
        (OtlpHttpPort, GrpcPort) = (-1, -1);
    }
}

/// <summary>Settings that the server cannot start with; the message names each key and value.</summary>
public sealed class InvalidOptionsException(IReadOnlyList<string> problems, Exception? inner = null)
    : Exception(string.Join(Environment.NewLine, problems), inner)
{
    public IReadOnlyList<string> Problems { get; } = problems;
}
