namespace Tracing.Storage.Cassandra;

/// <summary>Work that is done again and again in the background, once at a time.</summary>
sealed class Repeated : IAsyncDisposable
{
    readonly Func<CancellationToken, Task> _run;
    readonly Action<string> _failed;
    readonly ITimer _timer;
    readonly CancellationTokenSource _closed = new();
    readonly Lock _lock = new();
    Task _task = Task.CompletedTask;
    bool _isClosed;

    /// <param name="failed">Told why it failed; it is done again all the same.</param>
    public Repeated(TimeProvider time, TimeSpan every, Func<CancellationToken, Task> run, Action<string> failed)
    {
        _run = run;
        _failed = failed;
        _timer = time.CreateTimer(_ => Run(), null, every, every);
    }

    /// <summary>Stops it, and waits for it.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_lock)
            _isClosed = true;
        await _timer.DisposeAsync();
        await _closed.CancelAsync();
        await _task;
        _closed.Dispose();
    }

    void Run()
    {
        lock (_lock)
        {
            if (!_isClosed && _task.IsCompleted)
                _task = RunAsync();
        }
    }

    async Task RunAsync()
    {
        try
        {
            await _run(_closed.Token);
        }
        catch (OperationCanceledException)
        {
            // the store closes
        }
        catch (Exception exception)
        {
            // the edge of the task; the next one goes on where this one ended
            _failed(exception.Message);
        }
    }
}
