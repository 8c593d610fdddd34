using Tracing.Storage;
using Tracing.Storage.Cassandra;
using Xunit;

namespace Tracing.Tests;

/// <summary>
/// The contract on Cassandra, where there is one to test with: TRACING_TEST_CASSANDRA names a node, host or host:port.
/// Each test has the tables to itself, emptied, in one keyspace, as making tables takes seconds.
/// </summary>
public abstract class CassandraSpanStoreContract : SpanStoreContract
{
    public override async ValueTask InitializeAsync() => await CassandraTables.EmptyAsync();

    private protected override async ValueTask<ISpanStore> OpenAsync(StoreSetup setup) =>
        await CassandraSpanStore.OpenAsync(Adapt(new CassandraStoreOptions
        {
            ContactPoints = [CassandraTables.ContactPoint],
            Keyspace = CassandraTables.Keyspace,
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
        }), Clock);

    private protected override async Task PassAsync(ISpanStore store, TimeSpan time)
    {
        Clock.Advance(time);
        foreach (var each in Stores(store))
            await each.CountNowAsync(Cancellation);
        // nothing is done the first time, and the last time all hear of it
        for (var i = 0; i < 3; i++)
        {
            foreach (var each in Stores(store))
                await each.ThinNowAsync(Cancellation);
        }
    }

    private protected virtual IEnumerable<CassandraSpanStore> Stores(ISpanStore store) => [(CassandraSpanStore)store];

    private protected virtual CassandraStoreOptions Adapt(CassandraStoreOptions options) => options;
}

/// <summary>The contract where traces lie in many blocks, few of which fit into memory.</summary>
[Collection("Cassandra")]
public sealed class SmallBlocksTests : CassandraSpanStoreContract
{
    private protected override CassandraStoreOptions Adapt(CassandraStoreOptions options) =>
        options with { BlockSpans = 10, CacheMiB = 1 };
}

/// <summary>The contract where several processes write and read the same tables by turns.</summary>
[Collection("Cassandra")]
public sealed class SeveralProcessesTests : CassandraSpanStoreContract
{
    private protected override IEnumerable<CassandraSpanStore> Stores(ISpanStore store) => ((SharedStores)store).Stores;

    private protected override async ValueTask<ISpanStore> OpenAsync(StoreSetup setup) => new SharedStores(
        (CassandraSpanStore)await base.OpenAsync(setup), (CassandraSpanStore)await base.OpenAsync(setup));
}
