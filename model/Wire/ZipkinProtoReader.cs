using System.Buffers.Binary;
using System.Globalization;

namespace Tracing.Model.Wire;

/// <summary>Reads protobuf in place, one message within another; every fault names its byte.</summary>
ref struct ZipkinProtoReader(ReadOnlySpan<byte> body, WireLimits limits)
{
    /// <summary>Wire types, the low three bits of a field's tag.</summary>
    public const uint Varint = 0;
    public const uint Fixed64 = 1;
    public const uint Delimited = 2;
    const uint Fixed32 = 5;

    // 64 bits, seven a byte
    const int MaxVarintBytes = 10;

    readonly ReadOnlySpan<byte> _body = body;
    readonly TextPool _texts = new();
    int _at;
    int _end = body.Length;

    /// <summary>Steps to the next field of the current message; false at its end.</summary>
    public bool NextField(out uint tag)
    {
        tag = 0;
        if (_at == _end)
            return false;
        var value = ReadVarint();
        if (value is < 8 or > uint.MaxValue)
            throw Error(string.Create(CultureInfo.InvariantCulture, $"Malformed: {value} is no tag"));
        tag = (uint)value;
        return true;
    }

    /// <summary>Steps into a message; give the answer to <see cref="Leave"/>.</summary>
    public int Enter()
    {
        var outer = _end;
        _end = ReadLength() + _at;
        return outer;
    }

    public void Leave(int outer) => _end = outer;

    public void Skip(uint tag)
    {
        switch (tag & 7)
        {
            case Varint: ReadVarint(); break;
            case Fixed64: Take(8); break;
            case Delimited: Take(ReadLength()); break;
            case Fixed32: Take(4); break;
            default: throw Error(string.Create(CultureInfo.InvariantCulture, $"Malformed: invalid wireType {tag & 7}"));
        }
    }

    public ulong ReadVarint()
    {
        ulong value = 0;
        for (var i = 0; i < MaxVarintBytes; i++)
        {
            var b = Take(1)[0];
            value |= (ulong)(b & 0x7f) << (7 * i);
            if (b < 0x80)
                return value;
        }
        throw Error("Greater than 64-bit varint");
    }

    public uint ReadVarint32()
    {
        var value = ReadVarint();
        return value <= uint.MaxValue ? (uint)value : throw Error("Greater than 32-bit varint");
    }

    public long ReadFixed64() => BinaryPrimitives.ReadInt64LittleEndian(Take(8));

    public ReadOnlySpan<byte> ReadBytes() => Take(ReadLength());

    /// <summary>Text; what is not UTF-8 becomes U+FFFD.</summary>
    public string ReadText()
    {
        var utf8 = ReadBytes();
        return utf8.Length <= limits.MaxStringBytes ? _texts.Get(utf8) : throw Error(string.Create(
            CultureInfo.InvariantCulture, $"Text of {utf8.Length} bytes is longer than {limits.MaxStringBytes}"));
    }

    /// <summary>Fails with the reason when there is one.</summary>
    public readonly void Check(string? reason)
    {
        if (reason is not null)
            throw Error(reason);
    }

    public readonly WireException Error(string reason) => new($"{reason} reading List<Span> from proto3", _at);

    int ReadLength()
    {
        var length = ReadVarint();
        return length <= (ulong)(_end - _at) ? (int)length : throw Truncated(length);
    }

    ReadOnlySpan<byte> Take(int length)
    {
        if (length > _end - _at)
            throw Truncated((ulong)length);
        _at += length;
        return _body.Slice(_at - length, length);
    }

    readonly WireException Truncated(ulong length) => Error(string.Create(
        CultureInfo.InvariantCulture, $"Truncated: length {length} > bytes available {_end - _at}"));
}
