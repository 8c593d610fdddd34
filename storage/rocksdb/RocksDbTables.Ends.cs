using System.Buffers.Binary;
using Tracing.Storage.Tables;

namespace Tracing.Storage.RocksDb;

/// <summary>
/// When rows end: in their time, and the oldest spans before it, where the folder takes more room than it may.
/// </summary>
sealed partial class RocksDbTables
{
    /// <summary>
    /// Rows that live for so long end every five minutes, so that when they end takes less room, and with others that
    /// were written with them.
    /// </summary>
    static readonly TimeSpan _endsWithOthers = TimeSpan.FromHours(1);

    const int EndsEverySeconds = 300;

    /// <summary>How much longer rows may live because the clock was wrong; see <see cref="Ahead"/>.</summary>
    static readonly TimeSpan _maxAhead = TimeSpan.FromDays(30);

    /// <summary>Spans stay so long whatever room they take, and are known by when they are sent again.</summary>
    static readonly TimeSpan _stay = TimeSpan.FromMinutes(10);

    /// <summary>This part of the bound is freed beyond what is needed, as compaction is work.</summary>
    const int SpareShare = 20;

    static readonly byte[] _cutKey = "cut"u8.ToArray();

    static readonly Table[] _ofSpans =
        [Table.BlockData, Table.KeptData, Table.Blocks, Table.Summaries, Table.Traces, Table.Commits];

    volatile string? _excess;

    // the last time by which rows were written
    uint _latest;

    /// <summary>
    /// What is added to the time that is believed (<see cref="RunningClock"/>) where rows are to live for an hour or
    /// more: so much as the clock is ahead of it, lest they be over when it is believed; or so much as it was set back,
    /// so that they do not end before older ones.
    /// </summary>
    uint Ahead(uint now)
    {
        var ahead = Math.Max(_clock.State.Ahead / TimeSpan.TicksPerSecond, (long)Volatile.Read(ref _latest) - now);
        return (uint)Math.Clamp(ahead, 0, (long)_maxAhead.TotalSeconds);
    }

    uint EndOf(Table table, TimeSpan timeToLive, uint now)
    {
        if (timeToLive == TimeSpan.Zero)
            return 0;
        var ends = now + Math.Max(1, Math.Ceiling(timeToLive.TotalSeconds));
        if (timeToLive >= _endsWithOthers)
        {
            var written = now + Ahead(now);
            if (written > Volatile.Read(ref _latest))
                Volatile.Write(ref _latest, written);
            ends = Math.Ceiling((ends + written - now) / EndsEverySeconds) * EndsEverySeconds;
        }
        // what is written now is not over yet, whatever the clock says
        return (uint)Math.Min(Math.Max(ends, _ends.Of(table, now) + 1), uint.MaxValue);
    }

    /// <summary>What the next process needs to know of the time that has passed.</summary>
    void AddClock(WriteBatch batch)
    {
        _clock.Look();
        var (clock, ahead, waited) = _clock.State;
        batch.Put(Family.Meta, _clockKey, Keys.Of(clock, ahead, waited, Volatile.Read(ref _latest)));
    }

    bool TryWriteClock()
    {
        try
        {
            using var batch = _db.NewBatch();
            AddClock(batch);
            Write(batch, isSynced: false);
            return true;
        }
        catch (RocksDbException)
        {
            // what was known before claims less
            return false;
        }
    }

    /// <summary>What all files of the folder take.</summary>
    internal long BytesOnDisk() => BytesOf("*");

    long BytesOf(string files)
    {
        var bytes = 0L;
        foreach (var file in new DirectoryInfo(_path).EnumerateFiles(files))
        {
            // RocksDB deletes files meanwhile
            file.Refresh();
            bytes += file.Exists ? file.Length : 0;
        }
        return bytes;
    }

    /// <summary>Has the oldest spans end when the folder takes more than it may, and gives their room back.</summary>
    void Shrink()
    {
        var most = _bound.MaxBytes;
        if (most == 0 || BytesOnDisk() <= most)
        {
            _excess = null;
            return;
        }
        // what is in files is not in the log any more
        Run(() =>
        {
            _db.Flush();
            return true;
        });
        var (before, large) = (BytesOnDisk(), BytesOf("*.blob"));
        if (before > most)
        {
            var live = SumLarge(0, uint.MaxValue).Bytes;
            // files of large rows have some that are over; what goes with these is not known, and comes in addition
            var excess = before - large + live - (most - (most / SpareShare));
            if ((excess > 0 && CutOldest(excess)) || large - live > most / SpareShare)
                Free();
        }
        var bytes = BytesOnDisk();
        if (bytes < before)
            _logger.Shrunk(_path, before, bytes);
        _excess = bytes <= most ? null : $"{_path} takes {bytes} bytes, more than the {most} that it may; what is " +
            $"younger than {_stay.TotalMinutes} minutes stays all the same.";
    }

    /// <returns>False when nothing is left that may go.</returns>
    bool CutOldest(long bytes)
    {
        // with those that were stored while the clock was not believed
        var now = Now();
        var last = now + Ahead(now) + (_bound.Retention - _stay).TotalSeconds;
        var cut = SumLarge(bytes, (uint)Math.Clamp(last, 0, uint.MaxValue)).Last;
        if (cut == 0)
            return false;
        return Run(() =>
        {
            Span<byte> value = stackalloc byte[EndBytes];
            BinaryPrimitives.WriteUInt32LittleEndian(value, cut);
            using var batch = _db.NewBatch();
            batch.Put(Family.Meta, _cutKey, value);
            Write(batch, isSynced: true);
            _ends.Cut = cut;
            return true;
        });
    }

    /// <summary>The large rows that end first, until these are so many bytes or end later.</summary>
    /// <returns>Their bytes, and when the last of them ends; 0 where there is none.</returns>
    (long Bytes, uint Last) SumLarge(long enough, uint endsBefore) => Run(() =>
    {
        var to = new byte[EndBytes];
        BinaryPrimitives.WriteUInt32BigEndian(to, endsBefore);
        var (sum, last) = (0L, 0u);
        _db.Scan(Family.Expiries, [], to, false, false, (key, size) =>
        {
            last = BinaryPrimitives.ReadUInt32BigEndian(key);
            sum += BinaryPrimitives.ReadUInt32LittleEndian(size);
            return enough == 0 || sum < enough;
        });
        return (sum, last);
    });

    /// <summary>Gives back the room of what is over.</summary>
    void Free()
    {
        Sweep();
        int[] families = [.. _ofSpans.Select(Family.NumberOf), Family.Expiries];
        Compact(families, isThorough: false);
        // else only files of which nothing is left go, and old ones
        if (BytesOnDisk() > _bound.MaxBytes)
            Compact(families, isThorough: true);
    }

    void Compact(int[] families, bool isThorough)
    {
        foreach (var family in families)
        {
            Run(() =>
            {
                _db.Compact(family, isThorough);
                return true;
            });
        }
    }
}
