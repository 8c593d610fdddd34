using Google.Protobuf;
using static Tracing.Model.Wire.ProtobufReader;

namespace Tracing.Model.Wire;

/// <summary>
/// One body of OTLP protobuf, decoded straight into the model. What is wrong within a span rejects that span alone;
/// what is wrong with the protobuf, a resource or a scope refuses the body. Case labels are field number &lt;&lt; 3 |
/// wire type, of the messages in otlp.proto.
/// </summary>
sealed partial class OtlpProtobufDecoder
{
    readonly ProtobufReader _reader;
    readonly WireLimits _limits;
    readonly OtlpSpanList _spans;
    readonly OtlpSpanBuilder _span = new();
    readonly ElementStack<KeyValue> _attributes = new();
    readonly ElementStack<AttributeValue> _values = new();
    readonly StringCache _names = StringCache.Names;
    readonly StringCache _texts = StringCache.Values;
    bool _inSpan;

    public OtlpProtobufDecoder(ReadOnlyMemory<byte> body, WireLimits limits)
    {
        _reader = new ProtobufReader(body);
        _limits = limits;
        _spans = new OtlpSpanList(limits);
    }

    public DecodedSpans DecodeTraces() => Guard(static decoder =>
    {
        decoder.ReadTraces(decoder._reader.End);
        return decoder._spans.ToDecoded();
    });

    /// <summary>A ResourceSpans message, for the resource that it has.</summary>
    public Resource DecodeResource() => Guard(static decoder => decoder.ReadResourceOf(decoder._reader.End));

    /// <summary>A ScopeSpans message, for the scope that it has.</summary>
    public InstrumentationScope DecodeScope() => Guard(static decoder => decoder.ReadScopeOf(decoder._reader.End));

    public AttributeValue DecodeValue() => Guard(static decoder => decoder.ReadValue(decoder._reader.End, 0));

    /// <summary>A Span message, for its events and links.</summary>
    public (SpanEvent[] Events, SpanLink[] Links) DecodeEventsAndLinks() => Guard(static decoder =>
    {
        decoder.ReadSpanFields(decoder._reader.End);
        return (decoder._span.Events.ToArray(), decoder._span.Links.ToArray());
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
        var resource = ReadResourceOf(end);
        _reader.Rewind(start);
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            if (tag == (2 << 3 | Length))
                ReadScopeSpans(_reader.EnterMessage(end), resource);
            else
                _reader.Skip();
        }
    }

    void ReadScopeSpans(int end, Resource resource)
    {
        var start = _reader.Position;
        var scope = ReadScopeOf(end);
        _reader.Rewind(start);
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            if (tag == (2 << 3 | Length))
                ReadSpan(_reader.EnterMessage(end), resource, scope);
            else
                _reader.Skip();
        }
    }

    void ReadSpan(int end, Resource resource, InstrumentationScope scope)
    {
        var offset = _reader.FieldOffset;
        var mark = _attributes.Mark;
        _inSpan = true;
        _span.Reset();
        ReadSpanFields(end);
        if (_span.TraceId.IsZero)
            _span.AddProblem("trace id is missing or all zeros", offset);
        if (_span.SpanId.IsZero)
            _span.AddProblem("span id is missing or all zeros", offset);
        if (_span.Problem is null)
            _spans.Add(_span.Build(UniqueKeys.Of(_attributes.From(mark)), resource, scope));
        else
            _spans.Reject(_span);
        _attributes.Drop(mark);
        _inSpan = false;
    }

    void ReadSpanFields(int end)
    {
        var first = _attributes.Mark;
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            switch (tag)
            {
                case 1 << 3 | Length: _span.TraceId = ReadTraceId(end); break;
                case 2 << 3 | Length: _span.SpanId = ReadSpanId(end, "span id"); break;
                case 3 << 3 | Length: _span.TraceState = ReadText(end); break;
                case 4 << 3 | Length: _span.ParentSpanId = ReadParentId(end); break;
                case 5 << 3 | Length: _span.Name = ReadName(end); break;
                case 6 << 3 | Varint: _span.Kind = _reader.ReadInt32(); break;
                case 7 << 3 | Fixed64: _span.StartUnixNano = _reader.ReadFixed64(); break;
                case 8 << 3 | Fixed64: _span.EndUnixNano = _reader.ReadFixed64(); break;
                case 9 << 3 | Length: ReadAttribute(_reader.EnterMessage(end), first); break;
                case 10 << 3 | Varint: _span.DroppedAttributes = _reader.ReadUInt32(); break;
                case 11 << 3 | Length: AddEvent(_reader.EnterMessage(end)); break;
                case 12 << 3 | Varint: _span.DroppedEvents = _reader.ReadUInt32(); break;
                case 13 << 3 | Length: AddLink(_reader.EnterMessage(end)); break;
                case 14 << 3 | Varint: _span.DroppedLinks = _reader.ReadUInt32(); break;
                case 15 << 3 | Length: ReadStatus(_reader.EnterMessage(end)); break;
                case 16 << 3 | Fixed32: _span.Flags = _reader.ReadFixed32(); break;
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
                case 2 << 3 | Length: _span.StatusMessage = ReadText(end); break;
                case 3 << 3 | Varint: _span.Status = _reader.ReadInt32(); break;
                default: _reader.SkipUnknown(2, 3); break;
            }
        }
    }

    void AddEvent(int end)
    {
        var happened = ReadEvent(end);
        if (CheckCount(_span.Events.Count, "events"))
            _span.Events.Add(happened);
    }

    SpanEvent ReadEvent(int end)
    {
        ulong time = 0;
        var name = "";
        uint dropped = 0;
        var mark = _attributes.Mark;
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
        var attributes = _attributes.Take(mark);
        return new SpanEvent { TimeUnixNano = time, Name = name, Attributes = attributes, DroppedAttributes = dropped };
    }

    void AddLink(int end)
    {
        var link = ReadLink(end);
        if (CheckCount(_span.Links.Count, "links"))
            _span.Links.Add(link);
    }

    SpanLink ReadLink(int end)
    {
        var offset = _reader.FieldOffset;
        TraceId? traceId = null;
        SpanId? spanId = null;
        var traceState = "";
        uint dropped = 0, flags = 0;
        var mark = _attributes.Mark;
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            switch (tag)
            {
                case 1 << 3 | Length: traceId = ReadTraceId(end); break;
                case 2 << 3 | Length: spanId = ReadSpanId(end, "span id of a link"); break;
                case 3 << 3 | Length: traceState = ReadText(end); break;
                case 4 << 3 | Length: ReadAttribute(_reader.EnterMessage(end), mark); break;
                case 5 << 3 | Varint: dropped = _reader.ReadUInt32(); break;
                case 6 << 3 | Fixed32: flags = _reader.ReadFixed32(); break;
                default: _reader.SkipUnknown(1, 6); break;
            }
        }
        if (traceId is null || spanId is null)
            AddProblem("a link has no trace id or no span id", offset);
        return new SpanLink
        {
            TraceId = traceId ?? default,
            SpanId = spanId ?? default,
            TraceState = traceState,
            Flags = flags,
            Attributes = _attributes.Take(mark),
            DroppedAttributes = dropped,
        };
    }
}
