using System.Globalization;

namespace Tracing.Demo;

/// <summary>What the program was started with.</summary>
/// <param name="Service">The service that this process is; empty for the one that starts the others.</param>
/// <param name="Server">Main address of the tracing server.</param>
/// <param name="Port">Of the page with the faults; those of the services follow.</param>
/// <param name="Rate">Shoppers a second.</param>
/// <param name="Faults">Names of those that are on from the start.</param>
sealed record DemoSettings(string Service, Uri Server, int Port, double Rate, string[] Faults)
{
    /// <summary>In the order of their ports. "stock" has two hosts.</summary>
    public static readonly string[] Services =
        ["storefront", "catalog", "cart", "checkout", "payment", "stock", "stock-2", "queue", "mailer", "shoppers"];

    public static DemoSettings Read(IConfiguration configuration) => new(
        configuration["service"] ?? "",
        new Uri(configuration["server"] ?? "http://127.0.0.1:9411"),
        int.Parse(configuration["port"] ?? "9480", CultureInfo.InvariantCulture),
        double.Parse(configuration["rate"] ?? "5", CultureInfo.InvariantCulture),
        (configuration["fault"] ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries));

    public Uri AddressOf(string service) =>
        new($"http://127.0.0.1:{Port + 1 + Array.IndexOf(Services, service)}");

    public Uri FaultsPage => new($"http://127.0.0.1:{Port}/");

    public string[] ToArguments(string service) =>
    [
        $"--service={service}", $"--server={Server}", $"--port={Port}",
        string.Create(CultureInfo.InvariantCulture, $"--rate={Rate}"),
    ];
}
