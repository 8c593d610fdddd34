using DuckDB.NET.Data;
using DuckDB.NET.Native;
using NativeAppender = DuckDB.NET.Native.DuckDBAppender;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Appends rows to a table of DuckDB, by data chunks of 2,048. Rows belong to the transaction that is open on the
/// connection at <see cref="Flush"/>.
/// </summary>
/// <remarks>
/// DuckDB.NET's own appender cuts text at a NUL and boxes lists; hence this one.
/// </remarks>
sealed class TableAppender : RowAppender, IDisposable
{
    /// <summary>Large values are handed over in fewer rows.</summary>
    const long MaxBytes = 32 << 20;

    readonly DuckDBConnection _connection;
    readonly string _database;
    readonly string _table;
    readonly DuckDBLogicalType[] _types;
    readonly DuckDBDataChunk _chunk;
    readonly RowBlock _block;

    // lives from the first chunk of a transaction to its flush
    NativeAppender? _appender;

    public TableAppender(DuckDBConnection connection, string database, string table)
    {
        _connection = connection;
        _database = database;
        _table = table;
        _types = ReadTypes(connection, database, table);
        var handles = Array.ConvertAll(_types, type => type.DangerousGetHandle());
        _chunk = NativeMethods.DataChunks.DuckDBCreateDataChunk(handles, (ulong)handles.Length);
        _block = new RowBlock(Array.ConvertAll(_types, ColumnType.Of));
        Use(_block, 0);
    }

    /// <summary>The types of a table's columns, to be disposed.</summary>
    public static DuckDBLogicalType[] ReadTypes(DuckDBConnection connection, string database, string table)
    {
        using var appender = CreateAppender(connection, database, table);
        var types = new DuckDBLogicalType[NativeMethods.Appender.DuckDBAppenderColumnCount(appender)];
        for (var i = 0; i < types.Length; i++)
            types[i] = NativeMethods.Appender.DuckDBAppenderColumnType(appender, (ulong)i);
        return types;
    }

    public override void Flush()
    {
        if (Rows > 0)
            OnFull();
        if (_appender is null)
            return;
        Check(NativeMethods.Appender.DuckDBAppenderClose(_appender));
        _appender.Dispose();
        _appender = null;
    }

    public override void Discard()
    {
        NativeMethods.DataChunks.DuckDBDataChunkReset(_chunk);
        Restart();
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
        _block.Dispose();
    }

    protected override bool HasMuch => _block.UsedBytes > MaxBytes;

    // DuckDB copies what it is handed
    protected override void OnFull()
    {
        for (var i = 0; i < _types.Length; i++)
            _block.Columns[i].CopyTo(NativeMethods.DataChunks.DuckDBDataChunkGetVector(_chunk, i), Rows);
        _appender ??= CreateAppender(_connection, _database, _table);
        NativeMethods.DataChunks.DuckDBDataChunkSetSize(_chunk, (ulong)Rows);
        Check(NativeMethods.Appender.DuckDBAppendDataChunk(_appender, _chunk));
        NativeMethods.DataChunks.DuckDBDataChunkReset(_chunk);
        Restart();
    }

    void Restart()
    {
        _block.Reset();
        Use(_block, 0);
    }

    static NativeAppender CreateAppender(DuckDBConnection connection, string database, string table)
    {
        var state = NativeMethods.Appender.DuckDBAppenderCreateExt(
            connection.NativeConnection, database, null, table, out var appender);
        if (state == DuckDBState.Success)
            return appender;
        var message = ErrorOf(appender);
        appender.Dispose();
        throw new IOException($"Cannot append to table {database}.{table}: {message}");
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
}
