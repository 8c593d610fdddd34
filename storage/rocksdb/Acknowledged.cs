using System.Buffers.Binary;
using System.IO.Hashing;
using Microsoft.Win32.SafeHandles;

namespace Tracing.Storage.RocksDb;

/// <summary>
/// A file of a few bytes that says up to which number of RocksDB's writes all is acknowledged. By it a start notices
/// that the log has lost some: RocksDB itself takes a damaged log for one that ends there. It is written after each
/// write and not synced: a kill leaves it as it is, and a failure of power leaves it older at worst, which claims less.
/// </summary>
sealed class Acknowledged : IDisposable
{
    const string Name = "acknowledged";
    const int Length = 2 * sizeof(ulong);

    readonly SafeFileHandle _handle;
    readonly Lock _lock = new();

    public Acknowledged(string folder)
    {
        _handle = File.OpenHandle(Path.Combine(folder, Name), FileMode.OpenOrCreate, FileAccess.ReadWrite);
        Span<byte> bytes = stackalloc byte[Length];
        if (RandomAccess.Read(_handle, bytes, 0) == Length &&
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[sizeof(ulong)..]) == HashOf(bytes))
            Number = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    /// <summary>Of the last write; 0 when that is not known.</summary>
    public ulong Number { get; private set; }

    /// <param name="isLess">Whether it may go back, as after a loss.</param>
    public void Set(ulong number, bool isLess = false)
    {
        lock (_lock)
        {
            if (number <= Number && !isLess)
                return;
            Number = number;
            Span<byte> bytes = stackalloc byte[Length];
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, number);
            BinaryPrimitives.WriteUInt64LittleEndian(bytes[sizeof(ulong)..], HashOf(bytes));
            try
            {
                RandomAccess.Write(_handle, bytes, 0);
            }
            catch (IOException)
            {
                // what it says is old then, and claims less
            }
        }
    }

    public void Dispose() => _handle.Dispose();

    static ulong HashOf(ReadOnlySpan<byte> bytes) => XxHash3.HashToUInt64(bytes[..sizeof(ulong)]);
}
