using System.Buffers.Binary;
using System.Text;

namespace Tracing.Storage;

/// <summary>Bytes in the making. Numbers are unsigned LEB128, signed ones zigzag before that.</summary>
sealed class ByteWriter
{
    byte[] _bytes = new byte[256];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Length);

    public void Clear() => Length = 0;

    public void Write(ulong value)
    {
        var room = Room(10);
        var length = 0;
        for (; value >= 0x80; value >>= 7)
            room[length++] = (byte)(value | 0x80);
        room[length++] = (byte)value;
        Length += length;
    }

    public void Write(int value) => Write((ulong)(uint)value);

    public void WriteSigned(long value) => Write((ulong)((value << 1) ^ (value >> 63)));

    /// <summary>8 bytes, little-endian.</summary>
    public void WriteFixed(ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(Room(8), value);
        Length += 8;
    }

    /// <summary>UTF-8 with its length; lone surrogates become U+FFFD.</summary>
    public void Write(string text)
    {
        var count = Encoding.UTF8.GetByteCount(text);
        Write(count);
        Encoding.UTF8.GetBytes(text, Room(count));
        Length += count;
    }

    /// <summary>UTF-8 without its length; the bytes that it became.</summary>
    public ReadOnlySpan<byte> AppendUtf8(string text)
    {
        var count = Encoding.UTF8.GetBytes(text, Room(Encoding.UTF8.GetMaxByteCount(text.Length)));
        Length += count;
        return _bytes.AsSpan(Length - count, count);
    }

    /// <summary>With their length.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        Write(bytes.Length);
        Append(bytes);
    }

    public void Append(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Room(bytes.Length));
        Length += bytes.Length;
    }

    /// <summary>Room for so many bytes, of which <see cref="Advance"/> says how many were written.</summary>
    public Span<byte> Reserve(int count) => Room(count);

    public void Advance(int count) => Length += count;

    Span<byte> Room(int count)
    {
        if (_bytes.Length - Length < count)
            Array.Resize(ref _bytes, Math.Max(2 * _bytes.Length, Length + count));
        return _bytes.AsSpan(Length);
    }
}

/// <summary>Reads what <see cref="ByteWriter"/> wrote; damage ends in an exception, never in a wrong place.</summary>
struct ByteReader(ReadOnlyMemory<byte> bytes)
{
    readonly ReadOnlyMemory<byte> _bytes = bytes;
    int _position;

    public readonly int Position => _position;

    public readonly bool IsAtEnd => _position == _bytes.Length;

    /// <summary>The same bytes, from another position on.</summary>
    public readonly ByteReader At(int position) => new(_bytes) { _position = position };

    public ulong ReadUInt64()
    {
        var rest = _bytes.Span[_position..];
        if (rest.Length > 0 && rest[0] < 0x80)
        {
            _position++;
            return rest[0];
        }
        ulong value = 0;
        for (var i = 0; i < Math.Min(rest.Length, 10); i++)
        {
            value |= (ulong)(rest[i] & 0x7f) << (7 * i);
            if (rest[i] < 0x80)
            {
                _position += i + 1;
                return value;
            }
        }
        throw Damaged("a number does not end");
    }

    public int ReadInt32()
    {
        var value = ReadUInt64();
        return value <= int.MaxValue ? (int)value : throw Damaged($"{value} is no count");
    }

    /// <summary>A count of things that take a byte at least each.</summary>
    public int ReadCount()
    {
        var count = ReadInt32();
        return count <= _bytes.Length - _position ? count : throw Damaged($"there is no room for {count}");
    }

    public long ReadSigned()
    {
        var value = ReadUInt64();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    public ulong ReadFixed() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8).Span);

    public string ReadText()
    {
        var bytes = Take(ReadInt32());
        return Encoding.UTF8.GetString(bytes.Span);
    }

    public ReadOnlyMemory<byte> ReadBytes() => Take(ReadInt32());

    public ReadOnlyMemory<byte> Take(int count)
    {
        if (count > _bytes.Length - _position)
            throw Damaged($"{count} bytes are wanted, {_bytes.Length - _position} are left");
        _position += count;
        return _bytes.Slice(_position - count, count);
    }

    readonly InvalidDataException Damaged(string what) => new($"Damaged at byte {_position}: {what}.");
}
