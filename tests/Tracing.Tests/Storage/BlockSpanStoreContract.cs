using Tracing.Storage;
using Tracing.Storage.Engine;

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
