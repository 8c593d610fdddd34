namespace Tracing.Storage.DuckDb;

/// <summary>Bytes that are about to be written to a log; its memory is used again.</summary>
sealed class LogBuffer
{
    /// <summary>More than the largest usual transaction; what one needed beyond is given back after it.</summary>
    const int KeptBytes = 8 << 20;

    byte[] _bytes = new byte[64 * 1024];
    int _length;

    /// <summary>What was put in, to be read or changed until more is.</summary>
    public Span<byte> Written => _bytes.AsSpan(0, _length);

    /// <summary>So many bytes more, to be filled at once.</summary>
    public Span<byte> Add(int length)
    {
        var needed = (long)_length + length;
        if (needed > Array.MaxLength)
            throw new IOException($"A transaction of {needed} bytes is too large.");
        if (needed > _bytes.Length)
            Array.Resize(ref _bytes, (int)Math.Min(Array.MaxLength, Math.Max(_bytes.Length * 2L, needed)));
        _length += length;
        return _bytes.AsSpan(_length - length, length);
    }

    public void Add(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Add(bytes.Length));

    public void AddByte(byte value) => Add(1)[0] = value;

    /// <summary>Adds a varint.</summary>
    public void AddNumber(uint number)
    {
        for (; number >= 0x80; number >>= 7)
            AddByte((byte)(number | 0x80));
        AddByte((byte)number);
    }

    public void Clear()
    {
        _length = 0;
        if (_bytes.Length > KeptBytes)
            _bytes = new byte[64 * 1024];
    }
}

/// <summary>Reads what a <see cref="LogBuffer"/> had; what does not fit together is told.</summary>
ref struct LogReader(ReadOnlySpan<byte> bytes)
{
    ReadOnlySpan<byte> _left = bytes;

    public readonly int Left => _left.Length;

    public ReadOnlySpan<byte> Take(int length)
    {
        if ((uint)length > (uint)_left.Length)
            throw new InvalidDataException($"{length} bytes were to follow, but there are {_left.Length}.");
        var taken = _left[..length];
        _left = _left[length..];
        return taken;
    }

    public byte TakeByte() => Take(1)[0];

    public uint TakeNumber()
    {
        var number = 0u;
        for (var shift = 0; shift < 35; shift += 7)
        {
            var next = TakeByte();
            number |= (uint)(next & 0x7f) << shift;
            if (next < 0x80)
                return number;
        }
        throw new InvalidDataException("A number has more than 32 bits.");
    }
}
