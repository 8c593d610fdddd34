using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.TraceQl;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

public abstract partial class SpanStoreContract
{
    static SpanSelection Selected(string query) => new()
    {
        Filter = SpanFilter.Parse(query),
        StartUnixNano = Micros(-86_400_000_000),
        EndUnixNano = Micros(86_400_000_000),
    };

    static async Task<string> KeysAsync(ISpanStore store, KeyQuery query) =>
        string.Join('\n', (await store.CountKeysAsync(query, Cancellation)).Keys.Select(NaiveCounts.Text));

    static async Task<string> ValuesAsync(ISpanStore store, ValueQuery query) =>
        string.Join('\n', (await store.CountValuesAsync(query, Cancellation)).Values.Select(NaiveCounts.Text));

    [Fact]
    public async Task Keys_come_with_their_scopes_types_and_counts()
    {
        var store = await StoreAsync(
            Otlp(1).With(Tag("a", "x"), new("n", new(5))),
            Otlp(2).With(new("n", new(0.5)), new("list", new([new AttributeValue("x")]))) with
            {
                Events = [new SpanEvent { Attributes = [Tag("a", "1"), Tag("a", "2")] }, new SpanEvent()],
                Scope = new InstrumentationScope { Name = "lib", Attributes = [Tag("a", "y")] },
            },
            Zipkin(3) with { Debug = true, RemoteEndpoint = new Endpoint { ServiceName = "db", Port = 5432 } });
        const string Expected = """
            Intrinsic kind: 3, Kind 3
            Intrinsic name: 3, String 3
            Intrinsic status: 3, Status 3
            Resource service.name: 3, String 3
            Span n: 2, Int 1 Double 1
            Intrinsic instrumentation:name: 1, String 1
            Span a: 1, String 1
            Span list: 1, Array 1
            Span net.peer.port: 1, Int 1
            Span peer.service: 1, String 1
            Span zipkin.debug: 1, Bool 1
            Resource net.host.ip: 1, String 1
            Event a: 1, String 1
            Instrumentation a: 1, String 1
            """;
        Assert.Equal(Expected, await KeysAsync(store, new KeyQuery { Spans = Selected("{ }") }));
        Assert.Equal("Span n: 2, Int 1 Double 1\nSpan net.peer.port: 1, Int 1", await KeysAsync(store,
            new KeyQuery { Spans = Selected("{ }"), Scope = KeyScope.Span, Prefix = "n" }));
        Assert.Equal("Span a: 1, String 1", await KeysAsync(store,
            new KeyQuery { Spans = Selected("{ .n = 5 }"), Scope = KeyScope.Span, Limit = 1 }));
        Assert.Equal("", await KeysAsync(store, new KeyQuery { Spans = Selected("{ name = \"none\" }") }));
    }

    [Fact]
    public async Task Values_come_with_the_most_frequent_first()
    {
        var store = await StoreAsync(
            Otlp(1).With(new KeyValue("n", new(10))), Otlp(2).With(new KeyValue("n", new(9))),
            Otlp(3).With(Tag("n", "9")), Otlp(4).With(Tag("n", "9")), Otlp(5).With(new KeyValue("n", new(1.0))),
            Otlp(6, name: "POST /").With(new KeyValue("n", new(true))) with { Status = StatusCode.Error });
        Assert.Equal("Span String 9: 2\nSpan Bool true: 1\nSpan Int 9: 1\nSpan Int 10: 1\nSpan Double 1: 1",
            await ValuesAsync(store, new ValueQuery { Spans = Selected("{ }"), Key = "n" }));
        Assert.Equal("Span String 9: 2\nSpan Int 9: 1",
            await ValuesAsync(store, new ValueQuery { Spans = Selected("{ }"), Key = "n", Prefix = "9" }));
        Assert.Equal("Intrinsic String GET /: 5\nIntrinsic String POST /: 1",
            await ValuesAsync(store, new ValueQuery { Spans = Selected("{ }"), Key = "name" }));
        Assert.Equal("Intrinsic Status error: 1",
            await ValuesAsync(store, new ValueQuery { Spans = Selected("{ .n = true }"), Key = "status" }));
        Assert.Equal("", await ValuesAsync(store,
            new ValueQuery { Spans = Selected("{ }"), Key = "name", Scope = KeyScope.Span }));
    }

    [Fact]
    public async Task Any_text_can_be_a_key_or_a_value_unless_it_is_long()
    {
        string[] texts = ["", "a\0b", "ü漢😀", "\"'$1", new('x', KeyQuery.MaxTextBytes)];
        var tooLong = new string('y', KeyQuery.MaxTextBytes + 1);
        var store = await StoreAsync(
            [.. texts.Append(tooLong).Select((text, i) => Otlp((ulong)i + 1).With(Tag("k", text), Tag(text, "v")) with
            {
                Resource = new Resource { Attributes = [Tag("k", text), Tag(text, "v")] },
            })]);
        foreach (var scope in new[] { KeyScope.Span, KeyScope.Resource })
        {
            var values = await store.CountValuesAsync(
                new ValueQuery { Spans = Selected("{ }"), Key = "k", Scope = scope }, Cancellation);
            Assert.Equal(texts.Order(StringComparer.Ordinal),
                values.Values.Select(value => value.Value).Order(StringComparer.Ordinal));
            var keys = await store.CountKeysAsync(
                new KeyQuery { Spans = Selected("{ }"), Scope = scope }, Cancellation);
            Assert.Equal(texts.Append("k").Order(StringComparer.Ordinal),
                keys.Keys.Select(key => key.Key).Order(StringComparer.Ordinal));
            foreach (var text in texts)
            {
                values = await store.CountValuesAsync(
                    new ValueQuery { Spans = Selected("{ }"), Key = text, Scope = scope }, Cancellation);
                Assert.Equal(new ValueCount("v", KeyType.String, scope, 1), Assert.Single(values.Values));
            }
        }
    }

    /// <summary>Against every span; filters that only whole traces decide are among the queries.</summary>
    [Fact]
    public async Task Keys_values_and_facets_of_any_query_are_exact()
    {
        var random = new Random(11);
        var spans = TraceQlGen.Spans(random, 400);
        var store = await OpenAsync();
        foreach (var chunk in spans.Chunk(90))
            await StoreAsync(store, chunk);
        string[] names =
            ["a", "b", "service.name", "peer.service", "net.host.port", "zipkin.debug", .. SpanKey.FieldNames];
        var scopes = Enum.GetValues<KeyScope>().Select(scope => (KeyScope?)scope).Append(null).ToArray();
        var counted = 0.0;
        for (var i = 0; i < 40; i++)
        {
            var selection = Selected(TraceQlGen.Query(random)) with
            {
                StartUnixNano = Micros(random.Next(-1_000, 20)),
                EndUnixNano = Micros(random.Next(20, 1_000)),
            };
            var selected = NaiveCounts.Select(spans, selection);
            var keys = new KeyQuery
            {
                Spans = selection,
                Scope = scopes[random.Next(scopes.Length)],
                Prefix = random.Next(4) == 0 ? "s" : "",
                Limit = random.Next(1, 30),
            };
            Check(NaiveCounts.Keys(selected, keys), await KeysAsync(store, keys), keys);
            var values = new ValueQuery
            {
                Spans = selection,
                Key = names[random.Next(names.Length)],
                Scope = scopes[random.Next(scopes.Length)],
                Prefix = random.Next(4) == 0 ? "a" : "",
                Limit = random.Next(1, 30),
            };
            Check(NaiveCounts.Values(selected, values), await ValuesAsync(store, values), values);
            counted += await CheckFacetsAsync(store, selection, selected);
        }
        Assert.True(counted > 500, $"only {counted} spans were counted in all");

        static void Check(IEnumerable<string> expected, string actual, object query) =>
            Assert.Equal($"{query}\n{string.Join('\n', expected)}", $"{query}\n{actual}");
    }

    static async Task<double> CheckFacetsAsync(ISpanStore store, SpanSelection selection, List<Span> selected)
    {
        SpanKey[] keys =
        [
            SpanKey.Service, SpanKey.OfField("name"), SpanKey.OfField("status"), SpanKey.Parse(".a"),
            SpanKey.Parse("span.b"), SpanKey.Parse(".peer.service"), SpanKey.Parse("instrumentation.a"),
        ];
        var facets = await store.CountFacetsAsync(
            new FacetQuery { Spans = selection, Keys = keys, Limit = 1000 }, Cancellation);
        Assert.Equal(selected.Count, facets.Spans);
        Assert.Equal(selected.DistinctBy(span => span.TraceId).Count(), facets.Traces);
        Assert.Equal(selected.Count(span => span.Status == StatusCode.Error), facets.Errors);
        var durations = selected.Select(span => (long?)span.KnownDuration).OfType<long>().Order().ToList();
        long Quantile(int percent) => durations[((durations.Count * percent) + 99) / 100 - 1];
        Assert.Equal(durations.Count == 0
            ? null
            : new DurationSummary(durations[0], Quantile(50), Quantile(90), Quantile(99), durations[^1]),
            facets.Duration);
        Assert.Equal(keys, facets.Facets.Select(facet => facet.Key));
        foreach (var (key, distinct, values) in facets.Facets)
        {
            var expected = NaiveCounts.Facet(selected, key).ToList();
            Assert.Equal(expected.Count, distinct);
            Assert.Equal(expected.Select(WithoutScope), values.Select(NaiveCounts.Text).Select(WithoutScope));
        }
        return facets.Spans;

        static string WithoutScope(string text) => text[text.IndexOf(' ', StringComparison.Ordinal)..];
    }

    [Fact]
    public async Task Without_keys_those_are_facets_that_tell_spans_apart()
    {
        var store = await OpenAsync();
        await StoreAsync(store, [.. Enumerable.Range(1, 100).Select(n => Otlp((ulong)n).With(
            Tag("request", $"{n}"), Tag("region", n % 2 == 0 ? "eu" : "us"), Tag("always", "same"),
            new KeyValue("code", new(200 + (n % 3)))))]);
        var facets = await store.CountFacetsAsync(
            new FacetQuery { Spans = Selected("{ .region = \"eu\" }"), Limit = 2 }, Cancellation);
        // what all of them share is the best that can be said of them, unless all others have it, too
        Assert.Equal(["resource.service.name", "name", "kind", "status", "span.region", "span.code", "span.always"],
            facets.Facets.Select(facet => facet.Key.ToString()));
        var (_, distinct, values) = facets.Facets[^2];
        Assert.Equal((3, 2), (distinct, values.Count));
        Assert.Equal(new ValueCount("eu", KeyType.String, KeyScope.Span, 50), Assert.Single(facets.Facets[^3].Values));
        // of all there is nothing to compare with
        facets = await store.CountFacetsAsync(
            new FacetQuery { Spans = Selected("{ }") with { Filter = SpanFilter.Any } }, Cancellation);
        Assert.Equal(["span.code", "span.region", "span.always"],
            facets.Facets.Skip(4).Select(facet => facet.Key.ToString()));
    }

    /// <summary>
    /// Among 80 attributes of as many spans: one that most of the selected spans share, and one that all of them do.
    /// </summary>
    [Theory]
    [InlineData("{ duration > 100ms }", null)]
    [InlineData("{ duration > 100ms }", "{ span.n0 != \"none\" }")]
    // decided by whole traces, as are the spans to compare with
    [InlineData("{ duration > 100ms && trace:duration > 100ms }", "{ trace:duration > 1ms }")]
    public async Task What_tells_selected_spans_from_the_others_is_named_among_many_keys(string query, string? @base)
    {
        var store = await OpenAsync();
        await StoreAsync(store, [.. Enumerable.Range(0, 400).Select(n => Otlp((ulong)n + 1)
            .At(n, n % 8 == 0 ? 500_000 : 10_000).With(
            [
                .. Enumerable.Range(0, 40).Select(i => Tag($"n{i}", $"{(n + i) * (i + 7) % 53 % 4}")),
                .. Enumerable.Range(0, 38).Select(i => Tag($"c{i}", "same")),
                Tag("zregion", n == 0 ? "east" : n % 8 == 0 || n % 5 == 0 ? "west" : n % 3 == 0 ? "north" : "east"),
                new("zshard", new(n % 8 == 0 ? 17 : n % 40)), Tag("id", $"{n}"),
            ]))]);
        var facets = await store.CountFacetsAsync(new FacetQuery
        {
            Spans = Selected(query),
            Base = @base is null ? null : Selected(@base),
        }, Cancellation);
        Assert.Equal(50, facets.Spans);
        var keys = facets.Facets.Skip(4).Select(facet => facet.Key.ToString()).ToList();
        Assert.Equal(["span.zregion", "span.zshard"], keys.Take(2).Order());
        Assert.DoesNotContain("span.id", keys);
        Assert.InRange(keys.Count, 2 + FacetChoice.MaxApart, FacetChoice.MaxChosen);
        Assert.StartsWith("span.c", keys[^1], StringComparison.Ordinal);
    }

    /// <summary>What a key is of does not depend on the client's sampling, or on its sampled spans being few.</summary>
    [Fact]
    public async Task Keys_are_chosen_by_what_sampled_spans_stand_for()
    {
        var store = await OpenAsync();
        await StoreAsync(store, [.. Enumerable.Range(0, 60).Select(n => Otlp((ulong)n + 1, name: n < 20 ? "a" : "b")
            .With(Tag("common", n < 20 || n % 2 == 0 ? "x" : "y"), Tag("rare", n < 18 || n % 20 == 0 ? "x" : "y")) with
        {
            // the others with "y" weigh nothing, so that all others are "x"
            TraceState = n < 20 || n % 2 == 0 ? "ot=th:fc" : "ot=up:1",
        })]);
        var facets = await store.CountFacetsAsync(
            new FacetQuery { Spans = Selected("{ name = \"a\" }") }, Cancellation);
        Assert.Equal(["span.rare", "span.common"], facets.Facets.Skip(4).Select(facet => facet.Key.ToString()));
        // spans that weigh nothing have something in common all the same
        facets = await store.CountFacetsAsync(
            new FacetQuery { Spans = Selected("{ span.common = \"y\" }") }, Cancellation);
        Assert.Equal((0, "span.common"), (facets.Spans, facets.Facets[4].Key.ToString()));
    }

    [Fact]
    public async Task What_all_spans_share_is_named_however_many_keys_there_are()
    {
        var store = await OpenAsync();
        await StoreAsync(store, [.. Enumerable.Range(1, 60).Select(n => Otlp((ulong)n).With(
        [
            .. Enumerable.Range(0, 20).Select(i => Tag($"constant{i:d2}", "same")),
            .. Enumerable.Range(0, 9).Select(i => Tag($"few{i}", $"{n % 5}")),
            Tag("zone", n % 3 == 0 ? "west" : "east"),
        ]))]);
        var facets = await store.CountFacetsAsync(
            new FacetQuery { Spans = Selected("{ .zone = \"west\" }") }, Cancellation);
        var keys = facets.Facets.Select(facet => facet.Key.ToString()).ToList();
        Assert.Contains("span.zone", keys);
        Assert.Equal(20, keys.Count(key => key.StartsWith("span.constant", StringComparison.Ordinal)));
    }

    /// <summary>Of values that are not the most frequent there, too, and of all types.</summary>
    [Fact]
    public async Task Values_of_some_spans_are_counted_of_others()
    {
        KeyValue[] rare =
        [
            new("v", new(2.5)), new("v", new(double.NaN)), new("v", new(1e300)), new("v", new(3.0)), new("v", new(7)),
            Tag("v", "a\0b"), Tag("v", "2.5"), new("v", new(true)),
        ];
        var store = await OpenAsync();
        await StoreAsync(store, [.. rare.Select((value, i) => Otlp((ulong)i + 1, name: "rare").With(value))]);
        await StoreAsync(store, [.. Enumerable.Range(0, 300).Select(n => Otlp((ulong)n + 100).With(Tag("v", $"{n}")))]);
        await StoreAsync(store, [.. rare.Take(5).Select((value, i) => Otlp((ulong)i + 500).With(value))]);
        SpanKey[] keys = [SpanKey.OfField("name"), SpanKey.Parse(".v")];
        var some = await store.CountFacetsAsync(
            new FacetQuery { Spans = Selected("{ name = \"rare\" }"), Keys = keys, Limit = 20 }, Cancellation);
        var all = await store.CountFacetsAsync(
            new FacetQuery { Spans = Selected("{ }"), Of = some.Facets }, Cancellation);
        Assert.Equal(313, all.Spans);
        Assert.Equal(some.Facets.SelectMany(facet => facet.Values).Select(value => (value.Type, value.Value)),
            all.Facets.SelectMany(facet => facet.Values).Select(value => (value.Type, value.Value)));
        Assert.Equal(8, Assert.Single(all.Facets[0].Values).Spans);
        Assert.Equal(13, all.Facets[1].Values.Sum(value => value.Spans));
        var none = await store.CountFacetsAsync(
            new FacetQuery { Spans = Selected("{ .v = \"17\" }"), Of = some.Facets }, Cancellation);
        Assert.Equal((1, 0), (none.Spans, none.Facets.Sum(facet => facet.DistinctValues)));
        Assert.All(none.Facets.SelectMany(facet => facet.Values), value => Assert.Equal(0, value.Spans));
    }

    [Fact]
    public async Task Counts_are_of_the_spans_that_sampled_ones_stand_for()
    {
        Span Sampled(int n, string state) => Otlp((ulong)n).With(Tag("a", "x"), Tag("only", state)) with
        {
            TraceState = state,
            Status = n % 4 == 0 ? StatusCode.Error : StatusCode.Unset,
            Events = [new SpanEvent { Name = "e", Attributes = [Tag("of", "event")] }],
            Scope = new InstrumentationScope { Name = "lib", Attributes = [Tag("of", "scope")] },
        };
        var store = await OpenAsync();
        // one in 64, eight times; kept for what it showed; not sampled; with a probability that is not known
        await StoreAsync(store, [.. Enumerable.Range(1, 8).Select(n => Sampled(n, "other=1,ot=th:fc"))]);
        await StoreAsync(store, Sampled(9, "ot=up:1"), Sampled(10, "other=1"));
        const double All = (8 * 64) + 1;
        foreach (var scope in Enum.GetValues<KeyScope>().Where(scope => scope != KeyScope.Link))
        {
            var keys = await store.CountKeysAsync(
                new KeyQuery { Spans = Selected("{ }"), Scope = scope, Limit = 1 }, Cancellation);
            Assert.Equal(All, Assert.Single(keys.Keys).Spans);
        }
        foreach (var (key, value) in new[] { ("a", "x"), ("of", "event"), ("of", "scope"), ("status", "unset") })
        {
            var values = await store.CountValuesAsync(
                new ValueQuery { Spans = Selected("{ }"), Key = key }, Cancellation);
            Assert.Equal(value == "unset" ? All - 128 : All, values.Values.Single(each => each.Value == value).Spans);
        }
        Assert.Contains("ot=up:1: 0", await ValuesAsync(
            store, new ValueQuery { Spans = Selected("{ }"), Key = "only" }), StringComparison.Ordinal);
        var facets = await store.CountFacetsAsync(new FacetQuery { Spans = Selected("{ }") }, Cancellation);
        Assert.Equal((All, All, 128.0), (facets.Spans, facets.Traces, facets.Errors));
        Assert.All(facets.Facets, facet => Assert.Equal(All, facet.Values.Sum(value => value.Spans)));
        var latencies = await store.CountLatenciesAsync(Selected("{ }"), Cancellation);
        Assert.Equal((513UL, 128UL, false), (latencies.Count, latencies.Failed.Count, latencies.IsEstimated));

        await StoreAsync(store, Sampled(11, "ot=rv:6e6d1a75832a2f"));
        latencies = await store.CountLatenciesAsync(Selected("{ }"), Cancellation);
        Assert.Equal((514UL, true), (latencies.Count, latencies.IsEstimated));
    }

    [Fact]
    public async Task A_trace_stands_for_as_many_as_its_likeliest_span()
    {
        var store = await StoreAsync(
            Otlp(1) with { TraceState = "ot=th:fc" }, Otlp(1, id: 2) with { TraceState = "ot=th:c" },
            Otlp(1, id: 3) with { TraceState = "ot=up:1" });
        var facets = await store.CountFacetsAsync(new FacetQuery { Spans = Selected("{ }") }, Cancellation);
        Assert.Equal((68, 4), (facets.Spans, facets.Traces));
    }
}
