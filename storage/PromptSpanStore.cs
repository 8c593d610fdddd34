namespace Tracing.Storage;

/// <summary>
/// Ends every call once it is cancelled, whether or not the store behind notices: what a caller waits for is bounded by
/// its own time, not by an engine's.
/// </summary>
public sealed class PromptSpanStore(ISpanStore store) : ForwardingSpanStore
{
    // the stores themselves let go of the wait; a hop to another thread for each request would be for nothing
    public override Task<AppendOutcome> AppendAsync(SpanBatch batch, CancellationToken cancellationToken) =>
        store.AppendAsync(batch, cancellationToken);

    public override Task<IReadOnlyList<string>> CheckAsync(CancellationToken cancellationToken) =>
        Task.Run(() => store.CheckAsync(cancellationToken), CancellationToken.None).WaitAsync(cancellationToken);

    public override ValueTask DisposeAsync() => store.DisposeAsync();

    // on another thread, as the store may work for long before it returns its task
    protected override Task<T> RunAsync<T>(
        Func<ISpanStore, Task<T>> call, CancellationToken cancellationToken) =>
        Task.Run(() => call(store), CancellationToken.None).WaitAsync(cancellationToken);
}
