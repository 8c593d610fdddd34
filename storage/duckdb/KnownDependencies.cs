using DuckDB.NET.Data;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Who asks <see cref="Dependencies"/> for what, one at a time. From the first question on, what is stored is counted
/// in the background, and with each question what came since; who never asks pays nothing.
/// </summary>
sealed class KnownDependencies(Readers readers) : IAsyncDisposable
{
    /// <summary>Spans that a question may wait for, which takes a second or two; more are left to the background.</summary>
    const long MaxMissing = 500_000;

    readonly Dependencies _dependencies = new();
    readonly SemaphoreSlim _turn = new(1);
    readonly CancellationTokenSource _closing = new();
    Task _background = Task.CompletedTask;

    /// <summary>The calls of a window; null while too many spans are not counted yet.</summary>
    public async Task<IReadOnlyList<DependencyLink>?> ReadAsync(
        long startMillis, long endMillis, CancellationToken cancellation)
    {
        if (!_background.IsCompleted)
            return null;
        var window = new Window(Search.WindowStart(startMillis), Search.WindowEnd(endMillis));
        await _turn.WaitAsync(cancellation);
        try
        {
            if (await readers.RunAsync((connection, partitions) => Read(connection, partitions, window, cancellation),
                cancellation) is { } links)
                return links;
            if (_background.IsCompleted)
                _background = CountAsync(_closing.Token);
            return null;
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

    List<DependencyLink>? Read(DuckDBConnection connection, IReadOnlyList<Partition> partitions, Window window,
        CancellationToken cancellation)
    {
        if (_dependencies.Missing(partitions) > MaxMissing)
            return null;
        _dependencies.Update(connection, partitions, cancellation);
        return _dependencies.Read(connection, partitions, window);
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
