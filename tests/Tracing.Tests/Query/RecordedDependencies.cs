using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Tracing.Model;
using Tracing.Storage;

namespace Tracing.Tests;

/// <summary>A recorded case of Zipkin's: spans posted as v2 JSON, then the dependencies that it answered.</summary>
sealed partial class RecordedDependencies
{
    // any moment does: the cases are relative to it
    const long NowMicros = 1_700_000_000_000_000;

    readonly List<Span> _spans = [];

    public List<DependencyLink> Expected { get; } = [];

    /// <summary>Milliseconds since 1970, both included.</summary>
    public (long Start, long End) Window { get; private set; }

    /// <summary>The spans by trace; of a trace's id only the low half counts.</summary>
    public IEnumerable<List<Span>> Traces => _spans.GroupBy(span => span.TraceId.Low).Select(trace => trace.ToList());

    /// <summary>Null when the case is about something else: other formats, or requests that are refused.</summary>
    public static RecordedDependencies? Read(string path)
    {
        using var document = JsonDocument.Parse(Placeholder().Replace(File.ReadAllText(path), Resolve));
        var recorded = new RecordedDependencies();
        var isComplete = false;
        foreach (var step in document.RootElement.GetProperty("steps").EnumerateArray())
        {
            var request = step.GetProperty("request");
            var target = request.GetProperty("path").GetString()!;
            if (request.GetProperty("method").GetString() == "POST")
            {
                if (target != "/api/v2/spans" || !request.TryGetProperty("body_json", out var spans))
                    return null;
                recorded._spans.AddRange(spans.EnumerateArray().Select(ReadSpan));
            }
            else if (target.StartsWith("/api/v2/dependencies", StringComparison.Ordinal))
            {
                if (!step.GetProperty("expect").TryGetProperty("body_json", out var links))
                    return null;
                recorded.Window = ReadWindow(target);
                recorded.Expected.AddRange(links.EnumerateArray().Select(ReadLink));
                isComplete = true;
            }
        }
        return isComplete ? recorded : null;
    }

    static string Resolve(Match placeholder)
    {
        var (kind, label) = (placeholder.Groups[1].Value, placeholder.Groups[2].Value);
        var offset = long.Parse("0" + placeholder.Groups[4].Value, CultureInfo.InvariantCulture) *
            (placeholder.Groups[3].Value == "-" ? -1 : 1);
        return kind switch
        {
            "trace" => "aaaaaaaaaaaaaaaa" + label.PadLeft(16, 'b'),
            "low" => label.PadLeft(16, 'b'),
            "svc" => label,
            "SVC" => label.ToUpperInvariant(),
            "now_us" => (NowMicros + offset).ToString(CultureInfo.InvariantCulture),
            "now_ms" => ((NowMicros / 1000) + offset).ToString(CultureInfo.InvariantCulture),
            _ => throw new InvalidDataException($"placeholder {placeholder.Value} is not known here"),
        };
    }

    static Span ReadSpan(JsonElement json)
    {
        var start = Number(json, "timestamp") * 1000;
        var tags = json.TryGetProperty("tags", out var map) ? map.EnumerateObject().ToArray() : [];
        if (!TraceId.TryParse(Text(json, "traceId"), out var traceId))
            throw new InvalidDataException($"not a trace id: {Text(json, "traceId")}");
        return new Span
        {
            Origin = SpanOrigin.Zipkin,
            TraceId = traceId,
            SpanId = ReadSpanId(json, "id"),
            ParentSpanId = ReadSpanId(json, "parentId"),
            Kind = Enum.TryParse<SpanKind>(Text(json, "kind"), ignoreCase: true, out var kind) ? kind : default,
            StartUnixNano = start,
            EndUnixNano = start + (Number(json, "duration") * 1000),
            LocalEndpoint = ReadEndpoint(json, "localEndpoint"),
            RemoteEndpoint = ReadEndpoint(json, "remoteEndpoint"),
            Attributes = [.. tags.Select(tag => new KeyValue(tag.Name, new AttributeValue(tag.Value.GetString()!)))],
            Events = json.TryGetProperty("annotations", out var notes)
                ? [.. notes.EnumerateArray().Select(note => new SpanEvent { Name = Text(note, "value") })] : [],
            Status = Array.Exists(tags, tag => tag.Name == "error") ? StatusCode.Error : StatusCode.Unset,
            Shared = json.TryGetProperty("shared", out var shared) && shared.GetBoolean(),
        };
    }

    static SpanId ReadSpanId(JsonElement json, string name) =>
        SpanId.TryParse(Text(json, name), out var id) ? id : default;

    static Endpoint? ReadEndpoint(JsonElement json, string name) => json.TryGetProperty(name, out var endpoint)
        ? new Endpoint
        {
            ServiceName = Text(endpoint, "serviceName").ToLowerInvariant(),
            Ipv4 = Text(endpoint, "ipv4"),
            Port = (ushort)Number(endpoint, "port"),
        }
        : null;

    static DependencyLink ReadLink(JsonElement json) => new(
        Text(json, "parent"), Text(json, "child"), (long)Number(json, "callCount"), (long)Number(json, "errorCount"));

    static (long Start, long End) ReadWindow(string target)
    {
        var query = target[(target.IndexOf('?', StringComparison.Ordinal) + 1)..].Split('&')
            .Select(pair => pair.Split('=')).ToDictionary(pair => pair[0], pair => long.Parse(pair[1]));
        return (query["endTs"] - query.GetValueOrDefault("lookback", 86_400_000), query["endTs"]);
    }

    static string Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) ? value.GetString()! : "";

    // a placeholder of a time stands in quotes
    static ulong Number(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) ? ulong.Parse(value.ToString(), CultureInfo.InvariantCulture) : 0;

    [GeneratedRegex(@"\{\{(\w+):?([\w-]*?)(?:([+-])(\d+))?\}\}")]
    private static partial Regex Placeholder();
}
