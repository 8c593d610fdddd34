using System.Collections.Concurrent;
using DuckDB.NET.Data;
using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage.DuckDb;

/// <summary>Distinct contents that many spans of a partition share, by id; id 0 is the empty one.</summary>
sealed class Contents<T>(T empty) where T : class
{
    readonly ConcurrentDictionary<int, T> _byId = [];

    public T Empty => empty;

    public T Get(int id) => id == 0 ? empty : _byId[id];

    public void Set(int id, T content) => _byId[id] = content;

    public void Remove(int id) => _byId.TryRemove(id, out _);

    /// <summary>All but the empty one; some may not be committed yet.</summary>
    public IEnumerable<KeyValuePair<int, T>> Stored() => _byId;

    /// <summary>All, the empty one too; some may not be committed yet.</summary>
    public IEnumerable<KeyValuePair<int, T>> All() => _byId.Prepend(new KeyValuePair<int, T>(0, empty));
}

/// <summary>The resources, scopes and attributes' shapes of a partition's spans, in memory.</summary>
sealed class SharedContents
{
    public Contents<Resource> Resources { get; } = new(Resource.Empty);

    public Contents<InstrumentationScope> Scopes { get; } = new(InstrumentationScope.Empty);

    public Shapes Shapes { get; private init; } = new();

    public static SharedContents Read(DuckDBConnection connection, string database)
    {
        var contents = new SharedContents { Shapes = Shapes.Read(connection, database) };
        Read(connection, database, "resources", contents.Resources, bytes => OtlpProtobuf.DecodeResource(bytes));
        Read(connection, database, "scopes", contents.Scopes, bytes => OtlpProtobuf.DecodeScope(bytes));
        return contents;
    }

    static void Read<T>(
        DuckDBConnection connection, string database, string table, Contents<T> contents, Func<byte[], T> decode)
        where T : class
    {
        using var command = connection.Command($"SELECT id, content FROM {Sql.Quote(database)}.{table}");
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        while (row.Read())
            contents.Set(row.Next<int>(), decode(row.NextBlob()!));
    }
}

/// <summary>
/// A table of distinct contents in the append partition. The writer thread adds to it within its transaction, then
/// calls <see cref="Publish"/> or <see cref="Discard"/>.
/// </summary>
sealed class DistinctTable<T> where T : class, IEquatable<T>
{
    readonly RowAppender _appender;
    readonly Contents<T> _contents;
    readonly Func<T, byte[]> _encode;
    readonly Dictionary<T, int> _ids = [];
    readonly List<T> _added = [];

    // the spans of a batch mostly share one instance; saves hashing its content
    T? _last;
    int _lastId;
    int _nextId = 1;

    /// <param name="contents">What the table holds, and where what is added can be read.</param>
    public DistinctTable(RowAppender appender, Contents<T> contents, Func<T, byte[]> encode)
    {
        _appender = appender;
        _contents = contents;
        _encode = encode;
        foreach (var (id, content) in contents.Stored())
        {
            _ids[content] = id;
            _nextId = Math.Max(_nextId, id + 1);
        }
    }

    /// <summary>The id of the content, which is added when it is new.</summary>
    public int IdOf(T content)
    {
        if (!ReferenceEquals(content, _last))
        {
            _lastId = content.Equals(_contents.Empty) ? 0 : _ids.TryGetValue(content, out var id) ? id : Add(content);
            _last = content;
        }
        return _lastId;
    }

    public void Publish() => _added.Clear();

    public void Discard()
    {
        _appender.Discard();
        foreach (var content in _added)
        {
            _ids.Remove(content, out var id);
            _contents.Remove(id);
        }
        _added.Clear();
        _last = null;
    }

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
        _contents.Set(id, content);
        return id;
    }
}
