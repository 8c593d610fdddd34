namespace Tracing.Storage.Engine;

/// <summary>
/// The bodies that this process was sent of late, by hash: those under way, and when others were stored, so that a
/// resent one mostly needs no question to the tables. For any thread.
/// </summary>
sealed class RecentBodies(TimeProvider time)
{
    static readonly TimeSpan _knownFor = TimeSpan.FromMinutes(10);
    static readonly TimeSpan _keptFor = TimeSpan.FromMinutes(20);
    static readonly TimeSpan _pruneEvery = TimeSpan.FromMinutes(1);

    readonly Lock _lock = new();
    readonly Dictionary<UInt128, Body> _bodies = [];
    long _pruned = time.GetTimestamp();

    /// <summary>
    /// What becomes of the same body; null when there is none, and then <paramref name="own"/> is what others find.
    /// </summary>
    public Task<AppendOutcome>? Find(UInt128 hash, Task<AppendOutcome> own)
    {
        lock (_lock)
        {
            Prune();
            if (_bodies.TryGetValue(hash, out var body) &&
                (body.StoredAt is not { } storedAt || time.GetElapsedTime(storedAt) <= _knownFor))
                return body.Outcome;
            _bodies[hash] = new Body(own, null);
            return null;
        }
    }

    public void Stored(UInt128 hash)
    {
        lock (_lock)
        {
            if (_bodies.TryGetValue(hash, out var body))
                _bodies[hash] = body with { StoredAt = time.GetTimestamp() };
        }
    }

    public void Forget(UInt128 hash, Task<AppendOutcome> own)
    {
        lock (_lock)
        {
            if (_bodies.TryGetValue(hash, out var body) && body.Outcome == own)
                _bodies.Remove(hash);
        }
    }

    void Prune()
    {
        if (time.GetElapsedTime(_pruned) < _pruneEvery)
            return;
        _pruned = time.GetTimestamp();
        foreach (var (hash, body) in _bodies)
        {
            if (body.StoredAt is { } storedAt && time.GetElapsedTime(storedAt) > _keptFor)
                _bodies.Remove(hash);
        }
    }

    sealed record Body(Task<AppendOutcome> Outcome, long? StoredAt);
}
