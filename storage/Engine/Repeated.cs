namespace Tracing.Storage.Engine;

/// <summary>Work that is done again and again in the background, once at a time.</summary>
sealed class Repeated : IAsyncDisposable
{
    readonly Func<CancellationToken, Task<bool>> _run;
    readonly Action<string> _failed;
    readonly ITimer _timer;
    readonly CancellationTokenSource _closed = new();
    readonly Lock _lock = new();
    readonly SemaphoreSlim _turn = new(1);
    Task _task = Task.CompletedTask;
    bool _hasNext;
    bool _isClosed;

    /// <param name="run">Does a part of it; true if there may be more.</param>
    /// <param name="failed">Told why it failed; it is done again all the same.</param>
    public Repeated(TimeProvider time, TimeSpan every, Func<CancellationToken, Task<bool>> run, Action<string> failed)
    {
        _run = run;
        _failed = failed;
        _timer = time.CreateTimer(_ => Start(), null, every, every);
    }

    /// <summary>Whether nothing is being done in the background.</summary>
    public bool IsIdle
    {
        get
        {
            lock (_lock)
                return _task.IsCompleted;
        }
    }

    /// <summary>
    /// Begins in the background; completes when all that there is now was done, or failed. Who is at it already may
    /// have looked before: then it is begun once more after that, for all who asked meanwhile.
    /// </summary>
    public Task StartAsync()
    {
        lock (_lock)
        {
            if (_isClosed || _hasNext)
                return _task;
            if (_task.IsCompleted)
                return _task = RunInBackgroundAsync();
            _hasNext = true;
            return _task = RunAfterAsync(_task);
        }
    }

    /// <summary>Does all that there is, after who does it already.</summary>
    /// <param name="run">Does a part of it, in its own way; true if there may be more.</param>
    /// <exception cref="ObjectDisposedException">It was stopped.</exception>
    public async Task RunAsync(Func<CancellationToken, Task<bool>> run, CancellationToken cancellation)
    {
        for (var isMore = true; isMore;)
        {
            await _turn.WaitAsync(cancellation);
            try
            {
                ObjectDisposedException.ThrowIf(_isClosed, this);
                isMore = await run(cancellation);
            }
            finally
            {
                _turn.Release();
            }
        }
    }

    /// <summary>Stops it, and waits for it.</summary>
    public async ValueTask DisposeAsync()
    {
        await _timer.DisposeAsync();
        await _closed.CancelAsync();
        await _turn.WaitAsync();
        lock (_lock)
            _isClosed = true;
        _turn.Release();
        await _task;
        _closed.Dispose();
    }

    void Start()
    {
        lock (_lock)
        {
            if (!_isClosed && _task.IsCompleted)
                _task = RunInBackgroundAsync();
        }
    }

    async Task RunAfterAsync(Task before)
    {
        await before;
        lock (_lock)
            _hasNext = false;
        await RunInBackgroundAsync();
    }

    async Task RunInBackgroundAsync()
    {
        // who starts it goes on
        await Task.Yield();
        try
        {
            await RunAsync(_run, _closed.Token);
        }
        catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
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
