using System.Runtime.CompilerServices;
using System.Text;
using DuckDB.NET.Data;

namespace Tracing.Storage.DuckDb;

/// <summary>The columns of a row from left to right.</summary>
interface IRow
{
    /// <summary>A number or bool that is not NULL.</summary>
    T Next<T>();

    T? NextOrNull<T>() where T : struct;

    string? NextText();

    List<int>? NextNumbers();

    List<string>? NextTexts();

    byte[]? NextBlob();

    /// <summary>Passes by a text that is for searches only, which SQL does not even select.</summary>
    void SkipSearchText();

    /// <summary>The same of a list of texts.</summary>
    void SkipSearchTexts();
}

/// <summary>The rows of a result.</summary>
sealed class RowReader(DuckDBDataReader reader) : IRow
{
    int _column;

    public bool Read()
    {
        _column = 0;
        return reader.Read();
    }

    public T Next<T>() => reader.GetFieldValue<T>(_column++);

    public T? NextOrNull<T>() where T : struct
    {
        var column = _column++;
        return reader.IsDBNull(column) ? null : reader.GetFieldValue<T>(column);
    }

    public string? NextText()
    {
        var column = _column++;
        return reader.IsDBNull(column) ? null : reader.GetString(column);
    }

    public List<int>? NextNumbers() => NextList<int>();

    public List<string>? NextTexts() => NextList<string>();

    public byte[]? NextBlob()
    {
        var column = _column++;
        if (reader.IsDBNull(column))
            return null;
        using var stream = reader.GetStream(column);
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    public void SkipSearchText()
    {
    }

    public void SkipSearchTexts()
    {
    }

    List<T>? NextList<T>()
    {
        var column = _column++;
        return reader.IsDBNull(column) ? null : reader.GetFieldValue<List<T>>(column);
    }
}

/// <summary>A row of a table in memory, whose columns are all read or skipped.</summary>
sealed unsafe class MemoryRow(MemoryTable table, long row) : IRow
{
    readonly ColumnBlock[] _columns = table.Block((int)(row / ColumnBlock.Capacity)).Columns;
    readonly int _row = (int)(row % ColumnBlock.Capacity);
    int _column;

    public T Next<T>()
    {
        var column = _columns[_column++];
        if (RuntimeHelpers.IsReferenceOrContainsReferences<T>() || column.Type.Width != Unsafe.SizeOf<T>() ||
            column.IsNull(_row))
            throw new InvalidOperationException("The column is NULL or of another type.");
        return Unsafe.Read<T>(column.Data + (_row * column.Type.Width));
    }

    public T? NextOrNull<T>() where T : struct
    {
        if (!_columns[_column].IsNull(_row))
            return Next<T>();
        _column++;
        return null;
    }

    public string? NextText() => NextIsThere(out var column)
        ? Encoding.UTF8.GetString(BytesDescriptor.Read((BytesDescriptor*)column.Data + _row))
        : null;

    public List<int>? NextNumbers() => NextIsThere(out var column)
        ? [.. new ReadOnlySpan<int>((int*)column.Elements + ListOf(column).Offset, (int)ListOf(column).Length)]
        : null;

    public List<string>? NextTexts()
    {
        if (!NextIsThere(out var column))
            return null;
        var (offset, length) = ListOf(column);
        var texts = new List<string>((int)length);
        for (var i = 0ul; i < length; i++)
            texts.Add(Encoding.UTF8.GetString(BytesDescriptor.Read((BytesDescriptor*)column.Elements + offset + i)));
        return texts;
    }

    public byte[]? NextBlob() => NextIsThere(out var column)
        ? BytesDescriptor.Read((BytesDescriptor*)column.Data + _row).ToArray()
        : null;

    public void SkipSearchText() => _column++;

    public void SkipSearchTexts() => _column++;

    bool NextIsThere(out ColumnBlock column)
    {
        column = _columns[_column++];
        return !column.IsNull(_row);
    }

    ListDescriptor ListOf(ColumnBlock column) => ((ListDescriptor*)column.Data)[_row];
}
