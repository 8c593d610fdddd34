using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.TraceQl;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

public abstract partial class SpanStoreContract
{
    static SpanSearch SearchFor(string query) => new()
    {
        Filter = SpanFilter.Parse(query),
        StartUnixNano = Micros(-86_400_000_000),
        EndUnixNano = Micros(86_400_000_000),
        Limit = 1000,
        SpansPerTrace = 100,
    };

    static string Ids(IEnumerable<FoundTrace> traces) =>
        string.Join(' ', traces.Select(trace => $"{trace.TraceId.Low:x}"));

    static async Task<string> SearchAsync(ISpanStore store, SpanSearch search) =>
        Ids((await store.SearchAsync(search, Cancellation)).Traces);

    static async Task<List<SearchPage>> AllPagesAsync(ISpanStore store, SpanSearch search, Func<Task>? between = null)
    {
        var pages = new List<SearchPage>();
        do
        {
            pages.Add(await store.SearchAsync(search with { Cursor = pages.LastOrDefault()?.Next }, Cancellation));
            if (between is not null)
                await between();
        }
        while (pages[^1].Next is not null);
        return pages;
    }

    [Fact]
    public async Task A_found_trace_is_summed_up()
    {
        Span Child(ulong id, string service, long at, StatusCode status = default) => Otlp(1, service, "child", id)
            .At(at, 5_000) with
        { ParentSpanId = new SpanId(1), Status = status };
        var root = Otlp(1, "Shop", "GET /");
        var store = await StoreAsync(Child(2, "cart", 2_000, StatusCode.Error), Child(3, "cart", 8_000), root,
            Child(4, "Shop", 1_000, StatusCode.Ok), root);
        var page = await store.SearchAsync(SearchFor("{ name = \"child\" }") with { SpansPerTrace = 2 }, Cancellation);
        var found = Assert.Single(page.Traces);
        Assert.Equal(Trace(1), found.TraceId);
        Assert.Equal("Shop", found.RootService);
        Assert.Equal("GET /", found.RootName);
        Assert.False(found.IsRootMissing);
        Assert.Equal(Micros(0), found.StartUnixNano);
        Assert.Equal(13_000_000, found.DurationNanos);
        Assert.Equal(4, found.SpanCount);
        Assert.Equal(1, found.ErrorCount);
        Assert.Equal([new ServiceCount("Shop", 2, 0), new ServiceCount("cart", 2, 1)], found.Services);
        Assert.Equal(3, found.MatchCount);
        Assert.Equal([4UL, 2UL], found.Spans.Select(span => span.SpanId.Value));
        Assert.Null(page.Next);
    }

    [Fact]
    public async Task Without_a_root_the_topmost_span_names_the_trace_and_the_answer_says_so()
    {
        var top = Otlp(1) with { ParentSpanId = new SpanId(9) };
        var store = await StoreAsync(top, Otlp(1, "below", id: 2) with { ParentSpanId = top.SpanId });
        var found = Assert.Single((await store.SearchAsync(SearchFor("{ }"), Cancellation)).Traces);
        Assert.Equal((top.ServiceName, top.Name, true), (found.RootService, found.RootName, found.IsRootMissing));
    }

    [Fact]
    public async Task The_window_is_that_of_the_matching_spans()
    {
        var store = await StoreAsync(
            Otlp(1).At(0), Otlp(1, id: 2).At(10), Otlp(2).At(5), Otlp(3).At(10), Otlp(4) with { StartUnixNano = 0 });
        var search = SearchFor("{ }");
        Assert.Equal("1 3 2", await SearchAsync(store, search));
        Assert.Equal("2 1", await SearchAsync(store, search with { EndUnixNano = Micros(10) }));
        Assert.Equal("1 3", await SearchAsync(store, search with { StartUnixNano = Micros(10) }));
        Assert.Equal("", await SearchAsync(store, search with { StartUnixNano = Micros(10) + 1 }));
        Assert.Equal("2", await SearchAsync(store,
            search with { StartUnixNano = Micros(5), EndUnixNano = Micros(5) + 1 }));
        Assert.Equal("1 3 2 4", await SearchAsync(store,
            search with { StartUnixNano = 0, EndUnixNano = ulong.MaxValue }));
    }

    [Theory]
    [InlineData(SearchOrder.Newest, "2 1 4 3")]
    [InlineData(SearchOrder.Oldest, "3 1 4 2")]
    [InlineData(SearchOrder.Slowest, "4 2 3 1")]
    [InlineData(SearchOrder.MostSpans, "1 4 2 3")]
    [InlineData(SearchOrder.MostErrors, "3 1 2 4")]
    public async Task Traces_come_in_the_order_asked_for(SearchOrder order, string expected)
    {
        var store = await StoreAsync(
            Otlp(1).At(10, 1), Otlp(1, id: 2).At(10, 2), Otlp(1, id: 3).At(10, 1),
            Otlp(2).At(30, 50), Otlp(3).At(5, 50) with { Status = StatusCode.Error },
            // as old as the first by its match, which is not its start
            Otlp(4, name: "other").At(1, 100), Otlp(4, id: 2).At(10, 1));
        var search = SearchFor("{ name = \"GET /\" }") with { Order = order };
        Assert.Equal(expected, await SearchAsync(store, search));
        for (var limit = 1; limit < 4; limit++)
        {
            var pages = await AllPagesAsync(store, search with { Limit = limit });
            Assert.All(pages.SkipLast(1), page => Assert.Equal(limit, page.Traces.Count));
            Assert.Equal(expected, Ids(pages.SelectMany(page => page.Traces)));
        }
    }

    [Theory]
    [InlineData(SearchOrder.Newest)]
    [InlineData(SearchOrder.Oldest)]
    [InlineData(SearchOrder.Slowest)]
    [InlineData(SearchOrder.MostSpans)]
    [InlineData(SearchOrder.MostErrors)]
    public async Task Pages_neither_repeat_nor_leave_out_traces_while_spans_arrive(SearchOrder order)
    {
        var store = await OpenAsync();
        var count = 40UL;
        await StoreAsync(store, [.. Enumerable.Range(1, (int)count).Select(n => Otlp((ulong)n).At(n % 7, n % 5))]);
        var next = 100UL;
        var pages = await AllPagesAsync(store, SearchFor("{ .a = nil }") with { Order = order, Limit = 6 }, async () =>
        {
            // new traces, and new spans of old ones, before and after all others
            await StoreAsync(store,
                Otlp(next).At(-5, 500), Otlp((next % count) + 1, id: next).At(900, 1_000) with
                {
                    Status = StatusCode.Error,
                },
                Otlp(((next + 7) % count) + 1, id: next).At(-900, 1_000));
            next++;
        });
        var ids = pages.SelectMany(page => page.Traces).Select(trace => trace.TraceId.Low).ToList();
        Assert.Equal(Enumerable.Range(1, (int)count).Select(n => (ulong)n), ids.Order());
        Assert.All(pages.SelectMany(page => page.Traces), trace => Assert.Equal(1, trace.SpanCount));
    }

    [Fact]
    public async Task An_array_that_contains_a_truth_value_is_none()
    {
        var array = new KeyValue("a", new([new AttributeValue(false), new AttributeValue(true)]));
        var store = await StoreAsync(Otlp(1).With(array), Otlp(2) with { Resource = new() { Attributes = [array] } });
        foreach (var query in new[] { "{ .a || false }", "{ !.a || false }" })
        {
            Assert.Equal("", await SearchAsync(store, SearchFor(query)));
            Assert.Equal("1 2", await SearchAsync(store, SearchFor($"{{ !({query[2..^2]}) }}")));
        }
    }

    [Fact]
    public async Task Many_candidates_that_do_not_match_are_passed()
    {
        var store = await OpenAsync();
        await StoreAsync(store, [.. Enumerable.Range(1, 3_000)
            .Select(n => Otlp((ulong)n).At(n, n % 1_000 == 0 ? 9 : 1))]);
        foreach (var order in Enum.GetValues<SearchOrder>())
        {
            var pages = await AllPagesAsync(store,
                SearchFor("{ traceDuration = 9us }") with { Order = order, Limit = 2 });
            Assert.Equal(["3e8", "7d0", "bb8"], Ids(pages.SelectMany(page => page.Traces)).Split(' ').Order());
        }
    }

    [Fact]
    public async Task Recorded_queries_find_what_is_recorded()
    {
        var problems = new List<string>();
        var cases = TraceQlKit.Semantics();
        var store = await OpenAsync();
        var days = 0UL;
        foreach (var (name, spans) in TraceQlKit.Sets())
        {
            // each set on a day of its own, in traces of its own
            var (set, day) = (spans, ++days);
            await StoreAsync(store, [.. spans.Values.Select(span => OnDay(span, day))]);
            var window = SearchFor("{ }") with
            {
                StartUnixNano = DayStart(day),
                EndUnixNano = DayStart(day + 1),
            };
            foreach (var (_, query, answers) in cases.Where(c => c.Set == name))
            {
                if (query.Contains("trace:id", StringComparison.Ordinal))
                    continue;
                var page = await store.SearchAsync(window with { Filter = SpanFilter.Parse(query) }, Cancellation);
                var found = page.Traces.SelectMany(trace => trace.Spans).Select(span => span.SpanId).ToHashSet();
                var labels = TraceQlKit.Join(set.Where(pair => found.Contains(pair.Value.SpanId)).Select(p => p.Key));
                if (!answers.Contains(labels))
                    problems.Add($"{name}: {query}: expected {answers[0]}, found {labels}");
            }
        }
        Assert.Equal("", string.Join('\n', problems));

        static ulong DayStart(ulong day) => TraceQlKit.Start + Nanos(day);

        static ulong Nanos(ulong days) => days * 86_400_000_000_000;

        static Span OnDay(Span span, ulong day) => span with
        {
            TraceId = span.TraceId with { High = span.TraceId.High + day },
            StartUnixNano = span.StartUnixNano + Nanos(day),
            EndUnixNano = span.EndUnixNano + Nanos(day),
            Events = [.. span.Events.Select(e => e with { TimeUnixNano = e.TimeUnixNano + Nanos(day) })],
        };
    }

    /// <summary>Against the filter itself, which is tested against recorded answers.</summary>
    [Fact]
    public async Task Any_query_finds_what_its_filter_says()
    {
        var random = new Random(7);
        var spans = TraceQlGen.Spans(random, 400);
        var store = await OpenAsync();
        foreach (var chunk in spans.Chunk(90))
            await StoreAsync(store, chunk);
        var traces = spans.GroupBy(span => span.TraceId).Select(trace => trace.ToList()).ToList();
        var found = 0;
        for (var i = 0; i < 200; i++)
        {
            var search = SearchFor(TraceQlGen.Query(random)) with
            {
                Order = (SearchOrder)random.Next(5),
                Limit = random.Next(1, 30),
                StartUnixNano = Micros(random.Next(-1_000, 20)),
                EndUnixNano = Micros(random.Next(20, 1_000)),
            };
            var pages = await AllPagesAsync(store, search);
            var actual = pages.SelectMany(page => page.Traces).Select(trace =>
                $"{trace.TraceId} {string.Join(',', trace.Spans.Select(span => span.SpanId))}");
            Assert.Equal(
                $"{search.Filter}\n{string.Join('\n', TraceQlGen.Expected(traces, search))}",
                $"{search.Filter}\n{string.Join('\n', actual)}");
            found += pages.Sum(page => page.Traces.Count);
        }
        Assert.True(found > 1_000, $"only {found} traces were found in all");
    }
}
