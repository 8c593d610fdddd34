using DuckDB.NET.Data;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Who asks <see cref="Dependencies"/> for what, one at a time. From the first question on, what is stored is counted
/// in the background, and with each question what came since; who never asks pays nothing.
/// </summary>
sealed class KnownDependencies(Readers readers, TimeProvider time) : IAsyncDisposable
{
    /// <summary>Spans that a question counts itself, half a second; more are left to the background.</summary>
    const long MaxMissing = 100_000;

    /// <summary>Spans counted in one step of the background; a merged partition is one step.</summary>
    const long StepSpans = 100_000;

    /// <summary>How long a question that gets what is counted waits for a step of the background to end.</summary>
    static readonly TimeSpan StepPatience = TimeSpan.FromSeconds(1);

    readonly Dependencies _dependencies = new();
    readonly SemaphoreSlim _turn = new(1);

    // who cancelled gives up the turn, but what it ran may go on for a while
    readonly Lock _lock = new();
    readonly CancellationTokenSource _closing = new();
    volatile Task _background = Task.CompletedTask;

    /// <summary>
    /// The calls of a window, of what is counted when the patience ends; null while too many spans are not counted
    /// yet, and to read those of the window is less.
    /// </summary>
    public async Task<KnownLinks?> ReadAsync(
        long startMillis, long endMillis, TimeSpan patience, CancellationToken cancellation)
    {
        var window = new Window(ZipkinWindow.Start(startMillis), ZipkinWindow.End(endMillis));
        for (var isLast = false; ; isLast = true)
        {
            var (links, isWorthWaiting, background) = await TryReadAsync(window, cancellation);
            if (links is not null)
                return new KnownLinks(links, IsPartial: false);
            if (isLast || !isWorthWaiting)
                return null;
            try
            {
                // what is counted stays counted, also when nobody waits any more
                await background.WaitAsync(patience, time, cancellation);
            }
            catch (TimeoutException)
            {
                return new KnownLinks(await ReadCountedAsync(window, cancellation), IsPartial: true);
            }
        }
    }

    /// <summary>What is counted of the window; nothing when that cannot be told now.</summary>
    async Task<List<DependencyLink>> ReadCountedAsync(Window window, CancellationToken cancellation)
    {
        if (!await _turn.WaitAsync(StepPatience, cancellation))
            return [];
        try
        {
            return await readers.RunAsync((connection, partitions) =>
            {
                lock (_lock)
                    return _dependencies.Read(connection, _dependencies.Counted(partitions), window);
            }, cancellation);
        }
        finally
        {
            _turn.Release();
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
            var (links, isWorthWaiting) = await readers.RunAsync((connection, partitions) =>
            {
                lock (_lock)
                    return Read(connection, partitions, window, cancellation);
            }, cancellation);
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
        try
        {
            // step by step, so that what is counted can be asked for
            while (await CountSomeAsync(cancellation))
                continue;
        }
        catch (Exception exception) when (exception is OperationCanceledException or DuckDBException or
            DamagedPartitionException or ObjectDisposedException)
        {
            // the next question tries again, or hears of it when it reads the traces
        }
    }

    /// <summary>False when all is counted.</summary>
    async Task<bool> CountSomeAsync(CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation);
        try
        {
            return await readers.RunAsync((connection, partitions) =>
            {
                lock (_lock)
                    return !_dependencies.Update(connection, partitions, cancellation, StepSpans);
            }, cancellation);
        }
        finally
        {
            _turn.Release();
        }
    }
}
