using DuckDB.NET.Native;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// The spans of an append partition as their sealed table has them: in the sealed order; instead of the
/// parent's id its distance, unless it is elsewhere; and their places in the order stored.
/// </summary>
sealed unsafe class SealedSpans : IRowSource, IDisposable
{
    readonly SealedOrder _order;
    readonly RowGather[] _columns;
    readonly DuckDBLogicalType _integer = NativeMethods.LogicalType.DuckDBCreateLogicalType(DuckDBType.Integer);

    public SealedSpans(MemoryTable spans, SealedOrder order)
    {
        _order = order;
        _columns = [.. Enumerable.Range(0, spans.Types.Length).Select(column => new RowGather(spans, column))];
        ColumnNames = [.. spans.ColumnNames, "seq", "parent_distance"];
        LogicalTypes = [.. spans.LogicalTypes, _integer, _integer];
    }

    public string[] ColumnNames { get; }

    public DuckDBLogicalType[] LogicalTypes { get; }

    public long RowCount => _order.Rows.Length;

    public void Copy(int column, long start, int count, nint vector)
    {
        var rows = _order.Rows.AsSpan((int)start, count);
        var distances = _order.ParentDistances.AsSpan((int)start, count);
        if (column < _columns.Length)
        {
            _columns[column].Copy(rows, vector);
            if (column == SpanTable.ParentIdColumn)
                SetNull(vector, distances, known: true);
            return;
        }
        var isSeq = column == _columns.Length;
        (isSeq ? rows : distances).CopyTo(new Span<int>(NativeMethods.Vectors.DuckDBVectorGetData(vector), count));
        if (!isSeq)
            SetNull(vector, distances, known: false);
    }

    public void Dispose() => _integer.Dispose();

    /// <summary>Where the parent's distance is known, or where it is not.</summary>
    static void SetNull(nint vector, ReadOnlySpan<int> distances, bool known)
    {
        var validity = ColumnBlock.WritableValidity(vector);
        for (var i = 0; i < distances.Length; i++)
        {
            if (distances[i] != SealedOrder.Elsewhere == known)
                validity[i >> 6] &= ~(1UL << (i & 63));
        }
    }
}
