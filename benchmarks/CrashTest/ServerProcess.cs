using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Tracing.CrashTest;

/// <summary>The server as a process of its own, to be killed.</summary>
sealed class ServerProcess : IAsyncDisposable
{
    readonly Process _process;
    readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    ServerProcess(Process process, Uri http)
    {
        _process = process;
        Client = new HttpClient { BaseAddress = http };
    }

    public HttpClient Client { get; }

    /// <summary>What it has written so far, both streams.</summary>
    public ConcurrentQueue<string> Output { get; } = [];

    /// <summary>Returns once it listens.</summary>
    /// <param name="assembly">Path of tracing.dll.</param>
    /// <exception cref="ServerNotStartedException">It ended before.</exception>
    public static async Task<ServerProcess> StartAsync(string assembly, string folder, params string[] args)
    {
        var server = Begin(assembly, folder, args);
        await Task.WhenAny(server._ready.Task, server._process.WaitForExitAsync());
        if (server._ready.Task.IsCompleted)
            return server;
        // with this its streams are read to their ends
        await server._process.WaitForExitAsync();
        var exception = new ServerNotStartedException(
            server._process.ExitCode, string.Join(Environment.NewLine, server.Output));
        await server.DisposeAsync();
        throw exception;
    }

    /// <summary>Returns at once, to be killed while it starts.</summary>
    public static ServerProcess Begin(string assembly, string folder, params string[] args)
    {
        var port = FreePort();
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        string[] all =
        [
            assembly, "--Tracing:Address=127.0.0.1", $"--Tracing:Port={port}", "--Tracing:OtlpHttpPort=-1",
            "--Tracing:GrpcPort=-1", $"--Tracing:Storage:Path={folder}", .. args,
        ];
        foreach (var arg in all)
            start.ArgumentList.Add(arg);
        var process = new Process { StartInfo = start };
        var server = new ServerProcess(process, new Uri($"http://127.0.0.1:{port}"));
        process.OutputDataReceived += (_, line) => server.Read(line.Data);
        process.ErrorDataReceived += (_, line) => server.Read(line.Data);
        process.Start();
        // read to the end, so that the pipes never fill and stall the server
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return server;
    }

    /// <summary>SIGKILL: nothing of the process runs any more.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>SIGTERM; returns with the exit code when the process has ended.</summary>
    public async Task<int> StopAsync()
    {
        using var signal = Process.Start("kill", ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        await _process.WaitForExitAsync();
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            await KillAsync();
        _process.Dispose();
        Client.Dispose();
    }

    void Read(string? line)
    {
        if (line is null)
            return;
        Output.Enqueue(line);
        if (line.Contains("Ready at", StringComparison.Ordinal))
            _ready.TrySetResult();
    }

    static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

/// <summary>The server ended instead of listening.</summary>
sealed class ServerNotStartedException(int exitCode, string output)
    : Exception($"the server did not start, exit code {exitCode}:{Environment.NewLine}{output}")
{
    public int ExitCode => exitCode;
}
