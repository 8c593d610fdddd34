namespace Tracing.Tests;

/// <summary>A clock that stands still until it is moved, and its timers, which run within the move.</summary>
sealed class TestClock : TimeProvider
{
    readonly Lock _lock = new();
    readonly List<Timer> _timers = [];
    DateTimeOffset _now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    long _ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow()
    {
        lock (_lock)
            return _now;
    }

    public override long GetTimestamp()
    {
        lock (_lock)
            return _ticks;
    }

    /// <summary>Somebody sets the clock; no time passes.</summary>
    public void Set(TimeSpan by)
    {
        lock (_lock)
        {
            _now += by;
            // which wait for time to pass
            _timers.ForEach(timer => timer.Move(by));
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        lock (_lock)
        {
            var timer = new Timer(this, callback, state);
            timer.Set(dueTime, period);
            _timers.Add(timer);
            return timer;
        }
    }

    /// <summary>How long until the next timer runs; null if none is set.</summary>
    public TimeSpan? NextTimer
    {
        get
        {
            lock (_lock)
                return _timers.Min(timer => timer.Due) - _now;
        }
    }

    /// <summary>Runs each timer that becomes due, once.</summary>
    public void Advance(TimeSpan time)
    {
        List<Timer> due;
        lock (_lock)
        {
            _now += time;
            _ticks += time.Ticks;
            due = _timers.FindAll(timer => timer.TakeDue());
        }
        due.ForEach(timer => timer.Run());
    }

    sealed class Timer(TestClock clock, TimerCallback callback, object? state) : ITimer
    {
        public DateTimeOffset? Due { get; private set; }

        TimeSpan _period;

        public void Set(TimeSpan dueTime, TimeSpan period)
        {
            Due = dueTime == Timeout.InfiniteTimeSpan ? null : clock._now + dueTime;
            _period = period;
        }

        public void Move(TimeSpan by) => Due += by;

        public bool TakeDue()
        {
            if (Due is null || Due > clock._now)
                return false;
            Due = _period == Timeout.InfiniteTimeSpan ? null : clock._now + _period;
            return true;
        }

        public void Run() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock._lock)
                Set(dueTime, period);
            return true;
        }

        public void Dispose()
        {
            lock (clock._lock)
                clock._timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
