namespace Tracing.Storage.DuckDb;

/// <summary>
/// What was read lately from the file of statistics, by part of a query: who looks at the last day each minute asks for
/// nearly the same hours again. Bounded; who was asked for longest ago goes first. For any thread.
/// </summary>
/// <remarks>
/// A reader sees the file as of some version, which is how often it has absorbed something. What was read of another
/// version is the same if all that was absorbed between the two lies after it.
/// </remarks>
sealed class StatisticsCache
{
    /// <summary>Some 10 MB, of which one part has a quarter at most.</summary>
    const int MaxPoints = 10_000;
    const int MaxPointsOfPart = MaxPoints / 4;
    const int MaxChanges = 1000;

    readonly Lock _lock = new();
    readonly OrderedDictionary<(string Table, SeriesQuery Query), (long Version, List<SeriesPoint> Points)> _parts = [];
    readonly List<(long Version, long FirstMinute)> _changes = [];

    // changes up to it are forgotten
    long _firstVersion;

    /// <summary>Called before anybody can see the version.</summary>
    public void Change(long version, long firstMinute)
    {
        lock (_lock)
        {
            _changes.Add((version, firstMinute));
            if (_changes.Count <= MaxChanges)
                return;
            _changes.Clear();
            _parts.Clear();
            _firstVersion = version;
        }
    }

    public List<SeriesPoint>? Find(string table, SeriesQuery query, long version)
    {
        lock (_lock)
        {
            if (!_parts.Remove((table, query), out var found))
                return null;
            var (first, last) = (Math.Min(version, found.Version), Math.Max(version, found.Version));
            if (_changes.Exists(change =>
                change.Version > first && change.Version <= last && change.FirstMinute < query.EndMinute))
                return null;
            _parts.Add((table, query), found);
            return found.Points;
        }
    }

    public void Keep(string table, SeriesQuery query, long version, List<SeriesPoint> points)
    {
        if (points.Count > MaxPointsOfPart)
            return;
        lock (_lock)
        {
            if (version < _firstVersion)
                return;
            _parts[(table, query)] = (version, points);
            while (_parts.Sum(part => 1 + part.Value.Points.Count) > MaxPoints)
                _parts.RemoveAt(0);
        }
    }
}
