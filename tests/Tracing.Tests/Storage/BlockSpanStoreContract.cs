using Tracing.Storage;
using Tracing.Storage.Engine;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>The contract on the engine, whatever its tables are.</summary>
public abstract class BlockSpanStoreContract : SpanStoreContract
{
    private protected override async Task PassAsync(ISpanStore store, TimeSpan time)
    {
        Clock.Advance(time);
        foreach (var each in Stores(store))
            await each.CountNowAsync(Cancellation);
        // nothing is done the first time, and the last time all hear of it
        for (var i = 0; i < 3; i++)
        {
            foreach (var each in Stores(store))
                await each.CompactNowAsync(Cancellation);
        }
    }

    [Fact]
    public async Task A_question_counts_each_span_once_while_they_are_flushed()
    {
        var store = await OpenAsync();
        using var stop = new CancellationTokenSource();
        var flushes = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                foreach (var each in Stores(store))
                    await each.CountNowAsync(Cancellation);
            }
        }, Cancellation);
        for (var n = 1UL; n <= 60; n++)
        {
            await store.AppendAsync(Batch(n, Otlp(n), Otlp(n, "web", "call", 2)), Cancellation);
            foreach (var level in new[] { SeriesLevel.Service, SeriesLevel.Operation })
                Assert.Equal(2 * n, await CountedAsync(store, level));
        }
        await stop.CancelAsync();
        await flushes;
        Assert.Equal(120UL, await CountedAsync(store, SeriesLevel.Service));
    }

    [Fact]
    public async Task Statistics_are_the_same_before_and_after_they_are_flushed()
    {
        var store = await OpenAsync();
        foreach (var request in SomeLoad(seed: 21, count: 300).Chunk(20))
            await StoreAsync(store, request);
        var before = await TextsAsync();
        await PassAsync(store, TimeSpan.FromMinutes(2));
        Assert.Equal(before, await TextsAsync());
        store = await ReopenAsync(store);
        Assert.Equal(before, await TextsAsync());

        async Task<List<string>> TextsAsync()
        {
            var texts = new List<string>();
            foreach (var step in new[] { 0, 1, 60 })
            {
                texts.AddRange((await store.GetSeriesAsync(All() with { StepMinutes = step }, Cancellation))
                    .Select(Text));
            }
            return texts;
        }
    }

    private protected virtual IEnumerable<BlockSpanStore> Stores(ISpanStore store) => [(BlockSpanStore)store];

    /// <summary>What kinds of tests choose of the options.</summary>
    private protected virtual EngineOptions Adapt(EngineOptions options) => options;

    private protected T With<T>(T options, StoreSetup setup) where T : EngineOptions => (T)Adapt(options with
    {
        AutocompleteKeys = setup.AutocompleteKeys,
        MaxQueuedSpans = setup.MaxQueuedSpans,
        GroupDelay = TimeSpan.Zero,
        HotWindow = setup.HotWindow,
        BaselineRate = setup.BaselineRate,
        MinThinnedTraces = setup.MinThinnedTraces,
        KeepsExemplars = false,
        // groups have the times of the system, as several stores write at once; and time passes, but is not set
        ClockError = () => new TimeSpan(Clock.GetTimestamp()),
        // spans of a trace lie hours apart in tests, and there are few
        TraceSpread = TimeSpan.FromHours(5),
    });
}
