using System.Net;
using System.Text.Json;
using Tracing.CrashTest;
using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage;
using Xunit;

namespace Tracing.Tests;

/// <summary>Real traces of many systems, sent to the real server, killed and started again in between.</summary>
public sealed class RealTracesTests
{
    /// <summary>File below ../shared/traces to the spans it holds, as the README there counts them.</summary>
    static readonly Dictionary<string, int> Zipkin = new()
    {
        ["zipkin/lens-ascend.json"] = 8,
        ["zipkin/lens-envoy.json"] = 1,
        ["zipkin/lens-messaging.json"] = 4,
        ["zipkin/lens-messaging2.json"] = 11,
        ["zipkin/lens-messaging-kafka.json"] = 28,
        ["zipkin/lens-simple-db-p6.json"] = 5,
        ["zipkin/lens-skew.json"] = 4,
        ["zipkin/lens-yelp.json"] = 16,
        ["zipkin/lens-smartthings-oauth-authorization.json"] = 175,
        ["zipkin/lens-smartthings-mobile-web-install.json"] = 1041,
        ["zipkin/lens-unit-malformed.json"] = 7,
        ["zipkin/lens-unit-skew.json"] = 4,
        ["zipkin/v1/lens-sofa-longname.json"] = 2,
        ["zipkin/bench-zipkin2-client.json"] = 1,
        ["zipkin/bench-zipkin2-chinese.json"] = 1,
        ["zipkin/contrib-sample3.json"] = 1,
        ["zipkin/contrib-sample4.json"] = 1,
    };

    static readonly Dictionary<string, int> Otlp = new()
    {
        ["otlp/proto-examples-trace.json"] = 1,
        ["otlp/ottl-playground-traces.json"] = 2,
        ["otlp/jaegerui-otlp2jaeger-in.json"] = 2,
        ["otlp/jaegerui-otlp2jaeger-in-error.json"] = 1,
        ["otlp/jaegerui-otlp2jaeger-multi-in-combined.json"] = 4,
        ["otlp/jaeger-cassandra-otel_traces_01.json"] = 1,
        ["otlp/jaeger-elasticsearch-otel_traces_01.json"] = 1,
        ["otlp/jaeger-memory-otel_traces_01.json"] = 4,
    };

    [Fact]
    public async Task Every_span_accepted_is_read_back_also_after_kill_and_restart()
    {
        var files = Files();
        using var folder = new TemporaryFolder();
        var expected = new Expected();
        await using (var server = await ServerProcess.StartAsync(ServerAssembly.Path, folder.Path))
        {
            foreach (var file in files)
                await SendAsync(server, file, expected);
            await expected.CheckAsync(server);
            await server.KillAsync();
        }
        Assert.True(expected.Spans > 1000);

        await using var again = await ServerProcess.StartAsync(ServerAssembly.Path, folder.Path);
        await expected.CheckAsync(again);
    }

    static List<string> Files()
    {
        var root = SharedFolder.Path("traces");
        List<string> files =
        [
            .. Directory.GetFiles(Path.Combine(root, "zipkin"), "*.json", SearchOption.AllDirectories),
            .. Directory.GetFiles(Path.Combine(root, "otlp"), "*.json", SearchOption.AllDirectories)
                .Where(f => !Path.GetFileName(f).StartsWith("queries", StringComparison.Ordinal)),
        ];
        files.Sort(StringComparer.Ordinal);
        var names = files.ConvertAll(f => Path.GetRelativePath(root, f));
        Assert.All(Zipkin.Keys.Concat(Otlp.Keys), name => Assert.Contains(name, names));
        return files;
    }

    static async Task SendAsync(ServerProcess server, string file, Expected expected)
    {
        var name = Path.GetRelativePath(SharedFolder.Path("traces"), file);
        var body = await File.ReadAllBytesAsync(file);
        var isZipkin = name.StartsWith("zipkin", StringComparison.Ordinal);
        var isV1 = name.StartsWith("zipkin/v1", StringComparison.Ordinal);
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new("application/json");
        var answer = await server.Client.PostAsync(
            isV1 ? "/api/v1/spans" : isZipkin ? "/api/v2/spans" : "/v1/traces", content);

        if (isZipkin)
        {
            Assert.True(answer.StatusCode == HttpStatusCode.Accepted, $"{name}: {answer.StatusCode}");
            var spans = isV1
                ? ZipkinJsonV1.Decode(body, WireLimits.Default).Spans
                : ZipkinJson.Decode(body, WireLimits.Default).Spans;
            Assert.True(Zipkin[name] == spans.Count, $"{name}: {spans.Count} spans");
            expected.Add(spans);
            return;
        }
        var text = await answer.Content.ReadAsStringAsync();
        if (answer.StatusCode != HttpStatusCode.OK)
        {
            // not OTLP as its specification has it: base64 ids, snake_case, "batches"
            Assert.True(answer.StatusCode == HttpStatusCode.BadRequest, $"{name}: {answer.StatusCode}");
            Assert.False(Otlp.ContainsKey(name), $"{name} is valid, but: {text}");
            Assert.True(JsonDocument.Parse(text).RootElement.GetProperty("message").GetString()?.Length > 20, text);
            return;
        }
        var decoded = OtlpJson.Decode(body, WireLimits.Default);
        if (Otlp.TryGetValue(name, out var count))
            Assert.Equal((count, 0), (decoded.Spans.Count, decoded.Rejected));
        else if (decoded.Rejected > 0)
            Assert.Contains($"\"rejectedSpans\":\"{decoded.Rejected}\"", text, StringComparison.Ordinal);
        expected.Add(decoded.Spans);
    }

    /// <summary>What was acknowledged: the distinct spans of each trace.</summary>
    sealed class Expected
    {
        readonly Dictionary<TraceId, HashSet<Span>> _traces = [];

        public int Spans => _traces.Values.Sum(t => t.Count);

        public void Add(IEnumerable<Span> spans)
        {
            foreach (var span in spans)
            {
                if (!_traces.TryGetValue(span.TraceId, out var trace))
                    _traces[span.TraceId] = trace = [];
                trace.Add(span);
            }
        }

        /// <summary>
        /// Each trace holds exactly its spans: all reports of them in Zipkin's format, and each span once in OTLP.
        /// </summary>
        public async Task CheckAsync(ServerProcess server)
        {
            foreach (var (id, spans) in _traces)
            {
                var zipkin = await server.Client.GetByteArrayAsync($"/api/v2/trace/{id.ToZipkinString()}");
                Assert.Equal(spans.Count, JsonDocument.Parse(zipkin).RootElement.GetArrayLength());
                var otlp = await server.Client.GetByteArrayAsync($"/api/tracing/traces/{id}");
                var read = OtlpJson.Decode(otlp, WireLimits.Default);
                var merged = ReportedSpans.Merge([.. spans]);
                Assert.Equal((merged.Count, 0), (read.Spans.Count, read.Rejected));
                if (spans.All(s => s.Origin == SpanOrigin.Otlp))
                    Assert.Equal(merged.ToHashSet(), read.Spans.ToHashSet());
                else
                    Assert.Subset(ZipkinJson.Decode(zipkin, WireLimits.Default).Spans.ToHashSet(), spans);
            }
        }
    }
}
