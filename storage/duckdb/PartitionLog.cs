using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Looks through the log of an open partition before DuckDB replays it. DuckDB checks the content of each entry, but
/// takes a log whose beginning is damaged for an empty one, and an entry whose length is damaged for the end that a
/// kill tears off: all that follows would be lost without a word.
/// </summary>
/// <remarks>
/// The log of DuckDB 1.5: a header of fields (number of 2 bytes, value) that ends with ff ff; then entries, each of
/// its length and checksum of 8 bytes, and content. An entry of one constant content ends each transaction. Another
/// version of DuckDB may write another; then every test that opens a store twice fails.
/// </remarks>
static class PartitionLog
{
    /// <summary>Length and checksum before each entry.</summary>
    const int EntryHeader = 16;

    /// <summary>A log without a transaction is no longer: it takes some 5 KiB to make the tables.</summary>
    const int MaxUnborn = 64 * 1024;

    /// <summary>Bytes of the header that are looked at; it has at most 57.</summary>
    const int HeaderLength = 64;

    const int IdLength = 16;

    /// <summary>Where the file has the id that its log repeats: somewhere in its first block.</summary>
    const int FileHeader = 4096;

    // field 100, kind of entry: 98, the version; field 101, the version: 2; field 102, the id's length
    static ReadOnlySpan<byte> Start => [0x64, 0, 98, 0x65, 0, 2, 0x66, 0, IdLength];

    // field 100, kind of entry: 100, the end of a transaction
    static ReadOnlySpan<byte> Commit => [0x64, 0, 100, 0xff, 0xff];

    /// <summary>Whether nothing was ever committed, so that the partition was just being made.</summary>
    public static bool IsUnborn(string log)
    {
        if (!File.Exists(log))
            return true;
        using var handle = File.OpenHandle(log);
        var length = RandomAccess.GetLength(handle);
        return length <= MaxUnborn && CountCommits(handle, 0, length) == 0;
    }

    /// <exception cref="InvalidDataException">The log is damaged; the message says where.</exception>
    public static void Check(string file, string log)
    {
        using var handle = File.OpenHandle(log);
        var length = RandomAccess.GetLength(handle);
        var at = CheckHeader(handle, file, log);
        while (NextEntry(handle, at, length) is { } next)
            at = next;
        if (at < length)
            CheckEnd(handle, at, length, log);
    }

    static long CheckHeader(SafeFileHandle handle, string file, string log)
    {
        Span<byte> header = stackalloc byte[HeaderLength];
        header = header[..RandomAccess.Read(handle, header, 0)];
        var id = (stackalloc byte[IdLength]);
        var at = Start.Length;
        var isGood = header.StartsWith(Start);
        // each byte of the id as a variable-length integer
        for (var i = 0; i < IdLength && isGood; i++)
            isGood = TryReadVarint(header, ref at, out id[i]);
        isGood = isGood && header[at..].StartsWith((ReadOnlySpan<byte>)[0x67, 0]);
        at += 2;
        // how often the file had a checkpoint: never
        isGood = isGood && TryReadVarint(header, ref at, out var checkpoints) && checkpoints == 0 &&
            header[at..].StartsWith((ReadOnlySpan<byte>)[0xff, 0xff]);
        if (!isGood)
            throw new InvalidDataException($"The beginning of {log} is damaged.");
        if (!HasId(file, id))
            throw new InvalidDataException($"{log} is not the log of {file}, or the beginning of one is damaged.");
        return at + 2;
    }

    static bool TryReadVarint(ReadOnlySpan<byte> bytes, ref int at, out byte value)
    {
        value = 0;
        if (at + 2 >= bytes.Length)
            return false;
        value = (byte)(bytes[at] & 0x7f);
        if (bytes[at++] < 0x80)
            return true;
        value |= (byte)(bytes[at] << 7);
        return bytes[at++] == 1;
    }

    static bool HasId(string file, ReadOnlySpan<byte> id)
    {
        using var handle = File.OpenHandle(file);
        Span<byte> header = new byte[FileHeader];
        return header[..RandomAccess.Read(handle, header, 0)].IndexOf(id) >= 0;
    }

    /// <summary>Where the entry after this one begins; null when it does not end within the file.</summary>
    static long? NextEntry(SafeFileHandle handle, long at, long length)
    {
        Span<byte> entry = stackalloc byte[EntryHeader];
        if (RandomAccess.Read(handle, entry, at) < EntryHeader)
            return null;
        var size = BinaryPrimitives.ReadInt64LittleEndian(entry);
        return size > 0 && size <= length - at - EntryHeader ? at + EntryHeader + size : null;
    }

    // Each transaction is synced before the next begins, so of those that a kill tears off there is one at most.
    static void CheckEnd(SafeFileHandle handle, long at, long length, string log)
    {
        if (CountCommits(handle, at, length) > 1)
            throw new InvalidDataException($"{log} is damaged at byte {at} of {length}; whole transactions follow.");
    }

    /// <summary>Ends of transactions from a place on, which need not be the beginning of an entry.</summary>
    static int CountCommits(SafeFileHandle handle, long from, long length)
    {
        const int Overlap = EntryHeader + 5;
        var buffer = new byte[1 << 20];
        var commits = 0;
        for (var at = from; at < length;)
        {
            var read = buffer.AsSpan(0, RandomAccess.Read(handle, buffer, at));
            for (var i = read.IndexOf(Commit); i >= 0; i = Next(read, i + 1))
            {
                if (i >= EntryHeader &&
                    BinaryPrimitives.ReadInt64LittleEndian(read[(i - EntryHeader)..]) == Commit.Length)
                    commits++;
            }
            if (read.Length <= Overlap || at + read.Length >= length)
                break;
            // an entry may begin in this piece and end in the next; one that ends just here is not found again
            at += read.Length - Overlap + 1;
        }
        return commits;
    }

    static int Next(ReadOnlySpan<byte> bytes, int from)
    {
        var index = bytes[from..].IndexOf(Commit);
        return index < 0 ? -1 : from + index;
    }
}
