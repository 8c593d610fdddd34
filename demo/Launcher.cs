using System.Diagnostics;

namespace Tracing.Demo;

/// <summary>Starts the tracing server if none runs, the services, and a page on which faults are switched.</summary>
static class Launcher
{
    public static async Task RunAsync(DemoSettings settings)
    {
        var faults = new Faults();
        faults.Set(settings.Faults);
        await using var page = FaultsPage(settings, faults);
        await page.StartAsync();
        var services = new List<Process>();
        using var server = await IsUpAsync(settings.Server) ? null : StartServer(settings.Server);
        try
        {
            // first, so that the services find it
            while (!await IsUpAsync(settings.Server))
                await Task.Delay(TimeSpan.FromMilliseconds(200), page.Lifetime.ApplicationStopping);
            services.AddRange(DemoSettings.Services.Select(service => StartService(settings, service)));
            await Console.Out.WriteLineAsync($"""

                The shop is open.
                  traces    {settings.Server}
                  faults    {settings.FaultsPage}
                  shop      {settings.AddressOf("storefront")}
                Ctrl+C ends it.

                """);
            await page.WaitForShutdownAsync();
        }
        catch (OperationCanceledException)
        {
            // ended before it was up
        }
        finally
        {
            await StopAsync(services);
            // what it has acknowledged is on disk
            server?.Kill();
        }
    }

    static WebApplication FaultsPage(DemoSettings settings, Faults faults)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseUrls(settings.FaultsPage.ToString());
        var app = builder.Build();
        app.MapGet("/faults", () => faults.On);
        app.MapPost("/faults/{name}", (string name) => Array.Exists(Faults.Known, each => each.Name == name)
            ? Results.Text(faults.Toggle(name) ? "on\n" : "off\n")
            : Results.NotFound($"There is no fault \"{name}\".\n"));
        app.MapGet("/", () => Results.Content(Page(faults), "text/html; charset=utf-8"));
        return app;
    }

    static string Page(Faults faults) => $$"""
        <!doctype html><title>Faults of the shop</title>
        <style>body{font:16px system-ui;margin:3em auto;max-width:40em}button{min-width:4em;margin-right:1em}</style>
        <h1>Faults of the shop</h1>
        {{string.Concat(Faults.Known.Select(each => $"""
            <p><button onclick="fetch('faults/{each.Name}',{'{'}method:'POST'{'}'}).then(()=>location.reload())">
            {(faults.IsOn(each.Name) ? "on" : "off")}</button><b>{each.Name}</b>: {each.Text}</p>
            """))}}
        """;

    /// <summary>Beside this program, as the build puts it. It keeps its spans in a folder of the demo's own.</summary>
    static Process StartServer(Uri server) => Start(Path.Combine(AppContext.BaseDirectory, "tracing.dll"),
    [
        "--Tracing:Address=127.0.0.1", $"--Tracing:Port={server.Port}", "--Tracing:OtlpHttpPort=-1",
        "--Tracing:GrpcPort=-1", "--Logging:LogLevel:Default=Warning",
        $"--Tracing:Storage:Path={Path.Combine(Path.GetTempPath(), "tracing-demo", $"{server.Port}")}",
    ]);

    static Process StartService(DemoSettings settings, string service) =>
        Start(typeof(Launcher).Assembly.Location, settings.ToArguments(service));

    static Process Start(string program, string[] arguments) =>
        Process.Start(new ProcessStartInfo(Environment.ProcessPath is { } host && IsDotnet(host) ? host : "dotnet",
            [program, .. arguments])
        {
            RedirectStandardInput = true,
        }) ?? throw new InvalidOperationException($"{program} could not be started");

    static bool IsDotnet(string path) => Path.GetFileNameWithoutExtension(path) == "dotnet";

    /// <summary>Services end when their input does, once the server has what they recorded.</summary>
    static async Task StopAsync(List<Process> services)
    {
        foreach (var service in services)
            service.StandardInput.Close();
        foreach (var process in services)
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
            try
            {
                await process.WaitForExitAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                process.Kill();
            }
            process.Dispose();
        }
    }

    static async Task<bool> IsUpAsync(Uri server)
    {
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(2) };
        try
        {
            using var response = await client.GetAsync(new Uri(server, "/health"));
            return response.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            return false;
        }
    }
}
