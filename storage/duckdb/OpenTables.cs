using DuckDB.NET.Data;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// The tables of an append partition: rows in memory, their transactions in a <see cref="PartitionLog"/>, and views by
/// the tables' names in a database of DuckDB, where SQL finds them. What few rows never change, its <c>meta</c> and
/// <c>columns</c>, are tables of that database.
/// </summary>
sealed class OpenTables : IDisposable
{
    /// <summary>Their places are their numbers in the log. Spans come last, as they refer to the others.</summary>
    static readonly string[] Names =
    [
        "attribute_keys", "attribute_values", "shapes", "resources", "scopes", "counted", "bodies", "span_names",
        "remote_services", "tag_values", "spans",
    ];

    readonly MemoryTable[] _tables;
    readonly long[] _scans;

    // null when the store is in memory
    readonly PartitionLog? _log;

    OpenTables(DuckDBConnection connection, string database, MemoryTable[] tables, PartitionLog? log)
    {
        _tables = tables;
        _log = log;
        _scans = Array.ConvertAll(tables, MemoryScan.Add);
        foreach (var (table, scan) in tables.Zip(_scans))
        {
            var name = $"{Sql.Quote(database)}.{table.Name}";
            connection.Execute($"DROP TABLE {name}; CREATE VIEW {name} AS FROM {MemoryScan.Relation(scan)}");
        }
        Index();
    }

    public MemoryTable Spans => _tables[^1];

    public TraceIndex Traces { get; } = new();

    public MemoryTable this[string name] => _tables[Array.IndexOf(Names, name)];

    /// <summary>See <see cref="PartitionLog.IsBroken"/>.</summary>
    public bool IsBroken => _log?.IsBroken ?? false;

    /// <summary>See <see cref="PartitionLog.Failure"/>.</summary>
    public Exception? Failure => _log?.Failure;

    /// <summary>See <see cref="PartitionLog.Acknowledged"/>.</summary>
    public long Acknowledged => _log?.Acknowledged ?? 0;

    /// <summary>Bytes of memory of all rows.</summary>
    public long Bytes => _tables.Sum(table => table.Bytes);

    /// <param name="database">An empty database, attached.</param>
    /// <param name="file">Null when the store is in memory.</param>
    public static OpenTables Create(
        DuckDBConnection connection, string database, string? file, Layout layout, long createdMillis)
    {
        var tables = Begin(connection, database, layout, createdMillis);
        return new OpenTables(connection, database, tables,
            file is null ? null : PartitionLog.Create(file, createdMillis, layout));
    }

    /// <inheritdoc cref="PartitionLog.Open"/>
    public static OpenTables Open(DuckDBConnection connection, string database, string file, long acknowledged)
    {
        MemoryTable[] tables = [];
        var log = PartitionLog.Open(file, acknowledged, (createdMillis, layout) =>
            tables = Begin(connection, database, layout, createdMillis));
        return new OpenTables(connection, database, tables, log);
    }

    /// <summary>Makes the rows that are not published durable; when it throws, they never will be.</summary>
    public void Commit() => _log?.Append(_tables);

    public void Publish()
    {
        foreach (var table in _tables)
            table.Publish();
        Index();
    }

    /// <summary>Gives the memory back and closes the file; nobody may read any more.</summary>
    public void Dispose()
    {
        Array.ForEach(_scans, MemoryScan.Remove);
        Array.ForEach(_tables, table => table.Dispose());
        _log?.Dispose();
    }

    void Index() => Traces.Add(Spans, SpanTable.TraceLowColumn, Spans.Published);

    static MemoryTable[] Begin(DuckDBConnection connection, string database, Layout layout, long createdMillis)
    {
        Schema.Create(connection, database, layout, createdMillis);
        return Array.ConvertAll(Names, table => MemoryTable.Like(connection, database, table));
    }
}
