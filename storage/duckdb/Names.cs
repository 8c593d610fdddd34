using DuckDB.NET.Data;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Distinct pairs of text of all partitions, kept in memory: names of spans or remote services by service, values by
/// tag key. Each partition has those of its spans in a table, so that they go when it goes. The writer thread adds
/// within its transaction, then calls <see cref="Publish"/> or <see cref="Discard"/>; any thread reads what is
/// published.
/// </summary>
sealed class Names
{
    /// <summary>Characters of a value; longer ones are not listed, as nobody picks them.</summary>
    const int MaxLength = 4096;

    /// <summary>Of all names that are listed; they take 64 MiB.</summary>
    const long MaxCharacters = 32 << 20;

    readonly HashSet<(string Key, string Value)> _inPartition = [];
    readonly List<(string Key, string Value)> _added = [];

    // by code unit, as Zipkin sorts; guarded by itself
    readonly SortedDictionary<string, SortedSet<string>> _published = new(StringComparer.Ordinal);
    RowAppender? _appender;
    long _characters;

    /// <summary>Takes in the names of a partition.</summary>
    public void Read(DuckDBConnection connection, string database, string table)
    {
        using var command = connection.Command($"FROM {Sql.Quote(database)}.{table}");
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        while (row.Read())
        {
            var name = Listed(row.Next<string>(), row.Next<string>());
            _added.Add(name);
        }
        Publish();
    }

    /// <summary>Adds to another partition from now on, which has names of its own again.</summary>
    public void MoveTo(RowAppender names)
    {
        _appender = names;
        // names that it has already, after a restart, are written once more, which harms nobody
        _inPartition.Clear();
    }

    /// <summary>Whether all keys are listed as they are, none being cut or one too many.</summary>
    public bool HasAllKeys { get; private set; } = true;

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
        (key, value) = Listed(key, value);
        if (!_inPartition.Add((key, value)))
            return;
        _added.Add((key, value));
        _appender!.Append(key);
        _appender.Append(value);
        _appender.EndRow();
    }

    public void Publish()
    {
        lock (_published)
        {
            foreach (var (key, value) in _added)
            {
                // one that was cut, or might have been
                HasAllKeys &= key.Length < SeriesNames.MaxLength - 1;
                if (!_published.TryGetValue(key, out var values))
                {
                    if (_characters + key.Length > MaxCharacters)
                    {
                        HasAllKeys = false;
                        continue;
                    }
                    _characters += key.Length;
                    _published.Add(key, values = new SortedSet<string>(StringComparer.Ordinal));
                }
                if (_characters + value.Length <= MaxCharacters && values.Add(value))
                    _characters += value.Length;
            }
        }
        _added.Clear();
    }

    public void Discard()
    {
        _appender!.Discard();
        _inPartition.ExceptWith(_added);
        _added.Clear();
    }

    static (string Key, string Value) Listed(string key, string value) =>
        (SeriesNames.Cut(key), value.Length > MaxLength ? "" : value);
}
