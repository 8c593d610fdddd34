namespace Tracing.Storage.DuckDb;

/// <summary>How the embedded store is set up. Checked by <see cref="Validate"/> when a store is opened.</summary>
public sealed record DuckDbStoreOptions
{
    /// <summary>The path that keeps spans in memory only; they are gone when the store is closed.</summary>
    public const string InMemory = ":memory:";

    /// <summary>
    /// Folder of the store, made when absent; for one process at a time. Default: "./data". See also
    /// <see cref="InMemory"/>.
    /// </summary>
    public string Path { get; init; } = "./data";

    /// <summary>
    /// Keys of tags whose values are kept for completion. Default: none. Choose keys of few values: each distinct
    /// value is kept in memory.
    /// </summary>
    public IReadOnlyList<string> AutocompleteKeys { get; init; } = [];

    /// <summary>
    /// How many spans may wait to be written before more are refused as overload. Default: 200,000, some 200 MB of
    /// spans of ten attributes; from 1. A bigger batch is taken when nothing else waits.
    /// </summary>
    public int MaxQueuedSpans { get; init; } = 200_000;

    /// <summary>
    /// How many spans one transaction may hold, unless a single batch has more. Default: 20,000, past which DuckDB's
    /// cost per span falls no further; from 1.
    /// </summary>
    public int MaxTransactionSpans { get; init; } = 20_000;

    /// <summary>
    /// Memory that DuckDB may take for its buffers, in MiB; what does not fit goes to temporary files. Default: 512;
    /// from 64. In memory only, where nothing is sealed, it bounds what can be kept.
    /// </summary>
    public int MemoryLimitMiB { get; init; } = 512;

    /// <summary>
    /// How many queries may run at once; more wait. Default: 8; from 1. Each may use all cores.
    /// </summary>
    public int MaxConcurrentReads { get; init; } = 8;

    /// <summary>
    /// How many spans a partition takes before it is sealed: sorted, compressed and put in a file of its own. What is
    /// not sealed takes memory, about 800 bytes a span, and sealing twice as much for a while. Default: 300,000; from
    /// 1.
    /// </summary>
    public int SealSpans { get; init; } = 300_000;

    /// <summary>
    /// How many bytes of memory a partition takes before it is sealed, so that large spans do not fill the memory long
    /// before <see cref="SealSpans"/>; 300,000 usual ones take half of it. Together with what waits to be sealed it is
    /// four times as much at most, past which spans are refused.
    /// </summary>
    internal long SealBytes { get; init; } = 512 << 20;

    /// <summary>How long a partition takes spans before it is sealed. Default: 1 hour; more than 0.</summary>
    public TimeSpan SealAge { get; init; } = TimeSpan.FromHours(1);

    /// <summary>
    /// How long a partition is kept after the last of its spans was stored; it is dropped whole, so that spans may stay
    /// longer. Default: 7 days, as Zipkin's Cassandra storage keeps them; more than 0. Nothing is dropped in memory.
    /// </summary>
    public TimeSpan Retention { get; init; } = TimeSpan.FromDays(7);

    /// <summary>
    /// How long latencies are kept by the hour; by the minute they are as long as spans. Default: 60 days; more than 0.
    /// </summary>
    public TimeSpan HoursRetention { get; init; } = TimeSpan.FromDays(60);

    /// <summary>How long latencies are kept by the day. Default: 396 days, 13 months; more than 0.</summary>
    public TimeSpan DaysRetention { get; init; } = TimeSpan.FromDays(396);

    /// <summary>
    /// Bytes of the partitions' files above which the oldest sealed ones are dropped. Default: 0, for no bound.
    /// </summary>
    public long MaxBytes { get; init; }

    /// <summary>
    /// How long a partition is left alone after the last of its spans was stored. Then it is merged with its neighbours
    /// and thinned out. Default: 1 hour; 0 or more.
    /// </summary>
    public TimeSpan HotWindow { get; init; } = TimeSpan.FromHours(1);

    /// <summary>
    /// Share of the traces that nothing speaks for (no error, not slow, not rare) that are kept when partitions are
    /// thinned out; 1 keeps everything. Default: 0.1; 0 to 1.
    /// </summary>
    public double BaselineRate { get; init; } = 0.1;

    /// <summary>
    /// How many spans of sealed partitions are merged at once, unless they cover an hour before. Default: 2,400,000;
    /// from 1.
    /// </summary>
    public int MergeSpans { get; init; } = 2_400_000;

    /// <summary>Traces that memory has something of for searches, each 48 bytes.</summary>
    internal int MaxTracesInMemory { get; init; } = 2_000_000;

    /// <summary>Fewer traces are not thinned out.</summary>
    internal int MinThinnedTraces { get; init; } = Tiers.MinTraces;

    /// <summary>Whether exemplars of statistics are kept in thinning out; for tests that count.</summary>
    internal bool KeepsExemplars { get; init; } = true;

    /// <summary>Whether spans are counted for statistics; for the benchmark of what that costs.</summary>
    internal bool CountsSpans { get; init; } = true;

    internal bool IsInMemory => Path == InMemory;

    /// <exception cref="ArgumentException">A value is out of its range; the message names it and the value.</exception>
    public void Validate()
    {
        if (string.IsNullOrWhiteSpace(Path))
            throw new ArgumentException($"Path must name a folder or be \"{InMemory}\", but it is \"{Path}\".");
        CheckAtLeast(nameof(MaxQueuedSpans), MaxQueuedSpans, 1);
        CheckAtLeast(nameof(MaxTransactionSpans), MaxTransactionSpans, 1);
        CheckAtLeast(nameof(MemoryLimitMiB), MemoryLimitMiB, 64);
        CheckAtLeast(nameof(MaxConcurrentReads), MaxConcurrentReads, 1);
        CheckAtLeast(nameof(SealSpans), SealSpans, 1);
        if (SealAge <= TimeSpan.Zero)
            throw new ArgumentException($"SealAge must be more than 0, but it is {SealAge}.");
        if (Retention <= TimeSpan.Zero)
            throw new ArgumentException($"Retention must be more than 0, but it is {Retention}.");
        if (HoursRetention <= TimeSpan.Zero)
            throw new ArgumentException($"HoursRetention must be more than 0, but it is {HoursRetention}.");
        if (DaysRetention <= TimeSpan.Zero)
            throw new ArgumentException($"DaysRetention must be more than 0, but it is {DaysRetention}.");
        if (MaxBytes < 0)
            throw new ArgumentException($"MaxBytes must be at least 0, but it is {MaxBytes}.");
        if (HotWindow < TimeSpan.Zero)
            throw new ArgumentException($"HotWindow must be at least 0, but it is {HotWindow}.");
        if (BaselineRate is not (>= 0 and <= 1))
            throw new ArgumentException($"BaselineRate must be between 0 and 1, but it is {BaselineRate}.");
        CheckAtLeast(nameof(MergeSpans), MergeSpans, 1);
    }

    static void CheckAtLeast(string name, int value, int minimum)
    {
        if (value < minimum)
            throw new ArgumentException($"{name} must be at least {minimum}, but it is {value}.");
    }
}
