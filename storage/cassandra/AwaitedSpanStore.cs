using Microsoft.Extensions.Logging;
using Tracing.Storage.Engine;

namespace Tracing.Storage.Cassandra;

/// <summary>
/// The store in Cassandra, while Cassandra may not be there yet: then every call fails, which tells senders to come
/// again, and so does <see cref="CheckAsync"/>; when it comes, all goes on by itself.
/// </summary>
public sealed class AwaitedSpanStore : ForwardingSpanStore
{
    readonly CancellationTokenSource _closing = new();
    readonly Task<BlockSpanStore> _opening;
    readonly TaskCompletionSource<string> _absent = new(TaskCreationOptions.RunContinuationsAsynchronously);

    AwaitedSpanStore(CassandraStoreOptions options, TimeProvider time, ILogger logger) =>
        _opening = CassandraSpanStore.OpenAsync(
            options, time, logger, reason => _absent.TrySetResult(reason), _closing.Token);

    /// <summary>Returns when the store is open, or Cassandra was not there at the first try.</summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="StoreUnusableException">
    /// Cassandra refuses the user, or the tables are of another version.
    /// </exception>
    public static async Task<AwaitedSpanStore> OpenAsync(
        CassandraStoreOptions options, TimeProvider time, ILogger logger)
    {
        var store = new AwaitedSpanStore(options, time, logger);
        if (await Task.WhenAny(store._opening, store._absent.Task) == store._opening)
            await store._opening;
        return store;
    }

    public override async Task<IReadOnlyList<string>> CheckAsync(CancellationToken cancellationToken) =>
        await (await CurrentAsync()).CheckAsync(cancellationToken);

    public override async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        await Task.WhenAny(_opening);
        if (_opening.IsCompletedSuccessfully)
            await (await _opening).DisposeAsync();
        _closing.Dispose();
    }

    /// <summary>Completes when Cassandra has come, or will not do.</summary>
    internal Task WhenOpenAsync() => _opening;

    protected override async Task<T> RunAsync<T>(
        Func<ISpanStore, Task<T>> call, CancellationToken cancellationToken) => await call(await CurrentAsync());

    // what it fails with, once it was refused, tells why
    async Task<ISpanStore> CurrentAsync() => _opening.IsCompleted
        ? await _opening
        : throw new IOException($"Cassandra does not answer yet: {await _absent.Task}");
}
