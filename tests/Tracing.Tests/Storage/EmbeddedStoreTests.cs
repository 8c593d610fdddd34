using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.Engine;
using Tracing.Storage.RocksDb;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>Tests of the embedded store in a folder of their own, under a clock that they set.</summary>
public abstract class EmbeddedStoreTests : IAsyncDisposable
{
    readonly List<BlockSpanStore> _opened = [];

    private protected TemporaryFolder Folder { get; } = new();

    private protected TestClock Clock { get; } = new();

    private protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public virtual async ValueTask DisposeAsync()
    {
        foreach (var store in _opened)
            await store.DisposeAsync();
        Folder.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>A store in the folder, which is closed with the test if not before.</summary>
    private protected BlockSpanStore Open(RocksDbStoreOptions? options = null)
    {
        var store = RocksDbSpanStore.Open(
            // by this clock nothing is thinned out, which goes by the system's
            (options ?? new()) with { Path = Folder.Path, GroupDelay = TimeSpan.Zero, BaselineRate = 1 }, Clock);
        _opened.Add(store);
        return store;
    }

    /// <summary>Lets time pass after what is stored by now is counted.</summary>
    private protected async Task PassAsync(BlockSpanStore store, TimeSpan time)
    {
        await store.CountNowAsync(Cancellation);
        Clock.Advance(time);
        await store.CountNowAsync(Cancellation);
    }

    private protected static async Task StoreAsync(BlockSpanStore store, params Span[] spans) =>
        Assert.Equal(AppendOutcome.Stored, await store.AppendAsync(Batch(spans), Cancellation));

    /// <summary>Of the traces 1 to 20 those that are there.</summary>
    private protected static async Task<string> IdsAsync(BlockSpanStore store) => (await store.GetTracesAsync(
        [.. Enumerable.Range(1, 20).Select(n => Trace((ulong)n))], true, Cancellation)).Ids();
}
