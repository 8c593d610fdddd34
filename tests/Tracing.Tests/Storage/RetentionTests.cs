using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.DuckDb;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>What goes as time goes by, and what stays.</summary>
public sealed class RetentionTests : EmbeddedStoreTests
{
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
        // the first was closed an hour after its begin
        await PassAsync(store, TimeSpan.FromHours(47) - TimeSpan.FromSeconds(1));
        Assert.Equal("1 2 3", await IdsAsync(store));
        await PassAsync(store, TimeSpan.FromMinutes(1));
        Assert.Equal("2 3", await IdsAsync(store));
        await PassAsync(store, TimeSpan.FromHours(1));
        Assert.Equal("3", await IdsAsync(store));
        await PassAsync(store, TimeSpan.FromDays(2));
        Assert.Equal("", await IdsAsync(store));
        Assert.Equal("00000004.open.log", Files());
    }

    [Fact]
    public async Task A_restart_does_not_make_partitions_younger()
    {
        var store = Open(new());
        for (var n = 1ul; n <= 3; n++)
        {
            await StoreAsync(store, Zipkin(n));
            await PassAsync(store, TimeSpan.FromDays(1));
            await store.DisposeAsync();
            store = Open(new());
        }
        await PassAsync(store, TimeSpan.FromDays(5) - TimeSpan.FromSeconds(1));
        Assert.Equal("1 2 3", await IdsAsync(store));
        await PassAsync(store, TimeSpan.FromMinutes(1));
        Assert.Equal("2 3", await IdsAsync(store));
    }

    [Fact]
    public async Task A_quiet_store_seals_what_it_has()
    {
        var store = Open(new());
        await StoreAsync(store, Zipkin(1));
        await PassAsync(store, TimeSpan.FromMinutes(59));
        Assert.Equal("00000001.open.log", Files());
        await PassAsync(store, TimeSpan.FromMinutes(1));
        Assert.Equal("00000001.duckdb 00000002.open.log", Files());
        // and makes no partitions of nothing
        await PassAsync(store, TimeSpan.FromDays(1));
        Assert.Equal("00000001-00000001.duckdb 00000002.open.log", Files());
    }

    [Fact]
    public async Task The_oldest_go_when_there_are_too_many_bytes()
    {
        var store = Open(new());
        for (var n = 1ul; n <= 5; n++)
        {
            await StoreAsync(store, Zipkin(n));
            await PassAsync(store, TimeSpan.FromHours(1));
        }
        await StoreAsync(store, Zipkin(6));
        await store.WhenSealedAsync();
        Assert.Equal("1 2 3 4 5 6", await IdsAsync(store));
        var bytes = store.Partitions.Select(each => each.Bytes).ToList();
        await store.DisposeAsync();
        // what exceeds it by a byte goes, and no more
        store = Open(new() { MaxBytes = bytes.Sum() - bytes[0] });
        await PassAsync(store, TimeSpan.FromMinutes(1));
        Assert.Equal("2 3 4 5 6", await IdsAsync(store));
        await store.DisposeAsync();
        store = Open(new() { MaxBytes = bytes.Sum() - bytes[0] - 1 });
        await PassAsync(store, TimeSpan.FromMinutes(1));
        Assert.Equal("3 4 5 6", await IdsAsync(store));
        await store.DisposeAsync();
        // the partition that takes appends stays, however large it is
        store = Open(new() { MaxBytes = 1 });
        await PassAsync(store, TimeSpan.FromMinutes(1));
        Assert.Equal("6", await IdsAsync(store));
    }

    [Fact]
    public async Task A_reader_finishes_with_what_goes_meanwhile()
    {
        var store = Open(new());
        await StoreAsync(store, [.. Enumerable.Range(1, 5000).Select(n => Zipkin((ulong)n))]);
        await PassAsync(store, TimeSpan.FromHours(1));
        var read = 0;
        await foreach (var trace in store.ReadTracesAsync(0, Today + 1, Cancellation))
        {
            if (read++ > 0)
                continue;
            await PassAsync(store, TimeSpan.FromDays(7));
            Assert.Single(store.Partitions);
            Assert.Contains("00000001.duckdb", Files(), StringComparison.Ordinal);
        }
        Assert.Equal(5000, read);
        Assert.Equal("00000002.open.log", Files());
    }

    /// <summary>Lets time pass; returns when all that is due then is done.</summary>
    async Task PassAsync(DuckDbSpanStore store, TimeSpan time)
    {
        Clock.Advance(time);
        await store.WhenKeptUpAsync();
        await store.WhenSealedAsync();
    }

    static async Task StoreAsync(DuckDbSpanStore store, params Span[] spans) =>
        Assert.Equal(AppendOutcome.Stored, await store.AppendAsync(Batch(spans), Cancellation));

    static async Task<string> IdsAsync(DuckDbSpanStore store)
    {
        var ids = Enumerable.Range(1, 10).Select(n => Trace((ulong)n)).ToList();
        return (await store.GetTracesAsync(ids, true, Cancellation)).Ids();
    }
}
