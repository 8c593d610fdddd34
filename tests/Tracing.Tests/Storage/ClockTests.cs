using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.DuckDb;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>Nothing is deleted because of a clock that is wrong, nor kept for ever because of one that was.</summary>
public sealed class ClockTests : EmbeddedStoreTests
{
    static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    static readonly TimeSpan Jump = TimeSpan.FromDays(8);

    [Fact]
    public async Task A_clock_that_jumps_ahead_and_back_deletes_nothing()
    {
        var store = await FillAsync();
        Clock.Set(Jump);
        await PassAsync(store, Minute);
        Assert.Equal("1 2 3", await IdsAsync(store));
        Assert.StartsWith("The clock is 8.00:00 ahead of the time that passed while the server ran.",
            Assert.Single(await store.CheckAsync(Cancellation)), StringComparison.Ordinal);
        // nor after a restart
        await store.DisposeAsync();
        store = Open(new());
        await PassAsync(store, TimeSpan.FromHours(20));
        Assert.Equal("1 2 3", await IdsAsync(store));
        Clock.Set(-Jump);
        await PassAsync(store, Minute);
        Assert.Empty(await store.CheckAsync(Cancellation));
        await PassAsync(store, TimeSpan.FromDays(2));
        Assert.Equal("1 2 3", await IdsAsync(store));
        Assert.Empty(Log.Errors);
    }

    [Fact]
    public async Task After_an_outage_what_is_too_old_goes_within_a_day_of_running_restarts_or_not()
    {
        var store = await FillAsync();
        await store.DisposeAsync();
        Clock.Set(TimeSpan.FromDays(10));
        for (var hour = 0; hour < 24; hour += 6)
        {
            store = Open(new());
            await PassAsync(store, Minute);
            Assert.Equal("1 2 3", await IdsAsync(store));
            Assert.Single(await store.CheckAsync(Cancellation));
            await PassAsync(store, TimeSpan.FromHours(6));
            if (hour < 18)
                await store.DisposeAsync();
        }
        Assert.Equal("", await IdsAsync(store));
        Assert.Empty(await store.CheckAsync(Cancellation));
    }

    [Fact]
    public async Task A_jump_is_waited_out_as_long_as_it_is()
    {
        var store = await FillAsync();
        await PassAsync(store, TimeSpan.FromDays(7) - TimeSpan.FromHours(6));
        Clock.Set(TimeSpan.FromHours(5));
        await PassAsync(store, Minute);
        await PassAsync(store, TimeSpan.FromHours(4));
        Assert.Single(await store.CheckAsync(Cancellation));
        // another jump is another wait
        Clock.Set(TimeSpan.FromHours(5));
        await PassAsync(store, TimeSpan.FromHours(2));
        Assert.Single(await store.CheckAsync(Cancellation));
        await PassAsync(store, TimeSpan.FromHours(11));
        Assert.Empty(await store.CheckAsync(Cancellation));
    }

    [Fact]
    public async Task Whatever_the_clock_says_the_oldest_go_when_there_are_too_many_bytes()
    {
        var store = await FillAsync();
        await store.DisposeAsync();
        Clock.Set(Jump);
        store = Open(new() { MaxBytes = 1 });
        await PassAsync(store, Minute);
        Assert.Equal("", await IdsAsync(store));
    }

    [Fact]
    public async Task A_clock_that_jumps_thins_nothing_out_and_keeps_statistics()
    {
        var options = new DuckDbStoreOptions { SealSpans = 10, BaselineRate = 0, MinThinnedTraces = 1 };
        var store = Open(options);
        for (var n = 0; n < 10; n++)
            await StoreAsync(store, [.. Enumerable.Range((n * 10) + 1, 10).Select(id => Zipkin((ulong)id))]);
        await store.WhenSealedAsync();
        await store.WhenCountedAsync();
        var query = new SeriesQuery
        {
            Level = SeriesLevel.Service,
            StartMinute = Today / 60_000,
            EndMinute = (Today / 60_000) + 1,
            StepMinutes = 1,
        };
        Assert.Single(await store.GetSeriesAsync(query, Cancellation));
        Clock.Set(TimeSpan.FromDays(1000));
        await PassAsync(store, Minute);
        await PassAsync(store, Minute);
        Assert.Equal(100, store.Partitions.Sum(each => each.Spans));
        Assert.Single(await store.GetSeriesAsync(query, Cancellation));
    }

    [Fact]
    public async Task A_retention_that_would_drop_much_at_the_start_waits_for_an_hour()
    {
        var store = await FillAsync();
        await store.DisposeAsync();
        store = Open(new() { Retention = TimeSpan.FromHours(1) });
        await PassAsync(store, Minute);
        Assert.Equal("1 2 3", await IdsAsync(store));
        Assert.StartsWith("2 of 3 spans are older than the retention of 01:00:00",
            Assert.Single(await store.CheckAsync(Cancellation)), StringComparison.Ordinal);
        await PassAsync(store, TimeSpan.FromHours(1));
        Assert.DoesNotContain("1 2", await IdsAsync(store), StringComparison.Ordinal);
        Assert.Empty(await store.CheckAsync(Cancellation));
    }

    /// <summary>A store with three spans, each in a partition of its own and two hours apart.</summary>
    async Task<DuckDbSpanStore> FillAsync()
    {
        var store = Open(new());
        for (var n = 1ul; n <= 3; n++)
        {
            await StoreAsync(store, Zipkin(n));
            await PassAsync(store, TimeSpan.FromHours(2));
        }
        return store;
    }

    async Task PassAsync(DuckDbSpanStore store, TimeSpan time)
    {
        Clock.Advance(time);
        await store.WhenKeptUpAsync();
        await store.WhenSealedAsync();
        await store.WhenKeptUpAsync();
    }

    static async Task StoreAsync(DuckDbSpanStore store, params Span[] spans) =>
        Assert.Equal(AppendOutcome.Stored, await store.AppendAsync(Batch(spans), Cancellation));

    static async Task<string> IdsAsync(DuckDbSpanStore store) => (await store.GetTracesAsync(
        [.. Enumerable.Range(1, 3).Select(n => Trace((ulong)n))], true, Cancellation)).Ids();
}
