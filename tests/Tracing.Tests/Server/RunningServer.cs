using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tracing.Server;

namespace Tracing.Tests;

/// <summary>The whole server in this process, on free ports and a folder of its own.</summary>
sealed class RunningServer : IAsyncDisposable
{
    readonly TemporaryFolder? _folder;
    readonly WebApplication _app;

    RunningServer(WebApplication app, TemporaryFolder? folder)
    {
        _app = app;
        _folder = folder;
        // in the order in which the server listens
        var addresses = app.Services.GetRequiredService<IServer>().Features
            .GetRequiredFeature<IServerAddressesFeature>().Addresses.ToList();
        Http = new Uri(addresses[0]);
        OtlpHttp = new Uri(addresses[1]);
        Grpc = new Uri(addresses[2]);
        Client = new HttpClient { BaseAddress = Http };
        Addresses = addresses.ConvertAll(address => new Uri(address));
    }

    public Uri Http { get; }

    public Uri OtlpHttp { get; }

    public Uri Grpc { get; }

    public HttpClient Client { get; }

    /// <summary>In the order in which the server listens.</summary>
    public IReadOnlyList<Uri> Addresses { get; }

    /// <summary>All that is mapped.</summary>
    public IReadOnlyList<Endpoint> Endpoints => _app.Services.GetRequiredService<EndpointDataSource>().Endpoints;

    public static Task<RunningServer> StartAsync(params string[] args) => StartAsync(null, null, args);

    /// <param name="folder">Where spans are kept; null for a new folder that is deleted in the end.</param>
    /// <param name="configure">Services to replace, such as a store with faults.</param>
    public static async Task<RunningServer> StartAsync(
        string? folder, Action<WebApplicationBuilder>? configure, params string[] args)
    {
        var own = folder is null ? new TemporaryFolder() : null;
        string[] all =
        [
            "--Tracing:Address=127.0.0.1", "--Tracing:Port=0", "--Tracing:OtlpHttpPort=0", "--Tracing:GrpcPort=0",
            $"--Tracing:Storage:Path={folder ?? own!.Path}", .. args,
        ];
        var app = TracingServer.Build(all, builder =>
        {
            builder.Logging.SetMinimumLevel(LogLevel.Warning);
            configure?.Invoke(builder);
        });
        await app.StartAsync();
        return new RunningServer(app, own);
    }

    public Task<HttpResponseMessage> PostAsync(string path, string body, string contentType = "application/json") =>
        Client.PostAsync(path, new StringContent(body, Encoding.UTF8, contentType));

    public Task<JsonElement> GetJsonAsync(string path) => Client.GetFromJsonAsync<JsonElement>(path);

    public Task StopAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        _folder?.Dispose();
    }
}

/// <summary>A new empty folder that goes away with the test.</summary>
sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("tracing-test-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
