using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

public abstract partial class SpanStoreContract
{
    private protected static async Task FindAsync(ISpanStore store, TraceQuery query, string expectedIds) =>
        Assert.Equal(expectedIds, (await store.FindTracesAsync(query, Cancellation)).Ids());

    [Fact]
    public async Task Newest_come_first_up_to_the_limit()
    {
        var store = await StoreAsync([.. Enumerable.Range(1, 9).Select(n => Zipkin((ulong)n).At(n * 7 % 10))]);
        await FindAsync(store, AnyOfToday, "7 4 1 8 5 2 9 6 3");
        await FindAsync(store, AnyOfToday with { Limit = 3 }, "7 4 1");
        await FindAsync(store, AnyOfToday with { Limit = int.MaxValue }, "7 4 1 8 5 2 9 6 3");
    }

    [Fact]
    public async Task Traces_of_one_time_always_come_in_one_order()
    {
        var store = await StoreAsync([.. Enumerable.Range(1, 200).Select(n => Zipkin((ulong)n))]);
        var first = (await store.FindTracesAsync(AnyOfToday, Cancellation)).Ids();
        for (var i = 0; i < 5; i++)
            await FindAsync(store, AnyOfToday, first);
    }

    [Fact]
    public async Task Whole_traces_are_found()
    {
        Span[] spans =
        [
            Zipkin(1, "web"), Zipkin(1, "db", id: 2), Zipkin(1, "", id: 3) with { StartUnixNano = 0 },
            Zipkin(1, "web", id: 4).At(99_000_000_000_000),
        ];
        var store = await StoreAsync(spans);
        Assert.Equal(spans, Assert.Single(
            await store.FindTracesAsync(AnyOfToday with { ServiceName = "db" }, Cancellation)));
    }

    [Fact]
    public async Task Services_are_compared_in_lower_case_and_whole()
    {
        var store = await StoreAsync(
            Zipkin(1, "web").At(4), Otlp(2, "Web").At(3), Otlp(3, "web2").At(2), Zipkin(4, "").At(1));
        await FindAsync(store, AnyOfToday with { ServiceName = "web" }, "1 2");
        await FindAsync(store, AnyOfToday with { ServiceName = "we" }, "");
        await FindAsync(store, AnyOfToday with { ServiceName = "web2" }, "3");
    }

    [Fact]
    public async Task Span_names_are_compared_in_lower_case_and_whole()
    {
        var store = await StoreAsync(
            Zipkin(1, name: "get /a").At(3), Otlp(2, name: "GET /A").At(2), Zipkin(3, name: "").At(1));
        await FindAsync(store, AnyOfToday with { SpanName = "get /a" }, "1 2");
        await FindAsync(store, AnyOfToday with { SpanName = "get" }, "");
    }

    [Fact]
    public async Task Remote_services_are_found()
    {
        var store = await StoreAsync(
            Zipkin(1) with { RemoteEndpoint = new Endpoint { ServiceName = "db" } },
            Zipkin(2) with { RemoteEndpoint = new Endpoint { ServiceName = "db2" } },
            Zipkin(3, "db"),
            Otlp(4).With(Tag("peer.service", "Shop")) with { Kind = SpanKind.Client });
        await FindAsync(store, AnyOfToday with { RemoteServiceName = "shop" }, "4");
        Assert.Null(Assert.Single(await GetAsync(store, Trace(4))).RemoteEndpoint);
        await FindAsync(store, AnyOfToday with { RemoteServiceName = "db" }, "1");
        await FindAsync(store, AnyOfToday with { RemoteServiceName = "db", ServiceName = "frontend" }, "1");
        await FindAsync(store, AnyOfToday with { RemoteServiceName = "db", ServiceName = "db" }, "");
    }

    [Fact]
    public async Task Tags_are_compared_with_case_and_whole()
    {
        var store = await StoreAsync(
            Zipkin(1).At(4).With(Tag("path", "/A")), Zipkin(2).At(3).With(Tag("path", "/a")),
            Zipkin(3).At(2).With(Tag("Path", "/A")), Zipkin(4).At(1).With(Tag("path", "/A\0")));
        await FindAsync(store, Tagged("path", "/A"), "1");
        await FindAsync(store, Tagged("path", "/a"), "2");
        await FindAsync(store, Tagged("path", "/"), "");
        await FindAsync(store, Tagged("path", "/A\0"), "4");
        await FindAsync(store, Tagged("path"), "1 2 4");
        await FindAsync(store, Tagged("other"), "");
    }

    [Fact]
    public async Task Typed_values_are_found_by_their_text()
    {
        var store = await StoreAsync(
            Otlp(1).At(9).With(new KeyValue("v", new(200))), Otlp(2).At(8).With(Tag("v", "200")),
            Otlp(3).At(7).With(new KeyValue("v", new(true))), Otlp(4).At(6).With(new KeyValue("v", new(2.5))),
            Otlp(5).At(5).With(new KeyValue("v", new(-3))), Otlp(6).At(4).With(Tag("v", "i200")),
            Otlp(7).At(3).With(new KeyValue("v", new([new AttributeValue("x"), new AttributeValue(1)]))),
            Otlp(8).At(2).With(new KeyValue("v", new(double.NaN))));
        await FindAsync(store, Tagged("v", "200"), "1 2");
        await FindAsync(store, Tagged("v", "true"), "3");
        await FindAsync(store, Tagged("v", "2.5"), "4");
        await FindAsync(store, Tagged("v", "-3"), "5");
        await FindAsync(store, Tagged("v", "[\"x\",1]"), "7");
        await FindAsync(store, Tagged("v", "NaN"), "8");
        await FindAsync(store, Tagged("v", "2"), "");
        await FindAsync(store, Tagged("v"), "1 2 3 4 5 6 7 8");
    }

    [Fact]
    public async Task Status_of_otlp_is_found_as_tags_of_zipkin()
    {
        var store = await StoreAsync(
            Otlp(1).At(4) with { Status = StatusCode.Error, StatusMessage = "boom" },
            Otlp(2).At(3) with { Status = StatusCode.Error },
            Otlp(3).At(2) with { Status = StatusCode.Ok },
            Zipkin(4).At(1).With(Tag("error", "boom")) with { Status = StatusCode.Error },
            Otlp(5));
        await FindAsync(store, Tagged("error"), "1 2 4");
        await FindAsync(store, Tagged("error", "boom"), "1 4");
        await FindAsync(store, Tagged("otel.status_code"), "1 2 3");
        await FindAsync(store, Tagged("otel.status_code", "OK"), "3");
        await FindAsync(store, Tagged("otel.status_code", "ERROR"), "1 2");
        await FindAsync(store, Tagged("otel.status_code", "UNSET"), "");
    }

    /// <summary>Scopes, what was dropped, events with attributes, and attributes that are not shown.</summary>
    [Fact]
    public async Task What_zipkins_answers_show_of_spans_is_found_and_nothing_else()
    {
        var random = new Random(5);
        var spans = TraceQlGen.Spans(random, 60).Select((span, i) => span.Origin == SpanOrigin.Zipkin ? span : span with
        {
            Scope = span.Scope with { Version = random.Next(2) == 0 ? "" : $"{random.Next(3)}" },
            DroppedAttributes = (uint)random.Next(2),
            DroppedEvents = (uint)random.Next(3),
            DroppedLinks = (uint)random.Next(2),
            Attributes = [.. span.Attributes, Tag("error", random.Next(2) == 0 ? "false" : "x")],
        }).Select((span, i) => (span with { TraceId = Trace((ulong)i + 1), ParentSpanId = default }).At(i)).ToArray();
        var store = await StoreAsync(spans);
        var shown = spans.SelectMany(span =>
        {
            var zipkin = ZipkinMapping.ToZipkin(span);
            return zipkin.Attributes.Select(tag => (tag.Key, Value: tag.Value.AsString()!))
                .Concat(zipkin.Events.Select(annotation => (Key: annotation.Name, Value: "")));
        }).ToList();
        var asked = shown.Concat(shown.Select(each => (each.Key, Value: ""))).Append(("error", "false")).Distinct();
        foreach (var (key, value) in asked.OrderBy(_ => random.Next()).Take(150).ToList())
        {
            var expected = spans.Where(span => ZipkinTags.Has(span, key, value)).Reverse()
                .Select(span => new[] { span });
            var found = await store.FindTracesAsync(Tagged(key, value), Cancellation);
            Assert.Equal($"{key}={value}: {expected.Ids()}", $"{key}={value}: {found.Ids()}");
        }
    }

    [Fact]
    public async Task A_key_alone_is_also_met_by_an_annotation()
    {
        var store = await StoreAsync(
            Zipkin(1).At(4) with { Events = [new SpanEvent { TimeUnixNano = Micros(1), Name = "retry" }] },
            Zipkin(2).At(3).With(Tag("retry", "")),
            Zipkin(3).At(2).With(Tag("retry", "1")),
            Zipkin(4).At(1) with { Events = [new SpanEvent { Name = "retry!" }, new SpanEvent { Name = "" }] });
        await FindAsync(store, Tagged("retry"), "1 2 3");
        await FindAsync(store, Tagged("retry", "1"), "3");
        await FindAsync(store, Tagged("retry!"), "4");
        await FindAsync(store, Tagged("Retry"), "");
    }

    [Theory]
    [InlineData(1L, null, "8 7 4 3 2 1")]
    [InlineData(1L, 1L, "7")]
    [InlineData(2L, 49L, "8")]
    [InlineData(100L, null, "4 3 2")]
    [InlineData(101L, null, "4 3")]
    [InlineData(100L, 100L, "2")]
    [InlineData(100L, 199L, "3 2")]
    [InlineData(101L, 198L, "")]
    [InlineData(199L, long.MaxValue, "4 3")]
    [InlineData(null, 99L, "8 7 1")]
    [InlineData(long.MaxValue, long.MaxValue, "")]
    public async Task Durations_are_compared_in_whole_microseconds(long? min, long? max, string expected)
    {
        var store = await StoreAsync(
            Zipkin(1).At(1, 50), Zipkin(2).At(2, 100), Otlp(3).At(3) with { EndUnixNano = Micros(3) + 199_999 },
            Zipkin(4).At(4, 200_000_000_000), Zipkin(5).At(5, 0), Otlp(6).At(6) with { EndUnixNano = 1 },
            Otlp(7).At(7) with { EndUnixNano = Micros(7) + 1 },
            // durations without a start, in traces that have their time from elsewhere
            Zipkin(8).At(8, 0), Zipkin(8, id: 2) with { StartUnixNano = 0, EndUnixNano = 40_000 },
            Otlp(9).At(9, 0), Otlp(9, id: 2) with { StartUnixNano = 0, EndUnixNano = Micros(9) });
        await FindAsync(store, AnyOfToday with { MinDurationMicros = min, MaxDurationMicros = max }, expected);
    }

    [Fact]
    public async Task Conditions_may_be_met_by_different_spans_of_the_service()
    {
        var store = await StoreAsync(
            Zipkin(1, "web", "get"), Zipkin(1, "web", "post", 2).With(Tag("a", "1")),
            Zipkin(1, "web", "put", 3).At(0, 5_000_000).With(Tag("b", "2")),
            Zipkin(2, "web", "get").At(-1),
            Zipkin(2, "db", "put", 2).At(-1, 5_000_000).With(Tag("a", "1"), Tag("b", "2")));
        var query = AnyOfToday with
        {
            SpanName = "get",
            MinDurationMicros = 1_000_000,
            Annotations = new Dictionary<string, string> { ["a"] = "1", ["b"] = "" },
        };
        await FindAsync(store, query, "1 2");
        await FindAsync(store, query with { ServiceName = "web" }, "1");
        await FindAsync(store, query with { ServiceName = "db" }, "");
        await FindAsync(store, query with { SpanName = "put", ServiceName = "db" }, "2");
        await FindAsync(store, query with { SpanName = "delete" }, "");
    }

    [Fact]
    public async Task All_annotations_must_be_met()
    {
        var store = await StoreAsync(
            Zipkin(1).At(3).With(Tag("a", "1"), Tag("b", "2")), Zipkin(2).At(2).With(Tag("a", "1")),
            Zipkin(3).At(1).With(Tag("b", "2")));
        var query = AnyOfToday with { Annotations = new Dictionary<string, string> { ["a"] = "1", ["b"] = "2" } };
        await FindAsync(store, query, "1");
        await FindAsync(store, Tagged("a", "1"), "1 2");
    }

    [Theory]
    [InlineData(1000, 1000, "4 3 2")]
    [InlineData(1000, 999, "4 3")]
    [InlineData(999, 999, "3 2")]
    [InlineData(999, 2000, "3 2 1")]
    [InlineData(1001, 2000, "5 4 3 2 1")]
    [InlineData(-2, 10, "")]
    public async Task The_window_includes_both_ends(long end, long lookback, string expected)
    {
        var store = await StoreAsync(Zipkin(1).At(-1), Zipkin(2).At(0), Zipkin(3).At(1_000),
            Otlp(4).At(1_000_000) with { StartUnixNano = Micros(1_000_000) + 999 }, Zipkin(5).At(1_000_001));
        await FindAsync(store, AnyOfToday with { EndMillis = Today + end, LookbackMillis = lookback }, expected);
    }

    [Theory]
    [InlineData(long.MaxValue, long.MaxValue, "1 3")]
    [InlineData(long.MaxValue, 1L, "")]
    [InlineData(Today, long.MaxValue, "1 3")]
    [InlineData(long.MaxValue, long.MaxValue - Today, "1")]
    [InlineData(1L, long.MaxValue, "3")]
    [InlineData(long.MinValue, 1L, "")]
    public async Task Any_window_is_searched(long end, long lookback, string expected)
    {
        var store = await StoreAsync(
            Zipkin(1), Zipkin(2) with { StartUnixNano = 0 }, Otlp(3) with { StartUnixNano = 1 });
        await FindAsync(store, AnyOfToday with { EndMillis = end, LookbackMillis = lookback }, expected);
    }

    [Fact]
    public async Task The_time_of_a_trace_is_that_of_its_first_stored_root()
    {
        var child = Zipkin(1, id: 2).At(-5_000) with { ParentSpanId = new SpanId(9) };
        var timeless = Zipkin(1, id: 3) with { StartUnixNano = 0, EndUnixNano = 0 };
        var root = Zipkin(1, id: 4).At(7_000);
        var earlier = Zipkin(1, id: 5).At(3_000);
        var store = await StoreAsync(child, timeless, root, earlier);
        var query = AnyOfToday with { EndMillis = Today + 7, LookbackMillis = 0 };
        await FindAsync(store, query, "1");
        await FindAsync(store, query with { EndMillis = Today + 3 }, "");
        await FindAsync(store, query with { EndMillis = Today - 5 }, "");
    }

    [Fact]
    public async Task Without_root_the_time_of_a_trace_is_its_earliest()
    {
        var store = await StoreAsync(
            Zipkin(1, id: 2).At(8_000) with { ParentSpanId = new SpanId(9) },
            Zipkin(1, id: 3).At(4_000) with { ParentSpanId = new SpanId(9) },
            Zipkin(1, id: 4) with { ParentSpanId = new SpanId(9), StartUnixNano = 0 },
            Zipkin(2) with { StartUnixNano = 0, EndUnixNano = 1000 });
        await FindAsync(store, AnyOfToday with { EndMillis = Today + 4, LookbackMillis = 0 }, "1");
        await FindAsync(store, AnyOfToday with { EndMillis = Today + 8, LookbackMillis = 0 }, "");
        await FindAsync(store, AnyOfToday, "1");
    }

    [Fact]
    public async Task Loose_search_joins_the_conditions_of_both_halves()
    {
        var store = await StoreAsync(
            Zipkin(1, name: "get").At(5_000),
            Zipkin(1, name: "post", id: 2).With(Tag("a", "1")) with { TraceId = Trace(1, 1) });
        var query = Tagged("a", "1") with { SpanName = "get", ServiceName = "frontend" };
        await FindAsync(store, query, "");
        var loose = query with { StrictTraceId = false };
        Assert.Equal(2, Assert.Single(await store.FindTracesAsync(loose, Cancellation)).Count);
        // the first root stored gives the time of both
        await FindAsync(store, loose with { EndMillis = Today + 5, LookbackMillis = 0 }, "1");
        await FindAsync(store, loose with { EndMillis = Today, LookbackMillis = 0 }, "");
    }

    [Fact]
    public async Task More_traces_than_one_read_takes_are_found()
    {
        var store = await OpenAsync();
        await StoreAsync(store, [.. Enumerable.Range(1, 5000).Select(n => Zipkin((ulong)n).At(-n))]);
        var traces = await store.FindTracesAsync(AnyOfToday with { Limit = 4000 }, Cancellation);
        Assert.Equal(Enumerable.Range(1, 4000).Select(n => (ulong)n), traces.Select(trace => trace[0].TraceId.Low));
    }

    /// <summary>Traces whose spans come in pieces and lie far apart, as well as within a moment.</summary>
    [Fact]
    public async Task Any_search_finds_what_a_naive_one_does()
    {
        var random = new Random(11);
        var spans = Enumerable.Range(0, 400).Select(n => RandomSpan(random, (ulong)n + 1)).ToArray();
        var store = await OpenAsync();
        foreach (var chunk in spans.Chunk(45))
            await StoreAsync(store, chunk);
        var traces = spans.GroupBy(span => span.TraceId).Select(trace => trace.ToList()).ToList();
        var found = 0;
        for (var i = 0; i < 200; i++)
        {
            var query = RandomQuery(random);
            var matching = Naive(traces, query with { Limit = int.MaxValue });
            var actual = await store.FindTracesAsync(query, Cancellation);
            Assert.Equal(matching.Take(query.Limit).Select(TimestampOf), actual.Select(TimestampOf));
            // of those of one time any may come
            var ids = actual.Select(trace => trace[0].TraceId).ToHashSet();
            Assert.Equal(actual.Count, ids.Count);
            Assert.Subset(matching.Select(trace => trace[0].TraceId).ToHashSet(), ids);
            found += actual.Count;
        }
        Assert.True(found > 1_000, $"only {found} traces were found in all");
    }

    static Span RandomSpan(Random random, ulong id)
    {
        // some outliers of hours, most within milliseconds, and ties
        var at = random.Next(10) == 0 ? random.NextInt64(-7_200_000_000, 7_200_000_000) : random.Next(-20, 20) * 1_000;
        var span = Zipkin((ulong)random.Next(1, 120), $"service{random.Next(3)}", $"name{random.Next(3)}", id)
            .At(at, random.Next(1, 6) * 1_000)
            .With(Tag("a", $"{random.Next(3)}"), Tag("b", $"{random.Next(40)}"));
        span = random.Next(3) > 0 ? span with { ParentSpanId = new SpanId(1_000_000) } : span;
        return random.Next(20) == 0 ? span with { StartUnixNano = 0, EndUnixNano = 0 } : span;
    }

    static TraceQuery RandomQuery(Random random)
    {
        var tags = new Dictionary<string, string>();
        if (random.Next(3) == 0)
            tags.Add("a", $"{random.Next(3)}");
        if (random.Next(3) == 0)
            tags.Add("b", random.Next(4) == 0 ? "" : $"{random.Next(40)}");
        return new()
        {
            ServiceName = random.Next(2) == 0 ? $"service{random.Next(3)}" : null,
            SpanName = random.Next(4) == 0 ? $"name{random.Next(3)}" : null,
            MinDurationMicros = random.Next(4) == 0 ? random.Next(1, 6) * 1_000 : null,
            Annotations = tags,
            EndMillis = Today + random.Next(-30, 30) + (random.Next(4) == 0 ? 7_200_000 : 0),
            LookbackMillis = random.Next(3) == 0 ? 86_400_000 : random.Next(60),
            Limit = random.Next(1, 30),
        };
    }

    static List<List<Span>> Naive(List<List<Span>> traces, TraceQuery query)
    {
        var conditions = new List<Func<Span, bool>>();
        if (query.SpanName is { } name)
            conditions.Add(span => span.Name == name);
        if (query.MinDurationMicros is { } min)
            conditions.Add(span => span.DurationNanos >= min * 1_000);
        foreach (var (key, value) in query.Annotations)
        {
            conditions.Add(span => span.Attributes.Any(tag =>
                tag.Key == key && (value.Length == 0 || tag.Value.AsString() == value)));
        }
        if (conditions.Count == 0)
            conditions.Add(_ => true);
        return [.. traces
            .Where(trace => conditions.TrueForAll(condition => trace.Exists(span => condition(span) &&
                (query.ServiceName is null || span.LocalEndpoint?.ServiceName == query.ServiceName))))
            .Select(trace => (Spans: trace, Micros: (long)TimestampOf(trace) / 1_000))
            .Where(each => each.Micros > 0 && each.Micros <= query.EndMillis * 1_000 &&
                each.Micros >= (query.EndMillis - query.LookbackMillis) * 1_000)
            .OrderByDescending(each => each.Micros)
            .Take(query.Limit)
            .Select(each => each.Spans)];
    }

    static ulong TimestampOf(IReadOnlyList<Span> trace)
    {
        var starts = trace.Where(span => span.StartUnixNano > 0).ToList();
        return (starts.Find(span => span.ParentSpanId.IsZero) ?? starts.MinBy(span => span.StartUnixNano))
            ?.StartUnixNano ?? 0;
    }
}
