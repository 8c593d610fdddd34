using Tracing.Storage;
using Tracing.Storage.Cassandra;
using Tracing.Storage.Engine;
using Xunit;

namespace Tracing.Tests;

/// <summary>
/// The contract on Cassandra, where there is one to test with: TRACING_TEST_CASSANDRA names a node, host or host:port.
/// Each test has the tables to itself, emptied, in one keyspace, as making tables takes seconds.
/// </summary>
public abstract class CassandraSpanStoreContract : BlockSpanStoreContract
{
    public override async ValueTask InitializeAsync() => await CassandraTables.EmptyAsync();

    private protected override async ValueTask<ISpanStore> OpenAsync(StoreSetup setup) =>
        await CassandraSpanStore.OpenAsync(With(CassandraTables.Options, setup), Clock);
}

/// <summary>The contract where traces lie in many blocks, few of which fit into memory.</summary>
[Collection("Cassandra")]
public sealed class SmallBlocksTests : CassandraSpanStoreContract
{
    private protected override EngineOptions Adapt(EngineOptions options) =>
        options with { BlockSpans = 10, CacheMiB = 1 };
}

/// <summary>The contract where several processes write and read the same tables by turns.</summary>
[Collection("Cassandra")]
public sealed class SeveralProcessesTests : CassandraSpanStoreContract
{
    private protected override IEnumerable<BlockSpanStore> Stores(ISpanStore store) => ((SharedStores)store).Stores;

    private protected override async ValueTask<ISpanStore> OpenAsync(StoreSetup setup) => new SharedStores(
        (BlockSpanStore)await base.OpenAsync(setup), (BlockSpanStore)await base.OpenAsync(setup));
}
