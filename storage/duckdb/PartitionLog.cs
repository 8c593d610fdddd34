using System.Buffers.Binary;
using System.IO.Hashing;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// The file of an append partition: what was committed to its tables, transaction by transaction, each synced before it
/// is acknowledged.
/// </summary>
/// <remarks>
/// Numbers are little-endian. The header: <see cref="Magic"/>, the format's version (4 bytes), a random number that
/// goes into all hashes (8), and a hash of that (4). Then frames: <see cref="Marker"/> (4), length of the content (4),
/// hash of length and content (8), content. The first frame has when the partition was begun, in milliseconds since
/// 1970 (8), and its layout; each other is a transaction: pieces of a table's rows, each the table's number (1), how
/// many rows (varint, at most 2,048), and the columns as in <see cref="ColumnCodec"/>. As a whole frame cannot be made
/// without the random number, no text of a span can pass for one.
/// </remarks>
sealed class PartitionLog : IDisposable
{
    const int HeaderLength = 24;
    const int FrameHeader = 16;
    const uint Marker = 0x4e415053;

    static ReadOnlySpan<byte> Magic => "TRACING\n"u8;

    readonly SafeFileHandle _handle;
    readonly string _file;
    readonly long _seed;
    readonly LogBuffer _frame = new();
    long _length;

    PartitionLog(SafeFileHandle handle, string file, long seed, long length)
    {
        _handle = handle;
        _file = file;
        _seed = seed;
        _length = length;
    }

    /// <summary>
    /// Whether a sync failed, so that what the system has of the file cannot be trusted: nothing more may be
    /// appended to it. What was acknowledged before is on disk.
    /// </summary>
    public bool IsBroken { get; private set; }

    /// <summary>Makes a new file and syncs it; its name in the folder is left to the caller.</summary>
    public static PartitionLog Create(string file, long createdMillis, Layout layout)
    {
        var seed = BinaryPrimitives.ReadInt64LittleEndian(RandomNumberGenerator.GetBytes(sizeof(long)));
        var header = new byte[HeaderLength];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), Schema.Version);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(12), seed);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(20), HashOfHeader(header));
        var log = new PartitionLog(
            File.OpenHandle(file, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read), file, seed, 0);
        try
        {
            log._frame.Add(header);
            log._frame.Add(FrameHeader);
            BinaryPrimitives.WriteInt64LittleEndian(log._frame.Add(sizeof(long)), createdMillis);
            WriteLayout(log._frame, layout);
            log.Write(HeaderLength);
            return log;
        }
        catch
        {
            log.Dispose();
            throw;
        }
    }

    /// <summary>Whether nothing was ever committed: the partition was just being made.</summary>
    public static bool IsUnborn(string file)
    {
        var bytes = ReadAll(file);
        if (!HasHeader(bytes))
            return bytes.Length < HeaderLength || !bytes.AsSpan().ContainsAnyExcept((byte)0);
        return !TryReadStart(bytes, out _) && FindFrame(bytes, HeaderLength + 1, SeedOf(bytes)) is null;
    }

    /// <summary>Reads a file that is not <see cref="IsUnborn"/>, to go on in it.</summary>
    /// <param name="begin">Makes the tables, after the time when the partition was begun and its layout.</param>
    /// <exception cref="InvalidDataException">The file is damaged; the message says where.</exception>
    /// <exception cref="StoreUnusableException">It is of another version.</exception>
    public static PartitionLog Open(string file, Func<long, Layout, IReadOnlyList<MemoryTable>> begin)
    {
        var bytes = ReadAll(file);
        // whatever else a later version changes, it has such a header
        if (HasHeader(bytes))
            Schema.CheckVersion(BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(8)), file);
        if (!TryReadStart(bytes, out var seed))
            throw new InvalidDataException($"The beginning of {file} is damaged.");
        var at = HeaderLength;
        IReadOnlyList<MemoryTable>? tables = null;
        for (; TryReadFrame(bytes, at, seed, out var content); at += FrameHeader + content.Length)
        {
            if (tables is null)
                tables = begin(BinaryPrimitives.ReadInt64LittleEndian(content), ReadLayout(content[sizeof(long)..]));
            else
                ReadTransaction(content, tables);
        }
        // of those that a kill tears off there is one at most, as each is synced before the next begins
        if (FindFrame(bytes, at + 1, seed) is { } next)
        {
            throw new InvalidDataException(
                $"{file} is damaged from byte {at} to {next} of {bytes.Length}; whole transactions follow.");
        }
        var handle = File.OpenHandle(file, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        try
        {
            RandomAccess.SetLength(handle, at);
            return new PartitionLog(handle, file, seed, at);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Writes the rows of the tables that are not published yet as one transaction; returns when they are on disk. When
    /// it throws, nothing of them is, and the log <see cref="IsBroken"/>.
    /// </summary>
    public void Append(IReadOnlyList<MemoryTable> tables)
    {
        if (tables.All(table => table.Count == table.Published))
            return;
        _frame.Add(FrameHeader);
        for (var number = 0; number < tables.Count; number++)
            AppendRows((byte)number, tables[number]);
        Write(0);
    }

    public void Dispose() => _handle.Dispose();

    static void ReadTransaction(ReadOnlySpan<byte> content, IReadOnlyList<MemoryTable> tables)
    {
        var reader = new LogReader(content);
        while (reader.Left > 0)
        {
            var number = reader.TakeByte();
            if (number >= tables.Count)
                throw new InvalidDataException($"There is no table {number}.");
            tables[number].Read(checked((int)reader.TakeNumber()), ref reader);
        }
        foreach (var table in tables)
            table.Publish();
    }

    void AppendRows(byte number, MemoryTable table)
    {
        for (var row = table.Published; row < table.Count;)
        {
            var start = (int)(row % ColumnBlock.Capacity);
            var end = (int)Math.Min(ColumnBlock.Capacity, start + table.Count - row);
            _frame.AddByte(number);
            _frame.AddNumber((uint)(end - start));
            foreach (var column in table.Block((int)(row / ColumnBlock.Capacity)).Columns)
                ColumnCodec.Write(column, start, end, _frame);
            row += end - start;
        }
    }

    /// <param name="start">Where in what is to be written the frame begins.</param>
    void Write(int start)
    {
        try
        {
            var frame = _frame.Written[start..];
            BinaryPrimitives.WriteUInt32LittleEndian(frame, Marker);
            BinaryPrimitives.WriteInt32LittleEndian(frame[4..], frame.Length - FrameHeader);
            BinaryPrimitives.WriteUInt64LittleEndian(frame[8..], HashOf(frame, _seed));
            RandomAccess.Write(_handle, _frame.Written, _length);
            IsBroken = true;
            RandomAccess.FlushToDisk(_handle);
            IsBroken = false;
            _length += _frame.Written.Length;
        }
        catch
        {
            CutOff();
            throw;
        }
        finally
        {
            _frame.Clear();
        }
    }

    /// <summary>Takes a transaction that failed out of the file, so that no start finds it.</summary>
    void CutOff()
    {
        try
        {
            RandomAccess.SetLength(_handle, _length);
        }
        catch (IOException)
        {
            IsBroken = true;
        }
    }

    static void WriteLayout(LogBuffer to, Layout layout)
    {
        to.AddNumber((uint)layout.Columns.Length);
        foreach (var column in layout.Columns)
        {
            to.AddByte((byte)column.Type);
            foreach (var text in (string[])[column.Key, column.Name])
            {
                var bytes = Encoding.UTF8.GetBytes(text);
                to.AddNumber((uint)bytes.Length);
                to.Add(bytes);
            }
        }
    }

    static Layout ReadLayout(ReadOnlySpan<byte> content)
    {
        var reader = new LogReader(content);
        var columns = new List<AttributeColumn>();
        for (var count = reader.TakeNumber(); count > 0; count--)
        {
            var type = (AttributeType)reader.TakeByte();
            var key = Encoding.UTF8.GetString(reader.Take((int)reader.TakeNumber()));
            columns.Add(new AttributeColumn(key, type, Encoding.UTF8.GetString(reader.Take((int)reader.TakeNumber()))));
        }
        return Layout.Of(columns);
    }

    static byte[] ReadAll(string file)
    {
        using var handle = File.OpenHandle(file);
        var bytes = new byte[RandomAccess.GetLength(handle)];
        var read = 0;
        while (read < bytes.Length && RandomAccess.Read(handle, bytes.AsSpan(read), read) is var more and > 0)
            read += more;
        return read == bytes.Length ? bytes : bytes[..read];
    }

    static long SeedOf(ReadOnlySpan<byte> header) => BinaryPrimitives.ReadInt64LittleEndian(header[12..]);

    static bool HasHeader(ReadOnlySpan<byte> bytes) => bytes.Length >= HeaderLength && bytes.StartsWith(Magic) &&
        BinaryPrimitives.ReadUInt32LittleEndian(bytes[20..]) == HashOfHeader(bytes);

    static bool TryReadStart(ReadOnlySpan<byte> bytes, out long seed)
    {
        seed = HasHeader(bytes) ? SeedOf(bytes) : 0;
        return HasHeader(bytes) && TryReadFrame(bytes, HeaderLength, seed, out _);
    }

    static bool TryReadFrame(ReadOnlySpan<byte> bytes, int at, long seed, out ReadOnlySpan<byte> content)
    {
        content = default;
        if (bytes.Length - at < FrameHeader || BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]) != Marker)
            return false;
        var length = BinaryPrimitives.ReadInt32LittleEndian(bytes[(at + 4)..]);
        if (length < 0 || length > bytes.Length - at - FrameHeader)
            return false;
        var frame = bytes.Slice(at, FrameHeader + length);
        content = frame[FrameHeader..];
        return BinaryPrimitives.ReadUInt64LittleEndian(frame[8..]) == HashOf(frame, seed);
    }

    /// <summary>Where a whole frame begins at a place or after it.</summary>
    static int? FindFrame(ReadOnlySpan<byte> bytes, int from, long seed)
    {
        Span<byte> marker = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(marker, Marker);
        for (var at = from; at < bytes.Length;)
        {
            var next = bytes[at..].IndexOf(marker);
            if (next < 0)
                return null;
            if (TryReadFrame(bytes, at + next, seed, out _))
                return at + next;
            at += next + 1;
        }
        return null;
    }

    static uint HashOfHeader(ReadOnlySpan<byte> header) => (uint)XxHash3.HashToUInt64(header[..20]);

    /// <summary>Of a frame's length and content.</summary>
    static ulong HashOf(ReadOnlySpan<byte> frame, long seed) =>
        XxHash3.HashToUInt64(frame[FrameHeader..], seed ^ BinaryPrimitives.ReadInt32LittleEndian(frame[4..]));
}
