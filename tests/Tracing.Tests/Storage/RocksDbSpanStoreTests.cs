using Tracing.Storage;
using Tracing.Storage.Engine;
using Tracing.Storage.RocksDb;
using Tracing.Storage.Tables;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>The contract on the engine in a folder.</summary>
public abstract class RocksDbSpanStoreContract : BlockSpanStoreContract
{
    private protected TemporaryFolder Folder { get; } = new();

    public override ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Folder.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected override ValueTask<ISpanStore> OpenAsync(StoreSetup setup) => new(RocksDbSpanStore.Open(
        With(new RocksDbStoreOptions { Path = Folder.Path, TablesTime = TimeProvider.System }, setup), Clock));
}

/// <summary>The contract with blocks as they mostly are, and what a process that died has left.</summary>
public sealed class RocksDbSpanStoreTests : RocksDbSpanStoreContract
{
    [Fact]
    public async Task A_body_of_a_process_that_died_is_stored_without_waiting()
    {
        const long Dead = 7;
        const long Group = 8;
        await using (var tables = RocksDbTables.Open(Folder.Path, TimeProvider.System))
        {
            byte[] body = [(byte)ClaimKind.Body, .. new byte[15], 5];
            await tables.CompareAndSetAsync(new(Table.Claims, body, Keys.Empty, Keys.Of(Dead, Group),
                TimeSpan.FromMinutes(1)), 0, [], Cancellation);
            await tables.PutAsync([new(Table.Claims, [(byte)ClaimKind.Alive], Keys.Of(Dead), [],
                TimeSpan.FromMinutes(1))], cancellation: Cancellation);
        }
        var store = await OpenAsync();
        Assert.Equal(AppendOutcome.Stored, await store.AppendAsync(Batch(5, Zipkin(1)), Cancellation));
        Assert.Equal(AppendOutcome.AlreadyStored, await store.AppendAsync(Batch(5, Zipkin(1)), Cancellation));
    }

    [Fact]
    public async Task What_is_acknowledged_is_there_once_after_a_kill()
    {
        var store = await OpenAsync();
        for (var n = 1UL; n <= 50; n++)
            await store.AppendAsync(Batch(n, Otlp(n)), Cancellation);
        await ((BlockSpanStore)store).CountNowAsync(Cancellation);
        for (var n = 51UL; n <= 60; n++)
            await store.AppendAsync(Batch(n, Otlp(n)), Cancellation);
        // what a kill would leave
        using var copy = new TemporaryFolder();
        foreach (var file in Directory.EnumerateFiles(Folder.Path))
            File.Copy(file, Path.Combine(copy.Path, Path.GetFileName(file)));
        await using var other = RocksDbSpanStore.Open(With(new RocksDbStoreOptions { Path = copy.Path }, new()), Clock);
        Assert.Equal(60, (await other.GetTracesAsync(
            [.. Enumerable.Range(1, 60).Select(n => Trace((ulong)n))], true, Cancellation)).Count);
        for (var n = 1UL; n <= 60; n++)
            Assert.Equal(AppendOutcome.AlreadyStored, await other.AppendAsync(Batch(n, Otlp(n)), Cancellation));
        var points = await other.GetSeriesAsync(new()
        {
            Level = SeriesLevel.Service,
            StartMinute = (Today / 60_000) - 60,
            EndMinute = (Today / 60_000) + 60,
        }, Cancellation);
        Assert.Equal(60UL, points.Aggregate(0UL, (sum, point) => sum + point.Latencies.Count));
    }
}

/// <summary>The contract where traces lie in many blocks, few of which fit into memory.</summary>
public sealed class RocksDbSmallBlocksTests : RocksDbSpanStoreContract
{
    private protected override EngineOptions Adapt(EngineOptions options) =>
        options with { BlockSpans = 10, CacheMiB = 1 };
}
