using System.Diagnostics;
using System.Text;
using DuckDB.NET.Data;
using DuckDB.NET.Native;
using NativeAppender = DuckDB.NET.Native.DuckDBAppender;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Appends rows to one table: fills DuckDB's vectors in place and hands them over 2,048 rows at a time. The values of
/// a row are appended in the order of the table's columns. Rows belong to the transaction that is open on the
/// connection at <see cref="Flush"/>. Not thread-safe.
/// </summary>
/// <remarks>
/// DuckDB.NET's own appender cuts text at a NUL and boxes lists; hence this one.
/// </remarks>
sealed unsafe class TableAppender : IDisposable
{
    readonly DuckDBConnection _connection;
    readonly string _database;
    readonly string _table;
    readonly DuckDBLogicalType[] _types;
    readonly DuckDBDataChunk _chunk;
    readonly ColumnVector[] _columns;
    readonly RecentRows? _copy;

    // lives from the first row of a transaction to its flush
    NativeAppender? _appender;
    byte[] _utf8 = new byte[4096];
    int _row;
    int _column;

    /// <param name="copy">Takes the values of each row too, but is told by others where a row ends.</param>
    public TableAppender(DuckDBConnection connection, string database, string table, RecentRows? copy = null)
    {
        _copy = copy;
        _connection = connection;
        _database = database;
        _table = table;
        using (var appender = CreateAppender())
        {
            var count = NativeMethods.Appender.DuckDBAppenderColumnCount(appender);
            _types = new DuckDBLogicalType[count];
            for (var i = 0; i < _types.Length; i++)
                _types[i] = NativeMethods.Appender.DuckDBAppenderColumnType(appender, (ulong)i);
        }
        var handles = Array.ConvertAll(_types, type => type.DangerousGetHandle());
        _chunk = NativeMethods.DataChunks.DuckDBCreateDataChunk(handles, (ulong)handles.Length);
        _columns = Array.ConvertAll(_types, type => new ColumnVector(NativeMethods.LogicalType.DuckDBGetTypeId(type)));
        AttachColumns();
    }

    /// <summary>Appends a number or bool; its size must be that of the column's type.</summary>
    public void Append<T>(T value) where T : unmanaged
    {
        var column = _columns[_column++];
        Debug.Assert(column.Width == sizeof(T), "value and column differ in size");
        ((T*)column.Data)[_row] = value;
        _copy?.AddScalar(sizeof(T) switch
        {
            1 => *(byte*)&value,
            2 => *(ushort*)&value,
            4 => *(uint*)&value,
            _ => *(ulong*)&value,
        });
    }

    public void AppendNull()
    {
        _columns[_column++].SetNull(_row);
        _copy?.AddNull();
    }

    /// <summary>Any text; lone surrogates become U+FFFD, as UTF-8 has none.</summary>
    public void Append(string text) => Append(Utf8(text));

    public void Append(ReadOnlySpan<byte> bytes)
    {
        _columns[_column++].SetBytes(_row, bytes);
        _copy?.AddBytes(bytes);
    }

    /// <summary>Starts a list of so many elements, which must follow.</summary>
    public void BeginList(int count)
    {
        _columns[_column++].BeginList(_row, count);
        _copy?.BeginList(count);
    }

    /// <summary>Appends an element to the list begun last.</summary>
    public void AppendElement(string text)
    {
        var bytes = Utf8(text);
        _columns[_column - 1].AddElement(bytes);
        _copy?.AddElement(bytes);
    }

    /// <summary>Appends an element to the list of INTEGER begun last.</summary>
    public void AppendElement(int number)
    {
        _columns[_column - 1].AddElement(number);
        _copy?.AddElement(number);
    }

    public void EndRow()
    {
        Debug.Assert(_column == _columns.Length, "a row has a value for every column");
        _appender ??= CreateAppender();
        _column = 0;
        if (++_row == ColumnVector.Capacity)
            AppendChunk();
    }

    /// <summary>Hands all rows to the transaction.</summary>
    public void Flush()
    {
        if (_appender is null)
            return;
        if (_row > 0)
            AppendChunk();
        Check(NativeMethods.Appender.DuckDBAppenderClose(_appender));
        _appender.Dispose();
        _appender = null;
    }

    /// <summary>Forgets all rows since the last flush, a half-made one too.</summary>
    public void Discard()
    {
        ResetChunk();
        if (_appender is null)
            return;
        NativeMethods.Appender.DuckDBAppenderClear(_appender);
        _appender.Dispose();
        _appender = null;
    }

    public void Dispose()
    {
        Discard();
        _chunk.Dispose();
        foreach (var type in _types)
            type.Dispose();
    }

    NativeAppender CreateAppender()
    {
        var state = NativeMethods.Appender.DuckDBAppenderCreateExt(
            _connection.NativeConnection, _database, null, _table, out var appender);
        if (state == DuckDBState.Success)
            return appender;
        var message = ErrorOf(appender);
        appender.Dispose();
        throw new IOException($"Cannot append to table {_database}.{_table}: {message}");
    }

    void AppendChunk()
    {
        foreach (var column in _columns)
            column.FinishLists();
        NativeMethods.DataChunks.DuckDBDataChunkSetSize(_chunk, (ulong)_row);
        Check(NativeMethods.Appender.DuckDBAppendDataChunk(_appender!, _chunk));
        ResetChunk();
    }

    void ResetChunk()
    {
        NativeMethods.DataChunks.DuckDBDataChunkReset(_chunk);
        _row = 0;
        _column = 0;
        AttachColumns();
    }

    // a reset may give the vectors other memory
    void AttachColumns()
    {
        for (var i = 0; i < _columns.Length; i++)
            _columns[i].Attach(NativeMethods.DataChunks.DuckDBDataChunkGetVector(_chunk, i));
    }

    void Check(DuckDBState state)
    {
        if (state != DuckDBState.Success)
            throw new IOException($"Cannot append to table {_database}.{_table}: {ErrorOf(_appender!)}");
    }

    static string ErrorOf(NativeAppender appender)
    {
        using var error = NativeMethods.Appender.DuckDBAppenderErrorData(appender);
        return NativeMethods.ErrorData.DuckDBErrorDataMessage(error);
    }

    /// <summary>The text in UTF-8; valid until the next call.</summary>
    ReadOnlySpan<byte> Utf8(string text)
    {
        var max = Encoding.UTF8.GetMaxByteCount(text.Length);
        if (_utf8.Length < max)
            _utf8 = new byte[max];
        return _utf8.AsSpan(0, Encoding.UTF8.GetBytes(text, _utf8));
    }
}
