using System.Globalization;

namespace Tracing.Storage;

/// <summary>
/// The time by which what is stored may be deleted: the clock's, as far as it went on while processes ran. When it is
/// further ahead than that by more than <see cref="Tolerance"/>, it may be wrong; then only the time that passes
/// counts, until the clock was as far ahead for as long as it jumped, or for <see cref="MaxWait"/>. A clock that is
/// set back is followed at once. For many threads.
/// </summary>
sealed class RunningClock
{
    /// <summary>What a restart, a pause or a correction may take.</summary>
    public static readonly TimeSpan Tolerance = TimeSpan.FromHours(1);

    public static readonly TimeSpan MaxWait = TimeSpan.FromDays(1);

    readonly TimeProvider _time;
    readonly Lock _lock = new();
    long _looked;
    RunningClockState _state;

    /// <param name="before">What an earlier process left; null when there was none, and the clock is believed.</param>
    public RunningClock(TimeProvider time, RunningClockState? before)
    {
        _time = time;
        _looked = time.GetTimestamp();
        _state = before ?? new RunningClockState(time.GetUtcNow().Ticks, 0, 0);
        Look();
    }

    /// <summary>To be kept for the next process.</summary>
    public RunningClockState State
    {
        get
        {
            lock (_lock)
                return _state;
        }
    }

    /// <summary>Why the clock is not believed; null when it is.</summary>
    public string? Doubt
    {
        get
        {
            var (now, ahead, waited) = State;
            return ahead == 0 ? null : string.Create(CultureInfo.InvariantCulture,
                $"The clock is {Text(new TimeSpan(ahead))} ahead of the time that passed while the server ran. " +
                $"Nothing is deleted on account of that for another {Text(new TimeSpan(NeededFor(ahead) - waited))}, " +
                $"and it is taken for {new DateTime(now, DateTimeKind.Utc):u} meanwhile. If the clock is wrong, set " +
                $"it right before.");
        }
    }

    /// <summary>The time as it is known now; to be asked every few minutes at least.</summary>
    public DateTimeOffset Look()
    {
        lock (_lock)
        {
            var timestamp = _time.GetTimestamp();
            var passed = _time.GetElapsedTime(_looked, timestamp).Ticks;
            _looked = timestamp;
            var (clock, expected) = (_time.GetUtcNow().Ticks, _state.Now + passed);
            var ahead = clock - expected;
            // another jump is waited out anew
            var waited = ahead > _state.Ahead + Tolerance.Ticks ? 0 : _state.Waited + passed;
            _state = ahead <= Tolerance.Ticks || (_state.Ahead > 0 && waited >= NeededFor(ahead))
                ? new RunningClockState(clock, 0, 0)
                : new RunningClockState(expected, ahead, waited);
            return new DateTimeOffset(_state.Now, TimeSpan.Zero);
        }
    }

    static long NeededFor(long ahead) => Math.Min(ahead, MaxWait.Ticks);

    static string Text(TimeSpan time) => time.ToString(@"d\.hh\:mm", CultureInfo.InvariantCulture);
}

/// <summary>What a <see cref="RunningClock"/> knows, in ticks.</summary>
/// <param name="Now">The time that is believed, as <see cref="DateTimeOffset.UtcTicks"/>.</param>
/// <param name="Ahead">By how much the clock is ahead of it; 0 while it is believed.</param>
/// <param name="Waited">For how long it has been.</param>
readonly record struct RunningClockState(long Now, long Ahead, long Waited);
