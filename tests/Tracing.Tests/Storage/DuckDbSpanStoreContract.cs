using Tracing.Storage;
using Tracing.Storage.DuckDb;

namespace Tracing.Tests;

/// <summary>The contract on the embedded store.</summary>
/// <param name="sealSpans">How many spans a partition takes.</param>
public abstract class DuckDbSpanStoreContract(int sealSpans) : SpanStoreContract
{
    private protected TemporaryFolder Folder { get; } = new();

    public override ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Folder.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected override ValueTask<ISpanStore> OpenAsync(StoreSetup setup) =>
        ValueTask.FromResult<ISpanStore>(Open(Adapt(new DuckDbStoreOptions
        {
            Path = Folder.Path,
            AutocompleteKeys = setup.AutocompleteKeys,
            MaxQueuedSpans = setup.MaxQueuedSpans,
            HotWindow = setup.HotWindow,
            BaselineRate = setup.BaselineRate,
            MinThinnedTraces = setup.MinThinnedTraces,
            KeepsExemplars = false,
            SealSpans = sealSpans,
            // some tests set the clock by decades, after which all would be old
            Retention = TimeSpan.FromDays(100_000),
        })));

    private protected override async Task PassAsync(ISpanStore store, TimeSpan time)
    {
        var embedded = (DuckDbSpanStore)store;
        Clock.Advance(time);
        await embedded.WhenKeptUpAsync();
        await embedded.WhenSealedAsync();
        await embedded.WhenKeptUpAsync();
    }

    private protected virtual DuckDbStoreOptions Adapt(DuckDbStoreOptions options) => options;

    private protected DuckDbSpanStore Open(DuckDbStoreOptions options) => DuckDbSpanStore.Open(options, Clock);
}

/// <summary>The contract where everything straddles partitions, open and sealed ones.</summary>
public sealed class SmallPartitionsTests() : DuckDbSpanStoreContract(sealSpans: 10);

/// <summary>
/// The contract where partitions are merged as soon as they are sealed, and again and again, and where memory may have
/// something of the traces of one partition, but not of all.
/// </summary>
public sealed class SoonMergedTests() : DuckDbSpanStoreContract(sealSpans: 5)
{
    private protected override DuckDbStoreOptions Adapt(DuckDbStoreOptions options) =>
        // to thin out takes some traces at once
        options.BaselineRate < 1
            ? options
            : options with { HotWindow = TimeSpan.Zero, MergeSpans = 10, MaxTracesInMemory = 150 };
}
