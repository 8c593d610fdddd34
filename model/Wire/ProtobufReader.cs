using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Tracing.Model.Wire;

/// <summary>
/// Walks the fields of nested protobuf messages without building messages. What is malformed is told once and ends all
/// messages that are being read, which have no field more, until one of them is left: then reading goes on after it.
/// Google's CodedInputStream throws instead, a million times for a body of a million broken messages.
/// </summary>
sealed class ProtobufReader
{
    /// <summary>Wire types; a tag is field number &lt;&lt; 3 | wire type.</summary>
    public const uint Varint = 0, Fixed64 = 1, Length = 2, StartGroup = 3, EndGroup = 4, Fixed32 = 5;

    // 64 bits, seven a byte
    const int MaxVarintBytes = 10;

    // no format of ours has groups; they are skipped as unknown fields
    const int DeepestGroup = 100;

    readonly byte[] _buffer;
    // where the body starts and ends in the buffer
    readonly int _start;
    readonly int _end;
    readonly Action<string, long> _onFault;
    int _position;
    uint _tag;

    /// <param name="onFault">Is told what is malformed, and where in the body; it may throw.</param>
    public ProtobufReader(ReadOnlyMemory<byte> body, Action<string, long> onFault)
    {
        if (!MemoryMarshal.TryGetArray(body, out var segment))
            segment = body.ToArray();
        _buffer = segment.Array ?? [];
        _position = _start = segment.Offset;
        _end = segment.Offset + segment.Count;
        _onFault = onFault;
    }

    /// <summary>End of the outermost message, as a position.</summary>
    public int End => _end;

    public int Position => _position;

    /// <summary>Position in the body, for messages.</summary>
    public int Offset => _position - _start;

    /// <summary>Where in the body the current field begins, for messages.</summary>
    public int FieldOffset { get; private set; }

    /// <summary>Whether something was malformed and the message that it is in was not left yet.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>What was malformed last, for a body that is refused for it; null when nothing was.</summary>
    public WireException? Fault { get; private set; }

    /// <summary>What was malformed first; null when nothing was.</summary>
    public WireException? FirstFault { get; private set; }

    /// <summary>Goes to where a message ends, or back to where it starts, whatever was malformed in it.</summary>
    public void Leave(int position)
    {
        _position = position;
        IsBroken = false;
    }

    /// <summary>How far a message was read that is to be read again: to its end, or to what is malformed.</summary>
    public int Readable(int end) => IsBroken ? _start + FieldOffset : end;

    /// <summary>Goes on where a message ends, whatever is in it.</summary>
    public void SkipTo(int end)
    {
        if (!IsBroken)
            _position = end;
    }

    /// <summary>Tag of the next field of the message that ends there; 0 when there is none.</summary>
    public uint NextTag(int end)
    {
        if (IsBroken || _position == end)
            return 0;
        if (_position > end)
        {
            Fail("a field reaches beyond the end of its message");
            return 0;
        }
        FieldOffset = _position - _start;
        _tag = ReadUInt32();
        if (_tag >> 3 == 0)
            Fail("there is no field 0");
        return IsBroken ? 0 : _tag;
    }

    /// <summary>A reader of the current field again, as far as its message reaches; to tell what is wrong.</summary>
    public ProtobufReader Again(int end) =>
        new(_buffer.AsMemory(_start + FieldOffset, end - _start - FieldOffset), _onFault);

    /// <summary>Skips a field that is not known; one that is known came with another wire type than its own.</summary>
    public void SkipUnknown(uint firstKnown, uint lastKnown)
    {
        var (field, type) = (_tag >> 3, _tag & 7);
        if (type <= Fixed32 && field >= firstKnown && field <= lastKnown)
            Fail($"field {field} has wire type {type}");
        else
            Skip();
    }

    /// <summary>Skips a field.</summary>
    public void Skip() => Skip(_tag, 0);

    void Skip(uint tag, int depth)
    {
        switch (tag & 7)
        {
            case Varint: ReadUInt64(); break;
            case Fixed64: Take(sizeof(ulong)); break;
            case Length: Take(ReadLength()); break;
            case Fixed32: Take(sizeof(uint)); break;
            case StartGroup when depth < DeepestGroup: SkipGroup(tag >> 3, depth + 1); break;
            case StartGroup: Fail($"groups are nested more than {DeepestGroup} deep"); break;
            case EndGroup: Fail("a group ends that did not begin"); break;
            default: Fail($"there is no wire type {tag & 7}"); break;
        }
    }

    void SkipGroup(uint field, int depth)
    {
        while (ReadUInt32() is var tag && !IsBroken && tag != (field << 3 | EndGroup))
        {
            if (tag >> 3 == 0)
                Fail("there is no field 0");
            else
                Skip(tag, depth);
        }
    }

    /// <summary>Enters a message within the one that ends there; answers where the inner one ends.</summary>
    public int EnterMessage(int end)
    {
        var length = ReadLength();
        if (length > end - _position)
            Fail(BeyondMessage);
        return IsBroken ? _position : _position + length;
    }

    /// <summary>Enters a message that is to be left in any case; not when its length is malformed.</summary>
    public bool TryEnter(int end, out int innerEnd)
    {
        innerEnd = EnterMessage(end);
        return !IsBroken;
    }

    /// <summary>Content of a text or bytes field, as a slice of the body.</summary>
    public ReadOnlySpan<byte> ReadContent(int end)
    {
        var content = ReadContent();
        if (_position <= end)
            return content;
        Fail(BeyondMessage);
        return default;
    }

    /// <summary>As <see cref="ReadContent(int)"/>, but it may reach beyond its message.</summary>
    public ReadOnlySpan<byte> ReadContent() => Take(ReadLength());

    public bool ReadBool() => ReadUInt64() != 0;

    public int ReadInt32() => (int)ReadUInt64();

    public int ReadSInt32()
    {
        var zigzag = ReadUInt32();
        return (int)(zigzag >> 1) ^ -(int)(zigzag & 1);
    }

    // what is beyond 32 bits is dropped, as protobuf has it
    public uint ReadUInt32() => (uint)ReadUInt64();

    public long ReadInt64() => (long)ReadUInt64();

    /// <summary>A number of seven bits a byte; 0 when it is malformed.</summary>
    public ulong ReadUInt64()
    {
        if (_position < _end && _buffer[_position] < 0x80)
            return _buffer[_position++];
        var value = 0UL;
        for (var i = 0; i < MaxVarintBytes; i++)
        {
            if (_position >= _end)
                return Cut();
            var part = _buffer[_position++];
            value |= (ulong)(part & 0x7f) << (7 * i);
            if (part < 0x80)
                return value;
        }
        Fail($"a number has more than {MaxVarintBytes} bytes");
        return 0;
    }

    public uint ReadFixed32() =>
        Take(sizeof(uint)) is { Length: > 0 } bytes ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : 0;

    public ulong ReadFixed64() =>
        Take(sizeof(ulong)) is { Length: > 0 } bytes ? BinaryPrimitives.ReadUInt64LittleEndian(bytes) : 0;

    public double ReadDouble() => BitConverter.UInt64BitsToDouble(ReadFixed64());

    const string BeyondMessage = "a length leads beyond the end of the outer message";

    int ReadLength()
    {
        var length = ReadInt32();
        if (length < 0)
            Fail("a length is negative");
        else if (length > _end - _position)
            Fail("a length leads beyond the body", "Truncated");
        return IsBroken ? 0 : length;
    }

    ReadOnlySpan<byte> Take(int length)
    {
        if (length > _end - _position)
        {
            Cut();
            return default;
        }
        _position += length;
        return _buffer.AsSpan(_position - length, length);
    }

    uint Cut()
    {
        Fail("the body ends within a field", "Truncated");
        return 0;
    }

    /// <summary>Tells what is malformed in the current field and ends the messages that it is in.</summary>
    public void Fail(string reason, string kind = "Malformed")
    {
        if (IsBroken)
            return;
        IsBroken = true;
        Fault = new WireException($"{kind}: {reason}", FieldOffset);
        FirstFault ??= Fault;
        _onFault(reason, FieldOffset);
    }
}
