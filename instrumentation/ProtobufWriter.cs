using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Tracing.Instrumentation;

/// <summary>
/// Writes protobuf into rented memory. Ours, as a span is written without an object for each part of it; Google's
/// writer wants the length of a message before its content. Fields are given by number, their types by the method.
/// </summary>
sealed class ProtobufWriter : IDisposable
{
    const int MaxVarintBytes = 10;

    byte[] _buffer = ArrayPool<byte>.Shared.Rent(4096);

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, Length);

    public void Clear() => Length = 0;

    /// <summary>Takes back what was written after the first so many bytes.</summary>
    public void CutTo(int length) => Length = length;

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    /// <summary>Hands over the memory; the writer begins anew.</summary>
    public byte[] Detach()
    {
        var buffer = _buffer;
        (_buffer, Length) = (ArrayPool<byte>.Shared.Rent(4096), 0);
        return buffer;
    }

    public void Varint(int field, ulong value)
    {
        Reserve(2 * MaxVarintBytes);
        Number((uint)field << 3);
        Number(value);
    }

    /// <summary>What is encoded already.</summary>
    public void Raw(ReadOnlySpan<byte> bytes)
    {
        Reserve(bytes.Length);
        bytes.CopyTo(_buffer.AsSpan(Length));
        Length += bytes.Length;
    }

    /// <summary>A number within a packed field, whose message is begun.</summary>
    public void Packed(ulong value)
    {
        Reserve(MaxVarintBytes);
        Number(value);
    }

    public void Fixed64(int field, ulong value)
    {
        Reserve(MaxVarintBytes + 8);
        Number(((uint)field << 3) | 1);
        BinaryPrimitives.WriteUInt64LittleEndian(_buffer.AsSpan(Length), value);
        Length += 8;
    }

    public void Double(int field, double value) => Fixed64(field, BitConverter.DoubleToUInt64Bits(value));

    public void Fixed32(int field, uint value)
    {
        Reserve(MaxVarintBytes + 4);
        Number(((uint)field << 3) | 5);
        BinaryPrimitives.WriteUInt32LittleEndian(_buffer.AsSpan(Length), value);
        Length += 4;
    }

    public void Bytes(int field, ReadOnlySpan<byte> value)
    {
        Reserve(2 * MaxVarintBytes + value.Length);
        Number(((uint)field << 3) | 2);
        Number((ulong)value.Length);
        value.CopyTo(_buffer.AsSpan(Length));
        Length += value.Length;
    }

    /// <summary>The bytes of an id, which .NET keeps as text; its CopyTo takes ten times as long.</summary>
    public void Hex(int field, string id)
    {
        Reserve(2 * MaxVarintBytes + id.Length / 2);
        Number(((uint)field << 3) | 2);
        Number((ulong)id.Length / 2);
        Convert.FromHexString(id, _buffer.AsSpan(Length), out _, out var written);
        Length += written;
    }

    /// <summary>UTF-8; halves of surrogate pairs become U+FFFD.</summary>
    public void Text(int field, ReadOnlySpan<char> value)
    {
        Reserve(2 * MaxVarintBytes + 3 * value.Length);
        Number(((uint)field << 3) | 2);
        // one byte holds the length of nearly all texts; it is known only afterwards
        var start = Length + 1;
        var length = Encoding.UTF8.GetBytes(value, _buffer.AsSpan(start));
        End(start, length);
    }

    /// <summary>Begins a message within this one; to be ended with what is returned.</summary>
    public int Begin(int field)
    {
        Reserve(2 * MaxVarintBytes);
        Number(((uint)field << 3) | 2);
        return ++Length;
    }

    public void End(int start)
    {
        Reserve(MaxVarintBytes);
        End(start, Length - start);
    }

    void End(int start, int length)
    {
        var bytes = 1;
        for (var rest = length >> 7; rest > 0; rest >>= 7)
            bytes++;
        if (bytes > 1)
            _buffer.AsSpan(start, length).CopyTo(_buffer.AsSpan(start - 1 + bytes));
        Length = start - 1;
        Number((ulong)length);
        Length += length;
    }

    /// <summary>Without a check for room.</summary>
    void Number(ulong value)
    {
        var (buffer, at) = (_buffer, Length);
        while (value > 0x7f)
        {
            buffer[at++] = (byte)(value | 0x80);
            value >>= 7;
        }
        buffer[at++] = (byte)value;
        Length = at;
    }

    void Reserve(int bytes)
    {
        if (_buffer.Length - Length >= bytes)
            return;
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(2 * _buffer.Length, Length + bytes));
        Written.CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}
