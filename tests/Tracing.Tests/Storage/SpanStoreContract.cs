using FsCheck;
using FsCheck.Fluent;
using Tracing.Model;
using Tracing.Storage;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>What every store must do. A store's tests derive from it and say how one is opened.</summary>
public abstract partial class SpanStoreContract : IAsyncLifetime
{
    readonly List<ISpanStore> _opened = [];

    private protected TestClock Clock { get; } = new();

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Opens the store of this test, with what an earlier one of it has left.</summary>
    private protected abstract ValueTask<ISpanStore> OpenAsync(StoreSetup setup);

    /// <summary>Lets time pass; returns when all that is due then is done.</summary>
    private protected abstract Task PassAsync(ISpanStore store, TimeSpan time);

    public abstract ValueTask InitializeAsync();

    public virtual async ValueTask DisposeAsync()
    {
        foreach (var store in _opened)
            await store.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected async Task<ISpanStore> OpenAsync(params string[] autocompleteKeys) =>
        await OpenWithAsync(new StoreSetup { AutocompleteKeys = autocompleteKeys });

    private protected async Task<ISpanStore> OpenWithAsync(StoreSetup setup)
    {
        var store = await OpenAsync(setup);
        _opened.Add(store);
        return store;
    }

    private protected async Task<ISpanStore> ReopenAsync(ISpanStore store, params string[] autocompleteKeys)
    {
        await store.DisposeAsync();
        return await OpenAsync(autocompleteKeys);
    }

    private protected async Task<ISpanStore> StoreAsync(params Span[] spans)
    {
        var store = await OpenAsync();
        foreach (var span in spans)
            await StoreAsync(store, span);
        return store;
    }

    private protected static async Task StoreAsync(ISpanStore store, params Span[] spans) =>
        Assert.Equal(AppendOutcome.Stored, await store.AppendAsync(Batch(spans), Cancellation));

    private protected static async Task<IReadOnlyList<Span>> GetAsync(ISpanStore store, TraceId id, bool strict = true)
    {
        var traces = await store.GetTracesAsync([id], strict, Cancellation);
        return traces.Count == 0 ? [] : Assert.Single(traces);
    }

    private protected static async Task<List<IReadOnlyList<Span>>> ReadAsync(ISpanStore store, long start, long end)
    {
        var traces = new List<IReadOnlyList<Span>>();
        await foreach (var trace in store.ReadTracesAsync(start, end, Cancellation))
            traces.Add(trace);
        return traces;
    }

    [Fact]
    public async Task Any_otlp_spans_come_back_unchanged() => await RoundTripAsync(SpanGen.Otlp);

    [Fact]
    public async Task Any_zipkin_spans_come_back_unchanged() => await RoundTripAsync(ZipkinSpanGen.Zipkin);

    async Task RoundTripAsync(Gen<Span> gen)
    {
        var spans = gen.Sample(300, 50).DistinctBy(span => span.TraceId).ToArray();
        var store = await OpenAsync();
        foreach (var chunk in spans.Chunk(70))
            await StoreAsync(store, chunk);
        await CheckAsync(store);
        await CheckAsync(await ReopenAsync(store));

        async Task CheckAsync(ISpanStore from)
        {
            var ids = spans.Select(span => span.TraceId).ToList();
            var traces = await from.GetTracesAsync(ids, true, Cancellation);
            Assert.Equal(spans, traces.Select(Assert.Single));
        }
    }

    [Fact]
    public async Task Attributes_keep_order_and_type()
    {
        KeyValue[] attributes =
        [
            Tag("z", "1"), new("a", new(1)), new("m", new(1.0)), new("b", new(true)), new("nan", new(double.NaN)),
            new("payload", new(BitConverter.UInt64BitsToDouble(0x7ff8_0000_0000_0001))), new("zero", new(-0.0)),
            new("array", new([new AttributeValue("x"), new AttributeValue(2)])), new("empty", default),
            new("bytes", new([1, 2, 3])), Tag("", ""), Tag("text", "a\0b"), Tag("nul\0", "\0"), Tag("1", "ü漢😀"),
        ];
        var span = Otlp(1).With(attributes);
        var store = await StoreAsync(span);
        Assert.Equal([span], await GetAsync(store, span.TraceId));
    }

    [Fact]
    public async Task Many_attributes_and_long_text_come_back()
    {
        var spans = Enumerable.Range(1, 5000).Select(n => Otlp((ulong)n).With(
            [.. Enumerable.Range(0, n % 40).Select(i => Tag($"key{i}", new string('x', n % 100)))])).ToArray();
        var huge = Otlp(9000, name: new string('n', 3_000_000));
        var store = await OpenAsync();
        await StoreAsync(store, spans);
        await StoreAsync(store, huge);
        var ids = spans.Select(span => span.TraceId).ToList();
        Assert.Equal(spans, (await store.GetTracesAsync(ids, true, Cancellation)).Select(Assert.Single));
        Assert.Equal([huge], await GetAsync(store, huge.TraceId));
    }

    [Fact]
    public async Task Empty_endpoint_and_no_endpoint_differ()
    {
        var none = Zipkin(1) with { LocalEndpoint = null, RemoteEndpoint = new Endpoint() };
        var empty = Zipkin(2) with { LocalEndpoint = new Endpoint { Port = 80 }, RemoteEndpoint = null };
        var store = await StoreAsync(none, empty);
        Assert.Equal([none], await GetAsync(store, none.TraceId));
        Assert.Equal([empty], await GetAsync(store, empty.TraceId));
        Assert.Empty(await store.GetServiceNamesAsync(Cancellation));
    }

    [Fact]
    public async Task Lone_surrogates_are_replaced()
    {
        var store = await OpenAsync();
        await StoreAsync(store, Otlp(1, name: "a\ud800b").With(Tag("k\udc00", "v\ud800")), Otlp(2));
        var span = Assert.Single(await GetAsync(store, Trace(1)));
        Assert.Equal("a\ufffdb", span.Name);
        Assert.Equal([Tag("k\ufffd", "v\ufffd")], span.Attributes);
        Assert.Single(await GetAsync(store, Trace(2)));
    }

    [Fact]
    public async Task Spans_of_a_trace_come_in_the_order_stored()
    {
        var spans = Enumerable.Range(1, 20).Select(n => Zipkin(1, id: (ulong)(21 - n)).At(-n)).ToArray();
        var store = await StoreAsync(spans);
        Assert.Equal(spans, await GetAsync(store, Trace(1)));
        store = await ReopenAsync(store);
        var last = Zipkin(1, id: 99).At(-1000);
        await StoreAsync(store, last);
        Assert.Equal([.. spans, last], await GetAsync(store, Trace(1)));
    }

    [Fact]
    public async Task Identical_spans_come_once()
    {
        var span = Otlp(1);
        var other = span with { Status = StatusCode.Error };
        var store = await StoreAsync(span, other, span);
        Assert.Equal([span, other], await GetAsync(store, span.TraceId));
        Assert.Equal([span, other], Assert.Single(await store.FindTracesAsync(AnyOfToday, Cancellation)));
        Assert.Equal([span, other], Assert.Single(await ReadAsync(store, Today, Today)));
    }

    [Fact]
    public async Task Traces_come_in_the_order_asked_without_unknown_ones()
    {
        var store = await StoreAsync(Zipkin(1), Zipkin(2), Zipkin(3));
        var traces = await store.GetTracesAsync([Trace(3), Trace(9), Trace(1), Trace(3)], true, Cancellation);
        Assert.Equal("3 1", traces.Ids());
        Assert.Empty(await store.GetTracesAsync([], true, Cancellation));
        Assert.Empty(await store.GetTracesAsync([Trace(9)], false, Cancellation));
    }

    [Fact]
    public async Task Strict_ids_are_apart_by_their_high_half()
    {
        var a = Zipkin(7);
        var b = Zipkin(7, id: 2) with { TraceId = Trace(7, 1) };
        var store = await StoreAsync(a, b);
        Assert.Equal([a], await GetAsync(store, a.TraceId));
        Assert.Equal([b], await GetAsync(store, b.TraceId));
        Assert.Empty(await GetAsync(store, Trace(7, 2)));
        Assert.Equal([a, b], await GetAsync(store, Trace(7, 2), strict: false));
        Assert.Equal([a, b], Assert.Single(
            await store.GetTracesAsync([a.TraceId, b.TraceId], false, Cancellation)));
        Assert.Equal(2, (await store.FindTracesAsync(AnyOfToday, Cancellation)).Count);
        Assert.Equal([a, b], Assert.Single(
            await store.FindTracesAsync(AnyOfToday with { StrictTraceId = false }, Cancellation)));
    }

    [Fact]
    public async Task Reading_groups_by_low_half_within_the_window()
    {
        var before = Zipkin(1).At(-1);
        var first = Zipkin(2).At(0);
        var late = Zipkin(2, id: 2).At(5_000_000) with { TraceId = Trace(2, 1) };
        var last = Zipkin(3).At(1_000_000);
        var after = Zipkin(4).At(1_000_001);
        var timeless = Zipkin(5) with { StartUnixNano = 0, EndUnixNano = 0 };
        var store = await StoreAsync(before, first, last, after, timeless, late);
        var traces = await ReadAsync(store, Today, Today + 1000);
        Assert.Equal([first, late], traces.Single(trace => trace[0] == first));
        Assert.Equal([last], traces.Single(trace => trace[0] == last));
        Assert.Equal(2, traces.Count);
        Assert.Equal(4, (await ReadAsync(store, long.MinValue, long.MaxValue)).Count);
        Assert.Empty(await ReadAsync(store, Today + 1, Today));
    }

    [Fact]
    public async Task Reading_may_be_left_early()
    {
        var store = await StoreAsync(Zipkin(1), Zipkin(2), Zipkin(3));
        await foreach (var trace in store.ReadTracesAsync(0, long.MaxValue, Cancellation))
        {
            Assert.Single(trace);
            break;
        }
    }
}

/// <summary>What tests choose of a store's options.</summary>
sealed record StoreSetup
{
    public string[] AutocompleteKeys { get; init; } = [];

    public int MaxQueuedSpans { get; init; } = 100_000;

    public TimeSpan HotWindow { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Share of the traces that are kept after the hot window.</summary>
    public double BaselineRate { get; init; } = 1;

    public int MinThinnedTraces { get; init; } = 1;
}
