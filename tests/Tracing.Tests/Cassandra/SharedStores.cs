using Tracing.Storage;
using Tracing.Storage.Engine;

namespace Tracing.Tests;

/// <summary>
/// Two stores of the same tables, used by turns, but that a body goes to the same one again; what is stored is counted
/// for good after each batch.
/// </summary>
sealed class SharedStores(BlockSpanStore one, BlockSpanStore other) : ForwardingSpanStore
{
    int _turn;

    public IReadOnlyList<BlockSpanStore> Stores => [one, other];

    BlockSpanStore Next => Interlocked.Increment(ref _turn) % 2 == 0 ? one : other;

    public override async Task<AppendOutcome> AppendAsync(SpanBatch batch, CancellationToken cancellationToken)
    {
        var store = batch.BodyHash == 0 ? Next : UInt128.IsEvenInteger(batch.BodyHash) ? one : other;
        var outcome = await store.AppendAsync(batch, cancellationToken);
        try
        {
            await Next.CountNowAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
        {
            // the stores are being closed, as some tests do while they append
        }
        return outcome;
    }

    public override Task<IReadOnlyList<string>> CheckAsync(CancellationToken cancellationToken) =>
        Next.CheckAsync(cancellationToken);

    /// <summary>Each process tells of what it stored or added up itself.</summary>
    public override async Task<UncountedCounts> GetUncountedAsync(CancellationToken cancellationToken)
    {
        var (ofOne, ofOther) =
            (await one.GetUncountedAsync(cancellationToken), await other.GetUncountedAsync(cancellationToken));
        return new(ofOne.WithoutTime + ofOther.WithoutTime, ofOne.Rejected + ofOther.Rejected);
    }

    public override async ValueTask DisposeAsync()
    {
        await one.DisposeAsync();
        await other.DisposeAsync();
    }

    protected override Task<T> RunAsync<T>(
        Func<ISpanStore, Task<T>> call, CancellationToken cancellationToken) => call(Next);
}
