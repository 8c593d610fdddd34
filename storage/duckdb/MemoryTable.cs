using DuckDB.NET.Data;
using DuckDB.NET.Native;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// A table of an append partition: rows in memory, column by column. One thread adds rows and publishes them once they
/// are durable; any thread reads what is published. SQL sees it through <see cref="MemoryScan"/>.
/// </summary>
sealed class MemoryTable : RowAppender, IRowSource, IDisposable
{
    readonly SharedList<RowBlock> _blocks = new();

    // number of the block that takes rows
    int _current = -1;
    long _published;

    MemoryTable(string name, string[] columnNames, DuckDBLogicalType[] logicalTypes)
    {
        Name = name;
        ColumnNames = columnNames;
        LogicalTypes = logicalTypes;
        Types = Array.ConvertAll(logicalTypes, ColumnType.Of);
        AddBlock();
    }

    public string Name { get; }

    public string[] ColumnNames { get; }

    public DuckDBLogicalType[] LogicalTypes { get; }

    public ColumnType[] Types { get; }

    /// <summary>Rows that all may read.</summary>
    public long Published => Volatile.Read(ref _published);

    long IRowSource.RowCount => Published;

    /// <summary>Rows with those not published yet.</summary>
    public long Count => ((long)_current * ColumnBlock.Capacity) + Rows;

    /// <summary>Bytes of memory.</summary>
    public long Bytes => _blocks.All().Sum(block => block.Bytes);

    /// <summary>A value that is not NULL, of the column's width.</summary>
    public unsafe T Read<T>(long row, int column) where T : unmanaged =>
        ((T*)_blocks[(int)(row / ColumnBlock.Capacity)].Columns[column].Data)[row % ColumnBlock.Capacity];

    /// <summary>The block of so many rows from the number times <see cref="ColumnBlock.Capacity"/> on.</summary>
    public RowBlock Block(int number) => _blocks[number];

    /// <summary>An empty table with the columns of one of DuckDB's.</summary>
    public static MemoryTable Like(DuckDBConnection connection, string database, string table)
    {
        // not from duckdb_columns(), which holds on to all databases: the sealer could not detach its own
        using var command = connection.Command($"FROM {Sql.Quote(database)}.{table} LIMIT 0");
        using var reader = command.ExecuteReader();
        return new MemoryTable(table, [.. Enumerable.Range(0, reader.FieldCount).Select(reader.GetName)],
            TableAppender.ReadTypes(connection, database, table));
    }

    public void Copy(int column, long start, int count, nint vector) =>
        _blocks[(int)(start / ColumnBlock.Capacity)].Columns[column].CopyTo(vector, count);

    /// <summary>Nothing to hand over: <see cref="PartitionLog"/> takes the rows from here.</summary>
    public override void Flush()
    {
    }

    /// <summary>Appends rows from a log.</summary>
    public void Read(int rows, ref LogReader from)
    {
        if (rows <= 0 || rows > ColumnBlock.Capacity - Rows)
            throw new InvalidDataException($"{rows} rows of {Name} were to follow {Count}.");
        foreach (var column in _blocks[_current].Columns)
            ColumnCodec.Read(column, Rows, Rows + rows, ref from);
        Advance(rows);
    }

    public void Publish() => Volatile.Write(ref _published, Count);

    public override void Discard()
    {
        var (last, rows) = ((int)(_published / ColumnBlock.Capacity), (int)(_published % ColumnBlock.Capacity));
        for (var i = last; i < _blocks.Count; i++)
            _blocks[i].Truncate(i == last ? rows : 0);
        // those after it are empty, and used again
        _current = last;
        Use(_blocks[last], rows);
    }

    /// <summary>Gives the memory back; nobody may read any more.</summary>
    public void Dispose()
    {
        foreach (var block in _blocks.All())
            block.Dispose();
        foreach (var type in LogicalTypes)
            type.Dispose();
    }

    protected override void OnFull() => AddBlock();

    void AddBlock()
    {
        if (++_current == _blocks.Count)
            _blocks.Add(new RowBlock(Types));
        Use(_blocks[_current], 0);
    }
}
