using System.Diagnostics;
using Xunit;

namespace Tracing.Tests.Instrumentation;

/// <summary>A service in a process of its own; see benchmarks/Hops.</summary>
sealed class HopProcess : IAsyncDisposable
{
    readonly Process _process;

    HopProcess(Process process, string[] addresses)
    {
        _process = process;
        (Http, Grpc) = (new Uri(addresses[0]), new Uri(addresses[1]));
    }

    public Uri Http { get; }

    public Uri Grpc { get; }

    public static async Task<HopProcess> StartAsync(params string[] arguments)
    {
        var configuration = AppContext.BaseDirectory.Contains("release", StringComparison.OrdinalIgnoreCase)
            ? "release"
            : "debug";
        var program = Path.Combine(
            Repository.Root, "artifacts", "bin", "Tracing.Hops", configuration, "Tracing.Hops.dll");
        var process = Process.Start(new ProcessStartInfo("dotnet", [program, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        var line = await process.StandardOutput.ReadLineAsync();
        Assert.StartsWith("ready ", line);
        return new HopProcess(process, line!.Split(' ')[1..]);
    }

    /// <summary>Stops it as a deployment does: what it has recorded is sent first.</summary>
    public async Task StopAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            await StopAsync();
        _process.Dispose();
    }
}
