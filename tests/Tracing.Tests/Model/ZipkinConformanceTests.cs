using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tracing.Model;
using Tracing.Model.Wire;
using Xunit;

namespace Tracing.Tests;

/// <summary>
/// Replays the recorded answers of a live Zipkin 3.6.1 that concern its formats, without a server: each posted body is
/// decoded, and the trace that was read back is compared with what the encoder makes of the spans.
/// </summary>
public partial class ZipkinConformanceTests
{
    const string Cases = "conformance/zipkin/cases";

    // Zipkin's accidents that are not repeated here: it loses or refuses spans, or keeps what it should not
    static readonly HashSet<string> Differing =
    [
        "proto3-ipv6-any", "proto3-ipv6-mapped", "proto3-unknown-field-fixed-of-two", "proto3-unknown-fields-first",
        "v1-thrift-unknown-list", "v1-thrift-unknown-number", "v1-thrift-unknown-string", "v1-thrift-unknown-struct",
        "v2-ids-id-short-zero",
    ];

    public static TheoryData<string> Names()
    {
        var names = new TheoryData<string>();
        var files = Directory.GetFiles(SharedFolder.Path(Cases), "*.json");
        foreach (var name in files.Select(f => Path.GetFileNameWithoutExtension(f)).Where(Concerns).Order())
            names.Add(name);
        return names;
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Recorded_case_is_answered_alike(string name)
    {
        var file = Path.Combine(SharedFolder.Path(Cases), name + ".json");
        var steps = JsonNode.Parse(File.ReadAllText(file))!["steps"]!.AsArray();
        var store = new List<Span>();
        foreach (var step in steps)
        {
            var request = step!["request"]!;
            if ((string?)request["method"] == "POST")
                Post(step, store);
            else if (((string)request["path"]!).StartsWith("/api/v2/trace/", StringComparison.Ordinal))
                Get(step, store);
        }
    }

    static bool Concerns(string name) =>
        !Differing.Contains(name) && !name.StartsWith("encoding-gzip", StringComparison.Ordinal) &&
        name != "encoding-trailing-slash-post" &&
        (name.StartsWith("v2-", StringComparison.Ordinal) || name.StartsWith("v1-", StringComparison.Ordinal) ||
        name.StartsWith("proto3-", StringComparison.Ordinal) || name.StartsWith("merging-", StringComparison.Ordinal) ||
        name.StartsWith("encoding-", StringComparison.Ordinal));

    static void Post(JsonNode step, List<Span> store)
    {
        var request = step["request"]!;
        var version = ((string)request["path"]!).Contains("/v1/") ? ZipkinVersion.V1 : ZipkinVersion.V2;
        var expected = step["expect"]!;
        var status = 202;
        try
        {
            var contentType = (string?)request["headers"]?["content-type"];
            store.AddRange(ZipkinFormats.Decode(Body(request), version, contentType, WireLimits.Default).Spans);
        }
        catch (WireException e)
        {
            status = 400;
            Assert.Contains(Fill((string?)expected["body_text"] ?? ""), e.Message, StringComparison.Ordinal);
        }
        Assert.Equal((int)expected["status"]!, status);
    }

    static void Get(JsonNode step, List<Span> store)
    {
        var id = Fill(((string)step["request"]!["path"]!)["/api/v2/trace/".Length..]);
        Assert.True(TraceId.TryParse(id, out var traceId));
        // Zipkin's store in memory keeps one of equal spans
        var spans = store.Where(span => span.TraceId == traceId).Distinct().ToList();
        var expected = step["expect"]!;
        if ((int)expected["status"]! == 404)
        {
            Assert.Empty(spans);
            return;
        }
        var text = Encoding.UTF8.GetString(Written.ZipkinJson(spans));
        // zero bytes after a list make it invalid: an accident of Zipkin
        if ((string?)expected["body_text"] is { } bytes)
            Assert.Equal(Fill(bytes).TrimEnd('\0'), text);
        else
            Assert.Equal(Canonical((JsonNode)Filled(expected["body_json"])!), Canonical(JsonNode.Parse(text)!));
    }

    static byte[] Body(JsonNode request)
    {
        if (request["body_json"] is { } json)
            return Encoding.UTF8.GetBytes(Filled(json)!.ToJsonString());
        if (request["body_hex"] is { } hex)
            return Convert.FromHexString(Fill((string)hex!));
        if (request["body_repeat"] is { } repeat)
            return Encoding.UTF8.GetBytes(Fill(Repeated(repeat)));
        return Encoding.UTF8.GetBytes(Fill((string?)request["body"] ?? ""));
    }

    static string Repeated(JsonNode repeat)
    {
        var units = Enumerable.Range(1, (int)repeat["count"]!).Select(i => ((string)repeat["unit"]!)
            .Replace("%08x%", i.ToString("x8", CultureInfo.InvariantCulture), StringComparison.Ordinal)
            .Replace("%d%", i.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal));
        return (string?)repeat["head"] + string.Join((string?)repeat["sep"] ?? "", units) + (string?)repeat["tail"];
    }

    // order of spans and of fields does not count
    static string Canonical(JsonNode node) => node switch
    {
        JsonArray spans => string.Join('\n', spans.Select(span => Canonical(span!)).Order(StringComparer.Ordinal)),
        JsonObject span =>
            string.Join(',', span.Select(f => $"{f.Key}={Sorted(f.Value)}").Order(StringComparer.Ordinal)),
        _ => node.ToJsonString(),
    };

    static string Sorted(JsonNode? node) =>
        node is JsonObject fields ? Canonical(fields) : node?.ToJsonString() ?? "null";

    static JsonNode? Filled(JsonNode? node) => node switch
    {
        JsonArray array => new JsonArray(array.Select(Filled).ToArray()),
        JsonObject fields => new JsonObject(fields.Select(f => KeyValuePair.Create(Fill(f.Key), Filled(f.Value)))),
        JsonValue value when value.TryGetValue<string>(out var text) => Text(text),
        _ => node?.DeepClone(),
    };

    static JsonValue? Text(string text)
    {
        var filled = Fill(text);
        return filled != text && PlaceholderOnly().IsMatch(text) && long.TryParse(filled, out var time) &&
            text.Contains("_us", StringComparison.Ordinal) ? JsonValue.Create(time) : JsonValue.Create(filled);
    }

    /// <summary>Puts values for the kit's placeholders, which its replay.py explains.</summary>
    static string Fill(string text) => Placeholder().Replace(text, match => Value(match.Groups[1].Value));

    static string Value(string expression)
    {
        var (kind, rest) = expression.Split(':', 2) is [var k, var r] ? (k, r) : (expression, "");
        return kind switch
        {
            "trace" => "1a2b3c4d00000000" + rest.PadLeft(16, 'c'),
            "low" => rest.PadLeft(16, 'c'),
            "high" => "1a2b3c4d00000000",
            "hex" => "abcdef0123456789abcdef0123456789"[..int.Parse(rest.Split(':')[1], CultureInfo.InvariantCulture)],
            "num" => "9123456789012345",
            "svc" => rest + "-1a2b3c4d",
            "SVC" => (rest + "-1a2b3c4d").ToUpperInvariant(),
            "utf8" => Convert.ToHexStringLower(Encoding.UTF8.GetBytes(Value(rest))),
            "le64" => Convert.ToHexStringLower(BitConverter.GetBytes(Time(rest))),
            "be64" => Convert.ToHexStringLower(BitConverter.GetBytes(Time(rest)).Reverse().ToArray()),
            _ => Time(expression).ToString(CultureInfo.InvariantCulture),
        };
    }

    static long Time(string expression)
    {
        var sign = expression.IndexOfAny(['+', '-']);
        var shift = sign < 0 ? 0 : long.Parse(expression.AsSpan(sign), CultureInfo.InvariantCulture);
        return 1_790_000_000_000_000 + shift;
    }

    [GeneratedRegex(@"\{\{([^{}]+)\}\}")]
    private static partial Regex Placeholder();

    [GeneratedRegex(@"^\{\{[^{}]+\}\}$")]
    private static partial Regex PlaceholderOnly();
}
