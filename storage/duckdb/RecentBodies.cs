using DuckDB.NET.Data;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Hashes of the bodies stored of late, by which a resent one is known. Written in the transaction of their spans;
/// all kept in memory. Used by the writer thread only.
/// </summary>
/// <remarks>
/// Nobody's setting of the clock makes a body forgotten: its times go on steadily from the wall-clock time of the
/// start, but never before the newest body read at the start. What is read counts as if the newest of it came at the
/// start, since the clock cannot tell how long the server was away.
/// </remarks>
sealed class RecentBodies(TimeProvider time)
{
    /// <summary>How long a hash is remembered.</summary>
    const long KeptMillis = 10 * 60 * 1000;

    /// <summary>How often old ones are forgotten: a walk over all of them, so not with every transaction.</summary>
    const long PruneEveryMillis = 60 * 1000;

    readonly long _started = time.GetTimestamp();

    // milliseconds since the start
    readonly Dictionary<UInt128, long> _storedAt = [];
    readonly List<UInt128> _added = [];

    // milliseconds since 1970
    long _startedAt = time.GetUtcNow().ToUnixTimeMilliseconds();
    RowAppender? _appender;
    long _nextPrune = long.MinValue;
    long? _newestRead;

    /// <summary>
    /// Takes in what a partition remembers, the newest partition first; false when older ones have nothing that must
    /// be remembered.
    /// </summary>
    public bool TryRead(DuckDBConnection connection, string database)
    {
        using var command = connection.Command(
            $"SELECT hash_high, hash_low, max(stored_ms) FROM {Sql.Quote(database)}.bodies GROUP BY ALL");
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        var read = new List<(UInt128 Hash, long StoredAt)>();
        while (row.Read())
            read.Add((new UInt128(row.Next<ulong>(), row.Next<ulong>()), row.Next<long>()));
        if (read.Count == 0)
            return true;
        var newest = read.Max(each => each.StoredAt);
        var isRecent = _newestRead is not { } known || newest >= known - KeptMillis;
        _newestRead ??= newest;
        _startedAt = Math.Max(_startedAt, newest);
        foreach (var (hash, storedAt) in read)
        {
            var age = Math.Max(0, _newestRead.Value - storedAt);
            // in milliseconds since the start
            if (age <= KeptMillis)
                _storedAt[hash] = Math.Max(-age, _storedAt.GetValueOrDefault(hash, -KeptMillis));
        }
        return isRecent;
    }

    /// <summary>Adds to another partition from now on.</summary>
    public void MoveTo(RowAppender bodies)
    {
        _appender = bodies;
    }

    /// <summary>Copies those that a partition must go on to remember; the newest it has count as now.</summary>
    public static void Copy(DuckDBConnection connection, string from, string to) => connection.Execute($"""
        INSERT INTO {Sql.Quote(to)}.bodies SELECT hash_high, hash_low, stored_ms FROM {Sql.Quote(from)}.bodies
        WHERE stored_ms >= (SELECT max(stored_ms) - $1 FROM {Sql.Quote(from)}.bodies)
        """, KeptMillis);

    /// <summary>Copies those that are not forgotten yet.</summary>
    public static void Copy(DuckDBConnection connection, string from, string to, long nowMillis) => connection.Execute(
        $"INSERT INTO {Sql.Quote(to)}.bodies FROM {Sql.Quote(from)}.bodies WHERE stored_ms >= $1",
        nowMillis - KeptMillis);

    /// <summary>Notes the hash; false when it is known already. A zero hash is never known.</summary>
    public bool TryAdd(UInt128 hash)
    {
        if (hash == UInt128.Zero)
            return true;
        var now = SinceStart();
        if (_storedAt.TryGetValue(hash, out var storedAt) && now - storedAt <= KeptMillis)
            return false;
        // an expired hash that comes again is forgotten on failure, as it would be by the next prune
        _storedAt[hash] = now;
        _added.Add(hash);
        _appender!.Append((ulong)(hash >> 64));
        _appender.Append((ulong)hash);
        _appender.Append(_startedAt + now);
        _appender.EndRow();
        return true;
    }

    public void Publish()
    {
        _added.Clear();
        var now = SinceStart();
        if (now < _nextPrune)
            return;
        _nextPrune = now + PruneEveryMillis;
        foreach (var (hash, storedAt) in _storedAt)
        {
            if (now - storedAt > KeptMillis)
                _storedAt.Remove(hash);
        }
    }

    public void Discard()
    {
        _appender!.Discard();
        foreach (var hash in _added)
            _storedAt.Remove(hash);
        _added.Clear();
    }

    /// <summary>Milliseconds; what was read at the start is below 0.</summary>
    long SinceStart() => (long)time.GetElapsedTime(_started).TotalMilliseconds;
}
