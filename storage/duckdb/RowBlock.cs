namespace Tracing.Storage.DuckDb;

/// <summary>Up to <see cref="ColumnBlock.Capacity"/> rows of a table, and the memory of their values.</summary>
sealed class RowBlock : IDisposable
{
    readonly Arena _arena = new();

    public RowBlock(IReadOnlyList<ColumnType> types)
    {
        Columns = [.. types.Select(type => new ColumnBlock(type, _arena))];
    }

    public ColumnBlock[] Columns { get; }

    public long Bytes => _arena.Bytes;

    /// <summary>Of these, those that have values.</summary>
    public long UsedBytes => _arena.Used;

    /// <summary>Forgets the rows from one on.</summary>
    public void Truncate(int row)
    {
        foreach (var column in Columns)
            column.Truncate(row);
    }

    /// <summary>Forgets all rows and uses their memory for the next.</summary>
    public void Reset()
    {
        foreach (var column in Columns)
            column.Clear();
        _arena.Reset();
    }

    /// <summary>Gives the memory back; nobody may read any more.</summary>
    public void Dispose() => _arena.Dispose();
}
