using DuckDB.NET.Data;
using DuckDB.NET.Native;

namespace Tracing.Storage.DuckDb;

/// <summary>Tells a damaged file from a machine that lacks something, on account of which no file may be touched.</summary>
static class Damage
{
    // how DuckDB ends its messages when the system refuses, in the words of the C library
    static readonly string[] Refusals =
    [
        "Permission denied", "Operation not permitted", "Read-only file system", "Too many open files",
        "No space left on device", "Disk quota exceeded", "Input/output error", "Cannot allocate memory",
        "Could not set lock", "Stale file handle", "Resource temporarily unavailable",
    ];

    /// <summary>Whether an error while a file was read means that its content is damaged.</summary>
    public static bool Is(Exception exception) => exception switch
    {
        InvalidDataException => true,
        DuckDBException duckDb => !IsAftermath(duckDb) &&
            duckDb.ErrorType is not (DuckDBErrorType.OutOfMemory or DuckDBErrorType.Permission or
                DuckDBErrorType.Interrupt) &&
            !Array.Exists(Refusals, refusal => duckDb.Message.Contains(refusal, StringComparison.Ordinal)),
        _ => false,
    };

    /// <summary>
    /// Whether DuckDB refuses all work since an earlier fatal error, which says nothing of the file at hand.
    /// </summary>
    public static bool IsAftermath(Exception exception) => exception is DuckDBException &&
        exception.Message.Contains("because of a previous fatal error", StringComparison.Ordinal);
}
