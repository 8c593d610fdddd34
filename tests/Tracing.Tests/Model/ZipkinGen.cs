using FsCheck;
using FsCheck.Fluent;
using Tracing.Model;

namespace Tracing.Tests.Model;

/// <summary>Spans as Zipkin's formats can say them: what a decoder makes of one, so that a round trip keeps it equal.</summary>
static class ZipkinGen
{
    // lower case already; everything that a writer must escape, and text of one to four bytes a character
    static readonly string[] Pieces =
    [
        "a", "get /", "0", " ", "\"", "\\", "/", "\b\f\n\r\t", "\0", "\u0001\u001f", "\u007f", "é", "ß", "日本", "😀",
        "\u2028", "\u2029", "<&'>", "{{", "http.path",
    ];

    static readonly long[] EdgeMicros =
        [1, 2, 1_472_470_996_199_000, 9_223_372_036_854_775, 9_223_372_036_854_776, 18_446_744_073_709_551,
         18_446_744_073_709_552, long.MaxValue - 1, long.MaxValue];

    static readonly Gen<string> Text =
        from pieces in Gen.Elements(Pieces).ListOf()
        select string.Concat(pieces.Take(5));

    static readonly Gen<ulong> Id = from high in Gen.Choose(0, int.MaxValue)
                                    from low in Gen.Choose(1, int.MaxValue)
                                    select ((ulong)high << 32) | (uint)low;

    /// <summary>Microseconds above 0, or 0 for "absent".</summary>
    static readonly Gen<long> Micros = Gen.Frequency(
        (1, Gen.Constant(0L)),
        (3, Gen.Elements(EdgeMicros)),
        (3, Gen.Choose(1, int.MaxValue).Select(n => n * 1000L)));

    static readonly Gen<long> AnnotationMicros = Gen.Frequency(
        (1, Gen.Elements(0L, -1L, -9_223_372_036_854_775L, -9_223_372_036_854_776L, long.MinValue)), (3, Micros));

    static readonly Gen<Endpoint?> Host =
        from name in Text
        from ipv4 in Gen.Elements("", "", "1.2.3.4", "255.0.0.1")
        from ipv6 in Gen.Elements("", "", "2001:db8::c001", "::1", "::", "fe80::1:0:0:1")
        from port in Gen.Elements(0, 1, 8080, 65535)
        from absent in Gen.Choose(0, 3)
        let host = new Endpoint { ServiceName = name, Ipv4 = ipv4, Ipv6 = ipv6, Port = (ushort)port }
        select absent == 0 || host == new Endpoint() ? null : host;

    static readonly Gen<KeyValue> Tag =
        from key in Gen.Frequency((6, Text), (1, Gen.Elements("error", "otel.status_code", "zipkin.timestamp")))
        from value in Gen.Frequency((6, Text), (1, Gen.Elements("true", "OK", "ERROR")))
        select new KeyValue(key, new AttributeValue(value));

    static readonly Gen<(long Micros, string Value)> Annotation =
        from micros in AnnotationMicros
        from value in Text
        select (micros, value);

    public static Gen<Span> Span { get; } =
        from traceHigh in Gen.Frequency((1, Gen.Constant(0UL)), (2, Id))
        from traceLow in Id
        from id in Id
        from parent in Gen.Frequency((1, Gen.Constant(0UL)), (2, Id))
        from kind in Gen.Elements(
            SpanKind.Unspecified, SpanKind.Client, SpanKind.Server, SpanKind.Producer, SpanKind.Consumer)
        from name in Text
        from timestamp in Micros
        from duration in Micros
        from local in Host
        from remote in Host
        from annotations in Annotation.ListOf()
        from tags in Tag.ListOf()
        from flags in Gen.Choose(0, 3)
        select WithTimes(timestamp, duration, new Span
        {
            Origin = SpanOrigin.Zipkin,
            TraceId = new TraceId(traceHigh, traceLow),
            SpanId = new SpanId(id),
            ParentSpanId = new SpanId(parent == id ? 0 : parent),
            Kind = kind,
            Name = name,
            LocalEndpoint = local,
            RemoteEndpoint = remote,
            Events = Events(annotations),
            Attributes = tags.GroupBy(tag => tag.Key).Select(same => same.Last())
                .OrderBy(tag => tag.Key, StringComparer.Ordinal).ToArray(),
            Debug = (flags & 1) != 0,
            Shared = (flags & 2) != 0 && kind != SpanKind.Client,
        });

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
        return (code == "ERROR" || error is not null ? StatusCode.Error : StatusCode.Unset, error is null or "true" ? "" : error);
    }
}
