using System.Buffers.Binary;
using System.IO.Hashing;
using Microsoft.Win32.SafeHandles;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Reads the header and the frames of a <see cref="PartitionLog"/>, one by one: a file may be larger than any array,
/// and memory has the frame at hand only.
/// </summary>
sealed class LogFrames : IDisposable
{
    public const int HeaderLength = 24;
    public const int FrameHeader = 16;
    public const uint Marker = 0x4e415053;

    /// <summary>Longer frames are checked in pieces first, so that a wrong length takes no memory.</summary>
    const int CheckedAtOnce = 8 << 20;

    /// <summary>Bytes read at once where a file is only looked through.</summary>
    const int Piece = 256 * 1024;

    /// <summary>
    /// A search reads at most so many times what it looks through: texts of spans may be full of markers.
    /// </summary>
    const int MaxSearchFactor = 8;

    readonly SafeFileHandle _handle;
    readonly byte[] _header = new byte[HeaderLength];
    byte[] _content = [];
    byte[] _piece = [];

    public LogFrames(string file)
    {
        _handle = File.OpenHandle(file);
        Length = RandomAccess.GetLength(_handle);
        HasHeader = TryFill(_header, 0) && _header.AsSpan().StartsWith(Magic) &&
            BinaryPrimitives.ReadUInt32LittleEndian(_header.AsSpan(20)) == HashOfHeader(_header);
    }

    public static ReadOnlySpan<byte> Magic => "TRACING\n"u8;

    /// <summary>Bytes of the file.</summary>
    public long Length { get; }

    /// <summary>Whether the header is whole; whatever else a later version changes, it has such a one.</summary>
    public bool HasHeader { get; }

    public int Version => BinaryPrimitives.ReadInt32LittleEndian(_header.AsSpan(8));

    public long Seed => HasHeader ? BinaryPrimitives.ReadInt64LittleEndian(_header.AsSpan(12)) : 0;

    public static uint HashOfHeader(ReadOnlySpan<byte> header) => (uint)XxHash3.HashToUInt64(header[..20]);

    /// <summary>Of a frame's length and content.</summary>
    public static ulong HashOf(ReadOnlySpan<byte> content, long seed) =>
        XxHash3.HashToUInt64(content, seed ^ content.Length);

    /// <summary>The content of the frame that begins at a place, until the next is read.</summary>
    public bool TryRead(long at, out ReadOnlySpan<byte> content)
    {
        content = default;
        if (!TryReadHeader(at, out var length, out var hash) || (length > CheckedAtOnce && !IsWhole(at, length, hash)))
            return false;
        if (_content.Length < length)
            _content = new byte[length];
        var bytes = _content.AsSpan(0, length);
        if (!TryFill(bytes, at + FrameHeader) || HashOf(bytes, Seed) != hash)
            return false;
        content = bytes;
        return true;
    }

    /// <summary>
    /// Where a whole frame begins at a place or after it; also where the search was given up, since it is not known
    /// then that none follows.
    /// </summary>
    public long? Find(long from)
    {
        var marker = (stackalloc byte[sizeof(uint)]);
        BinaryPrimitives.WriteUInt32LittleEndian(marker, Marker);
        var bytes = new byte[Piece];
        var budget = MaxSearchFactor * Math.Max(0, Length - from);
        while (from < Length)
        {
            var read = Fill(bytes, from);
            var place = 0;
            while (bytes.AsSpan(place, read - place).IndexOf(marker) is var next and >= 0)
            {
                place += next;
                if (TryReadHeader(from + place, out var length, out var hash))
                {
                    budget -= length;
                    if (budget < 0 || IsWhole(from + place, length, hash))
                        return from + place;
                }
                place++;
            }
            if (read < bytes.Length)
                return null;
            // a marker may lie across two pieces
            from += read - (sizeof(uint) - 1);
        }
        return null;
    }

    /// <summary>Whether the file has nothing but zeros, as one that was made but never written.</summary>
    public bool IsZero()
    {
        var bytes = new byte[Piece];
        for (var at = 0L; at < Length; at += bytes.Length)
        {
            if (bytes.AsSpan(0, Fill(bytes, at)).ContainsAnyExcept((byte)0))
                return false;
        }
        return true;
    }

    public void Dispose() => _handle.Dispose();

    bool TryReadHeader(long at, out int length, out ulong hash)
    {
        var header = (stackalloc byte[FrameHeader]);
        (length, hash) = (0, 0);
        if (!TryFill(header, at) || BinaryPrimitives.ReadUInt32LittleEndian(header) != Marker)
            return false;
        length = BinaryPrimitives.ReadInt32LittleEndian(header[4..]);
        hash = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        return length >= 0 && length <= Array.MaxLength && length <= Length - at - FrameHeader;
    }

    bool IsWhole(long at, int length, ulong hash)
    {
        if (_piece.Length == 0)
            _piece = new byte[Piece];
        var hasher = new XxHash3(Seed ^ length);
        for (var done = 0; done < length;)
        {
            var piece = _piece.AsSpan(0, Math.Min(_piece.Length, length - done));
            if (!TryFill(piece, at + FrameHeader + done))
                return false;
            hasher.Append(piece);
            done += piece.Length;
        }
        return hasher.GetCurrentHashAsUInt64() == hash;
    }

    bool TryFill(Span<byte> bytes, long at) => Fill(bytes, at) == bytes.Length;

    int Fill(Span<byte> bytes, long at)
    {
        var read = 0;
        while (read < bytes.Length && RandomAccess.Read(_handle, bytes[read..], at + read) is var more and > 0)
            read += more;
        return read;
    }
}
