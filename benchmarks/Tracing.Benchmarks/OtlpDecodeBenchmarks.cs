using System.Buffers;
using System.Globalization;
using BenchmarkDotNet.Attributes;
using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Tests;
using Otlp = Tracing.Model.Wire.Proto.Otlp;

namespace Tracing.Benchmarks;

/// <summary>
/// Decoding of requests as an SDK's batch exporter sends them: 512 spans of one process, 11 attributes each, of which 3
/// hardly repeat. Results are per span.
/// </summary>
[MemoryDiagnoser]
public class OtlpDecodeBenchmarks
{
    const int Spans = 512;

    // several in turn, so that the texts of one body are not all remembered from its last decoding
    const int Bodies = 16;

    readonly byte[][] _protobuf = new byte[Bodies][];
    readonly byte[][] _json = new byte[Bodies][];
    int _next;

    [GlobalSetup]
    public void Setup()
    {
        for (var i = 0; i < Bodies; i++)
        {
            var spans = SampleSpans.Create(Spans, i);
            _protobuf[i] = OtlpProtobuf.Encode(spans);
            var output = new ArrayBufferWriter<byte>();
            OtlpJson.Encode(output, spans);
            _json[i] = output.WrittenSpan.ToArray();
        }
    }

    byte[] Next(byte[][] bodies) => bodies[_next++ % Bodies];

    [Benchmark(OperationsPerInvoke = Spans, Baseline = true)]
    public List<Span> ProtobufByGeneratedMessages() =>
        OtlpGenerated.ToSpans(Otlp.TracesData.Parser.ParseFrom(Next(_protobuf))).ToList();

    /// <summary>Without making spans of the model of them.</summary>
    [Benchmark(OperationsPerInvoke = Spans)]
    public object ProtobufMessagesOnly() => Otlp.TracesData.Parser.ParseFrom(Next(_protobuf));

    [Benchmark(OperationsPerInvoke = Spans)]
    public List<Span> Protobuf() => OtlpProtobuf.Decode(Next(_protobuf), WireLimits.Default).Spans;

    [Benchmark(OperationsPerInvoke = Spans)]
    public List<Span> Json() => OtlpJson.Decode(Next(_json).AsSpan(), WireLimits.Default).Spans;
}

/// <summary>Spans as HTTP servers and clients of one process make them; the same for the same seed.</summary>
static class SampleSpans
{
    static readonly string[] Routes = ["/api/cart", "/api/cart/{id}", "/api/orders", "/api/orders/{id}", "/health"];

    public static Span[] Create(int count, int seed)
    {
        var random = new Random(seed);
        var resource = new Resource
        {
            Attributes =
            [
                Text("service.name", "checkout"), Text("service.instance.id", "checkout-7d9f8b6c5-x2k4p"),
                Text("telemetry.sdk.name", "opentelemetry"), Text("telemetry.sdk.language", "dotnet"),
            ],
        };
        var scope = new InstrumentationScope { Name = "OpenTelemetry.Instrumentation.AspNetCore", Version = "1.12.0" };
        var spans = new Span[count];
        for (var i = 0; i < count; i++)
            spans[i] = Create(random, i, resource, scope);
        return spans;
    }

    static Span Create(Random random, int i, Resource resource, InstrumentationScope scope)
    {
        var route = Routes[random.Next(Routes.Length)];
        var start = 1_700_000_000_000_000_000UL + (ulong)i * 1_000_003;
        return new Span
        {
            TraceId = new TraceId((ulong)random.NextInt64(), 1 + (ulong)(i / 10)),
            SpanId = new SpanId((ulong)random.NextInt64() | 1),
            ParentSpanId = i % 10 == 0 ? default : new SpanId((ulong)random.NextInt64() | 1),
            Name = "GET " + route,
            Kind = i % 2 == 0 ? SpanKind.Server : SpanKind.Client,
            Flags = 0x101,
            StartUnixNano = start,
            EndUnixNano = start + (ulong)random.Next(1_000_000, 900_000_000),
            Attributes = Attributes(random, i, route),
            Resource = resource,
            Scope = scope,
        };
    }

    static KeyValue[] Attributes(Random random, int i, string route) =>
    [
        Text("http.request.method", "GET"),
        Text("http.route", route),
        Text("url.path", route.Replace("{id}", Digits(random.Next(100_000)), StringComparison.Ordinal)),
        Text("url.scheme", "https"),
        new("http.response.status_code", new AttributeValue(random.Next(20) == 0 ? 500L : 200L)),
        Text("network.protocol.version", "1.1"),
        Text("server.address", "shop.example.com"),
        new("server.port", new AttributeValue(443L)),
        Text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
        Text("client.address", "10.0." + Digits(i % 8) + "." + Digits(random.Next(256))),
        Text("enduser.id", "user-" + Digits(random.Next(1_000_000))),
    ];

    static KeyValue Text(string key, string value) => new(key, new AttributeValue(value));

    static string Digits(int number) => number.ToString(CultureInfo.InvariantCulture);
}
