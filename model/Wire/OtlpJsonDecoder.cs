using System.Text.Json;

namespace Tracing.Model.Wire;

/// <summary>
/// One body of OTLP JSON, decoded from its tokens straight into the model. Fields that are null are absent; of fields
/// that come twice the last one counts, lists are joined.
/// </summary>
sealed partial class OtlpJsonDecoder(WireLimits limits, DecodedMemory? memory) : OtlpDecoder(limits, memory)
{
    // skipping needs no stack, and the tokenizer a bit a level: what is nested too deep rejects its span alone
    static readonly JsonReaderOptions AnyDepth = new() { MaxDepth = int.MaxValue };

    Resource _resource = Resource.Empty;
    InstrumentationScope _scope = InstrumentationScope.Empty;
    string? _warning;
    WireException? _malformed;
    int _start;

    delegate void Reading(OtlpJsonDecoder decoder, ref Utf8JsonReader json);

    public DecodedSpans Decode(ReadOnlySpan<byte> utf8)
    {
        Walk(utf8, static (OtlpJsonDecoder decoder, ref Utf8JsonReader json) => decoder.ReadTraces(ref json));
        RefuseIfMalformed(isEmpty: Spans.Count == 0);
        return Spans.ToDecoded(_warning, Warning());
    }

    /// <summary>Reads a body, which is one value and nothing more.</summary>
    void Walk(ReadOnlySpan<byte> utf8, Reading read)
    {
        // a byte order mark is none of JSON's tokens, but some senders write it
        _start = utf8.StartsWith("\uFEFF"u8) ? 3 : 0;
        utf8 = utf8[_start..];
        var json = new Utf8JsonReader(utf8, AnyDepth);
        try
        {
            json.Read();
            read(this, ref json);
            // answers false, or throws when there is more than blanks
            json.Read();
        }
        catch (JsonException error)
        {
            throw Wrap(error, utf8);
        }
    }

    /// <summary>Refuses the body if it is malformed and nothing of it was taken.</summary>
    void RefuseIfMalformed(bool isEmpty)
    {
        if (isEmpty && _malformed is not null)
            throw _malformed;
    }

    WireException Wrap(JsonException error, ReadOnlySpan<byte> json)
    {
        long offset = error.BytePositionInLine ?? 0;
        for (var line = error.LineNumber ?? 0; line > 0; line--)
        {
            var length = json.IndexOf((byte)'\n') + 1;
            json = json[length..];
            offset += length;
        }
        // the reader's position is before a comma that is the last byte
        var cut = json[(int)(error.BytePositionInLine ?? 0)..] is [] or [(byte)','];
        // the reader's own text ends with a place in lines
        var reason = error.Message.Split(" LineNumber:")[0].TrimEnd('.');
        return new WireException((cut ? "Truncated: " : "Malformed: ") + reason, offset + _start, error);
    }

    void ReadTraces(ref Utf8JsonReader json)
    {
        Expect(ref json, JsonTokenType.StartObject, "the body", "an object");
        var found = false;
        long batches = -1;
        while (NextField(ref json, out var name))
        {
            if (name.SequenceEqual("resourceSpans"u8))
            {
                found = true;
                ReadResourceSpansList(ref json);
                continue;
            }
            if (name.SequenceEqual("batches"u8))
                batches = At(ref json);
            else if (name.SequenceEqual("resource_spans"u8))
                Warn(ref json, "resource_spans", "resourceSpans");
            json.Skip();
        }
        if (!found && batches >= 0)
            throw new WireException("Malformed: the body has \"batches\" where OTLP has \"resourceSpans\"", batches);
    }

    void ReadResourceSpansList(ref Utf8JsonReader json)
    {
        Expect(ref json, JsonTokenType.StartArray, "resourceSpans", "a list");
        while (NextElement(ref json))
            ReadResourceSpans(ref json);
    }

    // the resource and the schema URL may follow the spans that they are for: these are corrected then
    void ReadResourceSpans(ref Utf8JsonReader json)
    {
        var first = Spans.Count;
        var isLate = false;
        string? problem = null;
        _resource = Resource.Empty;
        var isObject = IsPart(ref json, JsonTokenType.StartObject, "an element of resourceSpans", "an object");
        while (isObject && NextField(ref json, out var name))
        {
            var before = _resource;
            if (name.SequenceEqual("resource"u8))
                _resource = ReadResource(ref json) with { SchemaUrl = _resource.SchemaUrl };
            else if (name.SequenceEqual("schemaUrl"u8))
                _resource = _resource with { SchemaUrl = ReadName(ref json, "schemaUrl") };
            else if (name.SequenceEqual("scopeSpans"u8))
                ReadScopeSpansList(ref json);
            else
                SkipScopeSpans(ref json, name);
            TakeProblem(ref problem);
            isLate |= Spans.Count > first && !ReferenceEquals(before, _resource);
        }
        if (isLate)
            Spans.Correct(first, _resource, null);
        TakeProblem(ref problem);
        Spans.RejectFrom(first, "resource", problem);
    }

    void SkipScopeSpans(ref Utf8JsonReader json, scoped ReadOnlySpan<byte> name)
    {
        if (name.SequenceEqual("scope_spans"u8))
            Warn(ref json, "scope_spans", "scopeSpans");
        else if (name.SequenceEqual("instrumentationLibrarySpans"u8))
            Warn(ref json, "instrumentationLibrarySpans", "scopeSpans");
        json.Skip();
    }

    void ReadScopeSpansList(ref Utf8JsonReader json)
    {
        if (!IsPart(ref json, JsonTokenType.StartArray, "scopeSpans", "a list"))
            return;
        while (NextElement(ref json))
            ReadScopeSpans(ref json);
    }

    void ReadScopeSpans(ref Utf8JsonReader json)
    {
        var first = Spans.Count;
        var isLate = false;
        string? problem = null;
        _scope = InstrumentationScope.Empty;
        var isObject = IsPart(ref json, JsonTokenType.StartObject, "an element of scopeSpans", "an object");
        while (isObject && NextField(ref json, out var name))
        {
            var before = _scope;
            if (name.SequenceEqual("scope"u8))
                _scope = ReadScope(ref json) with { SchemaUrl = _scope.SchemaUrl };
            else if (name.SequenceEqual("schemaUrl"u8))
                _scope = _scope with { SchemaUrl = ReadName(ref json, "schemaUrl") };
            else if (name.SequenceEqual("spans"u8))
                ReadSpans(ref json);
            else
                json.Skip();
            TakeProblem(ref problem);
            isLate |= Spans.Count > first && !ReferenceEquals(before, _scope);
        }
        if (isLate)
            Spans.Correct(first, _resource, _scope);
        TakeProblem(ref problem);
        Spans.RejectFrom(first, "scope", problem);
    }

    void ReadSpans(ref Utf8JsonReader json)
    {
        if (!IsPart(ref json, JsonTokenType.StartArray, "spans", "a list"))
            return;
        while (NextElement(ref json))
        {
            var offset = At(ref json);
            Spans.Expect(1, offset);
            BeginSpan(offset);
            if (IsPart(ref json, JsonTokenType.StartObject, "a span", "an object"))
                ReadSpanFields(ref json);
            EndSpan(offset, _resource, _scope);
        }
    }

    void ReadSpanFields(ref Utf8JsonReader json)
    {
        var first = Attributes.Mark;
        while (NextField(ref json, out var name))
        {
            if (name.SequenceEqual("traceId"u8))
                Current.TraceId = ReadTraceId(ref json, "trace id");
            else if (name.SequenceEqual("spanId"u8))
                Current.SpanId = ReadSpanId(ref json, "span id", 16);
            else if (name.SequenceEqual("parentSpanId"u8))
                Current.ParentSpanId = ReadSpanId(ref json, "parent span id", 0);
            else if (name.SequenceEqual("name"u8))
                Current.Name = ReadName(ref json, "name");
            else if (name.SequenceEqual("kind"u8))
                Current.Kind = ReadEnum(ref json, "kind", KindNames);
            else if (name.SequenceEqual("startTimeUnixNano"u8))
                Current.StartUnixNano = ReadUInt64(ref json, "startTimeUnixNano", ulong.MaxValue);
            else if (name.SequenceEqual("endTimeUnixNano"u8))
                Current.EndUnixNano = ReadUInt64(ref json, "endTimeUnixNano", ulong.MaxValue);
            else if (name.SequenceEqual("attributes"u8))
                ReadAttributes(ref json, first);
            else if (name.SequenceEqual("events"u8))
                ReadEvents(ref json);
            else if (name.SequenceEqual("links"u8))
                ReadLinks(ref json);
            else if (name.SequenceEqual("status"u8))
                ReadStatus(ref json);
            else
                ReadRareSpanField(ref json, name);
        }
    }

    void ReadRareSpanField(ref Utf8JsonReader json, scoped ReadOnlySpan<byte> name)
    {
        if (name.SequenceEqual("traceState"u8))
            Current.TraceState = ReadText(ref json, "traceState");
        else if (name.SequenceEqual("flags"u8))
            Current.Flags = ReadUInt32(ref json, "flags");
        else if (name.SequenceEqual("droppedAttributesCount"u8))
            Current.DroppedAttributes = ReadUInt32(ref json, "droppedAttributesCount");
        else if (name.SequenceEqual("droppedEventsCount"u8))
            Current.DroppedEvents = ReadUInt32(ref json, "droppedEventsCount");
        else if (name.SequenceEqual("droppedLinksCount"u8))
            Current.DroppedLinks = ReadUInt32(ref json, "droppedLinksCount");
        else
            json.Skip();
    }

    void ReadStatus(ref Utf8JsonReader json)
    {
        if (!Is(ref json, JsonTokenType.StartObject, "status", "an object"))
            return;
        while (NextField(ref json, out var name))
        {
            if (name.SequenceEqual("code"u8))
                Current.Status = ReadEnum(ref json, "code", StatusNames);
            else if (name.SequenceEqual("message"u8))
                Current.StatusMessage = ReadText(ref json, "message");
            else
                json.Skip();
        }
    }

    void ReadEvents(ref Utf8JsonReader json)
    {
        if (!Is(ref json, JsonTokenType.StartArray, "events", "a list"))
            return;
        while (NextElement(ref json))
        {
            var offset = At(ref json);
            if (Is(ref json, JsonTokenType.StartObject, "an event", "an object"))
                Add(ReadEvent(ref json), offset);
        }
    }

    SpanEvent ReadEvent(ref Utf8JsonReader json)
    {
        ulong time = 0;
        var text = "";
        uint dropped = 0;
        var mark = Attributes.Mark;
        while (NextField(ref json, out var name))
        {
            if (name.SequenceEqual("timeUnixNano"u8))
                time = ReadUInt64(ref json, "timeUnixNano", ulong.MaxValue);
            else if (name.SequenceEqual("name"u8))
                text = ReadName(ref json, "name");
            else if (name.SequenceEqual("attributes"u8))
                ReadAttributes(ref json, mark);
            else if (name.SequenceEqual("droppedAttributesCount"u8))
                dropped = ReadUInt32(ref json, "droppedAttributesCount");
            else
                json.Skip();
        }
        var attributes = Attributes.Take(mark);
        return new SpanEvent { TimeUnixNano = time, Name = text, Attributes = attributes, DroppedAttributes = dropped };
    }

    void ReadLinks(ref Utf8JsonReader json)
    {
        if (!Is(ref json, JsonTokenType.StartArray, "links", "a list"))
            return;
        while (NextElement(ref json))
        {
            var offset = At(ref json);
            if (Is(ref json, JsonTokenType.StartObject, "a link", "an object"))
                Add(ReadLink(ref json, offset), offset);
        }
    }

    SpanLink ReadLink(ref Utf8JsonReader json, long offset)
    {
        var link = new LinkFields();
        var mark = Attributes.Mark;
        while (NextField(ref json, out var name))
        {
            if (name.SequenceEqual("traceId"u8))
                link.TraceId = ReadTraceId(ref json, "trace id of a link");
            else if (name.SequenceEqual("spanId"u8))
                link.SpanId = ReadSpanId(ref json, "span id of a link", 16);
            else if (name.SequenceEqual("traceState"u8))
                link.TraceState = ReadText(ref json, "traceState");
            else if (name.SequenceEqual("attributes"u8))
                ReadAttributes(ref json, mark);
            else if (name.SequenceEqual("droppedAttributesCount"u8))
                link.Dropped = ReadUInt32(ref json, "droppedAttributesCount");
            else if (name.SequenceEqual("flags"u8))
                link.Flags = ReadUInt32(ref json, "flags");
            else
                json.Skip();
        }
        return Link(link, mark, offset);
    }
}
