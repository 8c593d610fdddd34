namespace Tracing.CrashTest;

/// <summary>
/// When to kill: at any time of a round, or just after the store has begun a file: of rows, as when memory is written
/// out or files are compacted, of large values, or a log.
/// </summary>
sealed class KillMoment : IDisposable
{
    /// <summary>How long after such a moment at most; some times what a small file takes.</summary>
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
            2 => "*.sst",
            3 => "*.blob",
            _ => "*.log",
        });
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
