namespace Tracing.Storage.Cassandra;

/// <summary>
/// How many writes are under way at once, over all groups: so many that Cassandra is busy, but few wait there. A window
/// as TCP Vegas has it: of n writes that take t on average, where those of the quickest round took t0, n (1 - t0 / t)
/// wait. After each round of as many writes as there may be, it grows by one if fewer waited than should, and shrinks
/// by one if more did; a failure halves it. For any thread.
/// </summary>
sealed class WriteWindow(TimeProvider time)
{
    public const int Min = 4;
    public const int Max = 128;

    const int First = 16;

    /// <summary>Writes that should wait at Cassandra: a few, so that it never runs dry.</summary>
    const int FewestWaiting = 4;
    const int MostWaiting = 8;

    readonly Lock _lock = new();
    readonly Queue<TaskCompletionSource> _turns = [];
    int _size = First;
    int _running;
    double _quickest = double.PositiveInfinity;

    // of the round
    int _ended;
    int _most;
    double _seconds;

    /// <summary>Writes that may be under way.</summary>
    public int Size
    {
        get
        {
            lock (_lock)
                return _size;
        }
    }

    /// <summary>Writes once it is this write's turn.</summary>
    public async Task<T> RunAsync<T>(Func<Task<T>> write)
    {
        await WhenTurnAsync();
        var began = time.GetTimestamp();
        var isWritten = false;
        try
        {
            var result = await write();
            isWritten = true;
            return result;
        }
        finally
        {
            End(isWritten ? time.GetElapsedTime(began).TotalSeconds : double.PositiveInfinity);
        }
    }

    Task WhenTurnAsync()
    {
        lock (_lock)
        {
            if (_running < _size)
            {
                Start();
                return Task.CompletedTask;
            }
            var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _turns.Enqueue(turn);
            return turn.Task;
        }
    }

    /// <param name="seconds">Infinite when it failed.</param>
    void End(double seconds)
    {
        lock (_lock)
        {
            Adapt(seconds);
            _running--;
            while (_running < _size && _turns.TryDequeue(out var turn))
            {
                Start();
                turn.SetResult();
            }
        }
    }

    void Start()
    {
        _running++;
        _most = Math.Max(_most, _running);
    }

    void Adapt(double seconds)
    {
        if (double.IsInfinity(seconds))
        {
            _size = Math.Max(Min, _size / 2);
            return;
        }
        _seconds += seconds;
        if (++_ended < _size)
            return;
        // rounds, as writes are of different sizes
        var mean = _seconds / _ended;
        _quickest = Math.Min(_quickest, mean);
        var waited = mean == 0 ? 0 : _most * (1 - (_quickest / mean));
        // what was not used up tells nothing about more
        if (waited < FewestWaiting && _most >= _size)
            _size = Math.Min(Max, _size + 1);
        else if (waited > MostWaiting)
            _size = Math.Max(Min, _size - 1);
        (_ended, _most, _seconds) = (0, 0, 0);
    }
}
