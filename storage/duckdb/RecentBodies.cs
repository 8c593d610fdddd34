using DuckDB.NET.Data;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Hashes of the bodies stored of late, by which a resent one is known. Written in the transaction of their spans;
/// all kept in memory. Used by the writer thread only.
/// </summary>
sealed class RecentBodies : IDisposable
{
    /// <summary>How long a hash is remembered.</summary>
    const long KeptMillis = 10 * 60 * 1000;

    /// <summary>How often old ones are forgotten: a walk over all of them, so not with every transaction.</summary>
    const long PruneEveryMillis = 60 * 1000;

    readonly Dictionary<UInt128, long> _storedAt = [];
    readonly List<UInt128> _added = [];
    TableAppender? _appender;
    long _nextPrune = long.MinValue;

    /// <summary>Takes in what a partition remembers; when the newest of it came, in milliseconds since 1970.</summary>
    public long? Read(DuckDBConnection connection, string database)
    {
        using var command = connection.Command(
            $"SELECT hash_high, hash_low, max(stored_ms) FROM {Sql.Quote(database)}.bodies GROUP BY ALL");
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        long? newest = null;
        while (row.Read())
        {
            var hash = new UInt128(row.Next<ulong>(), row.Next<ulong>());
            var storedAt = row.Next<long>();
            _storedAt[hash] = Math.Max(storedAt, _storedAt.GetValueOrDefault(hash, long.MinValue));
            newest = Math.Max(storedAt, newest ?? long.MinValue);
        }
        return newest;
    }

    /// <summary>Adds to another partition from now on.</summary>
    public void MoveTo(TableAppender bodies)
    {
        _appender?.Dispose();
        _appender = bodies;
    }

    /// <summary>Copies those that a partition must go on to remember; the newest it has count as now.</summary>
    public static void Copy(DuckDBConnection connection, string from, string to) => connection.Execute($"""
        INSERT INTO {Sql.Quote(to)}.bodies FROM {Sql.Quote(from)}.bodies
        WHERE stored_ms >= (SELECT max(stored_ms) - $1 FROM {Sql.Quote(from)}.bodies)
        """, KeptMillis);

    /// <summary>Copies those that are not forgotten yet.</summary>
    public static void Copy(DuckDBConnection connection, string from, string to, long nowMillis) => connection.Execute(
        $"INSERT INTO {Sql.Quote(to)}.bodies FROM {Sql.Quote(from)}.bodies WHERE stored_ms >= $1",
        nowMillis - KeptMillis);

    /// <summary>Whether bodies stored at this time are forgotten by now.</summary>
    public static bool IsForgotten(long storedAt, long nowMillis) => nowMillis - storedAt > KeptMillis;

    /// <summary>Notes the hash; false when it is known already. A zero hash is never known.</summary>
    public bool TryAdd(UInt128 hash, long nowMillis)
    {
        if (hash == UInt128.Zero)
            return true;
        if (_storedAt.TryGetValue(hash, out var storedAt) && !IsForgotten(storedAt, nowMillis))
            return false;
        // an expired hash that comes again is forgotten on failure, as it would be by the next prune
        _storedAt[hash] = nowMillis;
        _added.Add(hash);
        _appender!.Append((ulong)(hash >> 64));
        _appender.Append((ulong)hash);
        _appender.Append(nowMillis);
        _appender.EndRow();
        return true;
    }

    public void Flush() => _appender!.Flush();

    public void Publish(long nowMillis)
    {
        _added.Clear();
        if (nowMillis < _nextPrune)
            return;
        _nextPrune = nowMillis + PruneEveryMillis;
        foreach (var (hash, storedAt) in _storedAt)
        {
            if (IsForgotten(storedAt, nowMillis))
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

    public void Dispose() => _appender?.Dispose();
}
