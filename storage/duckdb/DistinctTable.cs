using System.Collections.Concurrent;
using DuckDB.NET.Data;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// A table of distinct contents that many spans share, all kept in memory: resources, scopes. The writer thread adds
/// to it within its transaction, then calls <see cref="Publish"/> or <see cref="Discard"/>; any thread reads.
/// </summary>
sealed class DistinctTable<T> : IDisposable where T : class, IEquatable<T>
{
    readonly TableAppender _appender;
    readonly T _empty;
    readonly Func<T, byte[]> _encode;
    readonly Dictionary<T, int> _ids = [];
    readonly ConcurrentDictionary<int, T> _byId = [];
    readonly List<T> _added = [];

    // the spans of a batch mostly share one instance; saves hashing its content
    T? _last;
    int _lastId;
    int _nextId = 1;

    public DistinctTable(
        DuckDBConnection connection, string table, T empty, Func<T, byte[]> encode, Func<byte[], T> decode)
    {
        _empty = empty;
        _encode = encode;
        _appender = new TableAppender(connection, table);
        using var command = connection.Command($"SELECT id, content FROM {table}");
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        while (row.Read())
        {
            var id = row.Next<int>();
            var content = decode(row.NextBlob()!);
            _byId[id] = content;
            _ids[content] = id;
            _nextId = Math.Max(_nextId, id + 1);
        }
    }

    public T Get(int id) => id == 0 ? _empty : _byId[id];

    /// <summary>Every content with its id, the empty one too; some may not be committed yet.</summary>
    public IEnumerable<KeyValuePair<int, T>> All() => _byId.Prepend(new KeyValuePair<int, T>(0, _empty));

    /// <summary>The id of the content, which is added when it is new.</summary>
    public int IdOf(T content)
    {
        if (!ReferenceEquals(content, _last))
        {
            _lastId = content.Equals(_empty) ? 0 : _ids.TryGetValue(content, out var id) ? id : Add(content);
            _last = content;
        }
        return _lastId;
    }

    public void Flush() => _appender.Flush();

    public void Publish() => _added.Clear();

    public void Discard()
    {
        _appender.Discard();
        foreach (var content in _added)
        {
            _ids.Remove(content, out var id);
            _byId.TryRemove(id, out _);
        }
        _added.Clear();
        _last = null;
    }

    public void Dispose() => _appender.Dispose();

    int Add(T content)
    {
        var bytes = _encode(content);
        var id = _nextId++;
        _appender.Append(id);
        _appender.Append(bytes);
        _appender.EndRow();
        _added.Add(content);
        _ids[content] = id;
        // before the commit, so that whoever sees a row finds its content
        _byId[id] = content;
        return id;
    }
}
