using System.Buffers.Binary;
using System.Buffers.Text;
using System.Numerics;
using System.Text;

namespace Tracing.LoadGenerator;

/// <summary>A buffer that grows, and what protobuf and JSON are written with.</summary>
sealed class ByteWriter(int capacity)
{
    byte[] _bytes = new byte[capacity];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Length);

    public void Clear() => Length = 0;

    public void Write(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Reserve(bytes.Length));
        Length += bytes.Length;
    }

    public void Write(string text) => Length += Encoding.UTF8.GetBytes(text, Reserve(Encoding.UTF8.GetByteCount(text)));

    public void WriteByte(byte value)
    {
        Reserve(1)[0] = value;
        Length++;
    }

    /// <summary>Protobuf's variable-length integer, 1 to 10 bytes.</summary>
    public void WriteVarint(ulong value)
    {
        var target = Reserve(10);
        var at = 0;
        for (; value >= 0x80; value >>= 7)
            target[at++] = (byte)(value | 0x80);
        target[at++] = (byte)value;
        Length += at;
    }

    public static int VarintSize(ulong value) => 1 + (BitOperations.Log2(value | 1) / 7);

    /// <summary>A field of 8 bytes: protobuf's fixed64.</summary>
    public void WriteFixed64(byte tag, ulong value)
    {
        var target = Reserve(9);
        target[0] = tag;
        BinaryPrimitives.WriteUInt64LittleEndian(target[1..], value);
        Length += 9;
    }

    /// <summary>A field of bytes that holds an id of 64 bits, in network order.</summary>
    public void WriteId(byte tag, ulong id)
    {
        var target = Reserve(10);
        target[0] = tag;
        target[1] = 8;
        BinaryPrimitives.WriteUInt64BigEndian(target[2..], id);
        Length += 10;
    }

    /// <summary>A field of bytes that holds an id of 128 bits, in network order.</summary>
    public void WriteId(byte tag, ulong high, ulong low)
    {
        var target = Reserve(18);
        target[0] = tag;
        target[1] = 16;
        BinaryPrimitives.WriteUInt64BigEndian(target[2..], high);
        BinaryPrimitives.WriteUInt64BigEndian(target[10..], low);
        Length += 18;
    }

    /// <summary>A field of bytes, text or a message: tag, length, content.</summary>
    public void WriteField(byte tag, ReadOnlySpan<byte> content)
    {
        WriteByte(tag);
        WriteVarint((ulong)content.Length);
        Write(content);
    }

    public void WriteField(byte tag, string text) => WriteField(tag, Encoding.UTF8.GetBytes(text));

    /// <summary>16 lower-case hex digits.</summary>
    public void WriteHex(ulong value)
    {
        var target = Reserve(16);
        for (var i = 15; i >= 0; i--, value >>= 4)
            target[i] = "0123456789abcdef"u8[(int)(value & 15)];
        Length += 16;
    }

    public void WriteDecimal(long value)
    {
        Utf8Formatter.TryFormat(value, Reserve(20), out var written);
        Length += written;
    }

    Span<byte> Reserve(int count)
    {
        if (_bytes.Length - Length < count)
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, Length + count));
        return _bytes.AsSpan(Length);
    }
}
