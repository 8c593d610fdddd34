using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.TraceQl;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>What is left of traces after the hot window.</summary>
public abstract partial class SpanStoreContract
{
    static readonly SpanSearch _everything = new() { StartUnixNano = 0, EndUnixNano = ulong.MaxValue };

    [Fact]
    public async Task Nothing_is_thinned_out_within_the_hot_window()
    {
        var store = await OpenWithAsync(new() { BaselineRate = 0, HotWindow = TimeSpan.FromHours(5) });
        await StoreAsync(store, Alike(1, 200));
        await PassAsync(store, TimeSpan.FromHours(4));
        Assert.Equal(200, (await SearchAllAsync(store, _everything)).Count);
        for (var i = 0; i < 3; i++)
            await AgeAsync(store);
        Assert.Empty(await SearchAllAsync(store, _everything));
    }

    [Fact]
    public async Task Sums_of_weights_are_unbiased()
    {
        const int Traces = 3000;
        const double Rate = 0.1;
        var store = await OpenWithAsync(new() { BaselineRate = Rate });
        double[] found = [0, 0, 0];
        double[] stored = [0, 0, 0];
        for (var seed = 1; seed <= 4; seed++)
        {
            var random = new Random(seed);
            var ids = Enumerable.Range(0, Traces).Select(_ => (ulong)random.NextInt64()).ToList();
            // one span in the shop for each trace, two in the bank for each third
            await StoreAsync(store, [.. ids.Select(id => Zipkin(id, "shop"))]);
            await StoreAsync(store, [.. ids.Where((_, i) => i % 3 == 0)
                .SelectMany(id => (Span[])[Zipkin(id, "bank", "pay", 2), Zipkin(id, "bank", "book", 3)])]);
            stored = [stored[0] + Traces, stored[1] + Traces, stored[2] + (Traces / 3 * 2)];
            await AgeAsync(store);
        }
        foreach (var trace in await SearchAllAsync(store, _everything))
        {
            Assert.Equal(new TraceKept(KeptReason.Baseline, 10), trace.Kept);
            found[0] += trace.Kept.Weight;
            found[1] += trace.Kept.Weight * trace.Services.Where(each => each.Name == "shop").Sum(each => each.Spans);
            found[2] += trace.Kept.Weight * trace.Services.Where(each => each.Name == "bank").Sum(each => each.Spans);
        }
        var latencies = await store.CountLatenciesAsync(
            new() { StartUnixNano = 0, EndUnixNano = ulong.MaxValue }, Cancellation);
        Assert.Equal(found[1] + found[2], latencies.Count);
        Assert.Equal((found[1] + found[2]) / 10, latencies.All().EffectiveCount, 6);
        // of a sum over traces that are each drawn: the root of the sum of the squares of what each adds
        double[] squares = [stored[0], stored[1], stored[2] * 2];
        for (var i = 0; i < found.Length; i++)
        {
            var error = 3 * Math.Sqrt(squares[i] * (1 - Rate) / Rate);
            Assert.InRange(found[i], stored[i] - error, stored[i] + error);
        }
    }

    [Fact]
    public async Task Each_trace_says_why_it_is_kept()
    {
        var store = await OpenWithAsync(new() { BaselineRate = 0.1 });
        var others = Alike(1000, 2000);
        await StoreAsync(store, others);
        await StoreAsync(store,
            Zipkin(1), Zipkin(1, "db", id: 2) with { Status = StatusCode.Error, ParentSpanId = new SpanId(1) },
            Zipkin(2).At(0, 10_001), Zipkin(3, "cron"), Zipkin(4) with { Debug = true });
        Assert.Equal(TraceKept.Whole, await store.GetKeptAsync(Trace(1), Cancellation));
        await AgeAsync(store);
        var expected = new Dictionary<ulong, KeptReason>
        {
            [1] = KeptReason.Error,
            [2] = KeptReason.Slow,
            [3] = KeptReason.Rare,
            [4] = KeptReason.Debug,
        };
        foreach (var (id, reason) in expected)
            Assert.Equal(new TraceKept(reason, 1), await store.GetKeptAsync(Trace(id), Cancellation));
        var found = await SearchAllAsync(store, _everything);
        Assert.All(found, trace => Assert.Equal(
            expected.TryGetValue(trace.TraceId.Low, out var reason) ? new(reason, 1) : new(KeptReason.Baseline, 10),
            trace.Kept));
        var drawn = others.Count(span => Tiers.IsDrawn(span.TraceId.Low, 0.1));
        Assert.Equal(4 + drawn, found.Count);
        Assert.Equal(2, found.Single(trace => trace.TraceId.Low == 1).SpanCount);
    }

    [Fact]
    public async Task Few_traces_are_kept_whole()
    {
        var store = await OpenWithAsync(new() { BaselineRate = 0, MinThinnedTraces = 101 });
        await StoreAsync(store, Alike(1, 100));
        await AgeAsync(store);
        var found = await SearchAllAsync(store, _everything);
        Assert.Equal(100, found.Count);
        Assert.All(found, trace => Assert.Equal(TraceKept.Whole, trace.Kept));
    }

    [Fact]
    public async Task A_trace_is_judged_by_spans_stored_later_too()
    {
        var store = await OpenWithAsync(new() { BaselineRate = 0 });
        var roots = Alike(1, 300);
        await StoreAsync(store, roots);
        await PassAsync(store, TimeSpan.FromMinutes(5));
        var failed = Child(roots[7], 2) with { Status = StatusCode.Error };
        await StoreAsync(store, failed);
        await AgeAsync(store);
        Assert.Equal([roots[7], failed], Assert.Single(await ReadAsync(store, 0, Today + 1000)));
        Assert.Equal(new TraceKept(KeptReason.Error, 1), await store.GetKeptAsync(roots[7].TraceId, Cancellation));
    }

    [Fact]
    public async Task Pieces_stored_minutes_apart_share_one_fate()
    {
        var store = await OpenWithAsync(new() { BaselineRate = 0.3 });
        var roots = Alike(1, 300);
        var children = roots.Where((_, i) => i % 2 == 0).Select(root => Child(root, 2)).ToArray();
        await StoreAsync(store, roots);
        await PassAsync(store, TimeSpan.FromMinutes(5));
        await StoreAsync(store, children);
        // half of it is decided on before the rest
        await PassAsync(store, TimeSpan.FromMinutes(62));
        await CheckAsync();
        await AgeAsync(store);
        Assert.Equal(roots.Count(root => Tiers.IsDrawn(root.TraceId.Low, 0.3)), await CheckAsync());

        async Task<int> CheckAsync()
        {
            var whole = roots.Concat(children).ToLookup(span => span.TraceId);
            var byId = await store.GetTracesAsync([.. roots.Select(root => root.TraceId)], true, Cancellation);
            Assert.All(byId, trace => Assert.Equal(whole[trace[0].TraceId], trace));
            var zipkin = await store.FindTracesAsync(AnyOfToday with { Limit = 1000 }, Cancellation);
            Assert.Equal(byId.Count, zipkin.Count);
            Assert.All(zipkin, trace => Assert.Equal(whole[trace[0].TraceId], trace));
            var read = await ReadAsync(store, 0, Today + 1000);
            Assert.Equal(byId.Count, read.Count);
            foreach (var order in Enum.GetValues<SearchOrder>())
            {
                var found = await SearchAllAsync(store, _everything with { Order = order });
                Assert.Equal(byId.Count, found.Count);
                Assert.All(found, trace => Assert.Equal(whole[trace.TraceId].Count(), trace.SpanCount));
            }
            return byId.Count;
        }
    }

    [Fact]
    public async Task What_is_kept_counts_for_what_went()
    {
        var store = await OpenWithAsync(new() { BaselineRate = 0.25 });
        await StoreAsync(store, [.. Alike(1, 400).Select(span => span.With(Tag("color", "red")))]);
        await StoreAsync(store, Zipkin(1000) with { Status = StatusCode.Error });
        await AgeAsync(store);
        var drawn = Enumerable.Range(1, 400).Count(id => Tiers.IsDrawn((ulong)id, 0.25));
        var spans = new SpanSelection { StartUnixNano = 0, EndUnixNano = ulong.MaxValue };
        var facets = await store.CountFacetsAsync(
            new() { Spans = spans, Keys = [new SpanKey(KeyScope.Span, "color")] }, Cancellation);
        Assert.Equal(((4.0 * drawn) + 1, (4.0 * drawn) + 1, 1.0), (facets.Spans, facets.Traces, facets.Errors));
        Assert.Equal(4.0 * drawn, Assert.Single(facets.Facets[0].Values).Spans);
        var keys = await store.CountKeysAsync(new() { Spans = spans, Scope = KeyScope.Span }, Cancellation);
        Assert.Equal(4.0 * drawn, Assert.Single(keys.Keys, key => key.Key == "color").Spans);
        var values = await store.CountValuesAsync(new() { Spans = spans, Key = "color" }, Cancellation);
        Assert.Equal(4.0 * drawn, Assert.Single(values.Values).Spans);
        // what was counted when it was stored stays
        var series = await store.GetSeriesAsync(new()
        {
            Level = SeriesLevel.Service,
            StartMinute = (Today / 60_000) - 60,
            EndMinute = (Today / 60_000) + 60,
        }, Cancellation);
        Assert.Equal(401, series.Sum(point => (long)point.Latencies.Count));
    }

    /// <summary>So long that all is older than the hot window, and done with.</summary>
    async Task AgeAsync(ISpanStore store)
    {
        await PassAsync(store, TimeSpan.FromHours(1));
        await PassAsync(store, TimeSpan.FromHours(1.1));
    }

    /// <summary>Traces of one span, that nothing speaks for.</summary>
    static Span[] Alike(int first, int count) => [.. Enumerable.Range(first, count).Select(n => Zipkin((ulong)n))];

    static Span Child(Span root, ulong id) => root with { SpanId = new SpanId(id), ParentSpanId = root.SpanId };

    /// <summary>All pages.</summary>
    static async Task<List<FoundTrace>> SearchAllAsync(ISpanStore store, SpanSearch search)
    {
        var found = new List<FoundTrace>();
        SearchCursor? cursor = null;
        do
        {
            var page = await store.SearchAsync(search with { Limit = 1000, Cursor = cursor }, Cancellation);
            found.AddRange(page.Traces);
            cursor = page.Next;
        }
        while (cursor is not null);
        return found;
    }
}
