using System.Buffers;
using Tracing.Model.Wire;

namespace Tracing.Model;

/// <summary>
/// Writes numbers in unsigned LEB128: 7 bits a byte, the low ones first, the high bit set on all but the last.
/// </summary>
ref struct VarintWriter
{
    /// <summary>Of a number of 64 bits.</summary>
    public const int MaxBytes = 10;

    readonly IBufferWriter<byte> _output;
    readonly Span<byte> _buffer;
    int _length;

    /// <param name="capacity">Bytes that all will take at most.</param>
    public VarintWriter(IBufferWriter<byte> output, int capacity)
    {
        _output = output;
        _buffer = output.GetSpan(capacity);
    }

    public void Write(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
            _buffer[_length++] = (byte)(value | 0x80);
        _buffer[_length++] = (byte)value;
    }

    public void Write(UInt128 value)
    {
        for (; value > ulong.MaxValue; value >>= 7)
            _buffer[_length++] = (byte)((byte)value | 0x80);
        Write((ulong)value);
    }

    public readonly void Flush() => _output.Advance(_length);
}

/// <summary>Reads what <see cref="VarintWriter"/> wrote, and says where it is damaged.</summary>
ref struct VarintReader(ReadOnlySpan<byte> bytes)
{
    readonly ReadOnlySpan<byte> _bytes = bytes;
    int _position;

    // where the number read last begins
    int _start;

    public ulong ReadUInt64()
    {
        // most numbers are of one byte or two
        _start = _position;
        var rest = _bytes[_position..];
        if (rest.Length > 0 && rest[0] < 0x80)
        {
            _position++;
            return rest[0];
        }
        if (rest.Length > 1 && rest[1] < 0x80)
        {
            _position += 2;
            return (rest[0] & 0x7fu) | ((uint)rest[1] << 7);
        }
        var value = ReadUInt128();
        return value <= ulong.MaxValue ? (ulong)value : throw Malformed("a number of more than 64 bits");
    }

    /// <summary>A number of which more than so much is damage.</summary>
    public ulong ReadUpTo(ulong greatest, string what)
    {
        var value = ReadUInt64();
        return value <= greatest ? value : throw Malformed($"{what} {value} is above {greatest}");
    }

    public UInt128 ReadUInt128()
    {
        _start = _position;
        var value = UInt128.Zero;
        for (var shift = 0; ; shift += 7)
        {
            if (_position == _bytes.Length)
                throw new WireException("Truncated: a histogram ends within a number", _position);
            var next = _bytes[_position++];
            UInt128 bits = next & 0x7fu;
            if (shift > 121 && bits << shift >> shift != bits)
                throw Malformed("a number of more than 128 bits");
            value |= bits << shift;
            if (next < 0x80)
                return value;
            if (shift == 126)
                throw Malformed("a number of more than 128 bits");
        }
    }

    public readonly void RequireEnd()
    {
        if (_position != _bytes.Length)
            throw new WireException($"Malformed: {_bytes.Length - _position} bytes after a histogram", _position);
    }

    /// <summary>What is wrong with the number read last.</summary>
    public readonly WireException Malformed(string reason) => new($"Malformed: {reason}", _start);
}
