using System.Buffers.Binary;
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
/// Numbers are little-endian. The header: <see cref="LogFrames.Magic"/>, the format's version (4 bytes), a random
/// number that goes into all hashes (8), and a hash of that (4). Then frames: <see cref="LogFrames.Marker"/> (4),
/// length of the content (4), hash of length and content (8), content. The first frame has when the partition was
/// begun, in milliseconds since 1970 (8), and its layout; each other is a transaction: pieces of a table's rows, each
/// the table's number (1), how many rows (varint, at most 2,048), and the columns as in <see cref="ColumnCodec"/>. As
/// a whole frame cannot be made without the random number, no text of a span can pass for one.
/// </remarks>
sealed class PartitionLog : IDisposable
{
    const int HeaderLength = LogFrames.HeaderLength;
    const int FrameHeader = LogFrames.FrameHeader;

    readonly SafeFileHandle _handle;
    readonly long _seed;
    readonly LogBuffer _frame = new();
    long _length;

    // bytes before the first transaction
    long _begun;
    int _failedBytes;

    PartitionLog(SafeFileHandle handle, long seed, long length)
    {
        _handle = handle;
        _seed = seed;
        _length = length;
    }

    /// <summary>
    /// Whether a sync failed, so that what the system has of the file cannot be trusted: nothing more may be
    /// appended to it. What was acknowledged before is on disk.
    /// </summary>
    public bool IsBroken { get; private set; }

    /// <summary>Why the last transaction failed; null when it did not.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Bytes with all transactions on disk; 0 without any.</summary>
    public long Acknowledged => _length > _begun ? _length : 0;

    /// <summary>Makes a new file and syncs it; its name in the folder is left to the caller.</summary>
    public static PartitionLog Create(string file, long createdMillis, Layout layout)
    {
        var seed = BinaryPrimitives.ReadInt64LittleEndian(RandomNumberGenerator.GetBytes(sizeof(long)));
        var header = new byte[HeaderLength];
        LogFrames.Magic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), Schema.Version);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(12), seed);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(20), LogFrames.HashOfHeader(header));
        var log = new PartitionLog(
            File.OpenHandle(file, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read), seed, 0);
        try
        {
            log._frame.Add(header);
            log._frame.Add(FrameHeader);
            BinaryPrimitives.WriteInt64LittleEndian(log._frame.Add(sizeof(long)), createdMillis);
            WriteLayout(log._frame, layout);
            log.Write(HeaderLength);
            log._begun = log._length;
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
        using var frames = new LogFrames(file);
        if (!frames.HasHeader)
            return frames.Length < HeaderLength || frames.IsZero();
        return !frames.TryRead(HeaderLength, out _) && frames.Find(HeaderLength + 1) is null;
    }

    /// <summary>Reads a file that is not <see cref="IsUnborn"/>, to go on in it.</summary>
    /// <param name="acknowledged">
    /// How many bytes it had when that was noted last, after its sync; 0 if that is not known.
    /// </param>
    /// <param name="begin">Makes the tables, after the time when the partition was begun and its layout.</param>
    /// <exception cref="InvalidDataException">The file is damaged; the message says where.</exception>
    /// <exception cref="StoreUnusableException">It is of another version.</exception>
    public static PartitionLog Open(
        string file, long acknowledged, Func<long, Layout, IReadOnlyList<MemoryTable>> begin)
    {
        using var frames = new LogFrames(file);
        if (frames.HasHeader)
            Schema.CheckVersion(frames.Version, file);
        var at = (long)HeaderLength;
        var begun = 0L;
        IReadOnlyList<MemoryTable>? tables = null;
        for (; frames.TryRead(at, out var content); at += FrameHeader + content.Length)
        {
            if (tables is not null)
            {
                ReadTransaction(content, tables);
                continue;
            }
            tables = begin(BinaryPrimitives.ReadInt64LittleEndian(content), ReadLayout(content[sizeof(long)..]));
            begun = at + FrameHeader + content.Length;
        }
        if (!frames.HasHeader || tables is null)
        {
            throw new InvalidDataException($"The beginning of {file} is damaged." + (acknowledged > frames.Length
                ? $" It has {frames.Length} bytes, but had {acknowledged}."
                : ""));
        }
        // Of those that a kill tears off there is one at most, as each is synced before the next begins. Where all that
        // was noted is there, this is it, whatever its texts look like.
        if (at < acknowledged || acknowledged == 0)
        {
            if (frames.Find(at + 1) is { } next)
            {
                throw new InvalidDataException(
                    $"{file} is damaged from byte {at} to {next} of {frames.Length}; whole transactions follow.");
            }
        }
        frames.Dispose();
        var handle = File.OpenHandle(file, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        try
        {
            RandomAccess.SetLength(handle, at);
            return new PartitionLog(handle, frames.Seed, at) { _begun = begun };
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Writes the rows of the tables that are not published yet as one transaction; returns when they are on disk. When
    /// it throws, nothing of them is, and the log may be <see cref="IsBroken"/>. Without such rows it tries whether
    /// what failed last would succeed.
    /// </summary>
    public void Append(IReadOnlyList<MemoryTable> tables)
    {
        if (tables.All(table => table.Count == table.Published))
        {
            if (Failure is not null)
                TryRoom();
            return;
        }
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
            var content = frame[FrameHeader..];
            BinaryPrimitives.WriteUInt32LittleEndian(frame, LogFrames.Marker);
            BinaryPrimitives.WriteInt32LittleEndian(frame[4..], content.Length);
            BinaryPrimitives.WriteUInt64LittleEndian(frame[8..], LogFrames.HashOf(content, _seed));
            RandomAccess.Write(_handle, _frame.Written, _length);
            IsBroken = true;
            RandomAccess.FlushToDisk(_handle);
            IsBroken = false;
            _length += _frame.Written.Length;
            Failure = null;
        }
        catch (Exception exception)
        {
            (Failure, _failedBytes) = (exception, _frame.Written.Length);
            CutOff();
            throw;
        }
        finally
        {
            _frame.Clear();
        }
    }

    /// <summary>Writes as much as failed last, and takes it back.</summary>
    void TryRoom()
    {
        var zeros = new byte[Math.Min(_failedBytes, 256 * 1024)];
        try
        {
            for (var done = 0L; done < _failedBytes; done += zeros.Length)
                RandomAccess.Write(_handle, zeros, _length + done);
            RandomAccess.FlushToDisk(_handle);
            Failure = null;
        }
        catch (IOException exception)
        {
            Failure = exception;
            throw;
        }
        finally
        {
            CutOff();
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
}
