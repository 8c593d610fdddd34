using Tracing.Model;
using Tracing.Storage;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

public abstract partial class SpanStoreContract
{
    [Fact]
    public async Task Spans_that_come_again_in_other_bodies_count_once()
    {
        var store = await OpenAsync();
        var spans = SomeLoad(seed: 21, count: 60);
        await store.AppendAsync(Batch(1, spans[..30]), Cancellation);
        // all that was sent and more; a part; what two bodies had; one body divided; each in a body of its own
        await store.AppendAsync(Batch(2, spans[..45]), Cancellation);
        await store.AppendAsync(Batch(3, spans[10..20]), Cancellation);
        await store.AppendAsync(Batch(4, spans[25..60]), Cancellation);
        await store.AppendAsync(Batch(5, [.. spans[..7], .. spans[50..]]), Cancellation);
        await store.AppendAsync(Batch(6, spans[7..50]), Cancellation);
        foreach (var span in spans)
            await StoreAsync(store, span);
        await AssertCountedOnceAsync(store, spans);
        Assert.Equal(spans.Length, (await store.GetTracesAsync(
            [.. spans.Select(span => span.TraceId)], true, Cancellation)).Sum(trace => trace.Count));
    }

    [Fact]
    public async Task Spans_that_come_again_after_reopening_count_once()
    {
        var store = await OpenAsync();
        var spans = SomeLoad(seed: 22, count: 60);
        foreach (var request in spans.Chunk(8))
            await StoreAsync(store, request);
        await StoreAsync(store, spans[..20]);
        await AssertCountedOnceAsync(store, spans);
        store = await ReopenAsync(store);
        await AssertCountedOnceAsync(store, spans);
        await StoreAsync(store, spans);
        await AssertCountedOnceAsync(store, spans);
        store = await ReopenAsync(store);
        await AssertCountedOnceAsync(store, spans);
    }

    [Fact]
    public async Task A_span_that_is_twice_in_a_body_counts_once()
    {
        var store = await OpenAsync();
        var spans = SomeLoad(seed: 23, count: 20);
        await StoreAsync(store, [.. spans, .. spans[5..], .. spans[..3]]);
        await AssertCountedOnceAsync(store, spans);
    }

    [Fact]
    public async Task Bodies_that_share_spans_and_come_at_once_count_these_once()
    {
        var store = await OpenAsync();
        var spans = SomeLoad(seed: 24, count: 100);
        await Task.WhenAll(Enumerable.Range(0, 30).Select(i => Task.Run(
            () => store.AppendAsync(Batch((UInt128)i + 1, spans[(i * 3)..((i * 3) + 13)]), Cancellation))));
        await AssertCountedOnceAsync(store, spans);
    }

    [Fact]
    public async Task Spans_in_any_bodies_count_once()
    {
        var random = new Random(25);
        var store = await OpenAsync();
        var spans = SomeLoad(seed: 25, count: 150);
        var left = spans.ToList();
        while (left.Count > 0)
        {
            var body = left[..Math.Min(left.Count, random.Next(1, 12))];
            left.RemoveRange(0, body.Count);
            if (random.Next(3) > 0)
                body.AddRange(spans.Take(spans.Length - left.Count).OrderBy(_ => random.Next()).Take(random.Next(12)));
            await StoreAsync(store, [.. body.OrderBy(_ => random.Next())]);
        }
        await AssertCountedOnceAsync(store, spans);
        foreach (var query in new[] { "{ kind = server }", "{ status = error }", "{ rootName = \"op 1\" }" })
        {
            var selection = Selected(query);
            await CheckFacetsAsync(store, selection, NaiveCounts.Select(spans, selection));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_half_of_a_span_and_the_whole_of_it_are_both_kept_and_count_once(bool isHalfFirst)
    {
        var whole = Zipkin(1).With(Tag("http.method", "GET"));
        var half = whole.At(0, 1_000).With() with { Kind = SpanKind.Unspecified, Name = "" };
        var other = Zipkin(2);
        var store = await OpenAsync();
        await StoreAsync(store, isHalfFirst ? half : whole, other);
        await StoreAsync(store, isHalfFirst ? whole : half);
        await PassAsync(store, TimeSpan.FromSeconds(10));
        Assert.Equal(2ul, await CountedAsync(store, SeriesLevel.Service));
        Assert.Equal(2, (await GetAsync(store, Trace(1))).Count);
        Assert.Equal((2, 2), await FacetsAsync("{ }"));
        // whichever of the two is meant
        Assert.Equal((1, 1), await FacetsAsync("{ span.http.method = \"GET\" }"));
        Assert.Equal((1, 1), await FacetsAsync("{ duration < 5ms }"));
        Assert.Equal((1, 1), await FacetsAsync("{ trace:id = \"00000000000000000000000000000001\" }"));
        var latencies = await store.CountLatenciesAsync(Selected("{ }"), Cancellation);
        Assert.Equal(2ul, latencies.Count);
        if (isHalfFirst)
        {
            Assert.Contains("Span http.method: 1, String 1",
                await KeysAsync(store, new KeyQuery { Spans = Selected("{ }"), Scope = KeyScope.Span }));
        }

        async Task<(double, double)> FacetsAsync(string query)
        {
            var facets = await store.CountFacetsAsync(new FacetQuery { Spans = Selected(query) }, Cancellation);
            return (facets.Spans, facets.Traces);
        }
    }

    [Fact]
    public async Task Spans_that_only_share_an_id_count_each()
    {
        var client = Zipkin(1, "web") with { Kind = SpanKind.Client };
        var server = Zipkin(1, "cart") with { Kind = SpanKind.Server, Shared = true };
        var unshared = Zipkin(2, "cart") with { Kind = SpanKind.Server };
        var otlp = Otlp(3, "web") with { Kind = SpanKind.Internal };
        Span[] spans =
        [
            client, server, Zipkin(2, "web") with { Kind = SpanKind.Client }, unshared,
            // of the same service
            Zipkin(3, "web") with { Kind = SpanKind.Client },
            Zipkin(3, "web") with { Kind = SpanKind.Server, Shared = true },
            Otlp(4) with { Kind = SpanKind.Consumer }, Otlp(4) with { Kind = SpanKind.Internal },
            Otlp(5, "one"), Otlp(5, "other"), Otlp(6), Otlp(6) with { TraceId = Trace(6, 1) },
        ];
        var store = await OpenAsync();
        for (var i = 0; i < 2; i++)
        {
            foreach (var span in spans)
                await StoreAsync(store, span);
        }
        await StoreAsync(store, otlp, otlp);
        await PassAsync(store, TimeSpan.FromSeconds(10));
        Assert.Equal((ulong)spans.Length + 1, await CountedAsync(store, SeriesLevel.Service));
        var facets = await store.CountFacetsAsync(new FacetQuery { Spans = Selected("{ }") }, Cancellation);
        Assert.Equal(spans.Length + 1, facets.Spans);
    }

    [Fact]
    public async Task Calls_whose_spans_come_again_count_once()
    {
        var caller = Otlp(1, "web", "call") with { Kind = SpanKind.Client };
        var callee = Otlp(1, "cart", "serve", 2) with { Kind = SpanKind.Server, ParentSpanId = new SpanId(1) };
        var store = await OpenAsync();
        await StoreAsync(store, caller);
        await StoreAsync(store, callee, caller);
        await StoreAsync(store, Otlp(2), callee);
        await PassAsync(store, TimeSpan.FromSeconds(10));
        // for the caller and for the callee
        Assert.Equal(2ul, await CountedAsync(store, SeriesLevel.ServiceEdge));
        var known = await store.GetDependenciesAsync(0, Today * 2, Timeout.InfiniteTimeSpan, Cancellation);
        Assert.Equal(1, Assert.Single(known.Links).CallCount);
        var search = new SpanSearch
        {
            StartUnixNano = Micros(-1_000),
            EndUnixNano = Micros(1_000),
            Order = SearchOrder.MostSpans,
        };
        Assert.Equal([2, 1], (await store.SearchAsync(search, Cancellation)).Traces.Select(trace => trace.SpanCount));
    }

    /// <summary>Reports of one span of 10 ms, in their order: b(egun), d(uration only), n(either), w(hole).</summary>
    [Theory]
    [InlineData("nw")]
    [InlineData("wn")]
    [InlineData("bw")]
    [InlineData("wb")]
    [InlineData("dw")]
    [InlineData("nbw")]
    [InlineData("nnbbw")]
    [InlineData("bnwb")]
    [InlineData("bd")]
    [InlineData("db")]
    [InlineData("ndnb")]
    public async Task A_span_counts_once_whichever_of_its_reports_say_when_it_was(string reports)
    {
        var spans = reports.Select(report => ReportOf(Zipkin(1), report)).ToArray();
        var store = await OpenAsync();
        foreach (var span in spans)
            await StoreAsync(store, span);
        await AssertIsOneAsync(store, reports);
        store = await ReopenAsync(store);
        await AssertIsOneAsync(store, reports);
        await StoreAsync(store, spans);
        await AssertIsOneAsync(store, reports);
    }

    [Theory]
    [InlineData("nw")]
    [InlineData("bw")]
    [InlineData("bd")]
    [InlineData("db")]
    [InlineData("wb")]
    public async Task Reports_of_a_span_in_one_body_and_before_and_after_reopening_count_once(string reports)
    {
        var store = await OpenAsync();
        await StoreAsync(store, [.. reports.Select(report => ReportOf(Zipkin(1), report))]);
        await AssertIsOneAsync(store, reports);
        store = await ReopenAsync(store);
        await AssertIsOneAsync(store, reports);
        await StoreAsync(store, ReportOf(Zipkin(2), reports[0]));
        store = await ReopenAsync(store);
        await StoreAsync(store, ReportOf(Zipkin(2), reports[1]));
        await PassAsync(store, TimeSpan.FromSeconds(10));
        Assert.Equal(2ul, await CountedAsync(store, SeriesLevel.Operation));
        store = await ReopenAsync(store);
        Assert.Equal(2ul, await CountedAsync(store, SeriesLevel.Operation));
    }

    [Fact]
    public async Task A_half_without_a_service_after_the_whole_is_no_other_span()
    {
        var store = await OpenAsync();
        await StoreAsync(store, Zipkin(1));
        await StoreAsync(store, Zipkin(1) with { LocalEndpoint = null, Name = "" });
        await StoreAsync(store, Zipkin(1) with { LocalEndpoint = null, Kind = SpanKind.Unspecified });
        await AssertIsOneAsync(store, "w");
    }

    [Fact]
    public async Task A_span_that_gets_its_name_later_counts_by_it()
    {
        var store = await OpenAsync();
        var whole = Zipkin(1);
        await StoreAsync(store, ReportOf(whole, 'b') with { Name = "" });
        await StoreAsync(store, whole.With(Tag("error", "")) with { Status = StatusCode.Error });
        for (var i = 0; i < 2; i++)
        {
            await PassAsync(store, TimeSpan.FromSeconds(10));
            var point = Assert.Single(await store.GetSeriesAsync(All(SeriesLevel.Operation), Cancellation));
            Assert.Equal(("get", true, 1ul, 0ul), (point.Series.Operation, point.Series.IsError,
                point.Latencies.Count, point.Latencies.UnknownCount));
            var found = Assert.Single((await store.SearchAsync(Ordered(SearchOrder.MostErrors), Cancellation)).Traces);
            Assert.Equal((1, 1), (found.SpanCount, found.ErrorCount));
            store = await ReopenAsync(store);
        }
    }

    [Fact]
    public async Task Any_reports_of_spans_in_any_bodies_count_once()
    {
        var counted = 0;
        for (var seed = 31; seed < 34; seed++)
        {
            var random = new Random(seed);
            var store = await OpenAsync();
            var traces = Enumerable.Range(1, 6).Select(n => (ulong)((seed * 100) + n)).ToList();
            var wholes = traces.SelectMany(trace => Enumerable.Range(1, random.Next(1, 5))
                .Select(id => Zipkin(trace, name: "op", id: (ulong)id))).ToList();
            var reports = wholes.SelectMany(whole => (random.Next(2) == 0 ? "nbw" : "bdn")
                .Concat("nbd".Take(random.Next(4))).Select(report => ReportOf(whole, report)))
                .OrderBy(_ => random.Next()).ToList();
            var reopenAt = random.Next(reports.Count);
            for (var at = 0; at < reports.Count;)
            {
                var body = reports.Skip(at).Take(random.Next(1, 6)).ToArray();
                await StoreAsync(store, body);
                if (at <= reopenAt && reopenAt < at + body.Length)
                    store = await ReopenAsync(store);
                at += body.Length;
            }
            for (var i = 0; i < 2; i++)
            {
                await PassAsync(store, TimeSpan.FromSeconds(10));
                var expected = counted + wholes.Count;
                var point = Assert.Single(await store.GetSeriesAsync(All(SeriesLevel.Operation), Cancellation));
                Assert.Equal(((ulong)expected, 0ul), (point.Latencies.Count, point.Latencies.UnknownCount));
                Assert.Equal((UInt128)expected * 10_000_000, point.Latencies.Sum);
                var found = (await store.SearchAsync(Ordered(SearchOrder.MostSpans), Cancellation)).Traces
                    .Where(trace => traces.Contains(trace.TraceId.Low)).ToList();
                Assert.Equal(
                    wholes.GroupBy(whole => whole.TraceId.Low).Select(trace => (trace.Key, trace.Count()))
                        .OrderByDescending(trace => trace.Item2).ThenBy(trace => trace.Key),
                    found.Select(trace => (trace.TraceId.Low, trace.SpanCount)));
                var facets = await store.CountFacetsAsync(
                    new FacetQuery { Spans = Selected("{ }") with { StartUnixNano = 0 } }, Cancellation);
                Assert.Equal(expected, facets.Spans);
                store = await ReopenAsync(store);
            }
            counted += wholes.Count;
            await store.DisposeAsync();
        }
    }

    static Span ReportOf(Span whole, char report) => report switch
    {
        'b' => whole with { EndUnixNano = whole.StartUnixNano },
        'd' => whole with { StartUnixNano = 0, EndUnixNano = (ulong)whole.DurationNanos },
        'n' => whole with { StartUnixNano = 0, EndUnixNano = 0 },
        _ => whole,
    };

    static SpanSearch Ordered(SearchOrder order) => new()
    {
        StartUnixNano = Micros(-1_000),
        EndUnixNano = Micros(1_000),
        Order = order,
    };

    async Task AssertIsOneAsync(ISpanStore store, string reports)
    {
        await PassAsync(store, TimeSpan.FromSeconds(10));
        foreach (var level in new[] { SeriesLevel.Operation, SeriesLevel.Service })
        {
            var point = Assert.Single(await store.GetSeriesAsync(All(level), Cancellation));
            Assert.Equal((1ul, 0ul, (UInt128)10_000_000), (point.Latencies.Count, point.Latencies.UnknownCount,
                point.Latencies.Sum));
        }
        foreach (var order in Enum.GetValues<SearchOrder>())
        {
            var found = Assert.Single((await store.SearchAsync(Ordered(order), Cancellation)).Traces);
            Assert.Equal((1, 1, 1), (found.SpanCount, found.MatchCount, Assert.Single(found.Services).Spans));
        }
        var facets = await store.CountFacetsAsync(
            new FacetQuery { Spans = Selected("{ }") with { StartUnixNano = 0 } }, Cancellation);
        Assert.Equal((1, 1), (facets.Spans, facets.Traces));
        var merged = Assert.Single(ReportedSpans.Merge(await GetAsync(store, Trace(1))));
        Assert.True(Zipkin(1) == merged, reports);
    }

    private protected static async Task<ulong> CountedAsync(ISpanStore store, SeriesLevel level) =>
        (await store.GetSeriesAsync(All(level), Cancellation))
            .Aggregate(0ul, (sum, point) => sum + point.Latencies.Count);

    async Task AssertCountedOnceAsync(ISpanStore store, Span[] spans)
    {
        await PassAsync(store, TimeSpan.FromSeconds(10));
        await AssertCountsAsync(store, spans);
        var selection = Selected("{ }");
        var selected = NaiveCounts.Select(spans, selection);
        await CheckFacetsAsync(store, selection, selected);
        var keys = new KeyQuery { Spans = selection };
        Assert.Equal(string.Join('\n', NaiveCounts.Keys(selected, keys)), await KeysAsync(store, keys));
        var values = new ValueQuery { Spans = selection, Key = "name" };
        Assert.Equal(string.Join('\n', NaiveCounts.Values(selected, values)), await ValuesAsync(store, values));
        Assert.Equal((ulong)spans.Length, (await store.CountLatenciesAsync(selection, Cancellation)).Count);
    }
}
