using Google.Protobuf;
using Google.Protobuf.Collections;
using Otlp = Tracing.Model.Wire.Proto.Otlp;

namespace Tracing.Model.Wire;

/// <summary>From the model to the messages that are generated from otlp.proto.</summary>
static class OtlpMessages
{
    public static Otlp.TracesData ToTraces(IReadOnlyList<Span> spans)
    {
        var traces = new Otlp.TracesData();
        foreach (var group in OtlpGroups.Of(spans))
        {
            var resourceSpans = ToResourceSpans(group.Resource);
            foreach (var (scope, members) in group.Scopes)
            {
                var scopeSpans = ToScopeSpans(scope);
                scopeSpans.Spans.AddRange(members.Select(ToSpan));
                resourceSpans.ScopeSpans.Add(scopeSpans);
            }
            traces.ResourceSpans.Add(resourceSpans);
        }
        return traces;
    }

    /// <summary>With its schema URL, which OTLP keeps beside the resource, and without spans.</summary>
    public static Otlp.ResourceSpans ToResourceSpans(Resource resource)
    {
        var message = new Otlp.Resource { DroppedAttributesCount = resource.DroppedAttributes };
        AddAttributes(message.Attributes, resource.Attributes);
        foreach (var entity in resource.EntityRefs)
            message.EntityRefs.Add(ToEntityRef(entity));
        return new Otlp.ResourceSpans { Resource = message, SchemaUrl = resource.SchemaUrl };
    }

    static Otlp.EntityRef ToEntityRef(EntityRef entity) => new()
    {
        SchemaUrl = entity.SchemaUrl,
        Type = entity.Type,
        IdKeys = { entity.IdKeys },
        DescriptionKeys = { entity.DescriptionKeys },
    };

    /// <summary>With its schema URL, which OTLP keeps beside the scope, and without spans.</summary>
    public static Otlp.ScopeSpans ToScopeSpans(InstrumentationScope scope)
    {
        var message = new Otlp.InstrumentationScope
        {
            Name = scope.Name,
            Version = scope.Version,
            DroppedAttributesCount = scope.DroppedAttributes,
        };
        AddAttributes(message.Attributes, scope.Attributes);
        return new Otlp.ScopeSpans { Scope = message, SchemaUrl = scope.SchemaUrl };
    }

    public static Otlp.Span ToSpan(Span span)
    {
        var message = ToRest(span);
        message.TraceId = ToBytes(span.TraceId);
        message.SpanId = ToBytes(span.SpanId);
        message.ParentSpanId = span.ParentSpanId.IsZero ? ByteString.Empty : ToBytes(span.ParentSpanId);
        message.Flags = span.Flags;
        message.Name = span.Name;
        message.Kind = (int)span.Kind;
        message.StartTimeUnixNano = span.StartUnixNano;
        message.EndTimeUnixNano = span.EndUnixNano;
        if (span.Status != StatusCode.Unset || span.StatusMessage.Length > 0)
            message.Status = new Otlp.Status { Code = (int)span.Status, Message = span.StatusMessage };
        AddAttributes(message.Attributes, span.Attributes);
        return message;
    }

    /// <summary>A span message with what few spans have, as in <see cref="SpanRest"/>, and nothing else.</summary>
    public static Otlp.Span ToRest(Span span)
    {
        var message = new Otlp.Span
        {
            TraceState = span.TraceState,
            DroppedAttributesCount = span.DroppedAttributes,
            DroppedEventsCount = span.DroppedEvents,
            DroppedLinksCount = span.DroppedLinks,
        };
        foreach (var happened in span.Events)
            message.Events.Add(ToEvent(happened));
        foreach (var link in span.Links)
            message.Links.Add(ToLink(link));
        return message;
    }

    static Otlp.Span.Types.Event ToEvent(SpanEvent happened)
    {
        var message = new Otlp.Span.Types.Event
        {
            TimeUnixNano = happened.TimeUnixNano,
            Name = happened.Name,
            DroppedAttributesCount = happened.DroppedAttributes,
        };
        AddAttributes(message.Attributes, happened.Attributes);
        return message;
    }

    static Otlp.Span.Types.Link ToLink(SpanLink link)
    {
        var message = new Otlp.Span.Types.Link
        {
            TraceId = ToBytes(link.TraceId),
            SpanId = ToBytes(link.SpanId),
            TraceState = link.TraceState,
            Flags = link.Flags,
            DroppedAttributesCount = link.DroppedAttributes,
        };
        AddAttributes(message.Attributes, link.Attributes);
        return message;
    }

    static void AddAttributes(RepeatedField<Otlp.KeyValue> messages, KeyValue[] attributes)
    {
        foreach (var (key, value) in attributes)
            messages.Add(new Otlp.KeyValue { Key = key, Value = ToAnyValue(value) });
    }

    public static Otlp.AnyValue ToAnyValue(AttributeValue value)
    {
        var message = new Otlp.AnyValue();
        switch (value.Type)
        {
            case AttributeType.String: message.StringValue = value.AsString(); break;
            case AttributeType.Bool: message.BoolValue = value.AsBool(); break;
            case AttributeType.Int: message.IntValue = value.AsInt(); break;
            case AttributeType.Double: message.DoubleValue = value.AsDouble(); break;
            case AttributeType.Bytes: message.BytesValue = ByteString.CopyFrom(value.AsBytes()); break;
            case AttributeType.Array: message.ArrayValue = ToArray(value.AsArray()); break;
            case AttributeType.Map: message.KvlistValue = ToMap(value.AsMap()); break;
        }
        return message;
    }

    static Otlp.ArrayValue ToArray(AttributeValue[] values)
    {
        var message = new Otlp.ArrayValue();
        foreach (var value in values)
            message.Values.Add(ToAnyValue(value));
        return message;
    }

    static Otlp.KeyValueList ToMap(KeyValue[] entries)
    {
        var message = new Otlp.KeyValueList();
        AddAttributes(message.Values, entries);
        return message;
    }

    static ByteString ToBytes(TraceId id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.WriteBytes(bytes);
        return ByteString.CopyFrom(bytes);
    }

    static ByteString ToBytes(SpanId id)
    {
        Span<byte> bytes = stackalloc byte[8];
        id.WriteBytes(bytes);
        return ByteString.CopyFrom(bytes);
    }
}
