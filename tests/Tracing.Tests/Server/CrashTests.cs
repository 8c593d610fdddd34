using Tracing.CrashTest;
using Xunit;

namespace Tracing.Tests;

/// <summary>The short form of what <c>benchmarks/CrashTest</c> does for hours.</summary>
public sealed class CrashTests
{
    [Fact]
    public async Task A_killed_server_has_all_it_acknowledged_once_and_no_body_in_part()
    {
        using var folder = new TemporaryFolder();
        var options = new CrashOptions
        {
            Server = ServerAssembly.Path,
            Folder = folder.Path,
            Kills = 8,
            Seed = 1,
            Round = TimeSpan.FromSeconds(1),
        };
        var report = await new CrashRun(options, TimeProvider.System, TestContext.Current.SendDiagnosticMessage)
            .RunAsync();
        Assert.True(report.IsGood, report.ToString());
        Assert.True(report.SpansAcknowledged > 1000, report.ToString());
        Assert.True(report.Calls > 1000, report.ToString());
        Assert.True(report.Kills >= 8, report.ToString());
    }
}

/// <summary>Where the server was built to, beside the tests.</summary>
static class ServerAssembly
{
    public static string Path { get; } = System.IO.Path.Combine(AppContext.BaseDirectory, "tracing.dll");
}
