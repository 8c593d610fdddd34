using FsCheck.Fluent;
using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.DuckDb;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>What merging partitions and thinning them out leaves of what was stored.</summary>
public sealed class MergeTests : EmbeddedStoreTests
{
    static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    [Fact]
    public async Task Nothing_goes_within_the_hot_window()
    {
        var store = Open(new() { BaselineRate = 0, MinThinnedTraces = 1 });
        await StoreAsync(store, Alike(1, 200));
        await PassAsync(store, Hour);
        await PassAsync(store, Hour - TimeSpan.FromSeconds(1));
        Assert.Equal("00000001.duckdb 00000002.open.log", Files());
        Assert.Equal(200, (await TracesAsync(store)).Count);
        await PassAsync(store, TimeSpan.FromMinutes(1));
        Assert.Equal("00000001-00000001.duckdb 00000002.open.log", Files());
        Assert.Empty(await TracesAsync(store));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Traces_across_partitions_stay_whole_or_go(bool restart)
    {
        var twentyMinutes = TimeSpan.FromMinutes(20);
        var options = new DuckDbStoreOptions
        {
            BaselineRate = 0.3,
            MinThinnedTraces = 1,
            SealAge = twentyMinutes,
            MergeSpans = 1,
        };
        var store = Open(options);
        // pieces in three partitions, of which each is merged by itself, and some skip the one in the middle
        var roots = Alike(1, 400);
        var middles = roots.Where((_, i) => i % 2 == 0).Select(span => Child(span, 2)).ToArray();
        var ends = roots.Where((_, i) => i % 3 == 0).Select(span => Child(span, 3)).ToArray();
        await StoreAsync(store, roots);
        await PassAsync(store, twentyMinutes);
        await StoreAsync(store, middles);
        await PassAsync(store, twentyMinutes);
        await StoreAsync(store, ends);
        var whole = roots.Concat(middles).Concat(ends).GroupBy(span => span.TraceId)
            .ToDictionary(trace => trace.Key, trace => trace.ToList());
        Assert.Equal(400, await CheckAsync());
        var drawn = 0;
        // the first is merged after an hour and twenty minutes
        for (var i = 0; i < 6; i++)
        {
            if (restart)
            {
                await store.DisposeAsync();
                store = Open(options);
            }
            await PassAsync(store, twentyMinutes);
            Assert.Equal(Math.Min(i, 3), store.Partitions.Sum(partition => partition.Rewrites));
            drawn = await CheckAsync();
        }
        Assert.Equal(roots.Count(span => Tiers.IsDrawn(span.TraceId.Low, 0.3)), drawn);
        Assert.All(store.Partitions.SkipLast(1), partition => Assert.NotEqual(0, partition.Rewrites));
        Assert.Equal(whole.Values.Where(trace => Tiers.IsDrawn(trace[0].TraceId.Low, 0.3)).Sum(trace => trace.Count),
            store.Partitions.Sum(partition => partition.Spans));

        async Task<int> CheckAsync()
        {
            var byId = await store.GetTracesAsync([.. whole.Keys], true, Cancellation);
            Assert.All(byId, trace => Assert.Equal(whole[trace[0].TraceId], trace));
            var found = await store.FindTracesAsync(AnyOfToday with { Limit = 1000 }, Cancellation);
            Assert.Equal(byId.Count, found.Count);
            var few = await store.FindTracesAsync(AnyOfToday with { Limit = 10 }, Cancellation);
            Assert.Equal(10, few.Count);
            Assert.All(found.Concat(few), trace => Assert.Equal(whole[trace[0].TraceId], trace));
            var read = 0;
            await foreach (var trace in store.ReadTracesAsync(0, Today + 1000, Cancellation))
            {
                Assert.Equal(whole[trace[0].TraceId], trace);
                read++;
            }
            Assert.Equal(byId.Count, read);
            foreach (var order in Enum.GetValues<SearchOrder>())
            {
                var searched = await SearchAsync(store,
                    new() { StartUnixNano = 0, EndUnixNano = ulong.MaxValue, Order = order });
                Assert.Equal(byId.Count, searched.Count);
                Assert.All(searched, trace => Assert.Equal(whole[trace.TraceId].Count, trace.SpanCount));
            }
            return byId.Count;
        }
    }

    [Fact]
    public async Task A_trace_is_judged_by_spans_of_younger_partitions_too()
    {
        var store = Open(new() { BaselineRate = 0, MinThinnedTraces = 1 });
        var roots = Alike(1, 300);
        await StoreAsync(store, roots);
        await PassAsync(store, Hour);
        var failed = Child(roots[7], 2) with { Status = StatusCode.Error };
        await StoreAsync(store, failed);
        await PassAsync(store, Hour);
        Assert.Equal([roots[7], failed], Assert.Single(await TracesAsync(store)));
        Assert.Equal(new TraceKept(KeptReason.Error, 1), await store.GetKeptAsync(roots[7].TraceId, Cancellation));
    }

    [Fact]
    public async Task Late_spans_follow_their_trace_if_it_is_still_there()
    {
        var store = Open(new() { BaselineRate = 0.2, MinThinnedTraces = 1 });
        var roots = Alike(1, 300);
        await StoreAsync(store, roots);
        await PassAsync(store, Hour);
        await PassAsync(store, Hour);
        var kept = (await TracesAsync(store)).Select(trace => trace[0]).ToList();
        Assert.Equal(roots.Where(span => Tiers.IsDrawn(span.TraceId.Low, 0.2)).ToHashSet(), kept.ToHashSet());
        // of all traces, with enough of others that they are not rare
        await StoreAsync(store, [.. roots.Select(root => Child(root, 2)), .. Alike(1000, 300)]);
        Assert.All(await store.GetTracesAsync([.. kept.Select(span => span.TraceId)], true, Cancellation),
            trace => Assert.Equal([trace[0], Child(trace[0], 2)], trace));
        await PassAsync(store, Hour);
        await PassAsync(store, Hour);
        foreach (var trace in await SearchAsync(store, new() { StartUnixNano = 0, EndUnixNano = ulong.MaxValue }))
        {
            Assert.Equal(trace.TraceId.Low < 1000 ? 2 : 1, trace.SpanCount);
            Assert.Equal(new TraceKept(KeptReason.Baseline, 5), trace.Kept);
        }
    }

    [Fact]
    public async Task A_reader_finishes_with_what_was_there_when_it_began()
    {
        var store = Open(new() { BaselineRate = 0, MinThinnedTraces = 1 });
        await StoreAsync(store, Alike(1, 5000));
        await PassAsync(store, Hour);
        var read = 0;
        await foreach (var trace in store.ReadTracesAsync(0, Today + 1, Cancellation))
        {
            if (read++ > 0)
                continue;
            await PassAsync(store, Hour);
            Assert.Equal(0, store.Partitions[0].Spans);
            Assert.Contains("00000001.duckdb", Files(), StringComparison.Ordinal);
        }
        Assert.Equal(5000, read);
        Assert.DoesNotContain("00000001.duckdb", Files().Split(' '));
        Assert.Empty(await TracesAsync(store));
    }

    [Fact]
    public async Task Merging_other_layouts_keeps_every_field()
    {
        // parents too, before and behind their children
        static Span Numbered(Span span, int n) => span with
        {
            TraceId = new TraceId((ulong)(n % 5), (ulong)(n / 4)),
            SpanId = new SpanId((ulong)n + 1),
            ParentSpanId = new SpanId((ulong)(n % 3 == 0 ? 0 : n ^ 1) + (n % 3 == 0 ? 0ul : 1)),
        };
        // each partition has other attributes in columns, or none
        string[] keys = ["a", "b", "c"];
        Span[] spans =
        [
            .. SpanGen.Otlp.Sample(150, 40), .. ZipkinSpanGen.Zipkin.Sample(150, 40),
            .. Enumerable.Range(0, 900).Select(n => Otlp(1).With(
                [new($"{keys[n / 300]}1", new(n)), Tag($"{keys[n / 300]}2", $"text {n % 7}"), new("x", new(n / 7.0))])),
        ];
        spans = [.. spans.Select(Numbered)];
        var store = Open(new() { BaselineRate = 1, SealSpans = 150, MergeSpans = spans.Length });
        foreach (var chunk in spans.Chunk(150))
        {
            await StoreAsync(store, chunk);
            await store.WhenSealedAsync();
        }
        var before = await ReadAllAsync(store);
        Assert.Equal(spans.ToHashSet(), before.SelectMany(trace => trace).ToHashSet());
        Assert.True(store.Partitions.Count >= 7);
        await PassAsync(store, Hour);
        await PassAsync(store, Hour);
        Assert.Equal([1, 0], store.Partitions.Select(partition => partition.Rewrites));
        Assert.Equal(before, await ReadAllAsync(store));
        await store.DisposeAsync();
        Assert.Equal(before, await ReadAllAsync(Open(new())));
    }

    [Fact]
    public async Task Tiny_partitions_that_are_merged_at_once_lose_nothing_and_repeat_nothing()
    {
        var store = Open(new() { SealSpans = 5, HotWindow = TimeSpan.Zero, MergeSpans = 10 });
        for (var n = 1; n <= 40; n++)
        {
            await StoreAsync(store, [.. Enumerable.Range(0, 10).Select(i =>
                Otlp((ulong)((n + i) % 50) + 1, id: (ulong)((n * 10) + i)).With(Tag($"key{n % 9}", "x")))]);
        }
        await store.WhenSealedAsync();
        await PassAsync(store, TimeSpan.FromMinutes(2));
        Assert.Equal(400, store.Partitions.Sum(partition => partition.Spans));
        // how often depends on what is sealed when
        Assert.Contains(store.Partitions, partition => partition.Rewrites > 0);
        var found = await SearchAsync(store, new() { StartUnixNano = 0, EndUnixNano = ulong.MaxValue });
        Assert.Equal(400, found.Sum(trace => trace.SpanCount));
    }

    [Fact]
    public async Task Pages_go_on_across_a_merge()
    {
        var options = new DuckDbStoreOptions { BaselineRate = 1, SealSpans = 10, MergeSpans = 20 };
        var store = Open(options);
        // at few different times, so that the order stored decides
        for (var n = 1; n <= 60; n++)
        {
            await StoreAsync(store, Zipkin((ulong)((n * 37 % 61) + 1)).At(n % 4, (n % 5) + 1));
            // else a partition may grow while another is sealed
            await store.WhenSealedAsync();
        }
        await PassAsync(store, TimeSpan.Zero);
        var searches = Enum.GetValues<SearchOrder>().Select(order => new SpanSearch
        {
            StartUnixNano = 0,
            EndUnixNano = ulong.MaxValue,
            Order = order,
            Limit = 9,
        }).ToList();
        var all = new List<List<TraceId>>();
        var firsts = new List<SearchPage>();
        foreach (var search in searches)
        {
            all.Add([.. (await SearchAsync(store, search with { Limit = 100 })).Select(trace => trace.TraceId)]);
            firsts.Add(await store.SearchAsync(search, Cancellation));
        }
        var found = (await store.FindTracesAsync(AnyOfToday, Cancellation)).Ids();
        // within the partition that the pages' snapshot is in, too
        await StoreAsync(store, [.. Enumerable.Range(100, 30).Select(n => Zipkin((ulong)n).At(n % 4, 9))]);
        await StoreAsync(store, Zipkin(200).At(9_000_000));
        await PassAsync(store, Hour);
        await PassAsync(store, Hour);
        // of what is left, one alone is not written again
        Assert.All(store.Partitions.SkipLast(2), partition => Assert.NotEqual(0, partition.Rewrites));
        for (var i = 0; i < searches.Count; i++)
        {
            var ids = new List<TraceId>();
            for (var page = firsts[i]; ; page = await store.SearchAsync(
                searches[i] with { Cursor = page.Next }, Cancellation))
            {
                ids.AddRange(page.Traces.Select(trace => trace.TraceId));
                if (page.Next is null)
                    break;
            }
            Assert.Equal(all[i], ids);
        }
        var later = (await store.FindTracesAsync(AnyOfToday, Cancellation)).Ids().Split(' ');
        Assert.Equal(found, string.Join(' ', later.Where(id => found.Split(' ').Contains(id))));
    }

    [Fact]
    public async Task Files_stay_few_and_spans_are_written_three_times_at_most()
    {
        var store = Open(new() { BaselineRate = 1, Retention = TimeSpan.FromDays(365) });
        for (var n = 1; n <= 132; n++)
        {
            await StoreAsync(store, Zipkin((ulong)n));
            await PassAsync(store, Hour);
        }
        // two hours at first, then sixteen, then 128
        Assert.Equal("3 1 0 0 0", string.Join(' ', store.Partitions.Select(each => each.Rewrites)));
        Assert.Equal(132, (await store.FindTracesAsync(AnyOfToday with { Limit = 1000 }, Cancellation)).Count);
    }

    new DuckDbSpanStore Open(DuckDbStoreOptions options) => base.Open(options with { KeepsExemplars = false });

    /// <summary>Lets time pass; returns when all that is due then is done.</summary>
    async Task PassAsync(DuckDbSpanStore store, TimeSpan time)
    {
        Clock.Advance(time);
        await store.WhenKeptUpAsync();
        await store.WhenSealedAsync();
        await store.WhenKeptUpAsync();
        Assert.True(Log.Errors.IsEmpty, string.Join('\n', Log.Errors));
    }

    static async Task StoreAsync(DuckDbSpanStore store, params Span[] spans) =>
        Assert.Equal(AppendOutcome.Stored, await store.AppendAsync(Batch(spans), Cancellation));

    /// <summary>Traces of one span, that nothing speaks for.</summary>
    static Span[] Alike(int first, int count) => [.. Enumerable.Range(first, count).Select(n => Zipkin((ulong)n))];

    static Span Child(Span root, ulong id) => root with { SpanId = new SpanId(id), ParentSpanId = root.SpanId };

    static async Task<IReadOnlyList<IReadOnlyList<Span>>> TracesAsync(DuckDbSpanStore store) =>
        await store.FindTracesAsync(AnyOfToday with { Limit = 100_000 }, Cancellation);

    /// <summary>All pages.</summary>
    static async Task<List<FoundTrace>> SearchAsync(DuckDbSpanStore store, SpanSearch search)
    {
        var found = new List<FoundTrace>();
        SearchCursor? cursor = null;
        do
        {
            var page = await store.SearchAsync(
                search with { Limit = Math.Max(search.Limit, 1000), Cursor = cursor }, Cancellation);
            found.AddRange(page.Traces);
            cursor = page.Next;
        }
        while (cursor is not null);
        return found;
    }

    /// <summary>Every span, whatever its time: by the ids that numbered ones have.</summary>
    static async Task<IReadOnlyList<IReadOnlyList<Span>>> ReadAllAsync(DuckDbSpanStore store)
    {
        var ids = Enumerable.Range(0, 400).SelectMany(low => Enumerable.Range(0, 5)
            .Select(high => new TraceId((ulong)high, (ulong)low))).ToList();
        return await store.GetTracesAsync(ids, true, Cancellation);
    }
}
