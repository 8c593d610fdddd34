using Tracing.Storage.Tables;

namespace Tracing.Storage.Engine;

/// <summary>The kinds of rows in <see cref="Table.State"/>; the numbers begin their partitions.</summary>
enum StateKind : byte
{
    /// <summary>The hours that have blocks.</summary>
    Hours = 1,

    /// <summary>Who writes, and the minutes of their first and last groups.</summary>
    Writers = 2,

    /// <summary>What was decided on slices.</summary>
    Slices = 3,

    /// <summary>The traces that went with a slice but have spans in the next one.</summary>
    Gone = 4,

    /// <summary>Up to which group of each writer everything is counted; see <see cref="CountState"/>.</summary>
    Counted = 5,
}

/// <summary>The kinds of rows in <see cref="Table.Claims"/>; the numbers begin their partitions.</summary>
enum ClaimKind : byte
{
    /// <summary>Who stores a body, by its hash; and in which group, whose commit tells whether it is stored.</summary>
    Body = 1,

    /// <summary>Who is alive.</summary>
    Alive = 2,

    /// <summary>Who does work that one process does at a time.</summary>
    Lease = 3,

    /// <summary>What collectors tell each other, by topic.</summary>
    Note = 4,
}

/// <summary>What parts of the engine do to rows alike.</summary>
static class Rows
{
    /// <summary>Calls under way at once for one of the engine's.</summary>
    const int MaxParallelReads = 64;

    const long MicrosPerSlot = 60_000_000;

    public static TimeSpan Day { get; } = TimeSpan.FromDays(1);

    /// <summary>The minute since 1970 in which a group was begun, by which commits lie together.</summary>
    public static long SlotOf(long stored) => stored / MicrosPerSlot;

    public static byte[] Partition(StateKind kind) => [(byte)kind];

    /// <summary>All rows of a partition of <see cref="Table.State"/>.</summary>
    public static ValueTask<List<Entry>> ReadAsync(
        this ITables tables, StateKind kind, CancellationToken cancellation) =>
        tables.ScanAsync(Table.State, Partition(kind), Keys.Empty, null, cancellation: cancellation);

    /// <summary>Does something for each item, some at a time, and gives the results in their order.</summary>
    public static async Task<TResult[]> ForAllAsync<T, TResult>(IReadOnlyList<T> items, Func<T, Task<TResult>> run,
        CancellationToken cancellation, int atOnce = MaxParallelReads)
    {
        if (items.Count == 1)
            return [await run(items[0])];
        var results = new TResult[items.Count];
        await Parallel.ForAsync(0, items.Count, new ParallelOptions
        {
            MaxDegreeOfParallelism = atOnce,
            CancellationToken = cancellation,
        }, async (i, _) => results[i] = await run(items[i]));
        return results;
    }
}
