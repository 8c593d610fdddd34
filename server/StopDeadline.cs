using System.Diagnostics;

namespace Tracing.Server;

/// <summary>
/// Ends the process when its stop takes longer than it may, whatever still runs. Nothing is lost: what was
/// acknowledged is on disk, and the next start goes on from there as after any crash.
/// </summary>
static class StopDeadline
{
    /// <summary>Requests in flight have this share of the time; the store has the rest to close.</summary>
    public const double RequestShare = 0.75;

    /// <summary>How long the runtime may take to end; native threads that run on may hold it up.</summary>
    static readonly TimeSpan ExitTimeout = TimeSpan.FromSeconds(1);

    /// <param name="say">Not the log, which may not be written any more.</param>
    public static void Watch(WebApplication app, Action<string> say) => app.Lifetime.ApplicationStopping.Register(() =>
    {
        var timeout = app.Services.GetRequiredService<ServerOptions>().StopTimeout;
        // a thread of its own: those of the pool may all be taken by what does not end
        new Thread(() => End(timeout, say))
        {
            IsBackground = true,
            Name = "stop deadline",
        }.Start();
    });

    static void End(TimeSpan timeout, Action<string> say)
    {
        using var never = new ManualResetEvent(false);
        never.WaitOne(timeout);
        say($"The stop took longer than {timeout} (Tracing:StopTimeout); the process ends now.");
        new Thread(() =>
        {
            using var alsoNever = new ManualResetEvent(false);
            alsoNever.WaitOne(ExitTimeout);
            Process.GetCurrentProcess().Kill();
        })
        {
            IsBackground = true,
        }.Start();
        Environment.Exit(1);
    }
}
