using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Tests;

/// <summary>The shared conformance kit of TraceQL: queries with verdicts, and what they find.</summary>
static partial class TraceQlKit
{
    static readonly string[] Kinds = ["unspecified", "internal", "server", "client", "producer", "consumer"];
    static readonly string[] Statuses = ["unset", "ok", "error"];

    /// <summary>Start of the first span of each set, in nanoseconds since 1970.</summary>
    public const ulong Start = SomeSpans.Today * 1_000_000UL;

    public static List<(string Query, bool IsValid, bool IsOptional)> Parse() =>
        [.. Read("parse.json").GetProperty("queries").EnumerateArray()
            .Where(IsSpanFilter)
            .Select(c => (c.GetProperty("query").GetString()!, c.GetProperty("verdict").GetString() == "valid",
                c.TryGetProperty("optional", out var optional) && optional.GetBoolean()))];

    /// <summary>Query, set of spans, and the labels of the spans that it may find, in one of several answers.</summary>
    public static List<(string Set, string Query, List<string> Answers)> Semantics() =>
        [.. Read("semantics.json").GetProperty("cases").EnumerateArray()
            .Where(IsSpanFilter)
            .Select(c => (c.GetProperty("spans").GetString()!, WithIds(c.GetProperty("query").GetString()!),
                Answers(c).ToList()))];

    /// <summary>The spans of each set by label; all have different ids within a set.</summary>
    public static Dictionary<string, Dictionary<string, Span>> Sets() =>
        Read("semantics.json").GetProperty("spans").EnumerateObject().ToDictionary(
            set => set.Name,
            set => set.Value.EnumerateArray().Select((span, i) => (Label: Text(span, "id"), Span: ToSpan(span, i)))
                .ToDictionary(pair => pair.Label, pair => pair.Span));

    public static string Join(IEnumerable<string> labels) =>
        string.Join(' ', labels.OrderBy(label => int.Parse(label, CultureInfo.InvariantCulture)));

    static JsonElement Read(string file)
    {
        var path = SharedFolder.Path("conformance/traceql/" + file);
        return JsonDocument.Parse(File.ReadAllBytes(path)).RootElement;
    }

    static bool IsSpanFilter(JsonElement item) => item.GetProperty("part").GetString() == "spanset-filter";

    static IEnumerable<string> Answers(JsonElement item)
    {
        yield return Join(item.GetProperty("matches").EnumerateArray().Select(label => label.GetString()!));
        if (!item.TryGetProperty("also", out var also))
            yield break;
        foreach (var other in also.EnumerateArray())
            yield return Join(other.EnumerateArray().Select(label => label.GetString()!));
    }

    static string WithIds(string query) => IdOfLabel().Replace(query, match =>
        match.Groups[1].Value == "trace" ? TraceIdOf(match.Groups[2].Value) : SpanIdOf(match.Groups[2].Value));

    [GeneratedRegex(@"\{\{(trace|span):([^{}]+)\}\}")]
    private static partial Regex IdOfLabel();

    static string TraceIdOf(string label) => Convert.ToHexStringLower(Encoding.UTF8.GetBytes(label)).PadLeft(32, 'a');

    static string SpanIdOf(string label) => Convert.ToHexStringLower(Encoding.UTF8.GetBytes(label)).PadLeft(16, 'b');

    static string Text(JsonElement span, string name, string @default = "") =>
        span.TryGetProperty(name, out var value) ? value.GetString()! : @default;

    static ulong Number(JsonElement span, string name, ulong @default) =>
        span.TryGetProperty(name, out var value) ? value.GetUInt64() : @default;

    static JsonNode Part(JsonElement span, string name, string @default) =>
        JsonNode.Parse(span.TryGetProperty(name, out var value) ? value.GetRawText() : @default)!;

    static Span ToSpan(JsonElement span, int index)
    {
        var start = Start + Number(span, "offset_ns", (ulong)index * 1000);
        var otlp = new JsonObject
        {
            ["traceId"] = TraceIdOf(Text(span, "trace", Text(span, "id"))),
            ["spanId"] = SpanIdOf(Text(span, "id")),
            ["parentSpanId"] = span.TryGetProperty("parent", out var parent) ? SpanIdOf(parent.GetString()!) : "",
            ["name"] = Text(span, "name", "op"),
            ["kind"] = Array.IndexOf(Kinds, Text(span, "kind", "unspecified")),
            ["startTimeUnixNano"] = start,
            ["endTimeUnixNano"] = start + Number(span, "duration_ns", 10_000_000),
            ["attributes"] = Part(span, "attributes", "[]"),
            ["status"] = new JsonObject
            {
                ["code"] = Array.IndexOf(Statuses, Text(span, "status", "unset")),
                ["message"] = Text(span, "statusMessage"),
            },
            ["events"] = new JsonArray([.. Part(span, "events", "[]").AsArray().Select(e => new JsonObject
            {
                ["timeUnixNano"] = start + (ulong)e!["offset_ns"]!,
                ["name"] = (string?)e["name"],
                ["attributes"] = e["attributes"]?.DeepClone() ?? new JsonArray(),
            })]),
            ["links"] = new JsonArray([.. Part(span, "links", "[]").AsArray().Select(link => new JsonObject
            {
                ["traceId"] = TraceIdOf((string)link!["trace"]!),
                ["spanId"] = SpanIdOf((string)link["span"]!),
                ["attributes"] = link["attributes"]?.DeepClone() ?? new JsonArray(),
            })]),
        };
        const string Service = """[{"key":"service.name","value":{"stringValue":"svc"}}]""";
        var body = new JsonObject
        {
            ["resourceSpans"] = new JsonArray(new JsonObject
            {
                ["resource"] = new JsonObject { ["attributes"] = Part(span, "resource", Service) },
                ["scopeSpans"] = new JsonArray(new JsonObject
                {
                    ["scope"] = Part(span, "scope", "{}"),
                    ["spans"] = new JsonArray(otlp),
                }),
            }),
        };
        return OtlpJson.Decode(Encoding.UTF8.GetBytes(body.ToJsonString()), WireLimits.Default).Spans[0];
    }
}
