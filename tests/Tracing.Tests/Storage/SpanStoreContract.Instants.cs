using Tracing.Storage;
using Tracing.Storage.TraceQl;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>More traces begin in one nanosecond than a search looks at at once.</summary>
public abstract partial class SpanStoreContract
{
    const int OfOneInstant = 66_000;

    [Fact]
    public async Task Traces_of_one_instant_are_searched_however_many_they_are()
    {
        var store = await StoreInstantAsync();
        var newest = await store.FindTracesAsync(AnyOfToday with { Limit = 5 }, Cancellation);
        Assert.Equal([(ulong)OfOneInstant + 1, 1, 2, 3, 4], newest.Select(trace => trace[0].TraceId.Low));

        var ofService = AnyOfToday with { ServiceName = "even", Limit = 3 };
        Assert.Equal([2ul, 4, 6],
            (await store.FindTracesAsync(ofService, Cancellation)).Select(trace => trace[0].TraceId.Low));
        Assert.Empty(await store.FindTracesAsync(ofService with { SpanName = "nothing" }, Cancellation));
        // what ends before it is found behind it
        var earlier = AnyOfToday with { ServiceName = "earlier", Limit = 3 };
        Assert.Equal((ulong)OfOneInstant + 2, Assert.Single(
            await store.FindTracesAsync(earlier, Cancellation))[0].TraceId.Low);

        await AssertPagedByIdAsync(store, SearchOrder.Newest, OfOneInstant + 1);
        await AssertPagedByIdAsync(store, SearchOrder.Oldest, OfOneInstant + 2);
    }

    static async Task AssertPagedByIdAsync(ISpanStore store, SearchOrder order, ulong first)
    {
        var search = new SpanSearch
        {
            Filter = SpanFilter.Parse("{ }"),
            StartUnixNano = Micros(-1_000_000),
            EndUnixNano = Micros(1_000_000),
            Order = order,
            Limit = 10,
        };
        var page = await store.SearchAsync(search, Cancellation);
        Assert.Equal([first, .. Enumerable.Range(1, 9).Select(id => (ulong)id)],
            page.Traces.Select(trace => trace.TraceId.Low));
        var next = await store.SearchAsync(search with { Cursor = page.Next }, Cancellation);
        Assert.Equal(Enumerable.Range(10, 10).Select(id => (ulong)id), next.Traces.Select(trace => trace.TraceId.Low));
    }

    async Task<ISpanStore> StoreInstantAsync()
    {
        var store = await OpenAsync();
        foreach (var chunk in Enumerable.Range(1, OfOneInstant).Chunk(11_000))
        {
            await StoreAsync(store, [.. chunk.Select(id =>
                Zipkin((ulong)id, id % 2 == 0 ? "even" : "odd", "get").At(0))]);
        }
        await StoreAsync(store, Zipkin(OfOneInstant + 1, "later", "get").At(10));
        await StoreAsync(store, Zipkin(OfOneInstant + 2, "earlier", "get").At(-10));
        return store;
    }
}
