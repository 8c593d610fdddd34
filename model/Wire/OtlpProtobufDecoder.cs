using static Tracing.Model.Wire.ProtobufReader;

namespace Tracing.Model.Wire;

/// <summary>
/// One body of OTLP protobuf, decoded straight into the model. Case labels are field number &lt;&lt; 3 | wire type, of
/// the messages in otlp.proto. What is malformed within a span, a resource, a scope or a data point, or between the
/// spans of a scope, is left with that message: each knows where it ends.
/// </summary>
sealed partial class OtlpProtobufDecoder : OtlpDecoder
{
    readonly ProtobufReader _reader;

    public OtlpProtobufDecoder(ReadOnlyMemory<byte> body, WireLimits limits, DecodedMemory? memory)
        : base(limits, memory) => _reader = new ProtobufReader(body, AddProblem);

    public DecodedSpans DecodeTraces()
    {
        ReadTraces(_reader.End);
        RefuseIfBroken(isEmpty: Spans.Count == 0);
        return Spans.ToDecoded(Warning());
    }

    /// <summary>A ResourceSpans message, for the resource that it has.</summary>
    public Resource DecodeResource() => Whole(ReadResourceOf(_reader.End));

    /// <summary>A ScopeSpans message, for the scope that it has.</summary>
    public InstrumentationScope DecodeScope() => Whole(ReadScopeOf(_reader.End));

    public AttributeValue DecodeValue() => Whole(ReadValue(_reader.End, 0));

    /// <summary>A Span message, for what few spans have.</summary>
    public SpanRest DecodeRest()
    {
        ReadSpanFields(_reader.End);
        return Whole(new SpanRest(Current.TraceState, Current.Events.ToArray(), Current.Links.ToArray(),
            Current.DroppedAttributes, Current.DroppedEvents, Current.DroppedLinks));
    }

    /// <summary>
    /// Refuses the body if it is malformed outside of all messages that could be left, or if it is malformed and
    /// nothing of it was taken.
    /// </summary>
    void RefuseIfBroken(bool isEmpty)
    {
        if ((_reader.IsBroken ? _reader.Fault : isEmpty ? _reader.FirstFault : null) is { } fault)
            throw fault;
    }

    /// <summary>What was decoded, unless anything of it is malformed: what the store wrote never is.</summary>
    T Whole<T>(T decoded) => _reader.Fault is { } fault ? throw fault : decoded;

    void ReadTraces(int end)
    {
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            if (tag != (1 << 3 | Length))
                _reader.SkipUnknown(1, 1);
            else if (_reader.TryEnter(end, out var inner))
                ReadResourceSpans(inner);
        }
    }

    // twice, since the resource and the schema URL may follow the spans that they are for
    void ReadResourceSpans(int end)
    {
        var start = _reader.Position;
        var first = Spans.Count;
        var resource = ReadResourceOf(end);
        var problem = TakeProblem();
        var readable = _reader.Readable(end);
        _reader.Leave(start);
        while (_reader.NextTag(readable) is not 0 and var tag)
        {
            if (tag != (2 << 3 | Length))
                _reader.Skip();
            else if (_reader.TryEnter(end, out var inner))
                ReadScopeSpans(inner, resource);
        }
        _reader.Leave(end);
        Spans.RejectFrom(first, "resource", problem);
    }

    void ReadScopeSpans(int end, Resource resource)
    {
        var start = _reader.Position;
        var first = Spans.Count;
        var scope = ReadScopeOf(end);
        var problem = TakeProblem();
        var readable = _reader.Readable(end);
        _reader.Leave(start);
        while (_reader.NextTag(readable) is not 0 and var tag)
        {
            if (tag != (2 << 3 | Length))
                _reader.Skip();
            else if (_reader.TryEnter(end, out var inner))
                ReadSpan(inner, resource, scope);
        }
        _reader.Leave(end);
        Spans.RejectFrom(first, "scope", problem);
    }

    void ReadSpan(int end, Resource resource, InstrumentationScope scope)
    {
        var offset = _reader.FieldOffset;
        BeginSpan(offset);
        ReadSpanFields(end);
        _reader.Leave(end);
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
