namespace Tracing.Tests;

/// <summary>A clock that stands still until it is moved.</summary>
sealed class TestClock : TimeProvider
{
    DateTimeOffset _now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    long _ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => _now;

    public override long GetTimestamp() => _ticks;

    /// <summary>Time passes.</summary>
    public void Advance(TimeSpan time)
    {
        _now += time;
        _ticks += time.Ticks;
    }

    /// <summary>Somebody sets the clock; no time passes.</summary>
    public void Set(TimeSpan by) => _now += by;
}
