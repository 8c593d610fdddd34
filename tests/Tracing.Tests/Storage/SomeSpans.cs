using System.Globalization;
using Tracing.Model;
using Tracing.Storage;

namespace Tracing.Tests;

/// <summary>Spans and batches for tests of stores.</summary>
static class SomeSpans
{
    /// <summary>Start of the spans, in milliseconds since 1970.</summary>
    public const long Today = 1_767_312_000_000;

    public static TraceId Trace(ulong low, ulong high = 0) => new(high, low);

    /// <summary>Nanoseconds since 1970 of so many microseconds after <see cref="Today"/>.</summary>
    public static ulong Micros(long micros) => (ulong)((Today * 1000) + micros) * 1000;

    /// <summary>A span of Zipkin's of 10 ms; a root that starts at <see cref="Today"/>.</summary>
    public static Span Zipkin(ulong trace, string service = "frontend", string name = "get", ulong id = 1) => new()
    {
        Origin = SpanOrigin.Zipkin,
        TraceId = Trace(trace),
        SpanId = new SpanId(id),
        Name = name,
        Kind = SpanKind.Server,
        StartUnixNano = Micros(0),
        EndUnixNano = Micros(10_000),
        LocalEndpoint = service.Length == 0 ? null : new Endpoint { ServiceName = service, Ipv4 = "10.0.0.1" },
    };

    /// <summary>A span of OTLP's of 10 ms; a root that starts at <see cref="Today"/>.</summary>
    public static Span Otlp(ulong trace, string service = "Frontend", string name = "GET /", ulong id = 1) => new()
    {
        TraceId = Trace(trace),
        SpanId = new SpanId(id),
        Name = name,
        StartUnixNano = Micros(0),
        EndUnixNano = Micros(10_000),
        Resource = new Resource { Attributes = [Tag("service.name", service)] },
    };

    public static Span At(this Span span, long micros, long duration = 10_000) => span with
    {
        StartUnixNano = Micros(micros),
        EndUnixNano = Micros(micros + duration),
    };

    public static Span With(this Span span, params KeyValue[] attributes) => span with { Attributes = attributes };

    public static KeyValue Tag(string key, string value) => new(key, new AttributeValue(value));

    public static SpanBatch Batch(params Span[] spans) => new(spans, UInt128.Zero);

    public static SpanBatch Batch(UInt128 hash, params Span[] spans) => new(spans, hash);

    /// <summary>All traces from a day before to a day after <see cref="Today"/>.</summary>
    public static TraceQuery AnyOfToday { get; } = new()
    {
        EndMillis = Today + 86_400_000,
        LookbackMillis = 2 * 86_400_000,
        Limit = 100,
    };

    public static TraceQuery Tagged(string key, string value = "") =>
        AnyOfToday with { Annotations = new Dictionary<string, string> { [key] = value } };

    /// <summary>The low halves of the traces' ids in hexadecimal, in their order.</summary>
    public static string Ids(this IEnumerable<IReadOnlyList<Span>> traces) => string.Join(" ",
        traces.Select(trace => trace[0].TraceId.Low.ToString("x", CultureInfo.InvariantCulture)));
}
