using Google.Protobuf.Collections;
using Tracing.Model;
using Otlp = Tracing.Model.Wire.Proto.Otlp;

namespace Tracing.Tests;

/// <summary>
/// The other way to decode: the messages that are generated from otlp.proto, then the model. It checks nothing; it is
/// here to be compared with.
/// </summary>
static class OtlpGenerated
{
    public static Resource ToResource(Otlp.ResourceSpans message) => new()
    {
        SchemaUrl = message.SchemaUrl,
        Attributes = ToAttributes(message.Resource?.Attributes),
        DroppedAttributes = message.Resource?.DroppedAttributesCount ?? 0,
        EntityRefs = [.. message.Resource?.EntityRefs.Select(ToEntityRef) ?? []],
    };

    static EntityRef ToEntityRef(Otlp.EntityRef message) => new()
    {
        SchemaUrl = message.SchemaUrl,
        Type = message.Type,
        IdKeys = [.. message.IdKeys],
        DescriptionKeys = [.. message.DescriptionKeys],
    };

    public static InstrumentationScope ToScope(Otlp.ScopeSpans message) => new()
    {
        SchemaUrl = message.SchemaUrl,
        Name = message.Scope?.Name ?? "",
        Version = message.Scope?.Version ?? "",
        Attributes = ToAttributes(message.Scope?.Attributes),
        DroppedAttributes = message.Scope?.DroppedAttributesCount ?? 0,
    };

    public static IEnumerable<Span> ToSpans(Otlp.TracesData traces) =>
        from resourceSpans in traces.ResourceSpans
        let resource = ToResource(resourceSpans)
        from scopeSpans in resourceSpans.ScopeSpans
        let scope = ToScope(scopeSpans)
        from span in scopeSpans.Spans
        select ToSpan(span, resource, scope);

    static Span ToSpan(Otlp.Span message, Resource resource, InstrumentationScope scope) => new()
    {
        TraceId = TraceId.FromBytes(message.TraceId.Span),
        SpanId = SpanId.FromBytes(message.SpanId.Span),
        ParentSpanId = message.ParentSpanId.IsEmpty ? default : SpanId.FromBytes(message.ParentSpanId.Span),
        TraceState = message.TraceState,
        Flags = message.Flags,
        Name = message.Name,
        Kind = (SpanKind)message.Kind,
        StartUnixNano = message.StartTimeUnixNano,
        EndUnixNano = message.EndTimeUnixNano,
        Attributes = ToAttributes(message.Attributes),
        DroppedAttributes = message.DroppedAttributesCount,
        Events = ToEvents(message),
        DroppedEvents = message.DroppedEventsCount,
        Links = ToLinks(message),
        DroppedLinks = message.DroppedLinksCount,
        Status = (StatusCode)(message.Status?.Code ?? 0),
        StatusMessage = message.Status?.Message ?? "",
        Resource = resource,
        Scope = scope,
    };

    public static SpanEvent[] ToEvents(Otlp.Span message) => [.. message.Events.Select(happened => new SpanEvent
    {
        TimeUnixNano = happened.TimeUnixNano,
        Name = happened.Name,
        Attributes = ToAttributes(happened.Attributes),
        DroppedAttributes = happened.DroppedAttributesCount,
    })];

    public static SpanLink[] ToLinks(Otlp.Span message) => [.. message.Links.Select(link => new SpanLink
    {
        TraceId = TraceId.FromBytes(link.TraceId.Span),
        SpanId = SpanId.FromBytes(link.SpanId.Span),
        TraceState = link.TraceState,
        Flags = link.Flags,
        Attributes = ToAttributes(link.Attributes),
        DroppedAttributes = link.DroppedAttributesCount,
    })];

    static KeyValue[] ToAttributes(RepeatedField<Otlp.KeyValue>? messages) =>
        messages is null or [] ? [] : [.. messages.Select(each => new KeyValue(each.Key, ToValue(each.Value)))];

    public static AttributeValue ToValue(Otlp.AnyValue? message) => message?.ValueCase switch
    {
        Otlp.AnyValue.ValueOneofCase.StringValue => new(message.StringValue),
        Otlp.AnyValue.ValueOneofCase.BoolValue => new(message.BoolValue),
        Otlp.AnyValue.ValueOneofCase.IntValue => new(message.IntValue),
        Otlp.AnyValue.ValueOneofCase.DoubleValue => new(message.DoubleValue),
        Otlp.AnyValue.ValueOneofCase.BytesValue => new(message.BytesValue.ToByteArray()),
        Otlp.AnyValue.ValueOneofCase.ArrayValue => new([.. message.ArrayValue.Values.Select(ToValue)]),
        Otlp.AnyValue.ValueOneofCase.KvlistValue => new(ToAttributes(message.KvlistValue.Values)),
        _ => default,
    };
}
