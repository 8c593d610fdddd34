using DuckDB.NET.Native;

namespace Tracing.Storage.DuckDb;

/// <summary>Copies any rows of a table in memory to vectors of DuckDB, column by column.</summary>
sealed unsafe class RowGather(MemoryTable table, int column)
{
    readonly ColumnBlock[] _blocks = BlocksOf(table, column);

    /// <summary>Fills a new vector with these rows, at most as many as it has. Texts stay where they are.</summary>
    public void Copy(ReadOnlySpan<int> rows, nint vector)
    {
        var type = table.Types[column];
        var to = (byte*)NativeMethods.Vectors.DuckDBVectorGetData(vector);
        CopyNulls(rows, vector);
        switch (type.Kind)
        {
            case ColumnKind.NumberList:
                CopyLists<int>(rows, vector, (ListDescriptor*)to);
                break;
            case ColumnKind.TextList:
                CopyLists<BytesDescriptor>(rows, vector, (ListDescriptor*)to);
                break;
            case ColumnKind.Bytes:
                Copy<BytesDescriptor>(rows, to);
                break;
            default:
                switch (type.Width)
                {
                    case 1: Copy<byte>(rows, to); break;
                    case 2: Copy<ushort>(rows, to); break;
                    case 4: Copy<uint>(rows, to); break;
                    default: Copy<ulong>(rows, to); break;
                }
                break;
        }
    }

    void CopyNulls(ReadOnlySpan<int> rows, nint vector)
    {
        ulong* validity = null;
        for (var i = 0; i < rows.Length; i++)
        {
            if (!IsNull(rows[i]))
                continue;
            if (validity == null)
                validity = ColumnBlock.WritableValidity(vector);
            validity[i >> 6] &= ~(1UL << (i & 63));
        }
    }

    void Copy<T>(ReadOnlySpan<int> rows, byte* to) where T : unmanaged
    {
        for (var i = 0; i < rows.Length; i++)
        {
            var data = (T*)_blocks[rows[i] / ColumnBlock.Capacity].Data;
            ((T*)to)[i] = data == null ? default : data[rows[i] % ColumnBlock.Capacity];
        }
    }

    void CopyLists<T>(ReadOnlySpan<int> rows, nint vector, ListDescriptor* to) where T : unmanaged
    {
        var count = 0ul;
        for (var i = 0; i < rows.Length; i++)
        {
            var length = IsNull(rows[i]) ? 0 : ListOf(rows[i]).Length;
            to[i] = new ListDescriptor(count, length);
            count += length;
        }
        var elements = (T*)ColumnBlock.ReserveElements(vector, (int)count);
        for (var i = 0; i < rows.Length; i++)
        {
            var (offset, length) = to[i];
            if (length == 0)
                continue;
            var from = (T*)_blocks[rows[i] / ColumnBlock.Capacity].Elements + ListOf(rows[i]).Offset;
            new ReadOnlySpan<T>(from, (int)length).CopyTo(new Span<T>(elements + offset, (int)length));
        }
    }

    bool IsNull(int row) => _blocks[row / ColumnBlock.Capacity].IsNull(row % ColumnBlock.Capacity);

    ListDescriptor ListOf(int row) =>
        ((ListDescriptor*)_blocks[row / ColumnBlock.Capacity].Data)[row % ColumnBlock.Capacity];

    static ColumnBlock[] BlocksOf(MemoryTable table, int column)
    {
        var count = (int)((table.Published + ColumnBlock.Capacity - 1) / ColumnBlock.Capacity);
        return [.. Enumerable.Range(0, count).Select(number => table.Block(number).Columns[column])];
    }
}
