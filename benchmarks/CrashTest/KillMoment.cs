namespace Tracing.CrashTest;

/// <summary>
/// When to kill: at any time of a round, or just after a partition is begun, is being sealed, or has been, which are
/// the moments when files change hands.
/// </summary>
sealed class KillMoment : IDisposable
{
    /// <summary>How long after such a moment at most; some 10 times what sealing a small partition takes.</summary>
    static readonly TimeSpan AfterEvent = TimeSpan.FromMilliseconds(300);

    readonly TimeSpan _longest;
    readonly TimeSpan _delay;
    readonly TimeProvider _time;
    readonly FileSystemWatcher? _watcher;
    readonly TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public KillMoment(string folder, Random random, TimeSpan longest, TimeProvider time)
    {
        _longest = longest;
        _time = time;
        // cubed: most of them close to the moment
        var (kind, share) = (random.Next(5), random.NextDouble());
        _delay = kind < 2 ? longest * share : AfterEvent * share * share * share;
        if (kind < 2)
            return;
        _watcher = new FileSystemWatcher(folder, kind switch
        {
            2 => "*.open.log",
            3 => "*.tmp.duckdb",
            _ => "*.duckdb",
        });
        if (kind == 4)
            _watcher.Renamed += (_, _) => _changed.TrySetResult();
        else
            _watcher.Created += (_, _) => _changed.TrySetResult();
        _watcher.EnableRaisingEvents = true;
    }

    public async Task WaitAsync()
    {
        if (_watcher is not null)
            await Task.WhenAny(_changed.Task, Task.Delay(_longest, _time));
        await Task.Delay(_delay, _time);
    }

    public void Dispose() => _watcher?.Dispose();
}
