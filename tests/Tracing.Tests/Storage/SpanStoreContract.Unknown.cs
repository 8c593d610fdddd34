using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.TraceQl;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>What spans do not say: a start, an end, a duration, a root.</summary>
public abstract partial class SpanStoreContract
{
    static SpanSearch OfAllTime(string query) => new()
    {
        Filter = SpanFilter.Parse(query),
        StartUnixNano = 0,
        EndUnixNano = ulong.MaxValue,
        Limit = 1_000,
    };

    static async Task<string> SortedIdsAsync(ISpanStore store, string query) => string.Join(' ',
        (await store.SearchAsync(OfAllTime(query), Cancellation)).Traces.Select(trace => trace.TraceId.Low).Order());

    /// <summary>Before and after the spans were written anew, as time passes.</summary>
    async Task<ISpanStore> StoreAndPassAsync(Func<ISpanStore, Task> check, params Span[] spans)
    {
        var store = await StoreAsync(spans);
        await check(store);
        await PassAsync(store, TimeSpan.FromHours(3));
        await check(store);
        return store;
    }

    [Fact]
    public async Task A_duration_that_is_not_known_compares_with_nothing_and_an_inverted_one_is_0() =>
        await StoreAndPassAsync(async store =>
        {
            Assert.Equal("", await SortedIdsAsync(store, "{ duration > 1h }"));
            Assert.Equal("1 4 6", await SortedIdsAsync(store, "{ duration < 1h }"));
            Assert.Equal("4 6", await SortedIdsAsync(store, "{ duration != 1ms }"));
            Assert.Equal("4", await SortedIdsAsync(store, "{ duration = 0ns }"));
            Assert.Equal("2 3 5", await SortedIdsAsync(store, "{ !(duration != nil) }"));
            Assert.Equal("1 4 6", await SortedIdsAsync(store, "{ duration != nil }"));
            Assert.Equal("2 3 4 5", await SortedIdsAsync(store, "{ !(duration > 0ns) }"));
            Assert.Equal("2 3 5", await SortedIdsAsync(store, "{ !(traceDuration != nil) }"));
            Assert.Equal("1", await SortedIdsAsync(store, "{ traceDuration > 50us }"));
            var selection = Selected("{ }") with { StartUnixNano = 0 };
            var facets = await store.CountFacetsAsync(new FacetQuery { Spans = selection }, Cancellation);
            Assert.Equal(6, facets.Spans);
            Assert.Equal(new DurationSummary(0, 40_000, 1_000_000, 1_000_000, 1_000_000), facets.Duration);
            var latencies = await store.CountLatenciesAsync(selection, Cancellation);
            Assert.Equal((6UL, 3UL), (latencies.Count, latencies.All().UnknownCount));
            facets = await store.CountFacetsAsync(new FacetQuery
            {
                Spans = selection with { Filter = SpanFilter.Parse("{ !(duration != nil) }") },
            }, Cancellation);
            Assert.Equal((3, null), (facets.Spans, facets.Duration));
        },
            Otlp(1).At(0, 1_000), Otlp(2) with { StartUnixNano = 0 }, Otlp(3) with { EndUnixNano = 0 },
            Otlp(4) with { EndUnixNano = Micros(-1) }, Zipkin(5).At(0, 0),
            Zipkin(6) with { StartUnixNano = 0, EndUnixNano = 40_000 });

    [Fact]
    public async Task The_slowest_come_first_by_what_is_known() => await StoreAndPassAsync(async store =>
    {
        var search = OfAllTime("{ }") with { Order = SearchOrder.Slowest };
        var page = await store.SearchAsync(search, Cancellation);
        Assert.Equal(
            [(2UL, 900_000_000L, true), (1UL, 5_000_000, true), (4UL, 40_000, true), (3UL, 0, false), (5UL, 0, true)],
            page.Traces.Select(trace => (trace.TraceId.Low, trace.DurationNanos, trace.IsDurationKnown)));
        Assert.Equal("2 1 4 3 5",
            Ids((await AllPagesAsync(store, search with { Limit = 2 })).SelectMany(each => each.Traces)));
    },
        Otlp(1).At(0, 5_000), Otlp(2).At(0, 900_000), Otlp(3) with { StartUnixNano = 0, EndUnixNano = 0 },
        Zipkin(4) with { StartUnixNano = 0, EndUnixNano = 40_000 }, Otlp(5) with { EndUnixNano = Micros(-1) });

    [Theory]
    [InlineData(SearchOrder.Newest, "2 1 4 3 5")]
    [InlineData(SearchOrder.Oldest, "4 1 2 3 5")]
    public async Task A_span_without_a_start_is_neither_the_newest_nor_the_oldest(SearchOrder order, string expected) =>
        await StoreAndPassAsync(async store =>
        {
            var search = OfAllTime("{ }") with { Order = order };
            Assert.Equal(expected, await SearchAsync(store, search));
            for (var limit = 1; limit < 5; limit++)
            {
                var pages = await AllPagesAsync(store, search with { Limit = limit });
                Assert.Equal(expected, Ids(pages.SelectMany(page => page.Traces)));
            }
        },
            Otlp(1).At(10), Otlp(2).At(20), Otlp(3) with { StartUnixNano = 0 }, Otlp(4).At(5),
            Otlp(4, id: 2) with { StartUnixNano = 0 }, Zipkin(5) with { StartUnixNano = 0, EndUnixNano = 0 });

    [Fact]
    public async Task A_half_without_a_start_that_comes_later_makes_no_trace_slow()
    {
        var store = await StoreAsync(Zipkin(1).At(0, 5_000), Zipkin(2).At(0, 900_000));
        await PassAsync(store, TimeSpan.FromHours(1));
        await StoreAsync(store, Zipkin(1, "shop") with { StartUnixNano = 0, EndUnixNano = 0, Shared = true });
        var page = await store.SearchAsync(
            SearchFor("{ }") with { Order = SearchOrder.Slowest, Limit = 1 }, Cancellation);
        Assert.Equal((2UL, 900_000_000L),
            (Assert.Single(page.Traces).TraceId.Low, Assert.Single(page.Traces).DurationNanos));
    }

    /// <summary>Any times: what stores compute by themselves is what the model says.</summary>
    [Fact]
    public async Task Durations_of_any_times_are_those_of_the_model()
    {
        ulong[] starts = [0, 1, Micros(0), long.MaxValue, (ulong)long.MaxValue + 1, ulong.MaxValue - 1];
        ulong[] ends = [.. starts, Micros(1), ulong.MaxValue];
        var spans = starts.SelectMany(start => ends.SelectMany(end => new[] { Otlp(1), Zipkin(1) }.Select(span =>
            span with { StartUnixNano = start, EndUnixNano = end })))
            .Select((span, i) => span with { TraceId = Trace((ulong)i + 1) }).ToArray();
        await StoreAndPassAsync(async store =>
        {
            await CheckAsync(store, "!(duration != nil)", known => known is null);
            await CheckAsync(store, "duration = 0ns", known => known == 0);
            await CheckAsync(store, "duration >= 1ns", known => known >= 1);
            await CheckAsync(store, "duration > 8760h", known => known > 31_536_000_000_000_000);
            await CheckAsync(store, "duration = 9223372036854775807", known => known == long.MaxValue);
            var slowest = await store.SearchAsync(OfAllTime("{ }") with { Order = SearchOrder.Slowest }, Cancellation);
            Assert.Equal(spans.Length, slowest.Traces.Count);
            Assert.Equal(spans.Select(span => (long)(span.KnownDuration ?? 0)).OrderDescending(),
                slowest.Traces.Select(trace => trace.DurationNanos));
        }, spans);

        async Task CheckAsync(ISpanStore store, string condition, Func<ulong?, bool> fits) =>
            Assert.Equal($"{condition}: " + string.Join(' ', spans.Where(span => fits(span.KnownDuration))
                .Select(span => span.TraceId.Low)),
                $"{condition}: {await SortedIdsAsync(store, $"{{ {condition} }}")}");
    }

    [Fact]
    public async Task The_root_of_a_trace_is_the_topmost_span_where_none_is_stored()
    {
        Span Child(ulong trace, ulong id, ulong parent, string name, int at) =>
            Otlp(trace, name: name, id: id).At(at) with { ParentSpanId = new SpanId(parent) };
        var store = await StoreAsync(
            // its own parent, a parent that is missing, each other's parent, and a root that starts late
            Child(1, 1, 1, "A", 0), Child(1, 2, 1, "B", 1), Child(1, 3, 99, "C", -9),
            Child(2, 2, 1, "B", -1), Child(2, 1, 99, "A", 0),
            Child(3, 1, 2, "A", 0), Child(3, 2, 1, "B", 1),
            Child(4, 2, 99, "B", 0), Child(4, 1, 0, "A", 5));
        var page = await store.SearchAsync(SearchFor("{ }") with { Order = SearchOrder.MostSpans }, Cancellation);
        Assert.Equal(["1 A False", "2 A True", "3 A True", "4 A False"], page.Traces
            .Select(trace => $"{trace.TraceId.Low} {trace.RootName} {trace.IsRootMissing}").Order());
        // to filters, as with Tempo, no other span is the root
        Assert.Equal("1 4", await SortedIdsAsync(store, "{ rootName = \"A\" }"));
        Assert.Equal("1 4", await SortedIdsAsync(store, "{ nestedSetParent < 0 }"));
        foreach (var missing in new[] { "rootName = nil", "nil = rootServiceName", "!(rootName != nil)" })
            Assert.Equal("2 3", await SortedIdsAsync(store, $"{{ {missing} }}"));
    }
}
