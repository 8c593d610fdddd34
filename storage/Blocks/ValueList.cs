using Tracing.Model;

namespace Tracing.Storage.Blocks;

/// <summary>The distinct strings of a dictionary in a block. Values are decoded when first asked for.</summary>
sealed class ValueList
{
    readonly ReadOnlyMemory<byte> _bytes;
    readonly int[] _from;
    Box?[]? _values;

    public ValueList(ReadOnlyMemory<byte> section)
    {
        var input = new ByteReader(section);
        _from = new int[input.ReadCount() + 1];
        long at = 0;
        for (var i = 1; i < _from.Length; i++)
        {
            at += input.ReadInt32();
            if (at > section.Length)
                break;
            _from[i] = (int)at;
        }
        _bytes = section[input.Position..];
        if (at != _bytes.Length)
            throw new InvalidDataException($"The block is damaged: {at} bytes of strings in {_bytes.Length}.");
    }

    public int Count => _from.Length - 1;

    public ReadOnlySpan<byte> BytesOf(int code) => _bytes.Span[_from[code].._from[code + 1]];

    public ReadOnlyMemory<byte> MemoryOf(int code) => _bytes[_from[code].._from[code + 1]];

    public byte[][] ToArray() => [.. Enumerable.Range(0, Count).Select(code => BytesOf(code).ToArray())];

    /// <summary>The number of a string; -1 when it is not there.</summary>
    public int Find(ReadOnlySpan<byte> bytes)
    {
        for (var code = 0; code < Count; code++)
        {
            if (_from[code + 1] - _from[code] == bytes.Length && BytesOf(code).SequenceEqual(bytes))
                return code;
        }
        return -1;
    }

    /// <summary>Of what <see cref="AttributeBytes"/> wrote.</summary>
    public AttributeValue ValueOf(int code)
    {
        var values = _values ??= new Box?[Count];
        return (values[code] ??= Decode(code)).Value;
    }

    Box Decode(int code)
    {
        var input = new ByteReader(MemoryOf(code));
        return new Box(AttributeBytes.Read(ref input));
    }

    // a reference is read and written whole, a value of 16 bytes is not
    sealed record Box(AttributeValue Value);
}
