using System.Buffers.Binary;
using Tracing.Storage.Tables;

namespace Tracing.Storage.Engine;

/// <summary>What a block is named by; blocks of one writer come in the order of their groups.</summary>
/// <param name="Stored">When its group was begun, microseconds since 1970; never the same twice for a writer.</param>
/// <param name="Writer">Who wrote it: drawn at the start of a process.</param>
/// <param name="Number">Within the group.</param>
/// <param name="IsKept">Whether it has what is kept of a slice, as <see cref="Thinning"/> writes it.</param>
readonly record struct BlockId(long Stored, long Writer, int Number, bool IsKept = false) : IComparable<BlockId>
{
    const int NumberBytes = 3;
    const int KeyBytes = 1 + (2 * sizeof(long)) + NumberBytes;

    /// <summary>A group of more blocks has more spans than a request can.</summary>
    const int MaxNumber = (1 << (8 * NumberBytes)) - 1;

    /// <summary>What the key of a block that is kept begins with, or of one that is not.</summary>
    public static byte PrefixOf(bool isKept) => isKept ? (byte)1 : (byte)0;

    /// <summary>Where the data of the blocks of a group are.</summary>
    public byte[] Group => Keys.Of(Stored, Writer);

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
        (key[^3] << 16) | BinaryPrimitives.ReadUInt16BigEndian(key.AsSpan(KeyBytes - 2)), key[0] == PrefixOf(true));

    public byte[] ToKey()
    {
        var key = new byte[KeyBytes];
        Keys.OfKind(PrefixOf(IsKept), Stored, Writer).CopyTo(key, 0);
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
