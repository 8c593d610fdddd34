using System.Globalization;
using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.TraceQl;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>Queries and spans over few names and values, so that they often meet.</summary>
static class TraceQlGen
{
    static readonly string[] Keys = ["a", "b", "service.name", "peer.service", "net.host.port", "zipkin.debug"];
    static readonly string[] Texts = ["", "x", "ab", "abc", "Ä😀", "5", "a\nb"];
    static readonly string[] Operators = ["=", "!=", "<", "<=", ">", ">="];

    public static Span[] Spans(Random random, int count) =>
        [.. Enumerable.Range(1, count).Select(id => Span(random, (ulong)id))];

    static Span Span(Random random, ulong id)
    {
        var isZipkin = random.Next(3) == 0;
        var start = random.Next(-500, 500);
        var span = new Span
        {
            TraceId = Trace((ulong)random.Next(1, 120), (ulong)random.Next(2)),
            SpanId = new SpanId(id),
            ParentSpanId = new SpanId(random.Next(3) == 0 ? 0 : (ulong)random.Next(1, 400)),
            Origin = isZipkin ? SpanOrigin.Zipkin : SpanOrigin.Otlp,
            Name = Pick(random, Texts),
            Kind = (SpanKind)random.Next(6),
            Status = (StatusCode)random.Next(3),
            StatusMessage = isZipkin ? "" : Pick(random, Texts),
            Attributes = Attributes(random, isZipkin ? r => new AttributeValue(Pick(r, Texts)) : Any),
            Events = isZipkin ? [] : Events(random),
            Links = isZipkin || random.Next(4) > 0 ? [] : [new SpanLink { Attributes = Attributes(random, Any) }],
            Resource = isZipkin || random.Next(5) == 0
                ? Resource.Empty
                : new Resource { Attributes = Attributes(random, Any) },
            Scope = isZipkin || random.Next(2) == 0 ? InstrumentationScope.Empty : new InstrumentationScope
            {
                Name = Pick(random, Texts),
                Attributes = Attributes(random, Any),
            },
            Debug = isZipkin && random.Next(4) == 0,
            LocalEndpoint = isZipkin && random.Next(4) > 0
                ? new Endpoint { ServiceName = Pick(random, ["", "x", "ab"]), Port = (ushort)random.Next(3) }
                : null,
            RemoteEndpoint = isZipkin && random.Next(2) > 0 ? new Endpoint { ServiceName = "x" } : null,
        };
        span = span.At(start, random.Next(20));
        // times that are not said, or wrong
        return random.Next(20) switch
        {
            0 => span with { StartUnixNano = 0 },
            1 => span with { EndUnixNano = 0 },
            2 when !isZipkin => span with { EndUnixNano = span.StartUnixNano - 5 },
            _ => span,
        };
    }

    static SpanEvent[] Events(Random random) => [.. Enumerable.Range(0, random.Next(3)).Select(_ => new SpanEvent
    {
        TimeUnixNano = Micros(random.Next(-500, 500)),
        Name = Pick(random, Texts),
        Attributes = Attributes(random, Any),
    })];

    static KeyValue[] Attributes(Random random, Func<Random, AttributeValue> value) =>
        [.. Keys.Where(_ => random.Next(2) == 0).Select(key => new KeyValue(key, value(random)))];

    static AttributeValue Any(Random random) => random.Next(9) switch
    {
        0 or 1 => new AttributeValue(Pick(random, Texts)),
        2 => new AttributeValue((long)random.Next(-2, 8)),
        3 => new AttributeValue(random.Next(-2, 8) / 2.0),
        4 => new AttributeValue(random.Next(2) == 0),
        5 => new AttributeValue(Pick(random, [long.MaxValue, (1L << 53) + 1, 1L << 53, long.MinValue])),
        6 => new AttributeValue(Pick(random, [double.NaN, double.PositiveInfinity, -0.0, 9007199254740992.0, 1e300])),
        7 => new AttributeValue([Any(random), Any(random)]),
        _ => random.Next(2) == 0 ? default : new AttributeValue([1, 2, 3]),
    };

    public static string Query(Random random) => $"{{ {Condition(random, 3)} }}";

    static string Condition(Random random, int depth) => random.Next(depth > 0 ? 9 : 5) switch
    {
        0 => Field(random),
        1 => $"{Attribute(random)} {Pick(random, ["=", "!="])} nil",
        2 => $"{Attribute(random)} {Pick(random, ["=~", "!~"])} \"{Pick(random, Patterns)}\"",
        3 => random.Next(2) == 0
            ? $"{Attribute(random)} {Pick(random, Operators)} {Literal(random)}"
            : $"{Literal(random)} {Pick(random, Operators)} {Attribute(random)}",
        4 => Odd(random),
        5 => $"!({Condition(random, depth - 1)})",
        6 => $"({Condition(random, depth - 1)} || {Condition(random, depth - 1)})",
        _ => $"({Condition(random, depth - 1)} && {Condition(random, depth - 1)})",
    };

    static readonly string[] Patterns =
        ["a.*", "", ".", "(?i)AB", "[^a]+", "a.b", "x|5", "\\\\d+", "^ab$", "(?P<n>a)bc?"];

    static string Field(Random random) => random.Next(12) switch
    {
        0 => $"name {Pick(random, Operators)} {Text(random)}",
        1 => $"name {Pick(random, ["=~", "!~"])} \"{Pick(random, Patterns)}\"",
        2 => $"status {Pick(random, ["=", "!="])} {Pick(random, ["ok", "error", "unset"])}",
        3 => $"kind {Pick(random, ["=", "!="])} {Pick(random, ["server", "client", "unspecified"])}",
        4 when random.Next(4) == 0 => "duration != nil",
        4 => $"duration {Pick(random, Operators)} {Pick(random, ["5us", "0.5", "10000", "0ns", "1e4"])}",
        5 => $"statusMessage {Pick(random, Operators)} {Text(random)}",
        6 => $"span:parentID {Pick(random, ["=", "!="])} \"{Pick(random, ["", "5", "00000000000000a0"])}\"",
        7 => $"span:id {Pick(random, Operators)} \"{random.Next(400):x}\"",
        8 => $"event:name {Pick(random, Operators)} {Text(random)}",
        9 => $"trace:id {Pick(random, Operators)} \"{random.Next(120):x}\"",
        10 => $"instrumentation:name {Pick(random, Operators)} {Text(random)}",
        _ => $"event:timeSinceStart > {random.Next(-9, 9)}us",
    };

    static string Odd(Random random) => random.Next(10) switch
    {
        0 => Pick(random, ["rootName = \"ab\"", "rootName = nil", "rootServiceName != nil"]),
        1 => "traceDuration > 100us",
        2 => "span:childCount > 1",
        3 => "nestedSetParent < 0",
        4 => $"{Attribute(random)} {Pick(random, Operators)} {Attribute(random)}",
        5 => $"{Attribute(random)} + 1 > 2",
        6 => $"!{Attribute(random)}",
        7 => $"parent.a {Pick(random, Operators)} {Literal(random)}",
        8 => Attribute(random),
        _ => Pick(random, ["true", "false", "1 = 1.0"]),
    };

    static string Attribute(Random random) => Pick(random,
        [".", ".", ".", "span.", "span.", "resource.", "event.", "link.", "instrumentation."]) + Key(random);

    // service.name of a resource is always there, so the language refuses to ask whether it is nil
    static string Key(Random random) => Pick(random, ["a", "b", "peer.service", "net.host.port", "zipkin.debug", "c"]);

    static string Literal(Random random) => random.Next(6) switch
    {
        0 or 1 => Text(random),
        2 => random.Next(-2, 8).ToString(CultureInfo.InvariantCulture),
        3 => Pick(random, ["0.5", "-1.0", "2.5", "1e300", "3.0"]),
        4 => Pick(random,
            ["9007199254740993", "9007199254740992", "maxInt", "minInt", "9007199254740992.0", "0.0 / 0"]),
        _ => Text(random),
    };

    static string Text(Random random) =>
        "\"" + Pick(random, Texts).Replace("\n", "\\n", StringComparison.Ordinal) + "\"";

    static T Pick<T>(Random random, T[] items) => items[random.Next(items.Length)];

    /// <summary>What a search finds, by looking at every span: trace ids with the ids of matching spans.</summary>
    public static IEnumerable<string> Expected(List<List<Span>> traces, SpanSearch search)
    {
        var found = new List<(TraceId Id, List<Span> Matches, ulong Value)>();
        foreach (var spans in traces)
        {
            var trace = new TraceFacts(spans);
            var matches = spans.Where(span => search.Filter.Matches(span, trace) &&
                span.StartUnixNano >= search.StartUnixNano && span.StartUnixNano < search.EndUnixNano)
                .OrderBy(span => span.StartUnixNano).ToList();
            if (matches.Count > 0)
                found.Add((spans[0].TraceId, matches, ValueOf(search.Order, spans, matches)));
        }
        return found
            .OrderBy(one => search.Order == SearchOrder.Oldest ? one.Value : ulong.MaxValue - one.Value)
            .ThenBy(one => one.Id.ToString(), StringComparer.Ordinal)
            .Select(one => $"{one.Id} {string.Join(',', one.Matches.Select(span => span.SpanId))}");
    }

    static ulong ValueOf(SearchOrder order, List<Span> spans, List<Span> matches) => order switch
    {
        SearchOrder.Newest => matches.Max(span => span.StartUnixNano),
        SearchOrder.Oldest => matches.Min(span => span.StartUnixNano),
        SearchOrder.Slowest => (ulong)new TraceFacts(spans).DurationNanos,
        SearchOrder.MostSpans => (ulong)spans.Count,
        _ => (ulong)spans.Count(span => span.Status == StatusCode.Error),
    };
}
