using Tracing.Storage;
using Tracing.Storage.Engine;

namespace Tracing.Tests;

/// <summary>The contract where blocks are compacted whatever came, after everything that is stored.</summary>
public sealed class CompactedBlocksTests : RocksDbSpanStoreContract
{
    private protected override EngineOptions Adapt(EngineOptions options) =>
        options with { BlockSpans = 10, CompactedBlockSpans = 30, EarlySpans = 1 };

    private protected override async ValueTask<ISpanStore> OpenAsync(StoreSetup setup) =>
        new CompactingStore((BlockSpanStore)await base.OpenAsync(setup));

    private protected override IEnumerable<BlockSpanStore> Stores(ISpanStore store) =>
        [((CompactingStore)store).Blocks];

    sealed class CompactingStore(BlockSpanStore blocks) : ForwardingSpanStore
    {
        public BlockSpanStore Blocks => blocks;

        public override async Task<AppendOutcome> AppendAsync(SpanBatch batch, CancellationToken cancellationToken)
        {
            var outcome = await blocks.AppendAsync(batch, cancellationToken);
            try
            {
                await blocks.CountNowAsync(cancellationToken);
                await blocks.CompactNowAsync(cancellationToken);
            }
            catch (ObjectDisposedException)
            {
                // closed meanwhile
            }
            return outcome;
        }

        public override Task<IReadOnlyList<string>> CheckAsync(CancellationToken cancellationToken) =>
            blocks.CheckAsync(cancellationToken);

        public override ValueTask DisposeAsync() => blocks.DisposeAsync();

        protected override Task<T> RunAsync<T>(
            Func<ISpanStore, Task<T>> call, CancellationToken cancellationToken) => call(blocks);
    }
}
