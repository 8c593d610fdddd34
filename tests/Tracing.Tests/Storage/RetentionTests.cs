using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.Engine;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>What goes as time goes by, and what stays.</summary>
public sealed class RetentionTests : EmbeddedStoreTests
{
    static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task Spans_go_by_when_they_were_stored_whatever_their_times()
    {
        var store = Open(new() { Retention = TimeSpan.FromDays(2) });
        // of the future, of the distant past, of now
        await StoreAsync(store, Zipkin(1).At(3_000_000_000_000));
        await PassAsync(store, TimeSpan.FromHours(1));
        await StoreAsync(store, Zipkin(2).At(-3_000_000_000_000));
        await PassAsync(store, TimeSpan.FromHours(1));
        await StoreAsync(store, Zipkin(3).At(0));
        await PassAsync(store, TimeSpan.FromHours(46) - Minute);
        Assert.Equal("1 2 3", await IdsAsync(store));
        Assert.Equal("1 3 2", (await FindAsync(store)).Ids());
        await PassAsync(store, TimeSpan.FromMinutes(10));
        Assert.Equal("2 3", await IdsAsync(store));
        Assert.Equal("3 2", (await FindAsync(store)).Ids());
        await PassAsync(store, TimeSpan.FromHours(1));
        Assert.Equal("3", await IdsAsync(store));
        await PassAsync(store, TimeSpan.FromDays(2));
        Assert.Equal("", await IdsAsync(store));
        Assert.Empty(await FindAsync(store));
        Assert.Empty(await store.GetServiceNamesAsync(Cancellation));
    }

    [Fact]
    public async Task A_restart_does_not_make_spans_younger()
    {
        var store = Open();
        for (var n = 1ul; n <= 3; n++)
        {
            await StoreAsync(store, Zipkin(n));
            await PassAsync(store, TimeSpan.FromDays(1));
            await store.DisposeAsync();
            store = Open();
        }
        await PassAsync(store, TimeSpan.FromDays(4) - Minute);
        Assert.Equal("1 2 3", await IdsAsync(store));
        await PassAsync(store, TimeSpan.FromMinutes(10));
        Assert.Equal("2 3", await IdsAsync(store));
    }

    [Fact]
    public async Task After_an_outage_what_is_too_old_goes_within_a_day_of_running_restarts_or_not()
    {
        var store = Open();
        await StoreAsync(store, Zipkin(1));
        await store.DisposeAsync();
        Clock.Set(TimeSpan.FromDays(10));
        for (var hour = 0; hour < 24; hour += 6)
        {
            store = Open();
            await PassAsync(store, Minute);
            if (hour == 0)
                await StoreAsync(store, Zipkin(2));
            Assert.Equal("1 2", await IdsAsync(store));
            await PassAsync(store, TimeSpan.FromHours(6));
            await store.DisposeAsync();
        }
        // what came after the outage has its time before it
        store = Open();
        Assert.Equal("2", await IdsAsync(store));
        await PassAsync(store, TimeSpan.FromDays(5));
        Assert.Equal("2", await IdsAsync(store));
        await PassAsync(store, TimeSpan.FromDays(1.1));
        Assert.Equal("", await IdsAsync(store));
    }

    [Theory]
    [InlineData(0)]
    // whatever the clock says
    [InlineData(24 * 8)]
    [InlineData(-24 * 8)]
    public async Task The_oldest_go_when_there_are_too_many_bytes_and_latencies_stay(int jumpHours)
    {
        const int Most = 10 << 20;

        var store = Open(new() { MaxBytes = Most });
        var random = new Random(1);
        for (var n = 1ul; n <= 20; n++)
        {
            await StoreAsync(store, Large(random, n));
            await PassAsync(store, TimeSpan.FromHours(1));
            Assert.InRange(Size(), 0, Most);
        }
        Clock.Set(TimeSpan.FromHours(jumpHours));
        await PassAsync(store, Minute);
        var ids = await IdsAsync(store);
        Assert.EndsWith(" e f 10 11 12 13 14", " " + ids, StringComparison.Ordinal);
        Assert.DoesNotContain("1", ids.Split(' '));
        Assert.Equal(ids.Split(' ').Reverse(), (await FindAsync(store)).Ids().Split(' '));
        Assert.DoesNotContain(await store.CheckAsync(Cancellation), IsOfSize);
        await store.DisposeAsync();
        Assert.InRange(Size(), 0, Most);
        // with more room nothing comes back
        store = Open();
        Assert.Equal(ids, await IdsAsync(store));
        Assert.Equal(ids.Split(' ').Length, (await FindAsync(store)).Count);
        Assert.Equal(20ul, (await store.GetSeriesAsync(new()
        {
            Level = SeriesLevel.Service,
            StartMinute = 0,
            EndMinute = long.MaxValue / 2,
        }, Cancellation)).Aggregate(0ul, (sum, point) => sum + point.Latencies.Count));
        await StoreAsync(store, Large(random, 1, id: 2));
        Assert.Equal("1 " + ids, await IdsAsync(store));
    }

    [Fact]
    public async Task What_was_only_just_stored_stays_however_large_it_is()
    {
        var store = Open(new() { MaxBytes = 1 });
        await StoreAsync(store, Large(new(1), 1));
        await PassAsync(store, TimeSpan.FromMinutes(8));
        await StoreAsync(store, Large(new(2), 2));
        await PassAsync(store, Minute);
        Assert.Equal("1 2", await IdsAsync(store));
        Assert.Contains(await store.CheckAsync(Cancellation), IsOfSize);
        await PassAsync(store, TimeSpan.FromMinutes(8));
        Assert.Equal("2", await IdsAsync(store));
    }

    static bool IsOfSize(string warning) => warning.Contains("bytes, more than the", StringComparison.Ordinal);

    /// <summary>A span of a mebibyte that does not compress.</summary>
    static Span Large(Random random, ulong trace, ulong id = 1)
    {
        var bytes = new byte[512 << 10];
        random.NextBytes(bytes);
        return Zipkin(trace, id: id).At((long)trace).With(Tag("text", Convert.ToHexString(bytes)));
    }

    long Size() => Directory.EnumerateFiles(Folder.Path).Sum(file => new FileInfo(file).Length);

    static Task<IReadOnlyList<IReadOnlyList<Span>>> FindAsync(BlockSpanStore store) => store.FindTracesAsync(
        AnyOfToday with { EndMillis = long.MaxValue / 2, LookbackMillis = long.MaxValue / 2 }, Cancellation);
}
