using System.Buffers.Binary;
using System.Globalization;
using System.Text.RegularExpressions;
using DuckDB.NET.Data;
using DuckDB.NET.Native;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Tells a damaged file from a machine that lacks something, on account of which no file may be touched.
/// </summary>
static partial class Damage
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

    /// <summary>
    /// The partition with a block whose checksum DuckDB found wrong; null when it is another error. DuckDB says where
    /// the block is and which checksum stands there, but not in which file.
    /// </summary>
    public static Partition? Find(DuckDBException exception, IReadOnlyList<Partition> partitions)
    {
        var match = WrongChecksum().Match(exception.Message);
        if (!match.Success)
            return null;
        var stored = ulong.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture);
        var location = long.Parse(match.Groups[2].ValueSpan, CultureInfo.InvariantCulture);
        return partitions.FirstOrDefault(partition => partition.IsSealed && ReadAt(partition.File, location) == stored);
    }

    static ulong? ReadAt(string file, long location)
    {
        try
        {
            using var handle = File.OpenHandle(file);
            var bytes = new byte[sizeof(ulong)];
            return RandomAccess.Read(handle, bytes, location) == bytes.Length
                ? BinaryPrimitives.ReadUInt64LittleEndian(bytes)
                : null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    [GeneratedRegex(@"stored checksum (\d+) in block at location (\d+)")]
    private static partial Regex WrongChecksum();
}

/// <summary>A query needs a block of a sealed file that has become damaged since the start.</summary>
sealed class DamagedPartitionException(Partition partition, Exception inner) : IOException(
    $"{partition.File} is damaged: {inner.Message}. Queries that do not need its spans work. Stop the server and " +
    "restore the file from a copy, or move it away.", inner);
