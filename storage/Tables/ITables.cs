namespace Tracing.Storage.Tables;

/// <summary>One for each way of keeping rows. Kinds of rows that share one have partitions of their own.</summary>
enum Table
{
    /// <summary>Blocks of spans: large, compressed already, written once; most go within hours.</summary>
    BlockData,

    /// <summary>The same for blocks that stay for days, so that room comes back file by file.</summary>
    KeptData,

    /// <summary>What is known of blocks without reading them.</summary>
    Blocks,

    /// <summary>What blocks have, in some 20 KiB for each, so that those that cannot match are not read.</summary>
    Summaries,

    /// <summary>Which blocks have spans of a trace: most of all rows, without values.</summary>
    Traces,

    Commits,
    Names,

    /// <summary>Latencies; values are compressed already.</summary>
    Latencies,

    /// <summary>Rows of many kinds, each of few.</summary>
    State,

    /// <summary>What ends within minutes.</summary>
    Claims,
}

/// <summary>A row to be written, in the place of one of the same partition and key.</summary>
/// <param name="Partition">What is kept together, on one node; 1 to 65,535 bytes.</param>
/// <param name="Key">Rows of a partition are in the order of these bytes; up to 65,535, may be empty.</param>
/// <param name="Value">May be empty.</param>
/// <param name="TimeToLive">After which it is gone; zero for never.</param>
readonly record struct Row(Table Table, byte[] Partition, byte[] Key, byte[] Value, TimeSpan TimeToLive);

/// <summary>What a row is found by.</summary>
readonly record struct RowKey(Table Table, byte[] Partition, byte[] Key);

/// <summary>A row that was read.</summary>
/// <param name="Version">Never 0 where it was compared and set; it has no meaning but to be equal or not.</param>
readonly record struct Entry(byte[] Key, byte[] Value, long Version);

/// <summary>What became of comparing and setting.</summary>
/// <param name="IsSet">Also when it was set by an earlier attempt of the same call.</param>
/// <param name="Found">The row as it is now; null when there is none.</param>
readonly record struct CasResult(bool IsSet, Entry? Found);

/// <summary>
/// Tables of rows ordered by key within a partition: all that the engine needs of a database. For any thread. A row
/// that was put is seen by every call that begins later. A row is either put or compared and set, never both.
/// </summary>
interface ITables : IAsyncDisposable
{
    /// <summary>
    /// Whether other processes may write at the same time. If not, whoever wrote before is gone, and needs no waiting
    /// for.
    /// </summary>
    bool IsShared { get; }

    /// <summary>
    /// Completes when all rows are durable. They may be seen one by one, but the last not before all the others. What
    /// fails for a moment is tried again until it is cancelled.
    /// </summary>
    /// <param name="beforeLast">Waited for before the last is written; when it throws, that is not written.</param>
    Task PutAsync(IReadOnlyList<Row> rows, Row? last = null, Func<Task>? beforeLast = null,
        CancellationToken cancellation = default);

    ValueTask<Entry?> GetAsync(Table table, byte[] partition, byte[] key, CancellationToken cancellation = default);

    /// <summary>The rows of a partition from a key on up to another, which is left out; null for all others.</summary>
    ValueTask<List<Entry>> ScanAsync(Table table, byte[] partition, byte[] from, byte[]? to,
        bool isDescending = false, int limit = int.MaxValue, CancellationToken cancellation = default);

    /// <summary>Deletes what <see cref="ScanAsync"/> would find.</summary>
    Task DeleteAsync(Table table, byte[] partition, byte[] from, byte[]? to, CancellationToken cancellation = default);

    /// <summary>Deletes rows that were put, if they are there. After a crash some may be there again.</summary>
    Task DeleteAsync(IReadOnlyList<RowKey> rows, CancellationToken cancellation = default);

    /// <summary>Deletes a row, also one whose put is still under way until then.</summary>
    Task ForbidAsync(Table table, byte[] partition, byte[] key, DateTimeOffset until,
        CancellationToken cancellation = default);

    /// <summary>
    /// Sets a row if its version is what was read (0: there is none), with other rows of its table and partition, all
    /// or none. What is set is durable with the next put at the latest.
    /// </summary>
    ValueTask<CasResult> CompareAndSetAsync(Row row, long expectedVersion, IReadOnlyList<Row> others,
        CancellationToken cancellation = default);

    /// <summary>Whether the same may succeed later.</summary>
    bool IsTransient(Exception exception);

    /// <summary>The time by which rows end.</summary>
    Task<DateTimeOffset> ReadClockAsync(CancellationToken cancellation = default);

    /// <summary>
    /// Throws with the reason when rows cannot be read or written; answers what people should look at all the same.
    /// </summary>
    Task<IReadOnlyList<string>> CheckAsync(CancellationToken cancellation = default);
}
