namespace Tracing.Storage.Engine;

/// <summary>How the engine is set up. Checked by <see cref="Validate"/> when a store is opened.</summary>
public record EngineOptions
{
    /// <summary>Keys of tags whose values are kept for completion. Default: none.</summary>
    public IReadOnlyList<string> AutocompleteKeys { get; init; } = [];

    /// <summary>How many spans may wait to be written before more are refused as overload. Default: 200,000.</summary>
    public int MaxQueuedSpans { get; init; } = 200_000;

    /// <summary>How long a group waits for more requests before it is written. Default: 50 ms; 0 or more.</summary>
    public TimeSpan GroupDelay { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Groups written at once; while so many are, the next one grows. Default: 3; from 1.</summary>
    public int MaxGroups { get; init; } = 3;

    /// <summary>How many spans a group has at most, unless a single request has more. Default: 20,000.</summary>
    public int MaxGroupSpans { get; init; } = 20_000;

    /// <summary>
    /// How many spans a block has at most. More take less room; fewer are decoded sooner for a trace by id. Default:
    /// 2,000.
    /// </summary>
    public int BlockSpans { get; init; } = 2_000;

    /// <summary>
    /// A request is answered as overloaded when it is not written by then, though it may be later; who sends it again
    /// hears. Default: 10 s.
    /// </summary>
    public TimeSpan WriteTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Memory for blocks that were read, in MiB. Default: 256; from 1.</summary>
    public int CacheMiB { get; init; } = 256;

    /// <summary>How long spans are kept. Default: 7 days.</summary>
    public TimeSpan Retention { get; init; } = TimeSpan.FromDays(7);

    /// <summary>How long latencies are kept by the hour; by the minute as long as spans. Default: 60 days.</summary>
    public TimeSpan HoursRetention { get; init; } = TimeSpan.FromDays(60);

    /// <summary>How long latencies are kept by the day. Default: 396 days, 13 months.</summary>
    public TimeSpan DaysRetention { get; init; } = TimeSpan.FromDays(396);

    /// <summary>
    /// How long after spans were stored their traces are thinned out; 20 minutes at least. Default: 1 hour; 0 or more.
    /// </summary>
    public TimeSpan HotWindow { get; init; } = TimeSpan.FromHours(1);

    /// <summary>
    /// Share of the traces that nothing speaks for (no error, not slow, not rare) that are kept after the hot window;
    /// 1 keeps everything. Default: 0.1; 0 to 1.
    /// </summary>
    public double BaselineRate { get; init; } = 0.1;

    /// <summary>
    /// How far from the time searched Zipkin's search looks for spans that meet its conditions, and how far spans count
    /// when traces are ordered by something else than time. Default: 1 minute.
    /// </summary>
    public TimeSpan TraceSpread { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How often what is stored is counted for good; calls whose callee does not come are seen within twice this time.
    /// Default: 4 s.
    /// </summary>
    public TimeSpan CountEvery { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>How many spans a block has that compaction writes, which searches read by its summary.</summary>
    internal int CompactedBlockSpans { get; init; } = 8_000;

    /// <summary>So many spans of late are compacted before their slice is over, where one process writes.</summary>
    internal int EarlySpans { get; init; } = 100_000;

    /// <summary>
    /// How long it stays which groups are stored. Statistics are made of it within seconds; so long may nobody be there
    /// to do it.
    /// </summary>
    internal TimeSpan CommitRetention => Retention > 3 * Rows.Day ? Retention : 3 * Rows.Day;

    /// <summary>For tests: how wrong this process's clock is.</summary>
    internal Func<TimeSpan> ClockError { get; init; } = () => TimeSpan.Zero;

    /// <summary>When fewer traces are stored within 5 minutes, they are not thinned out.</summary>
    internal int MinThinnedTraces { get; init; } = Tiers.MinTraces;

    /// <summary>Whether exemplars of statistics are kept in thinning out; for tests that count.</summary>
    internal bool KeepsExemplars { get; init; } = true;

    /// <exception cref="ArgumentException">A value is out of its range; the message names it and the value.</exception>
    public virtual void Validate()
    {
        CheckAtLeast(nameof(MaxQueuedSpans), MaxQueuedSpans, 1);
        CheckAtLeast(nameof(MaxGroups), MaxGroups, 1);
        CheckAtLeast(nameof(MaxGroupSpans), MaxGroupSpans, 1);
        CheckAtLeast(nameof(BlockSpans), BlockSpans, 1);
        CheckAtLeast(nameof(CacheMiB), CacheMiB, 1);
        CheckPositive(nameof(WriteTimeout), WriteTimeout);
        CheckPositive(nameof(Retention), Retention);
        CheckPositive(nameof(HoursRetention), HoursRetention);
        CheckPositive(nameof(DaysRetention), DaysRetention);
        CheckPositive(nameof(CountEvery), CountEvery);
        if (GroupDelay < TimeSpan.Zero)
            throw new ArgumentException($"GroupDelay must be at least 0, but it is {GroupDelay}.");
        if (HotWindow < TimeSpan.Zero)
            throw new ArgumentException($"HotWindow must be at least 0, but it is {HotWindow}.");
        if (BaselineRate is not (>= 0 and <= 1))
            throw new ArgumentException($"BaselineRate must be between 0 and 1, but it is {BaselineRate}.");
        if (TraceSpread < TimeSpan.Zero)
            throw new ArgumentException($"TraceSpread must be at least 0, but it is {TraceSpread}.");
    }

    protected static void CheckAtLeast(string name, int value, int minimum)
    {
        if (value < minimum)
            throw new ArgumentException($"{name} must be at least {minimum}, but it is {value}.");
    }

    protected static void CheckPositive(string name, TimeSpan value)
    {
        if (value <= TimeSpan.Zero)
            throw new ArgumentException($"{name} must be more than 0, but it is {value}.");
    }
}
