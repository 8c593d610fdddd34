using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Google.Protobuf;

namespace Tracing.Model.Wire;

/// <summary>
/// Walks the fields of nested protobuf messages without building messages. Google's reader does the decoding; what is
/// added here: the bounds of inner messages, content as slices of the body, and the byte at which an error stands.
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "A reader of an array holds nothing to dispose of.")]
sealed class ProtobufReader
{
    /// <summary>Wire types; a tag is field number &lt;&lt; 3 | wire type.</summary>
    public const uint Varint = 0, Fixed64 = 1, Length = 2, Fixed32 = 5;

    readonly byte[] _buffer;
    // where the body starts and ends in the buffer
    readonly int _start;
    readonly int _end;
    CodedInputStream _stream;
    uint _tag;

    public ProtobufReader(ReadOnlyMemory<byte> body)
    {
        if (!MemoryMarshal.TryGetArray(body, out var segment))
            segment = body.ToArray();
        _buffer = segment.Array ?? [];
        _start = segment.Offset;
        _end = segment.Offset + segment.Count;
        _stream = new CodedInputStream(_buffer, _start, segment.Count);
    }

    /// <summary>End of the outermost message, as a position.</summary>
    public int End => _end;

    public int Position => (int)_stream.Position;

    /// <summary>Position in the body, for messages.</summary>
    public int Offset => Position - _start;

    /// <summary>Where in the body the current field begins, for messages.</summary>
    public int FieldOffset { get; private set; }

    /// <summary>Goes to a position, such as back to read a message a second time.</summary>
    public void Rewind(int position) => _stream = new CodedInputStream(_buffer, position, _end - position);

    /// <summary>Goes on where a message ends, whatever is in it.</summary>
    public void SkipTo(int end) => Rewind(end);

    /// <summary>Tag of the next field of the message that ends there; 0 when there is none.</summary>
    public uint NextTag(int end)
    {
        var position = Position;
        if (position == end)
            return 0;
        if (position > end)
            throw Malformed("a field reaches beyond the end of its message");
        FieldOffset = position - _start;
        return _tag = _stream.ReadTag();
    }

    /// <summary>A reader of the current field again, as far as its message reaches; to tell what is wrong.</summary>
    public ProtobufReader Again(int end) =>
        new(_buffer.AsMemory(_start + FieldOffset, end - _start - FieldOffset));

    /// <summary>Skips a field that is not known; one that is known came with another wire type than its own.</summary>
    public void SkipUnknown(uint firstKnown, uint lastKnown)
    {
        var (field, type) = (_tag >> 3, _tag & 7);
        if (type > Fixed32)
            throw Malformed($"there is no wire type {type}");
        if (field >= firstKnown && field <= lastKnown)
            throw Malformed($"field {field} has wire type {type}");
        _stream.SkipLastField();
    }

    /// <summary>Skips a field whose wire type is one of those that there are.</summary>
    public void Skip() => _stream.SkipLastField();

    /// <summary>Enters a message within the one that ends there; answers where the inner one ends.</summary>
    public int EnterMessage(int end)
    {
        var length = _stream.ReadLength();
        var position = Position;
        if ((uint)length <= (uint)(end - position))
            return position + length;
        throw length < 0 ? Malformed("a length is negative")
            : length > _end - position ? new WireException("Truncated: a length leads beyond the body", FieldOffset)
            : Malformed("a length leads beyond the end of the outer message");
    }

    /// <summary>Content of a text or bytes field, as a slice of the body.</summary>
    public ReadOnlySpan<byte> ReadContent(int end)
    {
        var content = ReadContent();
        return Position <= end ? content : throw Malformed("a length leads beyond the end of the outer message");
    }

    /// <summary>As <see cref="ReadContent(int)"/>, but it may reach beyond its message.</summary>
    public ReadOnlySpan<byte> ReadContent()
    {
        var position = Position;
        _stream.SkipLastField();
        var contentEnd = Position;
        // the length itself was checked by the skip: its last byte is the first without the continuation bit
        while (_buffer[position] >= 0x80)
            position++;
        return _buffer.AsSpan(position + 1, contentEnd - position - 1);
    }

    public bool ReadBool() => _stream.ReadBool();

    public int ReadInt32() => _stream.ReadInt32();

    public int ReadSInt32() => _stream.ReadSInt32();

    public uint ReadUInt32() => _stream.ReadUInt32();

    public long ReadInt64() => _stream.ReadInt64();

    public ulong ReadUInt64() => _stream.ReadUInt64();

    public uint ReadFixed32() => _stream.ReadFixed32();

    public ulong ReadFixed64() => _stream.ReadFixed64();

    public double ReadDouble() => _stream.ReadDouble();

    public WireException Malformed(string reason) => new("Malformed: " + reason, FieldOffset);

    /// <summary>The error of Google's reader, in our words and with the place.</summary>
    public WireException Wrap(InvalidProtocolBufferException error) =>
        error.Message.Contains("ended unexpectedly", StringComparison.Ordinal)
            ? new WireException("Truncated: the body ends within a field", FieldOffset, error)
            : new WireException("Malformed: " + error.Message.TrimEnd('.'), FieldOffset, error);
}
