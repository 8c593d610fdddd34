using DuckDB.NET.Data;
using Microsoft.Extensions.Logging;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// The partitions there are, in the order of their numbers. Readers hold a snapshot of them; a partition that has been
/// replaced or dropped is detached, and its file deleted, when the last snapshot with it is given back.
/// </summary>
sealed class Partitions(DuckDBConnection connection, Manifest manifest, ILogger logger) : IDisposable
{
    // also guards the holders of each partition, and the connection
    readonly Lock _lock = new();
    Partition[] _current = [];

    /// <summary>All partitions as they are now; to be disposed.</summary>
    public Snapshot Take()
    {
        lock (_lock)
        {
            foreach (var partition in _current)
                partition.Holders++;
            return new Snapshot(this, _current);
        }
    }

    public void Add(params IReadOnlyList<Partition> added)
    {
        lock (_lock)
            _current = [.. _current.Concat(added).OrderBy(each => each.Number)];
        manifest.Write(Current);
    }

    /// <summary>Called, on whatever thread it is, when a partition has taken the place of others.</summary>
    public Action? Replaced { get; set; }

    /// <summary>Puts a sealed partition in the place of the open one that it was made of, whose file goes.</summary>
    public void Replace(Partition open, Partition @sealed) => Replace([open], @sealed);

    /// <summary>Puts a partition in the place of those that it was made of, whose files go.</summary>
    public void Replace(IReadOnlyList<Partition> olds, Partition made)
    {
        lock (_lock)
        {
            _current = [.. _current.Where(each => !olds.Contains(each)).Append(made).OrderBy(each => each.Number)];
            foreach (var old in olds)
                Retire(old);
        }
        manifest.Write(Current);
        Replaced?.Invoke();
    }

    /// <summary>Forgets a partition and deletes its file.</summary>
    public void Drop(Partition partition)
    {
        lock (_lock)
        {
            _current = Array.FindAll(_current, each => each != partition);
            partition.Holders++;
        }
        // before the file goes, or a start after a kill would miss it
        manifest.Write(Current);
        lock (_lock)
        {
            partition.Holders--;
            Retire(partition);
        }
    }

    Partition[] Current()
    {
        lock (_lock)
            return _current;
    }

    public IReadOnlyList<PartitionInfo> List()
    {
        using var snapshot = Take();
        return [.. snapshot.Partitions.Select(partition =>
        {
            var (min, max) = partition.Starts();
            return new PartitionInfo(partition.Number, partition.IsSealed, partition.SpanCount,
                PartitionFiles.LengthOf(partition.File), min, max, partition.FirstNumber, partition.Rewrites);
        })];
    }

    /// <summary>Closes what partitions hold; nobody may read any more.</summary>
    public void Dispose()
    {
        foreach (var partition in _current)
            partition.Tables?.Dispose();
        connection.Dispose();
    }

    void Release(Partition[] partitions)
    {
        lock (_lock)
        {
            foreach (var partition in partitions)
            {
                partition.Holders--;
                RemoveWhenFree(partition);
            }
        }
    }

    void Retire(Partition partition)
    {
        partition.IsRetired = true;
        RemoveWhenFree(partition);
    }

    void RemoveWhenFree(Partition partition)
    {
        if (!partition.IsRetired || partition.Holders > 0)
            return;
        try
        {
            connection.Execute($"DETACH {Sql.Quote(partition.Database)}");
            partition.Tables?.Dispose();
            PartitionFiles.Delete(partition.File);
        }
        catch (Exception exception) when (exception is DuckDBException or IOException or UnauthorizedAccessException)
        {
            // not the fault of the reader that happens to be the last; the next start deletes the file
            logger.NotDeleted(exception, partition.File);
        }
    }

    public sealed class Snapshot(Partitions owner, Partition[] partitions) : IDisposable
    {
        bool _isReleased;

        /// <summary>In the order of their numbers.</summary>
        public IReadOnlyList<Partition> Partitions => partitions;

        public void Dispose()
        {
            if (_isReleased)
                return;
            _isReleased = true;
            owner.Release(partitions);
        }
    }
}
