using System.Diagnostics;
using DuckDB.NET.Data;
using Microsoft.Extensions.Logging;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Merges runs of partitions, thinning them out the first time: writes them to a temporary file, whose renaming
/// publishes it. Readers of the old ones finish with them. Used by one thread.
/// </summary>
sealed class Merger(
    StoreFolder folder, Partitions partitions, Sealer sealer, DuckDbStoreOptions options, ILogger logger) : IDisposable
{
    /// <summary>How long a step waits for the sealer, which comes first, as the writer may wait for it.</summary>
    static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(30);

    readonly CancellationTokenSource _closing = new();
    readonly Lock _lock = new();

    // guarded by the lock; null while nothing is merged
    DuckDBConnection? _connection;

    /// <summary>Merges one run, if any is due.</summary>
    /// <param name="firstLive">Partitions from this number on wait, as their spans are not counted yet.</param>
    public bool TryMergeNext(int firstLive, long nowMillis)
    {
        // keeps all of them attached
        using var snapshot = partitions.Take();
        var counted = snapshot.Partitions.TakeWhile(partition => partition.Number < firstLive).ToList();
        var run = MergePlan.Next(counted, options, nowMillis);
        if (run.Count == 0)
            return false;
        var clock = Stopwatch.StartNew();
        using var connection = folder.Connect();
        SetConnection(connection);
        try
        {
            var others = snapshot.Partitions.Except(run).ToList();
            var merged = Merge(connection, run, others, nowMillis);
            logger.Merged(merged.File, run.Count, run.Sum(each => each.SpanCount), merged.SpanCount,
                PartitionFiles.LengthOf(merged.File), clock.Elapsed.TotalSeconds);
            return true;
        }
        finally
        {
            SetConnection(null);
        }
    }

    /// <summary>To be called until what is being done has ended: an interrupt between two statements is lost.</summary>
    public void Interrupt()
    {
        _closing.Cancel();
        lock (_lock)
            _connection?.NativeConnection.Interrupt();
    }

    public void Dispose() => _closing.Dispose();

    void SetConnection(DuckDBConnection? connection)
    {
        lock (_lock)
            _connection = connection;
    }

    Partition Merge(DuckDBConnection connection, IReadOnlyList<Partition> run, List<Partition> others, long nowMillis)
    {
        var (first, last) = (run[0].FirstNumber, run[^1].Number);
        var temporary = PartitionFiles.TemporaryMergedFile(folder.Path, first, last);
        var published = PartitionFiles.MergedFile(folder.Path, first, last);
        // of an attempt that failed
        PartitionFiles.Delete(temporary);
        BeforeEach();
        var gone = run[0].Rewrites == 0 ? TraceJudge.Judge(connection, run, others, options) : run[^1].Gone;
        MergedCopy.Write(connection, run, temporary, gone, nowMillis, BeforeEach);
        PartitionFiles.Sync(temporary);
        File.Move(temporary, published, overwrite: true);
        PartitionFiles.Sync(folder.Path);
        var merged = folder.AttachMerged(connection, first, last, published);
        merged.Gone = gone;
        partitions.Replace(run, merged);
        return merged;
    }

    void BeforeEach()
    {
        _closing.Token.ThrowIfCancellationRequested();
        sealer.WhenIdle().Wait(MaxWait, _closing.Token);
    }
}
