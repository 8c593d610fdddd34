using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace Tracing.Model.Wire;

/// <summary>Types of Thrift's binary protocol.</summary>
enum ThriftType : byte
{
    Stop = 0,
    Bool = 2,
    Byte = 3,
    Double = 4,
    I16 = 6,
    I32 = 8,
    I64 = 10,
    String = 11,
    Struct = 12,
    Map = 13,
    Set = 14,
    List = 15,
}

/// <summary>Reads Thrift's binary protocol in place; every fault names its byte.</summary>
ref struct ThriftReader(ReadOnlySpan<byte> body, ZipkinSpanList spans)
{
    readonly ReadOnlySpan<byte> _body = body;
    int _at;

    /// <summary>Where the next byte is.</summary>
    public readonly int Offset => _at;

    /// <summary>Steps to the next field of a struct; false at its end.</summary>
    public bool NextField(out short id, out ThriftType type)
    {
        type = (ThriftType)ReadByte();
        id = type == ThriftType.Stop ? (short)0 : ReadI16();
        return type != ThriftType.Stop;
    }

    /// <summary>Reads the head of a list: how many elements follow, all of the type.</summary>
    public int ReadList(ThriftType expected)
    {
        var type = (ThriftType)ReadByte();
        var count = ReadCount(1);
        return count == 0 || type == expected ? count : throw Error($"Expected a list of {expected} but was {type}");
    }

    public byte ReadByte() => Take(1)[0];

    public short ReadI16() => BinaryPrimitives.ReadInt16BigEndian(Take(2));

    public int ReadI32() => BinaryPrimitives.ReadInt32BigEndian(Take(4));

    public long ReadI64() => BinaryPrimitives.ReadInt64BigEndian(Take(8));

    public ReadOnlySpan<byte> ReadBytes() => Take(ReadCount(1));

    /// <summary>Text of a name; what is not UTF-8 becomes U+FFFD. So do the next two.</summary>
    public string ReadName() => spans.Name(ReadBytes());

    public string ReadValue() => spans.Value(ReadBytes());

    public readonly string Value(ReadOnlySpan<byte> utf8) => spans.Value(utf8);

    /// <summary>Fails with the reason when there is one.</summary>
    public readonly void Check(string? reason)
    {
        if (reason is not null)
            throw Error(reason);
    }

    public readonly WireException Error(string reason) => new($"{reason} reading List<Span> from TBinary", _at);

    /// <summary>Skips a value of any type, as deep as the stack can bear, some thousand levels.</summary>
    public void Skip(ThriftType type)
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw Error("Nested too deep");
        switch (type)
        {
            case ThriftType.Bool or ThriftType.Byte: Take(1); break;
            case ThriftType.I16: Take(2); break;
            case ThriftType.I32: Take(4); break;
            case ThriftType.I64 or ThriftType.Double: Take(8); break;
            case ThriftType.String: ReadBytes(); break;
            case ThriftType.Struct:
                while (NextField(out _, out var field))
                    Skip(field);
                break;
            case ThriftType.List or ThriftType.Set:
                var element = (ThriftType)ReadByte();
                for (var left = ReadCount(1); left > 0; left--)
                    Skip(element);
                break;
            case ThriftType.Map:
                var (key, value) = ((ThriftType)ReadByte(), (ThriftType)ReadByte());
                for (var left = ReadCount(2); left > 0; left--)
                {
                    Skip(key);
                    Skip(value);
                }
                break;
            default: throw Error(string.Create(CultureInfo.InvariantCulture, $"Malformed: {(byte)type} is no type"));
        }
    }

    // no element takes less than a byte, so a count beyond the bytes left is a lie
    int ReadCount(int minBytes)
    {
        var count = ReadI32();
        return count >= 0 && (long)count * minBytes <= _body.Length - _at ? count : throw Truncated(count);
    }

    ReadOnlySpan<byte> Take(int length)
    {
        if (length > _body.Length - _at)
            throw Truncated(length);
        _at += length;
        return _body.Slice(_at - length, length);
    }

    readonly WireException Truncated(int length) => Error(string.Create(
        CultureInfo.InvariantCulture, $"Truncated: length {length} > bytes available {_body.Length - _at}"));
}
