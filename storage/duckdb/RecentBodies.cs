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

    /// <summary>How often old ones are removed: a scan of the table, so not with every transaction.</summary>
    const long PruneEveryMillis = 60 * 1000;

    readonly DuckDBConnection _connection;
    readonly TableAppender _appender;
    readonly Dictionary<UInt128, long> _storedAt = [];
    readonly List<UInt128> _added = [];
    long _nextPrune = long.MinValue;
    bool _isPruning;

    public RecentBodies(DuckDBConnection connection)
    {
        _connection = connection;
        _appender = new TableAppender(connection, "bodies");
        using var command = connection.Command("SELECT hash_high, hash_low, max(stored_ms) FROM bodies GROUP BY ALL");
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        while (row.Read())
            _storedAt[new UInt128(row.Next<ulong>(), row.Next<ulong>())] = row.Next<long>();
    }

    /// <summary>Notes the hash; false when it is known already. A zero hash is never known.</summary>
    public bool TryAdd(UInt128 hash, long nowMillis)
    {
        if (hash == UInt128.Zero)
            return true;
        if (_storedAt.TryGetValue(hash, out var storedAt) && nowMillis - storedAt <= KeptMillis)
            return false;
        // an expired hash that comes again is forgotten on failure, as it would be by the next prune
        _storedAt[hash] = nowMillis;
        _added.Add(hash);
        _appender.Append((ulong)(hash >> 64));
        _appender.Append((ulong)hash);
        _appender.Append(nowMillis);
        _appender.EndRow();
        return true;
    }

    /// <summary>Writes what was added to the transaction and removes what has become old.</summary>
    public void Flush(long nowMillis)
    {
        _isPruning = nowMillis >= _nextPrune;
        if (_isPruning)
            _connection.Execute("DELETE FROM bodies WHERE stored_ms < $1", nowMillis - KeptMillis);
        _appender.Flush();
    }

    public void Publish(long nowMillis)
    {
        _added.Clear();
        if (!_isPruning)
            return;
        _nextPrune = nowMillis + PruneEveryMillis;
        foreach (var (hash, storedAt) in _storedAt)
        {
            if (storedAt < nowMillis - KeptMillis)
                _storedAt.Remove(hash);
        }
    }

    public void Discard()
    {
        _appender.Discard();
        foreach (var hash in _added)
            _storedAt.Remove(hash);
        _added.Clear();
    }

    public void Dispose() => _appender.Dispose();
}
