using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using Tracing.LoadGenerator;
using Tracing.Model.Wire.Proto.Otlp;
using Tracing.Model.Wire.Proto.Zipkin;
using Xunit;
using OtlpSpan = Tracing.Model.Wire.Proto.Otlp.Span;
using SpanKind = Tracing.Model.SpanKind;

namespace Tracing.Tests;

public class BodySourceTests
{
    const int Traces = 1000;
    const int Batch = 64;
    const long EndMillis = 1_700_000_000_000;

    [Fact]
    public void Otlp_bodies_hold_whole_traces_each_body_from_one_instance()
    {
        var bodies = Bodies("otlp").Select(body => (body.Spans, Data: Otlp(body))).ToList();
        Assert.All(bodies, body => Assert.Equal(body.Spans, Spans(body.Data).Count));
        Assert.All(bodies, body => Assert.InRange(body.Spans, 1, Batch));
        Assert.InRange(bodies.Count(body => body.Spans < Batch), 0, 40); // the last one of each instance

        var instances = bodies.Select(body => Assert.Single(body.Data.ResourceSpans).Resource).Distinct().ToList();
        Assert.Equal(40, instances.Count);
        Assert.Equal(Vocabulary.Services.Order(), instances.Select(ServiceName).Distinct().Order());

        var pieces = bodies.Sum(body => Spans(body.Data).Select(span => span.TraceId).Distinct().Count());
        Assert.InRange(pieces / (double)Traces, 3.9, 4.5);
        var traces = bodies.SelectMany(body => Spans(body.Data)).GroupBy(span => span.TraceId).ToList();
        Assert.Equal(Traces, traces.Count);
        Assert.All(traces, trace => AssertIsTree([.. trace]));
    }

    [Fact]
    public void Spans_vary_as_promised()
    {
        var spans = Bodies("otlp").SelectMany(body => Spans(Otlp(body))).ToList();
        Assert.All(spans, span => Assert.Equal(11, span.Attributes.DistinctBy(attribute => attribute.Key).Count()));
        var attributes = spans.SelectMany(span => span.Attributes).Distinct().ToList();
        Assert.InRange(attributes.Select(attribute => attribute.Key).Distinct().Count(), 80, Vocabulary.KeyCount);
        Assert.InRange(attributes.Count, 500, Vocabulary.ValueCount);
        Assert.Equal(Vocabulary.ValueCount, new Vocabulary(1).Attributes.Count);
        Assert.Equal(Vocabulary.KeyCount, new Vocabulary(1).Attributes.DistinctBy(attribute => attribute.Key).Count());
        Assert.InRange(spans.Count(span => span.Status is { Code: 2 }) / (double)spans.Count, 0.007, 0.013);

        var start = (ulong)(EndMillis - 3_600_000) * 1_000_000;
        var roots = spans.Where(span => span.ParentSpanId.IsEmpty).ToList();
        Assert.All(roots, root => Assert.InRange(root.StartTimeUnixNano, start, (ulong)EndMillis * 1_000_000));
        Assert.Equal(start, roots.Min(root => root.StartTimeUnixNano));
        Assert.True(roots.Max(root => root.StartTimeUnixNano) >= (ulong)(EndMillis - 10_000) * 1_000_000);
    }

    [Fact]
    public void All_formats_carry_the_same_spans()
    {
        var otlp = Bodies("otlp").SelectMany(body => Spans(Otlp(body)))
            .Select(span => (Hex(span.SpanId), Hex(span.ParentSpanId), span.Name, span.StartTimeUnixNano / 1000));
        var proto = Bodies("zipkin-proto").SelectMany(body => ListOfSpans.Parser.ParseFrom(body.Content.Span).Spans)
            .Select(span => (Hex(span.Id), Hex(span.ParentId), span.Name, span.Timestamp));
        var json = Bodies("zipkin-json").SelectMany(Json)
            .Select(span => (span.GetProperty("id").GetString()!,
                span.TryGetProperty("parentId", out var parent) ? parent.GetString()! : "",
                span.GetProperty("name").GetString()!, span.GetProperty("timestamp").GetUInt64()));
        Assert.True(otlp.SequenceEqual(proto));
        Assert.True(otlp.SequenceEqual(json));
    }

    [Theory]
    [InlineData("zipkin-proto")]
    [InlineData("zipkin-json")]
    public void Zipkin_spans_have_endpoints_and_tags(string format)
    {
        foreach (var body in Bodies(format).Take(3))
        {
            var spans = format == "zipkin-json"
                ? Json(body).Select(span => (
                    Service: span.GetProperty("localEndpoint").GetProperty("serviceName").GetString()!,
                    Tags: span.GetProperty("tags").EnumerateObject().Select(tag => tag.Name).ToList()))
                : ListOfSpans.Parser.ParseFrom(body.Content.Span).Spans.Select(span => (
                    Service: span.LocalEndpoint.ServiceName, Tags: span.Tags.Keys.ToList()));
            Assert.All(spans, span =>
            {
                Assert.Contains(span.Service, Vocabulary.Services);
                Assert.Equal(span.Tags.Contains("error") ? 12 : 11, span.Tags.Count);
            });
        }
    }

    [Fact]
    public void The_same_seed_gives_the_same_bodies_prepared_or_not()
    {
        var prepared = Bodies("otlp", prepareBytes: 1 << 20).Select(Hash);
        var assembled = Bodies("otlp").Select(Hash).ToList();
        Assert.Equal(assembled, prepared);
        Assert.Equal(assembled.Count, assembled.Distinct().Count());
        Assert.NotEqual(assembled[0], Hash(Bodies("otlp", "--seed", "2").First()));
    }

    [Fact]
    public void Compressed_bodies_are_the_same_inside()
    {
        var plain = Bodies("otlp").First();
        var compressed = Bodies("otlp", "--gzip", "--seed", "1").First();
        using var inside = new MemoryStream();
        using (var gzip = new GZipStream(new MemoryStream(compressed.Content.ToArray()), CompressionMode.Decompress))
            gzip.CopyTo(inside);
        Assert.Equal(plain.Content.ToArray(), inside.ToArray());
    }

    static void AssertIsTree(List<OtlpSpan> spans)
    {
        Assert.Equal(Workload.SpansPerTrace, spans.Count);
        var byId = spans.ToDictionary(span => span.SpanId);
        Assert.Single(spans, span => span.ParentSpanId.IsEmpty);
        foreach (var span in spans.Where(span => !span.ParentSpanId.IsEmpty))
        {
            var parent = byId[span.ParentSpanId];
            Assert.InRange(span.StartTimeUnixNano, parent.StartTimeUnixNano, ulong.MaxValue);
            Assert.True(span.Kind == (int)SpanKind.Consumer || Length(span) < Length(parent));
        }
    }

    static ulong Length(OtlpSpan span) => span.EndTimeUnixNano - span.StartTimeUnixNano;

    static string ServiceName(Resource resource) =>
        resource.Attributes.Single(attribute => attribute.Key == "service.name").Value.StringValue;

    static TracesData Otlp(Body body) => TracesData.Parser.ParseFrom(body.Content.Span);

    static IEnumerable<JsonElement> Json(Body body) =>
        JsonDocument.Parse(body.Content).RootElement.EnumerateArray();

    static List<OtlpSpan> Spans(TracesData data) =>
        [.. data.ResourceSpans.SelectMany(resource => resource.ScopeSpans).SelectMany(scope => scope.Spans)];

    static string Hash(Body body) => Convert.ToHexStringLower(SHA256.HashData(body.Content.Span));

    static string Hex(Google.Protobuf.ByteString id) => Convert.ToHexStringLower(id.Span);

    static IEnumerable<Body> Bodies(string format, params string[] more) => Bodies(format, 0, more);

    static IEnumerable<Body> Bodies(string format, long prepareBytes, params string[] more)
    {
        string[] arguments =
            ["http://localhost", "--traces", $"{Traces}", "--batch", $"{Batch}", "--end-ms", $"{EndMillis}", .. more];
        var options = LoadOptions.Parse(arguments, out _)!;
        var vocabulary = new Vocabulary(options.Seed);
        var source = new BodySource(options, vocabulary, BodyFormat.Create(format, vocabulary, options.Instances)!);
        source.Prepare(prepareBytes);
        while (source.Next() is { } body)
            yield return body;
    }
}
