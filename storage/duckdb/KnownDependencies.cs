using DuckDB.NET.Data;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Who asks <see cref="Dependencies"/> for what, one at a time. From the first question on, what is stored is counted
/// in the background, and with each question what came since; who never asks pays nothing.
/// </summary>
sealed class KnownDependencies(Readers readers) : IAsyncDisposable
{
    /// <summary>Spans that a question may wait for, some seconds; more are left to the background.</summary>
    const long MaxMissing = 500_000;

    readonly Dependencies _dependencies = new();
    readonly SemaphoreSlim _turn = new(1);
    readonly CancellationTokenSource _closing = new();
    volatile Task _background = Task.CompletedTask;

    /// <summary>
    /// The calls of a window; null while too many spans are not counted yet, and to read those of the window is less.
    /// </summary>
    public async Task<IReadOnlyList<DependencyLink>?> ReadAsync(
        long startMillis, long endMillis, CancellationToken cancellation)
    {
        var window = new Window(ZipkinWindow.Start(startMillis), ZipkinWindow.End(endMillis));
        for (var isLast = false; ; isLast = true)
        {
            var (links, isWorthWaiting, background) = await TryReadAsync(window, cancellation);
            if (links is not null || isLast || !isWorthWaiting)
                return links;
            // what is counted stays counted, also when nobody waits any more
            await background.WaitAsync(cancellation);
        }
    }

    async Task<(List<DependencyLink>? Links, bool IsWorthWaiting, Task Background)> TryReadAsync(
        Window window, CancellationToken cancellation)
    {
        if (!_background.IsCompleted)
            return (null, true, _background);
        await _turn.WaitAsync(cancellation);
        try
        {
            var (links, isWorthWaiting) = await readers.RunAsync(
                (connection, partitions) => Read(connection, partitions, window, cancellation), cancellation);
            if (links is null && _background.IsCompleted)
                _background = CountAsync(_closing.Token);
            return (links, isWorthWaiting, _background);
        }
        finally
        {
            _turn.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        await _background;
        _closing.Dispose();
    }

    (List<DependencyLink>? Links, bool IsWorthWaiting) Read(DuckDBConnection connection,
        IReadOnlyList<Partition> partitions, Window window, CancellationToken cancellation)
    {
        var missing = _dependencies.Missing(partitions);
        if (missing > MaxMissing)
        {
            var near = partitions.Where(partition => partition.MayStartWithin(window.Start, window.End));
            return (null, near.Sum(partition => partition.SpanCount) > missing / 2);
        }
        _dependencies.Update(connection, partitions, cancellation);
        return (_dependencies.Read(connection, partitions, window), false);
    }

    async Task CountAsync(CancellationToken cancellation)
    {
        await _turn.WaitAsync(CancellationToken.None);
        try
        {
            await readers.RunAsync((connection, partitions) =>
            {
                _dependencies.Update(connection, partitions, cancellation);
                return true;
            }, cancellation);
        }
        catch (Exception exception) when (exception is OperationCanceledException or DuckDBException or
            DamagedPartitionException or ObjectDisposedException)
        {
            // the next question tries again, or hears of it when it reads the traces
        }
        finally
        {
            _turn.Release();
        }
    }
}
