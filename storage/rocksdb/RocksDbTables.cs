using System.Buffers;
using System.Buffers.Binary;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Tracing.Storage.Tables;

namespace Tracing.Storage.RocksDb;

/// <summary>
/// The tables in a folder, by RocksDB: each a column family, whose keys are the length of the partition (2 bytes), the
/// partition, and the key. A value begins with when it ends (4 bytes, seconds since 2020, 0 for never) and, in tables
/// whose rows are compared and set, its version (8 bytes). What is put is synced, by one write for all rows of a call;
/// what is compared and set or deleted is in the log before all that is put later, and so as durable as that.
/// </summary>
sealed partial class RocksDbTables : ITables
{
    const long FormatVersion = 1;

    /// <summary>After so many deletions of large rows their room is given back, when it is next looked.</summary>
    const int CompactedDeletions = 100;

    const int EndBytes = sizeof(uint);
    const int VersionBytes = sizeof(long);

    static readonly TimeSpan _sweepEvery = TimeSpan.FromMinutes(1);

    static readonly byte[] _versionKey = "version"u8.ToArray();
    static readonly byte[] _clockKey = "clock"u8.ToArray();

    readonly string _path;
    readonly Database _db;
    readonly RowEnds _ends;
    readonly SizeBound _bound;
    readonly ILogger _logger;
    readonly Acknowledged _acknowledged;
    readonly RunningClock _clock;
    readonly ITimer _sweeps;

    // of calls, against the end; RocksDB does not survive a call after it
    readonly ReaderWriterLockSlim _open = new();
    readonly Lock _comparing = new();
    readonly Lock _sweeping = new();
    readonly string? _loss;
    volatile Exception? _failure;
    int _deletedLarge;
    bool _isClosed;

    RocksDbTables(string path, Database db, RowEnds ends, SizeBound bound, TimeProvider time, ILogger logger)
    {
        _path = path;
        _db = db;
        _ends = ends;
        _bound = bound;
        _logger = logger;
        _acknowledged = new Acknowledged(path);
        if (db.Writes is var writes && writes < _acknowledged.Number)
        {
            _loss = $"Of what was acknowledged the last {_acknowledged.Number - writes} rows are lost: the log in " +
                $"{path} was damaged or cut.";
            _acknowledged.Set(writes, isLess: true);
        }
        _clock = new RunningClock(time, db.Get(Family.Meta, _clockKey, ReadClock));
        _latest = db.Get<uint>(Family.Meta, _clockKey, value => (uint)Keys.NumberAt(value.ToArray(), 3 * sizeof(long)));
        _ends.Cut = db.Get<uint>(Family.Meta, _cutKey, BinaryPrimitives.ReadUInt32LittleEndian);
        _ends.Set(Now());
        _sweeps = time.CreateTimer(_ => SweepInBackground(), null, _sweepEvery, _sweepEvery);
    }

    public bool IsShared => false;

    /// <param name="path">Of the folder, made if it is not there.</param>
    /// <exception cref="StoreUnusableException">It cannot be used; the message says why, and what to do.</exception>
    public static RocksDbTables Open(
        string path, TimeProvider time, SizeBound bound = default, ILogger? logger = null)
    {
        path = Path.GetFullPath(path);
        var ends = new RowEnds(bound);
        Database? db = null;
        try
        {
            Directory.CreateDirectory(path);
            if (File.Exists(Path.Combine(path, "CURRENT")))
                CheckFamilies(path, Database.FamiliesOf(path));
            else if (Directory.EnumerateFiles(path).Any(IsOfDuckDb))
            {
                throw new StoreUnusableException($"{path} has the files of a store in DuckDB, which servers built " +
                    "before 2026-11-28 read and this one does not: choose another folder, and see docs/embedded.md " +
                    "for how to send its spans from such a server to this one.");
            }
            db = Database.Open(path, ends.FilterOf);
            CheckVersion(path, db);
            return new RocksDbTables(path, db, ends, bound, time, logger ?? NullLogger.Instance);
        }
        catch (Exception exception)
        {
            db?.Dispose();
            ends.Dispose();
            if (exception is RocksDbException or IOException or UnauthorizedAccessException)
                throw Unusable(path, exception);
            throw;
        }
    }

    public Task PutAsync(IReadOnlyList<Row> rows, Row? last = null, Func<Task>? beforeLast = null,
        CancellationToken cancellation = default)
    {
        return Task.Run(async () =>
        {
            if (beforeLast is not null)
                await beforeLast();
            Put(last is { } row ? [.. rows, row] : rows);
        }, cancellation);
    }

    public ValueTask<Entry?> GetAsync(
        Table table, byte[] partition, byte[] key, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        return new(Run(() => Get(table, partition, key, _ends.Of(table, Now()))));
    }

    public ValueTask<List<Entry>> ScanAsync(Table table, byte[] partition, byte[] from, byte[]? to,
        bool isDescending = false, int limit = int.MaxValue, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        return new(Run(() =>
        {
            var entries = new List<Entry>();
            if (limit <= 0)
                return entries;
            var now = _ends.Of(table, Now());
            var keyStart = sizeof(ushort) + partition.Length;
            _db.Scan(Family.NumberOf(table), KeyOf(partition, from), EndOf(partition, to), isDescending,
                table == Table.Traces && partition.Length == sizeof(ulong),
                (key, value) =>
                {
                    if (!IsOver(value, now))
                        entries.Add(Read(table, key[keyStart..].ToArray(), value));
                    return entries.Count < limit;
                });
            return entries;
        }));
    }

    public Task DeleteAsync(Table table, byte[] partition, byte[] from, byte[]? to,
        CancellationToken cancellation = default) => Task.FromResult(Run(() =>
        {
            using var batch = _db.NewBatch();
            batch.DeleteRange(Family.NumberOf(table), KeyOf(partition, from), EndOf(partition, to));
            Write(batch, isSynced: false);
            return true;
        }));

    public Task DeleteAsync(IReadOnlyList<RowKey> rows, CancellationToken cancellation = default) =>
        Task.FromResult(Run(() =>
        {
            using var batch = _db.NewBatch();
            foreach (var row in rows)
            {
                var (family, key) = (Family.NumberOf(row.Table), KeyOf(row.Partition, row.Key));
                batch.Delete(family, key);
                if (!Family.All[family].HasBlobs)
                    continue;
                var ends = _db.Get(family, key, BinaryPrimitives.ReadUInt32LittleEndian);
                if (ends != 0)
                    batch.Delete(Family.Expiries, ExpiryOf(family, key, ends));
                Interlocked.Increment(ref _deletedLarge);
            }
            Write(batch, isSynced: false);
            return true;
        }));

    /// <summary>Nobody else writes, and who would have is gone.</summary>
    public Task ForbidAsync(Table table, byte[] partition, byte[] key, DateTimeOffset until,
        CancellationToken cancellation = default) => Task.FromResult(Run(() =>
        {
            using var batch = _db.NewBatch();
            batch.Delete(Family.NumberOf(table), KeyOf(partition, key));
            Write(batch, isSynced: false);
            return true;
        }));

    public ValueTask<CasResult> CompareAndSetAsync(Row row, long expectedVersion, IReadOnlyList<Row> others,
        CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        if (!HasVersion(row.Table))
            throw new ArgumentException($"Rows of {row.Table} have no version.", nameof(row));
        return new(Run(() =>
        {
            lock (_comparing)
            {
                var now = Now();
                var found = Get(row.Table, row.Partition, row.Key, now);
                if ((found?.Version ?? 0) != expectedVersion)
                    return new CasResult(false, found);
                var version = Random.Shared.NextInt64(1, long.MaxValue);
                using var batch = _db.NewBatch();
                Add(batch, row, now, version);
                foreach (var other in others)
                    Add(batch, other, now, 0);
                Write(batch, isSynced: false);
                return new CasResult(true, new Entry(row.Key, row.Value, version));
            }
        }));
    }

    /// <summary>A full disk; RocksDB goes on by itself once there is room.</summary>
    public bool IsTransient(Exception exception) => exception is RocksDbException &&
        (exception.Message.Contains("No space left", StringComparison.OrdinalIgnoreCase) ||
        exception.Message.Contains("Disk quota", StringComparison.OrdinalIgnoreCase));

    public Task<DateTimeOffset> ReadClockAsync(CancellationToken cancellation = default) =>
        Task.FromResult(_clock.Look());

    public Task<IReadOnlyList<string>> CheckAsync(CancellationToken cancellation = default) =>
        Task.Run<IReadOnlyList<string>>(() =>
        {
            if (_failure is not null)
                Put([]);
            else
                Run(() => _db.Get(Family.Meta, _versionKey, BinaryPrimitives.ReadInt64BigEndian));
            return [.. new[] { _loss, _excess }.OfType<string>()];
        }, cancellation);

    public ValueTask DisposeAsync()
    {
        _sweeps.Dispose();
        if (!_isClosed)
            _db.StopCompacting();
        _open.EnterWriteLock();
        try
        {
            if (_isClosed)
                return ValueTask.CompletedTask;
            _isClosed = true;
            TryWriteClock();
            _db.Dispose();
            _ends.Dispose();
            _acknowledged.Dispose();
        }
        finally
        {
            _open.ExitWriteLock();
        }
        return ValueTask.CompletedTask;
    }

    /// <summary>Compacts a table, which drops the rows that have ended.</summary>
    internal void Compact(Table table) => Run(() =>
    {
        _ends.Set(Now());
        _db.Compact(Family.NumberOf(table));
        return true;
    });

    /// <summary>Deletes large rows that have ended; the number of those.</summary>
    internal int Sweep()
    {
        const int RowsAtOnce = 1000;

        lock (_sweeping)
        {
            var swept = 0;
            for (var isMore = true; isMore;)
            {
                isMore = Run(() =>
                {
                    var now = Now();
                    _ends.Set(now);
                    var until = new byte[EndBytes];
                    BinaryPrimitives.WriteUInt32BigEndian(until, _ends.Of(Table.BlockData, now) + 1);
                    using var batch = _db.NewBatch();
                    var rows = 0;
                    _db.Scan(Family.Expiries, [], until, false, false, (key, _) =>
                    {
                        batch.Delete(key[EndBytes], key[(EndBytes + 1)..]);
                        batch.Delete(Family.Expiries, key);
                        return ++rows < RowsAtOnce;
                    });
                    if (rows > 0)
                        Write(batch, isSynced: false);
                    swept += rows;
                    return rows == RowsAtOnce;
                });
            }
            return swept;
        }
    }

    void SweepInBackground()
    {
        // the last one may still compact
        if (!_sweeping.TryEnter())
            return;
        try
        {
            Run(TryWriteClock);
            Sweep();
            if (Interlocked.Exchange(ref _deletedLarge, 0) >= CompactedDeletions)
                Compact([Family.NumberOf(Table.BlockData)], isThorough: false);
            Shrink();
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            // comes again in a minute, and the next write hears of it too
        }
        finally
        {
            _sweeping.Exit();
        }
    }

    T Run<T>(Func<T> call)
    {
        _open.EnterReadLock();
        try
        {
            ObjectDisposedException.ThrowIf(_isClosed, this);
            return call();
        }
        catch (RocksDbException exception) when (!exception.Message.Contains(_path, StringComparison.Ordinal))
        {
            // of a blob it does not say in which file it is
            throw new RocksDbException($"{exception.Message}, in the folder {_path}");
        }
        finally
        {
            _open.ExitReadLock();
        }
    }

    void Put(IReadOnlyList<Row> rows) => Run(() =>
    {
        var now = Now();
        using var batch = _db.NewBatch();
        foreach (var row in rows)
            Add(batch, row, now, 0);
        AddClock(batch);
        // others may write at once, so that its own numbers are these at least
        var acknowledged = _db.Writes + (ulong)batch.Count;
        Write(batch, isSynced: true);
        _acknowledged.Set(acknowledged);
        return true;
    });

    void Write(WriteBatch batch, bool isSynced)
    {
        try
        {
            _db.Write(batch, isSynced);
            _failure = null;
        }
        catch (RocksDbException exception)
        {
            _failure = exception;
            throw;
        }
    }

    void Add(WriteBatch batch, in Row row, uint now, long version)
    {
        var header = EndBytes + (HasVersion(row.Table) ? VersionBytes : 0);
        var ends = EndOf(row.Table, row.TimeToLive, now);
        var bytes = ArrayPool<byte>.Shared.Rent(header + row.Value.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, ends);
        if (HasVersion(row.Table))
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(EndBytes), version);
        row.Value.CopyTo(bytes, header);
        var family = Family.NumberOf(row.Table);
        var key = KeyOf(row.Partition, row.Key);
        batch.Put(family, key, bytes.AsSpan(0, header + row.Value.Length));
        ArrayPool<byte>.Shared.Return(bytes);
        if (!Family.All[family].HasBlobs || ends == 0)
            return;
        var expiry = ExpiryOf(family, key, ends);
        Span<byte> size = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(size, (uint)row.Value.Length);
        batch.Put(Family.Expiries, expiry, size);
    }

    static byte[] ExpiryOf(int family, byte[] key, uint ends)
    {
        var expiry = new byte[EndBytes + 1 + key.Length];
        BinaryPrimitives.WriteUInt32BigEndian(expiry, ends);
        expiry[EndBytes] = (byte)family;
        key.CopyTo(expiry, EndBytes + 1);
        return expiry;
    }

    Entry? Get(Table table, byte[] partition, byte[] key, uint now) => _db.Get<Entry?>(
        Family.NumberOf(table), KeyOf(partition, key), value => IsOver(value, now) ? null : Read(table, key, value));

    static Entry Read(Table table, byte[] key, ReadOnlySpan<byte> value) => HasVersion(table)
        ? new(key, value[(EndBytes + VersionBytes)..].ToArray(),
            BinaryPrimitives.ReadInt64LittleEndian(value[EndBytes..]))
        : new(key, value[EndBytes..].ToArray(), 0);

    static bool HasVersion(Table table) => table is Table.State or Table.Claims or Table.Latencies;

    static bool IsOver(ReadOnlySpan<byte> value, uint now) =>
        BinaryPrimitives.ReadUInt32LittleEndian(value) is not 0 and var ends && ends <= now;

    uint Now() => ExpiryFilter.SecondsOf(_clock.Look());

    static byte[] KeyOf(byte[] partition, byte[] key)
    {
        var bytes = new byte[sizeof(ushort) + partition.Length + key.Length];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, checked((ushort)partition.Length));
        partition.CopyTo(bytes, sizeof(ushort));
        key.CopyTo(bytes, sizeof(ushort) + partition.Length);
        return bytes;
    }

    static byte[] EndOf(byte[] partition, byte[]? to) =>
        to is null ? Keys.After(KeyOf(partition, []))! : KeyOf(partition, to);

    static RunningClockState? ReadClock(ReadOnlySpan<byte> value)
    {
        var bytes = value.ToArray();
        return new(Keys.NumberAt(bytes, 0), Keys.NumberAt(bytes, sizeof(long)), Keys.NumberAt(bytes, 2 * sizeof(long)));
    }

    /// <summary>Whether a file is one of those that the store before this one always had.</summary>
    static bool IsOfDuckDb(string file) => Path.GetFileName(file) is "manifest" ||
        file.EndsWith(".duckdb", StringComparison.Ordinal) || file.EndsWith(".open.log", StringComparison.Ordinal);

    static void CheckFamilies(string path, IReadOnlyList<string> families)
    {
        var known = Family.All.Select(family => family.Name).ToHashSet();
        if (families.FirstOrDefault(family => !known.Contains(family)) is { } unknown)
        {
            throw new StoreUnusableException($"{path} has the column family {unknown}, which this server does not " +
                "know: it was written by a newer one. Use that, or another folder.");
        }
    }

    static void CheckVersion(string path, Database db)
    {
        var version = db.Get<long?>(Family.Meta, _versionKey, value => BinaryPrimitives.ReadInt64BigEndian(value));
        if (version is null)
        {
            using var batch = db.NewBatch();
            var bytes = new byte[sizeof(long)];
            BinaryPrimitives.WriteInt64BigEndian(bytes, FormatVersion);
            batch.Put(Family.Meta, _versionKey, bytes);
            db.Write(batch, isSynced: true);
        }
        else if (version != FormatVersion)
        {
            throw new StoreUnusableException($"{path} has format version {version}, but this server supports up to " +
                $"{FormatVersion}. Use the server that wrote it, or another folder.");
        }
    }

    static StoreUnusableException Unusable(string path, Exception exception) => new(
        exception is RocksDbException && exception.Message.Contains("/LOCK", StringComparison.Ordinal)
            ? $"The folder {path} is used by another process, which holds {Path.Combine(path, "LOCK")}. End that " +
                "process, or choose another folder."
            : $"The store in {path} cannot be opened: {exception.Message}", exception);
}
