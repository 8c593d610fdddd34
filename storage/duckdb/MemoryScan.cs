using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DuckDB.NET.Data;
using DuckDB.NET.Native;

namespace Tracing.Storage.DuckDb;

/// <summary>Rows in memory that SQL can scan.</summary>
interface IRowSource
{
    string[] ColumnNames { get; }

    /// <summary>By column.</summary>
    DuckDBLogicalType[] LogicalTypes { get; }

    /// <summary>How many there are now; they never become fewer.</summary>
    long RowCount { get; }

    /// <summary>Copies rows of a column to a new vector of DuckDB.</summary>
    /// <param name="start">The first: a multiple of <see cref="ColumnBlock.Capacity"/>.</param>
    /// <param name="count">At most <see cref="ColumnBlock.Capacity"/>.</param>
    void Copy(int column, long start, int count, nint vector);
}

/// <summary>
/// Shows rows in memory to SQL: the table function <c>memory_rows(number)</c> copies the columns that a query needs to
/// DuckDB's vectors, in their order. After the source's columns comes <c>rowid</c>. A scan sees what was there when it
/// began. Texts stay where they are, so that memory must not be given back while a query runs.
/// </summary>
static unsafe partial class MemoryScan
{
    static readonly ConcurrentDictionary<long, IRowSource> Sources = [];
    static long _last;

    /// <summary>Makes the function known to a DuckDB and all its connections; once.</summary>
    public static void Register(DuckDBConnection connection)
    {
        var function = NativeMethods.TableFunction.DuckDBCreateTableFunction();
        try
        {
            NativeMethods.TableFunction.DuckDBTableFunctionSetName(function, "memory_rows");
            using var type = NativeMethods.LogicalType.DuckDBCreateLogicalType(DuckDBType.BigInt);
            NativeMethods.TableFunction.DuckDBTableFunctionAddParameter(function, type);
            NativeMethods.TableFunction.DuckDBTableFunctionSetBind(function, &Bind);
            NativeMethods.TableFunction.DuckDBTableFunctionSetInit(function, &Begin);
            NativeMethods.TableFunction.DuckDBTableFunctionSetFunction(function, &Fill);
            NativeMethods.TableFunction.DuckDBTableFunctionSupportsProjectionPushdown(function, true);
            if (NativeMethods.TableFunction.DuckDBRegisterTableFunction(connection.NativeConnection, function) !=
                DuckDBState.Success)
                throw new IOException("DuckDB takes no table function memory_rows.");
        }
        finally
        {
            NativeMethods.TableFunction.DuckDBDestroyTableFunction(ref function);
        }
    }

    /// <summary>Shows rows until <see cref="Remove"/>; their number.</summary>
    public static long Add(IRowSource source)
    {
        var number = Interlocked.Increment(ref _last);
        Sources[number] = source;
        return number;
    }

    public static void Remove(long number) => Sources.TryRemove(number, out _);

    /// <summary>The rows of a number, as they stand in SQL.</summary>
    public static string Relation(long number) => string.Create(CultureInfo.InvariantCulture, $"memory_rows({number})");

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    static void Bind(nint info)
    {
        try
        {
            using var value = NativeMethods.TableFunction.DuckDBBindGetParameter(info, 0);
            var number = NativeMethods.Value.DuckDBGetInt64(value);
            if (!Sources.TryGetValue(number, out var source))
                throw new InvalidOperationException("The rows are no longer there.");
            foreach (var (name, type) in source.ColumnNames.Zip(source.LogicalTypes))
                NativeMethods.TableFunction.DuckDBBindAddResultColumn(info, name, type);
            using var rowId = NativeMethods.LogicalType.DuckDBCreateLogicalType(DuckDBType.BigInt);
            NativeMethods.TableFunction.DuckDBBindAddResultColumn(info, "rowid", rowId);
            NativeMethods.TableFunction.DuckDBBindSetCardinality(info, (ulong)source.RowCount, false);
            NativeMethods.TableFunction.DuckDBBindSetBindData(info, HandleOf(source), &FreeHandle);
        }
        catch (Exception exception)
        {
            NativeMethods.TableFunction.DuckDBBindSetError(info, exception.Message);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    static void Begin(nint info)
    {
        try
        {
            var source = TargetOf<IRowSource>(NativeMethods.TableFunction.DuckDBInitGetBindData(info));
            var columns = new int[NativeMethods.TableFunction.DuckDBInitGetColumnCount(info)];
            for (var i = 0; i < columns.Length; i++)
                columns[i] = (int)NativeMethods.TableFunction.DuckDBInitGetColumnIndex(info, (ulong)i);
            NativeMethods.TableFunction.DuckDBInitSetInitData(
                info, HandleOf(new Scan(source, columns, source.RowCount)), &FreeHandle);
        }
        catch (Exception exception)
        {
            NativeMethods.TableFunction.DuckDBInitSetError(info, exception.Message);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    static void Fill(nint info, nint chunk)
    {
        try
        {
            var scan = TargetOf<Scan>(NativeMethods.TableFunction.DuckDBFunctionGetInitData(info));
            SetSize(chunk, (ulong)scan.Next(chunk));
        }
        catch (Exception exception)
        {
            NativeMethods.TableFunction.DuckDBFunctionSetError(info, exception.Message);
        }
    }

    static nint HandleOf(object target) => GCHandle.ToIntPtr(GCHandle.Alloc(target));

    static T TargetOf<T>(nint handle) => (T)GCHandle.FromIntPtr(handle).Target!;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    static void FreeHandle(nint handle) => GCHandle.FromIntPtr(handle).Free();

    // DuckDB.NET has these for chunks that it made itself
    [LibraryImport("duckdb", EntryPoint = "duckdb_data_chunk_get_vector")]
    private static partial nint VectorOf(nint chunk, ulong column);

    [LibraryImport("duckdb", EntryPoint = "duckdb_data_chunk_set_size")]
    private static partial void SetSize(nint chunk, ulong rows);

    sealed class Scan(IRowSource source, int[] columns, long rows)
    {
        long _next;

        /// <summary>Fills a chunk; how many rows it has.</summary>
        public int Next(nint chunk)
        {
            var count = (int)Math.Min(rows - _next, ColumnBlock.Capacity);
            for (var i = 0; i < columns.Length && count > 0; i++)
            {
                var vector = VectorOf(chunk, (ulong)i);
                if (columns[i] < source.ColumnNames.Length)
                    source.Copy(columns[i], _next, count, vector);
                else
                    FillRowIds((long*)NativeMethods.Vectors.DuckDBVectorGetData(vector), _next, count);
            }
            _next += count;
            return count;
        }

        static void FillRowIds(long* ids, long start, int count)
        {
            for (var i = 0; i < count; i++)
                ids[i] = start + i;
        }
    }
}
