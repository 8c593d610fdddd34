using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using Tracing.Model;

namespace Tracing.Tests;

/// <summary>
/// Arbitrary spans as they are after they came in one of Zipkin's formats: names in lower case, text tags sorted by
/// key, annotations sorted and distinct, endpoints that say something, the status as the tags tell it.
/// </summary>
static class ZipkinSpanGen
{
    // 2200-01-01 in microseconds; times beyond it come from broken clocks only
    const long LastMicros = 7_258_118_400_000_000;

    // around the ends of what nanoseconds can hold, in 64 bits with and without sign
    static readonly long[] EdgeMicros =
    [
        1, 2, 1_472_470_996_199_000, 9_223_372_036_854_775, 9_223_372_036_854_776, 18_446_744_073_709_551,
        18_446_744_073_709_552, long.MaxValue - 1, long.MaxValue,
    ];

    static readonly Gen<string> LowerText = SpanGen.Text.Select(text => text.ToLowerInvariant());

    /// <summary>Microseconds above 0, or 0 for "absent".</summary>
    static readonly Gen<long> Micros = Gen.Frequency(
        (1, Gen.Constant(0L)),
        (2, Gen.Elements(EdgeMicros)),
        (2, Gen.Choose(1, int.MaxValue).Select(millis => millis * 1000L)),
        (3, SpanGen.UInt64.Select(number => 1 + (long)(number % LastMicros))));

    static readonly Gen<long> AnnotationMicros = Gen.Frequency(
        (1, Gen.Elements(0L, -1L, -9_223_372_036_854_775L, -9_223_372_036_854_776L, long.MinValue)),
        (3, Micros));

    static readonly Gen<string> Ipv4 = Gen.ArrayOf(Gen.Choose(0, 255), 4)
        .Select(parts => string.Create(CultureInfo.InvariantCulture, $"{parts[0]}.{parts[1]}.{parts[2]}.{parts[3]}"));

    static readonly Gen<string> Ipv6 = Gen.OneOf(
        Gen.Elements("::", "::1", "2001:db8::1:1:1:1:1", "fe80::1:0:0:1", "fe80::1ff:fe23:4567:890a"),
        Gen.ArrayOf(Gen.Choose(1, 0xffff), 7).Select(parts => "2001:" +
            string.Join(':', Array.ConvertAll(parts, part => part.ToString("x", CultureInfo.InvariantCulture)))));

    static readonly Gen<Endpoint?> Host =
        from service in LowerText
        from ipv4 in Gen.OneOf(Gen.Constant(""), Ipv4)
        from ipv6 in Gen.OneOf(Gen.Constant(""), Ipv6)
        from port in Gen.OneOf(Gen.Constant(0), Gen.Elements(1, 65535), Gen.Choose(1, 65535))
        from absent in Gen.Choose(0, 3)
        let host = new Endpoint { ServiceName = service, Ipv4 = ipv4, Ipv6 = ipv6, Port = (ushort)port }
        select absent == 0 || host == new Endpoint() ? null : host;

    static readonly Gen<KeyValue> Tag =
        from key in Gen.Frequency((6, SpanGen.Text), (1, Gen.Elements("error", "otel.status_code", "zipkin.timestamp")))
        from value in Gen.Frequency((6, SpanGen.Text), (1, Gen.Elements("true", "OK", "ERROR")))
        select new KeyValue(key, new AttributeValue(value));

    static readonly Gen<KeyValue[]> Tags = SpanGen.UpTo(6, Tag).Select(tags =>
        tags.DistinctBy(tag => tag.Key).OrderBy(tag => tag.Key, StringComparer.Ordinal).ToArray());

    static readonly Gen<(long Micros, string Value)> Annotation =
        from micros in AnnotationMicros
        from value in SpanGen.Text
        select (micros, value);

    static readonly Gen<Span> Identity =
        from traceId in Gen.OneOf(SpanGen.TraceId, SpanGen.TraceId.Select(id => id with { High = 0 }))
        from spanId in SpanGen.SpanId
        from parent in Gen.OneOf(Gen.Constant(default(SpanId)), SpanGen.SpanId)
        from name in LowerText
        from kind in Gen.Elements(
            SpanKind.Unspecified, SpanKind.Server, SpanKind.Client, SpanKind.Producer, SpanKind.Consumer)
        select new Span
        {
            Origin = SpanOrigin.Zipkin,
            TraceId = traceId,
            SpanId = spanId,
            ParentSpanId = parent == spanId ? default : parent,
            Name = name,
            Kind = kind,
        };

    /// <summary>
    /// Any span of Zipkin. A tag may have the name under which the exact time stands that nanoseconds cannot hold.
    /// </summary>
    public static Gen<Span> Any { get; } =
        from span in Identity
        from timestamp in Micros
        from duration in Micros
        from tags in Tags
        from annotations in SpanGen.UpTo(4, Annotation)
        from local in Host
        from remote in Host
        from flags in Gen.Choose(0, 3)
        select WithTimes(timestamp, duration, span with
        {
            Attributes = tags,
            Events = Events(annotations),
            LocalEndpoint = local,
            RemoteEndpoint = remote,
            Debug = (flags & 1) != 0,
            Shared = (flags & 2) != 0 && span.Kind != SpanKind.Client,
        });

    /// <summary>Any span of Zipkin in which each key stands once, as it does in the model.</summary>
    public static Gen<Span> Zipkin { get; } =
        Any.Where(span => span.Attributes.DistinctBy(tag => tag.Key).Count() == span.Attributes.Length);

    public static Gen<Span[]> ZipkinSpans { get; } = SpanGen.UpTo(5, Zipkin);

    static SpanEvent[] Events(IEnumerable<(long Micros, string Value)> annotations) => annotations.Distinct()
        .OrderBy(a => a.Micros).ThenBy(a => a.Value, StringComparer.Ordinal)
        .Select(a => Int128.Abs((Int128)a.Micros * 1000) <= long.MaxValue
            ? new SpanEvent { Name = a.Value, TimeUnixNano = (ulong)(a.Micros * 1000) }
            : new SpanEvent
            {
                Name = a.Value,
                TimeUnixNano = (ulong)(a.Micros < 0 ? long.MinValue : long.MaxValue),
                Attributes = [new KeyValue("zipkin.timestamp", new AttributeValue(a.Micros))],
            })
        .ToArray();

    // nanoseconds as far as 64 bits go, and the exact microseconds beside them when they do not
    static Span WithTimes(long timestamp, long duration, Span span)
    {
        var start = Int128.Min((Int128)timestamp * 1000, ulong.MaxValue);
        var length = Int128.Min((Int128)duration * 1000, long.MaxValue);
        var end = Int128.Min(start + length, ulong.MaxValue);
        var exact = new List<KeyValue>();
        if (start != (Int128)timestamp * 1000)
            exact.Add(new KeyValue("zipkin.timestamp", new AttributeValue(timestamp)));
        if (end - start != (Int128)duration * 1000)
            exact.Add(new KeyValue("zipkin.duration", new AttributeValue(duration)));
        var (status, message) = Status(span.Attributes.ToDictionary(tag => tag.Key, tag => tag.Value.AsString()!));
        return span with
        {
            StartUnixNano = (ulong)start,
            EndUnixNano = (ulong)end,
            Attributes = [.. span.Attributes, .. exact],
            Status = status,
            StatusMessage = message,
        };
    }

    static (StatusCode, string) Status(Dictionary<string, string> tags)
    {
        var code = tags.GetValueOrDefault("otel.status_code");
        if (code == "OK")
            return (StatusCode.Ok, "");
        var error = tags.GetValueOrDefault("error");
        var failed = code == "ERROR" || error is not null;
        return (failed ? StatusCode.Error : StatusCode.Unset, error is null or "true" ? "" : error);
    }
}
