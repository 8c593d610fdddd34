namespace Tracing.Storage;

/// <summary>What is known of a series in each minute, or step.</summary>
sealed class ByMinute<T>(Series series) where T : class, new()
{
    readonly Dictionary<long, T> _all = [];

    // what comes together is mostly of one minute
    long _nearMinute;
    T? _near;

    public Series Series => series;

    public IReadOnlyCollection<KeyValuePair<long, T>> All => _all;

    public T At(long minute)
    {
        if (_near is { } near && _nearMinute == minute)
            return near;
        if (!_all.TryGetValue(minute, out var found))
            _all.Add(minute, found = new T());
        (_nearMinute, _near) = (minute, found);
        return found;
    }
}

/// <summary>What is counted of a series in a minute, or a longer time.</summary>
readonly record struct SeriesCounts(Series Series, long Minute, LatencyCounts Counts);
