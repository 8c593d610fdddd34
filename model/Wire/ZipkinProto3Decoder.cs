using static Tracing.Model.Wire.ProtobufReader;

namespace Tracing.Model.Wire;

/// <summary>
/// One body of Zipkin's protobuf. Case labels are field number &lt;&lt; 3 | wire type, of the messages in zipkin.proto.
/// What is wrong with the bytes is told in Zipkin's words: the field is read a second time to find them.
/// </summary>
sealed class ZipkinProto3Decoder
{
    // 64 bits, seven a byte
    const int MaxVarintBytes = 10;

    // of tags and lengths the reader drops what is beyond 32 bits; a number as short as this has no more than 28
    const int ShortVarintBytes = 4;

    readonly ProtobufReader _reader;
    readonly ZipkinSpanList _spans;
    readonly ZipkinSpanBuilder _span;

    // of the message that is being read
    int _end;

    public ZipkinProto3Decoder(ReadOnlyMemory<byte> body, WireLimits limits, DecodedMemory? memory)
    {
        _reader = new ProtobufReader(body, static (reason, _) => throw new InvalidDataException(reason));
        _spans = new ZipkinSpanList(limits, memory);
        _span = new ZipkinSpanBuilder(_spans);
    }

    public DecodedSpans Decode()
    {
        _end = _reader.End;
        try
        {
            ReadSpans();
            return _spans.ToDecoded();
        }
        catch (InvalidDataException error)
        {
            throw FieldFault(error) ?? Error("Malformed", _reader.Offset, error);
        }
    }

    void ReadSpans()
    {
        while (NextField(out var tag))
        {
            if (tag != (1 << 3 | Length))
            {
                Skip(tag);
                continue;
            }
            Check(_spans.Begin());
            ReadSpan();
            Check(_span.Build(out var span));
            _spans.Add(span);
            _spans.End(_reader.Offset);
        }
    }

    void ReadSpan()
    {
        var outer = Enter();
        while (NextField(out var tag))
        {
            switch (tag)
            {
                case 1 << 3 | Length: _span.TraceId = ReadTraceId(); break;
                case 2 << 3 | Length: _span.ParentId = ReadId("parentId"); break;
                case 3 << 3 | Length: _span.Id = ReadId("id"); break;
                case 4 << 3 | Varint: _span.Kind = Kind(ReadUInt32()); break;
                case 5 << 3 | Length: _span.SetName(_spans.Name(ReadBytes())); break;
                case 6 << 3 | Fixed64: _span.SetTimestamp(ReadFixed64()); break;
                case 7 << 3 | Varint: _span.SetDuration((long)ReadUInt64()); break;
                case 8 << 3 | Length: _span.LocalEndpoint = ReadEndpoint(); break;
                case 9 << 3 | Length: _span.RemoteEndpoint = ReadEndpoint(); break;
                case 10 << 3 | Length: ReadAnnotation(); break;
                case 11 << 3 | Length: ReadTag(); break;
                case 12 << 3 | Varint: _span.Debug = ReadUInt64() != 0; break;
                case 13 << 3 | Varint: _span.Shared = ReadUInt64() != 0; break;
                default: Skip(tag); break;
            }
        }
        _end = outer;
    }

    TraceId ReadTraceId()
    {
        var bytes = ReadBytes();
        if (bytes.IsEmpty)
            throw Error("traceId == null");
        if (bytes.Length > 16)
            throw Error("traceId.length > 32");
        var id = ZipkinIds.FromBytes(bytes);
        return id.IsZero ? throw Error("traceId is all zeros") : id;
    }

    SpanId ReadId(string field)
    {
        var bytes = ReadBytes();
        if (bytes.Length > 8)
            throw Error($"{field}.length > 16");
        var id = new SpanId(ZipkinIds.FromBytes(bytes).Low);
        if (id.IsZero && field == "id")
            throw Error(bytes.IsEmpty ? "id == null" : "id is all zeros");
        return id;
    }

    static SpanKind Kind(uint number) => number switch
    {
        1 => SpanKind.Client,
        2 => SpanKind.Server,
        3 => SpanKind.Producer,
        4 => SpanKind.Consumer,
        _ => SpanKind.Unspecified,
    };

    Endpoint? ReadEndpoint()
    {
        var endpoint = new ZipkinEndpoint();
        var outer = Enter();
        while (NextField(out var tag))
        {
            switch (tag)
            {
                case 1 << 3 | Length: endpoint.SetServiceName(_spans.Name(ReadBytes())); break;
                case 2 << 3 | Length: endpoint.SetAddress(ReadBytes()); break;
                case 3 << 3 | Length: endpoint.SetAddress(ReadBytes()); break;
                case 4 << 3 | Varint: Check(endpoint.SetPort((int)ReadUInt32())); break;
                default: Skip(tag); break;
            }
        }
        _end = outer;
        return endpoint.Build();
    }

    // without time or text it is dropped
    void ReadAnnotation()
    {
        var (timestamp, value) = (0L, "");
        var outer = Enter();
        while (NextField(out var tag))
        {
            switch (tag)
            {
                case 1 << 3 | Fixed64: timestamp = ReadFixed64(); break;
                case 2 << 3 | Length: value = _spans.Value(ReadBytes()); break;
                default: Skip(tag); break;
            }
        }
        _end = outer;
        if (timestamp != 0 && value.Length > 0)
            _span.AddAnnotation(timestamp, value);
    }

    // without key it is dropped
    void ReadTag()
    {
        var (key, value) = ("", "");
        var outer = Enter();
        while (NextField(out var tag))
        {
            switch (tag)
            {
                case 1 << 3 | Length: key = _spans.Name(ReadBytes()); break;
                case 2 << 3 | Length: value = _spans.Value(ReadBytes()); break;
                default: Skip(tag); break;
            }
        }
        _end = outer;
        if (key.Length > 0)
            _span.AddTag(key, value);
    }

    /// <summary>Steps to the next field of the current message; false at its end.</summary>
    bool NextField(out uint tag)
    {
        tag = _reader.NextTag(_end);
        if (tag == 0)
            return false;
        CheckField(_reader.Offset - _reader.FieldOffset);
        return true;
    }

    /// <summary>Steps into a message; answers the end of the outer one.</summary>
    int Enter()
    {
        var outer = _end;
        var length = _reader.ReadUInt64();
        CheckField();
        var left = _end - _reader.Position;
        if (length > (ulong)left)
            throw Truncated(length, left, _reader.Offset, null);
        _end = _reader.Position + (int)length;
        return outer;
    }

    void Skip(uint tag)
    {
        switch (tag & 7)
        {
            case Length: ReadBytes(); break;
            case Varint or Fixed32 or Fixed64: _reader.Skip(); CheckField(); break;
            default: throw Error($"Malformed: invalid wireType {tag & 7}");
        }
    }

    ulong ReadUInt64()
    {
        var value = _reader.ReadUInt64();
        CheckField();
        return value;
    }

    uint ReadUInt32()
    {
        var value = ReadUInt64();
        return value <= uint.MaxValue ? (uint)value : throw Error("Greater than 32-bit varint");
    }

    long ReadFixed64()
    {
        var value = _reader.ReadFixed64();
        CheckField();
        return (long)value;
    }

    ReadOnlySpan<byte> ReadBytes()
    {
        var before = _reader.Position;
        var content = _reader.ReadContent();
        CheckField(_reader.Position - before - content.Length);
        return content;
    }

    /// <summary>Fails when what was read of the field is beyond its message, or was not read whole.</summary>
    /// <param name="varintBytes">Of the tag or the length, when it was one of these.</param>
    void CheckField(int varintBytes = 0)
    {
        if ((_reader.Position > _end || varintBytes > ShortVarintBytes) && FieldFault(null) is { } fault)
            throw fault;
    }

    /// <summary>Reads the field again, within its message, for what is wrong with it; null when nothing is.</summary>
    WireException? FieldFault(Exception? inner)
    {
        var field = _reader.Again(_end);
        var varintAt = _reader.FieldOffset;
        var left = field.End - field.Position;
        try
        {
            var tag = field.ReadUInt64();
            varintAt = _reader.FieldOffset + field.Offset;
            left = field.End - field.Position;
            if (tag is < 8 or > uint.MaxValue)
                return Error($"Malformed: {tag} is no tag", varintAt, inner);
            var type = (uint)tag & 7;
            if (type == Varint)
                _ = field.ReadUInt64();
            else if (type is not (Fixed64 or Fixed32 or Length))
                return Error($"Malformed: invalid wireType {type}", varintAt, inner);
            var length = type switch { Fixed64 => 8UL, Fixed32 => 4UL, Length => field.ReadUInt64(), _ => 0UL };
            left = field.End - field.Position;
            return length > (ulong)left ? Truncated(length, left, _reader.FieldOffset + field.Offset, inner) : null;
        }
        catch (InvalidDataException)
        {
            return left >= MaxVarintBytes
                ? Error("Greater than 64-bit varint", varintAt + MaxVarintBytes, inner)
                : Truncated(1, 0, varintAt + left, inner);
        }
    }

    void Check(string? reason)
    {
        if (reason is not null)
            throw Error(reason);
    }

    WireException Error(string reason) => Error(reason, _reader.Offset, null);

    static WireException Error(string reason, int offset, Exception? inner) =>
        new($"{reason} reading List<Span> from proto3", offset, inner);

    static WireException Truncated(ulong length, int left, int offset, Exception? inner) =>
        Error($"Truncated: length {length} > bytes available {left}", offset, inner);
}
