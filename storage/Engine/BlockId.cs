using System.Buffers.Binary;
using Tracing.Storage.Blocks;
using Tracing.Storage.Tables;

namespace Tracing.Storage.Engine;

/// <summary>Which time the spans of a slice are written; the numbers are stored.</summary>
enum Generation : byte
{
    /// <summary>By the groups that stored them.</summary>
    Group = 0,

    /// <summary>Put together as larger blocks, which have summaries.</summary>
    Compacted = 1,

    /// <summary>The same of the traces that are kept.</summary>
    Thinned = 2,
}

/// <summary>What a block is named by; blocks of one writer come in the order of their groups.</summary>
/// <param name="Stored">
/// When its group was begun, microseconds since 1970, never the same twice for a writer; of other generations from the
/// beginning of the slice on.
/// </param>
/// <param name="Writer">Who wrote it: drawn at the start of a process.</param>
/// <param name="Number">Within the group.</param>
readonly record struct BlockId(long Stored, long Writer, int Number, Generation Generation = Generation.Group)
    : IComparable<BlockId>
{
    const int NumberBytes = 3;
    const int KeyBytes = 1 + (2 * sizeof(long)) + NumberBytes;

    /// <summary>A group of more blocks has more spans than a request can.</summary>
    const int MaxNumber = (1 << (8 * NumberBytes)) - 1;

    /// <summary>Where the data of the blocks of a group are.</summary>
    public byte[] Group => Keys.OfKind((byte)Generation, Stored, Writer);

    public byte[] NumberKey
    {
        get
        {
            var key = new byte[NumberBytes];
            WriteNumber(key);
            return key;
        }
    }

    public static BlockId Of(byte[] key) => new(Keys.NumberAt(key, 1), Keys.NumberAt(key, 1 + sizeof(long)),
        (key[^3] << 16) | BinaryPrimitives.ReadUInt16BigEndian(key.AsSpan(KeyBytes - 2)), (Generation)key[0]);

    public byte[] ToKey()
    {
        var key = new byte[KeyBytes];
        Group.CopyTo(key, 0);
        WriteNumber(key.AsSpan(KeyBytes - NumberBytes));
        return key;
    }

    public int CompareTo(BlockId other) => Stored != other.Stored ? Stored.CompareTo(other.Stored)
        : Writer != other.Writer ? Writer.CompareTo(other.Writer)
        : Number.CompareTo(other.Number);

    void WriteNumber(Span<byte> key)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Number, MaxNumber);
        key[0] = (byte)(Number >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(key[1..], (ushort)Number);
    }
}

/// <summary>What is known of a block without reading it.</summary>
readonly record struct BlockHead(BlockId Id, ulong MinStart, ulong MaxStart, int Spans)
{
    public static BlockHead Of(BlockId id, BuiltBlock block) => new(id, block.MinStart, block.MaxStart, block.Spans);

    public static BlockHead Of(Entry row)
    {
        var value = new ByteReader(row.Value);
        var first = value.ReadFixed();
        return new(BlockId.Of(row.Key), first, first + value.ReadUInt64(), value.ReadInt32());
    }

    public byte[] ToValue()
    {
        var value = new ByteWriter();
        value.WriteFixed(MinStart);
        value.Write(MaxStart - MinStart);
        value.Write(Spans);
        return value.Written.ToArray();
    }
}
