using Google.Protobuf;
using static Tracing.Model.Wire.ProtobufReader;

namespace Tracing.Model.Wire;

/// <summary>
/// One body of OTLP protobuf, decoded straight into the model. Case labels are field number &lt;&lt; 3 | wire type, of
/// the messages in otlp.proto.
/// </summary>
sealed partial class OtlpProtobufDecoder(ReadOnlyMemory<byte> body, WireLimits limits, DecodedMemory? memory)
    : OtlpDecoder(limits, memory)
{
    readonly ProtobufReader _reader = new(body);

    public DecodedSpans DecodeTraces() => Guard(static decoder =>
    {
        decoder.ReadTraces(decoder._reader.End);
        return decoder.Spans.ToDecoded(decoder.Warning());
    });

    /// <summary>A ResourceSpans message, for the resource that it has.</summary>
    public Resource DecodeResource() => Guard(static decoder => decoder.ReadResourceOf(decoder._reader.End));

    /// <summary>A ScopeSpans message, for the scope that it has.</summary>
    public InstrumentationScope DecodeScope() => Guard(static decoder => decoder.ReadScopeOf(decoder._reader.End));

    public AttributeValue DecodeValue() => Guard(static decoder => decoder.ReadValue(decoder._reader.End, 0));

    /// <summary>A Span message, for what few spans have.</summary>
    public SpanRest DecodeRest() => Guard(static decoder =>
    {
        decoder.ReadSpanFields(decoder._reader.End);
        var span = decoder.Current;
        return new SpanRest(span.TraceState, span.Events.ToArray(), span.Links.ToArray(), span.DroppedAttributes,
            span.DroppedEvents, span.DroppedLinks);
    });

    T Guard<T>(Func<OtlpProtobufDecoder, T> decode)
    {
        try
        {
            return decode(this);
        }
        catch (InvalidProtocolBufferException error)
        {
            throw _reader.Wrap(error);
        }
    }

    void ReadTraces(int end)
    {
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            if (tag == (1 << 3 | Length))
                ReadResourceSpans(_reader.EnterMessage(end));
            else
                _reader.SkipUnknown(1, 1);
        }
    }

    // twice, since the resource and the schema URL may follow the spans that they are for
    void ReadResourceSpans(int end)
    {
        var start = _reader.Position;
        var first = Spans.Count;
        var resource = ReadResourceOf(end);
        var problem = TakeProblem();
        _reader.Rewind(start);
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            if (tag == (2 << 3 | Length))
                ReadScopeSpans(_reader.EnterMessage(end), resource);
            else
                _reader.Skip();
        }
        Spans.RejectFrom(first, "resource", problem);
    }

    void ReadScopeSpans(int end, Resource resource)
    {
        var start = _reader.Position;
        var first = Spans.Count;
        var scope = ReadScopeOf(end);
        var problem = TakeProblem();
        _reader.Rewind(start);
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            if (tag == (2 << 3 | Length))
                ReadSpan(_reader.EnterMessage(end), resource, scope);
            else
                _reader.Skip();
        }
        Spans.RejectFrom(first, "scope", problem);
    }

    void ReadSpan(int end, Resource resource, InstrumentationScope scope)
    {
        var offset = _reader.FieldOffset;
        BeginSpan(offset);
        ReadSpanFields(end);
        EndSpan(offset, resource, scope);
    }

    void ReadSpanFields(int end)
    {
        var first = Attributes.Mark;
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            switch (tag)
            {
                case 1 << 3 | Length: Current.TraceId = ReadTraceId(end); break;
                case 2 << 3 | Length: Current.SpanId = ReadSpanId(end, "span id"); break;
                case 3 << 3 | Length: Current.TraceState = ReadText(end); break;
                case 4 << 3 | Length: Current.ParentSpanId = ReadParentId(end); break;
                case 5 << 3 | Length: Current.Name = ReadName(end); break;
                case 6 << 3 | Varint: Current.Kind = _reader.ReadInt32(); break;
                case 7 << 3 | Fixed64: Current.StartUnixNano = _reader.ReadFixed64(); break;
                case 8 << 3 | Fixed64: Current.EndUnixNano = _reader.ReadFixed64(); break;
                case 9 << 3 | Length: ReadAttribute(_reader.EnterMessage(end), first); break;
                case 10 << 3 | Varint: Current.DroppedAttributes = _reader.ReadUInt32(); break;
                case 11 << 3 | Length: Add(ReadEvent(_reader.EnterMessage(end)), _reader.FieldOffset); break;
                case 12 << 3 | Varint: Current.DroppedEvents = _reader.ReadUInt32(); break;
                case 13 << 3 | Length: Add(ReadLink(_reader.EnterMessage(end)), _reader.FieldOffset); break;
                case 14 << 3 | Varint: Current.DroppedLinks = _reader.ReadUInt32(); break;
                case 15 << 3 | Length: ReadStatus(_reader.EnterMessage(end)); break;
                case 16 << 3 | Fixed32: Current.Flags = _reader.ReadFixed32(); break;
                default: _reader.SkipUnknown(1, 16); break;
            }
        }
    }

    void ReadStatus(int end)
    {
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            switch (tag)
            {
                case 2 << 3 | Length: Current.StatusMessage = ReadText(end); break;
                case 3 << 3 | Varint: Current.Status = _reader.ReadInt32(); break;
                default: _reader.SkipUnknown(2, 3); break;
            }
        }
    }

    SpanEvent ReadEvent(int end)
    {
        ulong time = 0;
        var name = "";
        uint dropped = 0;
        var mark = Attributes.Mark;
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            switch (tag)
            {
                case 1 << 3 | Fixed64: time = _reader.ReadFixed64(); break;
                case 2 << 3 | Length: name = ReadName(end); break;
                case 3 << 3 | Length: ReadAttribute(_reader.EnterMessage(end), mark); break;
                case 4 << 3 | Varint: dropped = _reader.ReadUInt32(); break;
                default: _reader.SkipUnknown(1, 4); break;
            }
        }
        var attributes = Attributes.Take(mark);
        return new SpanEvent { TimeUnixNano = time, Name = name, Attributes = attributes, DroppedAttributes = dropped };
    }

    SpanLink ReadLink(int end)
    {
        var offset = _reader.FieldOffset;
        var link = new LinkFields();
        var mark = Attributes.Mark;
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            switch (tag)
            {
                case 1 << 3 | Length: link.TraceId = ReadTraceId(end); break;
                case 2 << 3 | Length: link.SpanId = ReadSpanId(end, "span id of a link"); break;
                case 3 << 3 | Length: link.TraceState = ReadText(end); break;
                case 4 << 3 | Length: ReadAttribute(_reader.EnterMessage(end), mark); break;
                case 5 << 3 | Varint: link.Dropped = _reader.ReadUInt32(); break;
                case 6 << 3 | Fixed32: link.Flags = _reader.ReadFixed32(); break;
                default: _reader.SkipUnknown(1, 6); break;
            }
        }
        return Link(link, mark, offset);
    }
}
