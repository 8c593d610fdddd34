using Tracing.Storage;
using Tracing.Storage.Engine;
using Tracing.Storage.RocksDb;

namespace Tracing.Tests;

/// <summary>The contract on the engine in a folder.</summary>
public abstract class RocksDbSpanStoreContract : BlockSpanStoreContract
{
    readonly TemporaryFolder _folder = new();

    public override ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected override ValueTask<ISpanStore> OpenAsync(StoreSetup setup) => new(RocksDbSpanStore.Open(
        With(new RocksDbStoreOptions { Path = _folder.Path, TablesTime = TimeProvider.System }, setup), Clock));
}

/// <summary>The contract with blocks as they mostly are.</summary>
public sealed class RocksDbSpanStoreTests : RocksDbSpanStoreContract;

/// <summary>The contract where traces lie in many blocks, few of which fit into memory.</summary>
public sealed class RocksDbSmallBlocksTests : RocksDbSpanStoreContract
{
    private protected override EngineOptions Adapt(EngineOptions options) =>
        options with { BlockSpans = 10, CacheMiB = 1 };
}
