using System.Reflection;
using Tracing.Collector;
using Tracing.Storage;

namespace Tracing.Server;

/// <param name="Name">Relative to the folder of the store.</param>
sealed record StoredFile(string Name, long Bytes, long WrittenUnixSeconds);

/// <param name="Kind">embedded or cassandra.</param>
/// <param name="Files">Of the embedded store; the newest first.</param>
sealed record StoreState(string Kind, string Path, long Bytes, IReadOnlyList<StoredFile> Files);

/// <summary>What one way of sending spans has brought since the start. A message is one request.</summary>
sealed record IntakeState(
    string Transport, long Messages, long MessagesDropped, long Bytes, long Spans, long SpansDropped);

/// <summary>The same of the metrics of clients, in data points.</summary>
sealed record PointsState(
    string Transport, long Messages, long Received, long Counted, long Ignored, long Rejected, long Failed);

/// <summary>What the clients of a service say became of their spans; those dropped nobody else knows of.</summary>
sealed record ClientState(string Service, ulong Ended, ulong Sent, ulong Dropped);

/// <param name="Value">In force.</param>
sealed record SettingState(string Key, string Value, string Default, string Text);

sealed record SystemState(string Version, long StartedUnixSeconds, IReadOnlyList<PortState> Ports,
    StoreState Store,
    IReadOnlyList<IntakeState> Intake, IReadOnlyList<PointsState> Metrics, IReadOnlyList<ClientState> Clients,
    IReadOnlyList<SamplingAdvice> Sampling, IReadOnlyList<SettingState> Settings);

/// <summary>What this process does and has: for its page in the UI, and for scripts.</summary>
static class SystemEndpoint
{
    /// <summary>Services of which the sampling is told; more than a page can show.</summary>
    const int MaxServices = 1000;

    public static void MapSystem(this IEndpointRouteBuilder routes)
    {
        var started = routes.ServiceProvider.GetRequiredService<TimeProvider>().GetUtcNow().ToUnixTimeSeconds();
        routes.MapGet("/api/tracing/system", async (ServerOptions options, OpenPorts ports,
                CollectorMetrics metrics, ClientAudit audit, ISpanStore store, HttpContext context) =>
            TypedResults.Ok(new SystemState(Version(), started, ports.State, StoreOf(options), IntakeOf(metrics),
                PointsOf(metrics), ClientsOf(audit), await SamplingOfAsync(options, store, context),
                SettingsOf(options))))
            .WithName("GetSystem")
            .WithSummary("Version, open ports, files of the store, counters of the intake and what clients report of " +
                "their spans since the start, what they are told to sample, and all settings.");
    }

    static string Version() => typeof(SystemEndpoint).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "";

    static StoreState StoreOf(ServerOptions options)
    {
        var folder = new DirectoryInfo(options.Storage.Path);
        List<StoredFile> files = options.Storage.Kind != StorageKind.Cassandra && folder.Exists
            ? [.. folder.EnumerateFiles("*", SearchOption.AllDirectories)
                .OrderByDescending(file => file.LastWriteTimeUtc)
                .Select(file => new StoredFile(Path.GetRelativePath(folder.FullName, file.FullName), SizeOf(file),
                    new DateTimeOffset(file.LastWriteTimeUtc).ToUnixTimeSeconds()))]
            : [];
        return new StoreState(options.Storage.KindName, folder.FullName,
            files.Sum(file => file.Bytes), files);
    }

    /// <summary>0 for a file that the store has just deleted.</summary>
    static long SizeOf(FileInfo file)
    {
        try
        {
            return file.Length;
        }
        catch (FileNotFoundException)
        {
            return 0;
        }
    }

    static List<IntakeState> IntakeOf(CollectorMetrics metrics) => [.. metrics.All.Select(each => new IntakeState(
        each.Name, each.Messages, each.MessagesDropped, each.Bytes, each.Spans, each.SpansDropped))];

    static List<PointsState> PointsOf(CollectorMetrics metrics) => [.. metrics.AllPoints.Select(each =>
        new PointsState(each.Name, each.Messages, each.Received, each.Counted, each.Ignored, each.Rejected,
            each.Failed))];

    static List<ClientState> ClientsOf(ClientAudit audit) => [.. audit.Totals.GroupBy(each => each.Service).Select(
        service => new ClientState(service.Key, Of(service, "ended"), Of(service, "sent"), Of(service, "dropped")))];

    static ulong Of(IEnumerable<(string Service, string Outcome, ulong Spans)> totals, string outcome) =>
        totals.FirstOrDefault(each => each.Outcome == outcome).Spans;

    /// <summary>Of the services that are known; none where names are not listed.</summary>
    static async Task<IReadOnlyList<SamplingAdvice>> SamplingOfAsync(
        ServerOptions options, ISpanStore store, HttpContext context)
    {
        if (!options.Query.SearchEnabled)
            return [];
        var services = await store.GetServiceNamesAsync(context.RequestAborted);
        return [.. services.Take(MaxServices)
            .Select(service => SamplingEndpoints.AdviceFor(context.RequestServices, service))];
    }

    static List<SettingState> SettingsOf(ServerOptions options) => [.. Help.Settings(options).Zip(Help.Settings(),
        (now, usual) => new SettingState(now.Key, now.Default, usual.Default, now.Text))];
}
