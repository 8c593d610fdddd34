using DuckDB.NET.Data;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// A table of distinct pairs of text, all kept in memory: names of spans or remote services by service, values by tag
/// key. The writer thread adds to it within its transaction, then calls <see cref="Publish"/> or
/// <see cref="Discard"/>; any thread reads what is published.
/// </summary>
sealed class Names : IDisposable
{
    readonly TableAppender _appender;
    readonly HashSet<(string Key, string Value)> _known = [];
    readonly List<(string Key, string Value)> _added = [];

    // by code unit, as Zipkin sorts; guarded by itself
    readonly SortedDictionary<string, SortedSet<string>> _published = new(StringComparer.Ordinal);

    public Names(DuckDBConnection connection, string table)
    {
        _appender = new TableAppender(connection, table);
        using var command = connection.Command($"FROM {table}");
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        while (row.Read())
        {
            var pair = (row.Next<string>(), row.Next<string>());
            if (_known.Add(pair))
                _added.Add(pair);
        }
        Publish();
    }

    /// <summary>All keys, sorted.</summary>
    public string[] Keys()
    {
        lock (_published)
            return [.. _published.Keys];
    }

    /// <summary>The values of a key that are not empty, sorted.</summary>
    public string[] Values(string key)
    {
        lock (_published)
            return _published.TryGetValue(key, out var values) ? [.. values.Where(value => value.Length > 0)] : [];
    }

    public void Add(string key, string value)
    {
        if (!_known.Add((key, value)))
            return;
        _added.Add((key, value));
        _appender.Append(key);
        _appender.Append(value);
        _appender.EndRow();
    }

    public void Flush() => _appender.Flush();

    public void Publish()
    {
        lock (_published)
        {
            foreach (var (key, value) in _added)
            {
                if (!_published.TryGetValue(key, out var values))
                    _published.Add(key, values = new SortedSet<string>(StringComparer.Ordinal));
                values.Add(value);
            }
        }
        _added.Clear();
    }

    public void Discard()
    {
        _appender.Discard();
        _known.ExceptWith(_added);
        _added.Clear();
    }

    public void Dispose() => _appender.Dispose();
}
