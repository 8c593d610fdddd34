using FsCheck;
using FsCheck.Fluent;
using Tracing.Model;

namespace Tracing.Tests;

/// <summary>Arbitrary spans of OTLP, with every field and value type at the ends of their ranges.</summary>
static class SpanGen
{
    static readonly string[] Pieces =
    [
        "a", "b", "Z", "0", " ", "_", ".", "/", "GET", "http.method", "\"", "\\", "\0", "\u0001\u001f", "\b\f\n\r\t",
        "\u007f", "<&'>", "{{", "+", "\u00df", "\u00e9", "\u6f22\u5b57", "\u2028", "\u2029", "\ufeff", "\uffff",
        "\U0001f600",
    ];

    /// <summary>Any text that is valid UTF-16, mostly short, from time to time longer than caches keep.</summary>
    public static Gen<string> Text { get; } = Gen.Frequency(
        (9, PiecesUpTo(4)),
        (1, PiecesUpTo(80)));

    static Gen<string> PiecesUpTo(int count) =>
        from length in Gen.Choose(0, count)
        from pieces in Gen.ArrayOf(Gen.Elements(Pieces), length)
        select string.Concat(pieces);

    public static Gen<ulong> UInt64 { get; } = Gen.Frequency(
        (3, from high in Gen.Choose(int.MinValue, int.MaxValue)
            from low in Gen.Choose(int.MinValue, int.MaxValue)
            select ((ulong)(uint)high << 32) | (uint)low),
        (1, Gen.Elements(0UL, 1UL, (ulong)long.MaxValue, 1UL << 63, ulong.MaxValue)));

    static Gen<uint> UInt32 { get; } = Gen.Frequency(
        (2, Gen.Constant(0u)),
        (1, UInt64.Select(number => (uint)number)));

    static Gen<bool> Flip { get; } = Gen.Elements(false, true);

    static Gen<double> Double { get; } = Gen.Frequency(
        (1, Gen.Elements(0.0, -0.0, 0.1, double.NaN, double.PositiveInfinity, double.NegativeInfinity, double.MaxValue,
            double.MinValue, double.Epsilon, 1e15, 1e-7)),
        (1, UInt64.Select(BitConverter.UInt64BitsToDouble).Where(double.IsFinite)));

    public static Gen<TraceId> TraceId { get; } =
        from high in UInt64
        from low in UInt64.Where(each => each != 0)
        select new TraceId(high, low);

    public static Gen<SpanId> SpanId { get; } = UInt64.Where(each => each != 0).Select(each => new SpanId(each));

    public static Gen<AttributeValue> Value { get; } = Gen.Sized(size => ValueOf(Math.Min(size / 20, 3)));

    static Gen<AttributeValue> ValueOf(int depth)
    {
        var flat = Gen.OneOf(
            Text.Select(text => new AttributeValue(text)),
            Flip.Select(flag => new AttributeValue(flag)),
            UInt64.Select(number => new AttributeValue((long)number)),
            Double.Select(number => new AttributeValue(number)),
            UpTo(20, Gen.Choose(0, 255).Select(each => (byte)each)).Select(bytes => new AttributeValue(bytes)),
            Gen.Constant(default(AttributeValue)));
        if (depth == 0)
            return flat;
        var inner = ValueOf(depth - 1);
        return Gen.Frequency(
            (6, flat),
            (1, UpTo(3, inner).Select(values => new AttributeValue(values))),
            (1, UpTo(3, KeyAndValue(inner)).Select(entries => new AttributeValue(entries))));
    }

    static Gen<KeyValue> KeyAndValue(Gen<AttributeValue> value) =>
        from key in Text
        from content in value
        select new KeyValue(key, content);

    /// <summary>Attributes of which no two have the same key.</summary>
    public static Gen<KeyValue[]> Attributes { get; } = Gen.Frequency(
        (9, UpTo(6, KeyAndValue(Value))),
        (1, UpTo(40, KeyAndValue(Value)))).Select(all => all.DistinctBy(each => each.Key).ToArray());

    public static Gen<T[]> UpTo<T>(int count, Gen<T> element) =>
        Gen.Choose(0, count).SelectMany(length => Gen.ArrayOf(element, length));

    static Gen<SpanEvent> Event { get; } =
        from time in UInt64
        from name in Text
        from attributes in Attributes
        from dropped in UInt32
        select new SpanEvent { TimeUnixNano = time, Name = name, Attributes = attributes, DroppedAttributes = dropped };

    static Gen<SpanLink> Link { get; } =
        from traceId in TraceId
        from spanId in UInt64
        from traceState in Text
        from flags in UInt32
        from attributes in Attributes
        from dropped in UInt32
        select new SpanLink
        {
            TraceId = traceId,
            SpanId = new SpanId(spanId),
            TraceState = traceState,
            Flags = flags,
            Attributes = attributes,
            DroppedAttributes = dropped,
        };

    static Gen<EntityRef> Entity { get; } =
        from schemaUrl in Text
        from type in Text
        from ids in UpTo(2, Text)
        from descriptions in UpTo(2, Text)
        select new EntityRef { SchemaUrl = schemaUrl, Type = type, IdKeys = ids, DescriptionKeys = descriptions };

    public static Gen<Resource> Resource { get; } =
        from attributes in Attributes
        from service in Text
        from dropped in UInt32
        from entities in UpTo(2, Entity)
        from schemaUrl in Text
        select new Resource
        {
            Attributes = [.. attributes, new KeyValue("service.name", new AttributeValue(service))],
            DroppedAttributes = dropped,
            EntityRefs = entities,
            SchemaUrl = schemaUrl,
        };

    public static Gen<InstrumentationScope> Scope { get; } =
        from name in Text
        from version in Text
        from attributes in Attributes
        from dropped in UInt32
        from schemaUrl in Text
        select new InstrumentationScope
        {
            Name = name,
            Version = version,
            Attributes = attributes,
            DroppedAttributes = dropped,
            SchemaUrl = schemaUrl,
        };

    static Gen<Span> Identity { get; } =
        from traceId in TraceId
        from spanId in SpanId
        from parent in Gen.OneOf(Gen.Constant(default(SpanId)), SpanId)
        from traceState in Text
        from flags in UInt32
        from kind in Gen.OneOf(Gen.Choose(0, 5), Gen.Elements(6, 99, -1, int.MaxValue, int.MinValue))
        from name in Text
        select new Span
        {
            TraceId = traceId,
            SpanId = spanId,
            ParentSpanId = parent,
            TraceState = traceState,
            Flags = flags,
            Kind = (SpanKind)kind,
            Name = name,
        };

    static Gen<Span> Timed { get; } =
        from span in Identity
        from start in UInt64
        from end in UInt64
        from status in Gen.OneOf(Gen.Choose(0, 2), Gen.Elements(3, -1))
        from message in Text
        select span with
        {
            StartUnixNano = start,
            EndUnixNano = end,
            Status = (StatusCode)status,
            StatusMessage = message,
        };

    static Gen<Span> Filled { get; } =
        from span in Timed
        from attributes in Attributes
        from droppedAttributes in UInt32
        from events in UpTo(3, Event)
        from droppedEvents in UInt32
        from links in UpTo(3, Link)
        from droppedLinks in UInt32
        select span with
        {
            Attributes = attributes,
            DroppedAttributes = droppedAttributes,
            Events = events,
            DroppedEvents = droppedEvents,
            Links = links,
            DroppedLinks = droppedLinks,
        };

    /// <summary>A span that came as OTLP.</summary>
    public static Gen<Span> Otlp { get; } =
        from span in Filled
        from resource in Gen.Frequency((1, Gen.Constant(Tracing.Model.Resource.Empty)), (3, Resource))
        from scope in Gen.Frequency((1, Gen.Constant(InstrumentationScope.Empty)), (3, Scope))
        select span with { Resource = resource, Scope = scope };

    /// <summary>Spans that came as OTLP, some of them with the resource and scope of the one before.</summary>
    public static Gen<Span[]> OtlpSpans { get; } =
        from spans in UpTo(5, Otlp)
        from alike in Gen.ArrayOf(Flip, spans.Length)
        select spans.Select((span, i) => alike[i] && i > 0
            ? span with { Resource = spans[i - 1].Resource, Scope = spans[i - 1].Scope }
            : span).ToArray();
}
