using Tracing.Storage;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

public abstract partial class SpanStoreContract
{
    [Theory]
    [InlineData(24)]
    [InlineData(-24)]
    [InlineData(24 * 365 * 60)]
    [InlineData(-24 * 365 * 50)]
    public async Task A_clock_that_is_set_makes_no_body_forgotten(int hours)
    {
        var store = await OpenAsync();
        await StoreAsync(store, 5);
        Clock.Set(TimeSpan.FromHours(hours));
        await StoreAsync(store, 6);
        await AssertKnownAsync(store, 5, 6);
        Clock.Set(-TimeSpan.FromHours(hours));
        await StoreAsync(store, 7);
        await AssertKnownAsync(store, 5, 6, 7);
        Assert.Equal(3, (await store.FindTracesAsync(AnyOfToday, Cancellation)).Count);
    }

    [Theory]
    [InlineData(24)]
    [InlineData(-24)]
    public async Task A_body_is_known_by_a_store_opened_under_another_clock(int hours)
    {
        var store = await OpenAsync();
        await StoreAsync(store, 5);
        Clock.Set(TimeSpan.FromHours(hours));
        store = await ReopenAsync(store);
        await AssertKnownAsync(store, 5);
        await StoreAsync(store, 6);
        Clock.Set(TimeSpan.FromHours(-hours));
        store = await ReopenAsync(store);
        await AssertKnownAsync(store, 6);
    }

    [Theory]
    [InlineData(24)]
    [InlineData(-24)]
    public async Task A_body_is_forgotten_in_time_whatever_the_clock_says(int hours)
    {
        var store = await OpenAsync();
        await StoreAsync(store, 5);
        Clock.Set(TimeSpan.FromHours(hours));
        Clock.Advance(TimeSpan.FromMinutes(11));
        Assert.Equal(AppendOutcome.Stored, await store.AppendAsync(Batch(5, Zipkin(5, id: 2)), Cancellation));
    }

    static async Task StoreAsync(ISpanStore store, ulong body) => Assert.Equal(
        AppendOutcome.Stored, await store.AppendAsync(Batch(body, Zipkin(body)), Cancellation));

    static async Task AssertKnownAsync(ISpanStore store, params ulong[] bodies)
    {
        foreach (var body in bodies)
        {
            Assert.Equal(
                AppendOutcome.AlreadyStored, await store.AppendAsync(Batch(body, Zipkin(99)), Cancellation));
        }
    }
}
