using System.Text.Json;
using Tracing.Model.Wire;
using Xunit;

namespace Tracing.Tests;

/// <summary>Traces that other systems wrote; some are not OTLP, though they look like it.</summary>
public class OtlpRecordedTests
{
    [Fact]
    public void Every_recorded_file_decodes_or_is_refused_clearly()
    {
        var files = Directory.GetFiles(SharedFolder.Path("traces/otlp"), "*.json", SearchOption.AllDirectories);
        Assert.NotEmpty(files);
        foreach (var file in files)
        {
            var body = File.ReadAllBytes(file);
            using var tree = JsonDocument.Parse(body);
            AssertDecoded(Path.GetFileName(file), body, tree.RootElement);
        }
    }

    static void AssertDecoded(string file, byte[] body, JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object || root.TryGetProperty("batches", out _))
        {
            Assert.Throws<WireException>(() => OtlpJson.Decode(body.AsMemory(), WireLimits.Default));
            return;
        }
        var decoded = OtlpJson.Decode(body.AsMemory(), WireLimits.Default);
        Assert.Equal(Spans(root).Count(), decoded.Spans.Count + decoded.Rejected);
        Assert.Equal(HexSpanIds(root), decoded.Spans.Select(span => span.SpanId.ToString()));
        if (file.Contains("snakecase", StringComparison.Ordinal))
            Assert.Contains("\"scope_spans\"", decoded.RejectedReason, StringComparison.Ordinal);
    }

    static IEnumerable<JsonElement> Spans(JsonElement root) =>
        from resourceSpans in List(root, "resourceSpans")
        from scopeSpans in List(resourceSpans, "scopeSpans")
        from span in List(scopeSpans, "spans")
        select span;

    static JsonElement.ArrayEnumerator List(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out var list) ? list.EnumerateArray() : default;

    // base64 and short ids are rejected, so never among the decoded
    static IEnumerable<string> HexSpanIds(JsonElement root) =>
        from span in Spans(root)
        let traceId = span.GetProperty("traceId").GetString()
        let spanId = span.GetProperty("spanId").GetString()
        where traceId.Length == 32 && spanId.Length == 16
        select spanId.ToLowerInvariant();
}
