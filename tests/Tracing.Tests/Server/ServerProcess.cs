using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Tracing.Tests;

/// <summary>The server as a process of its own, for tests that kill it.</summary>
sealed class ServerProcess : IAsyncDisposable
{
    readonly Process _process;

    ServerProcess(Process process, Uri http)
    {
        _process = process;
        Client = new HttpClient { BaseAddress = http };
    }

    public HttpClient Client { get; }

    /// <summary>Returns once it listens.</summary>
    public static async Task<ServerProcess> StartAsync(string folder, params string[] args)
    {
        var port = FreePort();
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true };
        string[] all =
        [
            Path.Combine(AppContext.BaseDirectory, "tracing.dll"), "--Tracing:Address=127.0.0.1",
            $"--Tracing:Port={port}", "--Tracing:OtlpHttpPort=-1", "--Tracing:GrpcPort=-1",
            $"--Tracing:Storage:Path={folder}", .. args,
        ];
        foreach (var arg in all)
            start.ArgumentList.Add(arg);
        var process = Process.Start(start)!;
        var output = new List<string>();
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            output.Add(line);
            if (line.Contains("Ready at", StringComparison.Ordinal))
            {
                // read on, so that the pipe never fills and stalls the server
                _ = process.StandardOutput.ReadToEndAsync();
                return new ServerProcess(process, new Uri($"http://127.0.0.1:{port}"));
            }
        }
        throw new InvalidOperationException("the server did not start: " + string.Join('\n', output));
    }

    /// <summary>SIGKILL: nothing of the process runs any more.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            await KillAsync();
        _process.Dispose();
        Client.Dispose();
    }
}
