using System.Globalization;
using System.Text;
using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.CrashTest;

/// <summary>What of a span must come back; equal in both families of formats.</summary>
/// <param name="Texts">All attributes, with their keys, sorted.</param>
readonly record struct SentSpan(
    TraceId Trace, SpanId Id, SpanId Parent, string Name, ulong Start, ulong End, string Texts)
{
    public static SentSpan Of(Span span) => new(
        span.TraceId, span.SpanId, span.ParentSpanId, span.Name, span.StartUnixNano, span.EndUnixNano,
        string.Join(';', span.Attributes.Select(attribute => attribute.ToString()).Order(StringComparer.Ordinal)));
}

/// <summary>
/// The body of one request, which has all spans of its traces. The same seed, number and time make the same bytes, so
/// that a run of hours need not keep what it sent.
/// </summary>
sealed class CrashBody
{
    const int MaxTraces = 4;
    const int MaxSpansPerTrace = 50;

    /// <summary>One body in so many is large: beyond the 2,000 spans of a block.</summary>
    const int LargeOneIn = 40;
    const int LargeTimes = 20;

    /// <summary>One body in so many comes in Zipkin's JSON, the others in OTLP's protobuf.</summary>
    const int ZipkinOneIn = 4;

    CrashBody(bool isZipkin, IReadOnlyList<Span> spans)
    {
        Path = isZipkin ? "/api/v2/spans" : "/v1/traces";
        ContentType = isZipkin ? "application/json" : "application/x-protobuf";
        Bytes = isZipkin ? Json(spans) : OtlpProtobuf.Encode(spans);
        Traces = [.. spans.Select(span => span.TraceId).Distinct()];
        Spans = [.. spans.Select(SentSpan.Of)];
        var services = spans.ToDictionary(span => (span.TraceId, span.SpanId), ServiceOf);
        Calls = spans.Count(span =>
            services.TryGetValue((span.TraceId, span.ParentSpanId), out var caller) && caller != ServiceOf(span));
    }

    public string Path { get; }

    public string ContentType { get; }

    public byte[] Bytes { get; }

    public IReadOnlyList<TraceId> Traces { get; }

    public HashSet<SentSpan> Spans { get; }

    /// <summary>Spans whose parent is one of another service.</summary>
    public int Calls { get; }

    /// <param name="startMicros">When its spans start, in microseconds since 1970.</param>
    public static CrashBody Make(int seed, int number, long startMicros)
    {
        var random = new Random(HashOf(seed, number));
        var isZipkin = random.Next(ZipkinOneIn) == 0;
        var factor = random.Next(LargeOneIn) == 0 ? LargeTimes : 1;
        var spans = new List<Span>();
        for (var traces = random.Next(MaxTraces) + 1; traces > 0; traces--)
            AddTrace(spans, random, 1 + random.Next(MaxSpansPerTrace * factor), startMicros);
        return new CrashBody(isZipkin, spans);
    }

    // HashCode would differ from process to process
    static int HashOf(int seed, int number) => unchecked((seed * 1_000_003) + number);

    static void AddTrace(List<Span> spans, Random random, int count, long startMicros)
    {
        var trace = new TraceId((ulong)random.NextInt64(1, long.MaxValue), (ulong)random.NextInt64(1, long.MaxValue));
        var parent = default(SpanId);
        for (var i = 0; i < count; i++)
        {
            var service = $"service{random.Next(20)}";
            var start = (ulong)(startMicros + random.Next(1_000_000)) * 1000;
            var span = new Span
            {
                TraceId = trace,
                SpanId = new SpanId((ulong)random.NextInt64(1, long.MaxValue)),
                ParentSpanId = parent,
                Name = $"operation {random.Next(100)}",
                StartUnixNano = start,
                EndUnixNano = start + ((ulong)random.Next(100_000) * 1000),
                Resource = new Resource { Attributes = [new("service.name", new AttributeValue(service))] },
                Attributes = Attributes(random),
            };
            spans.Add(span);
            // chains and stars
            if (random.Next(3) == 0)
                parent = span.SpanId;
        }
    }

    static KeyValue[] Attributes(Random random)
    {
        var number = random.NextInt64();
        KeyValue[] all =
        [
            new("number", new AttributeValue(number)),
            new("text", new AttributeValue(new string((char)('a' + (number % 26)), random.Next(300)))),
        ];
        return number % 3 == 0 ? [.. all, new("third", new AttributeValue("yes"))] : all;
    }

    static byte[] Json(IReadOnlyList<Span> spans)
    {
        var json = new StringBuilder("[");
        foreach (var span in spans)
        {
            json.Append(json.Length > 1 ? "," : "").Append(CultureInfo.InvariantCulture, $$"""
                {"traceId":"{{span.TraceId}}","id":"{{span.SpanId}}",
                """);
            if (!span.ParentSpanId.IsZero)
                json.Append(CultureInfo.InvariantCulture, $"\"parentId\":\"{span.ParentSpanId}\",");
            json.Append(CultureInfo.InvariantCulture, $"\"name\":\"{span.Name}\",\"timestamp\":");
            json.Append(CultureInfo.InvariantCulture, $"{span.StartUnixNano / 1000},\"tags\":{{");
            json.AppendJoin(',', span.Attributes.Select(attribute => $"\"{attribute.Key}\":\"{attribute.Value}\""));
            json.Append('}');
            // a duration of 0 is none to Zipkin, which is the same
            var micros = (span.EndUnixNano - span.StartUnixNano) / 1000;
            if (micros > 0)
                json.Append(CultureInfo.InvariantCulture, $",\"duration\":{micros}");
            json.Append(",\"localEndpoint\":{\"serviceName\":\"").Append(ServiceOf(span)).Append("\"}}");
        }
        return Encoding.UTF8.GetBytes(json.Append(']').ToString());
    }

    static string ServiceOf(Span span) => span.Resource.Attributes[0].Value.ToString();
}
