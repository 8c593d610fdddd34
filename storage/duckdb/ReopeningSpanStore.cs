using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// The embedded store, opened again by itself when it cannot go on: after a failed sync of its log, or an error within
/// itself, DuckDB refuses all work of the process. Meanwhile every call fails, which tells senders to come again.
/// </summary>
public sealed class ReopeningSpanStore : ForwardingSpanStore
{
    static readonly TimeSpan RetryEvery = TimeSpan.FromSeconds(2);

    readonly DuckDbStoreOptions _options;
    readonly TimeProvider _time;
    readonly ILogger _logger;
    readonly Lock _lock = new();
    readonly CancellationTokenSource _closing = new();

    // guarded by the lock; no store while one is being opened
    DuckDbSpanStore? _store;
    Exception? _cause;
    Task _reopening = Task.CompletedTask;

    ReopeningSpanStore(DuckDbSpanStore store, DuckDbStoreOptions options, TimeProvider time, ILogger logger)
    {
        _store = store;
        _options = options;
        _time = time;
        _logger = logger;
    }

    /// <inheritdoc cref="DuckDbSpanStore.Open"/>
    public static ReopeningSpanStore Open(DuckDbStoreOptions options, TimeProvider time, ILogger? logger = null)
    {
        logger ??= NullLogger.Instance;
        return new ReopeningSpanStore(DuckDbSpanStore.Open(options, time, logger), options, time, logger);
    }

    /// <summary>The store as it is now; fails while there is none.</summary>
    internal DuckDbSpanStore Current
    {
        get
        {
            lock (_lock)
            {
                ObjectDisposedException.ThrowIf(_closing.IsCancellationRequested, typeof(DuckDbSpanStore));
                return _store ?? throw new IOException(
                    $"The store is being opened again after an error: {_cause!.Message}", _cause);
            }
        }
    }

    /// <summary>Completes when no store is being opened.</summary>
    internal Task WhenOpenAsync()
    {
        lock (_lock)
            return _reopening;
    }

    public override async Task<IReadOnlyList<string>> CheckAsync(CancellationToken cancellationToken)
    {
        var store = Current;
        try
        {
            await store.CheckSelfAsync(cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            Reopen(store, exception);
            throw;
        }
        return await store.CheckWritesAsync(cancellationToken);
    }

    public override async ValueTask DisposeAsync()
    {
        Task reopening;
        lock (_lock)
        {
            if (!_closing.IsCancellationRequested)
                _closing.Cancel();
            reopening = _reopening;
        }
        await reopening;
        // nobody changes it any more
        if (_store is not null)
            await _store.DisposeAsync();
    }

    protected override async Task<T> RunAsync<T>(
        Func<ISpanStore, Task<T>> call, CancellationToken cancellationToken)
    {
        var store = Current;
        try
        {
            return await call(store);
        }
        catch (Exception exception) when (exception is not (OperationCanceledException or ArgumentException))
        {
            await ReopenUnlessWellAsync(store, exception);
            throw;
        }
    }

    // a call may fail for its own reasons: a bad span, a full disk
    async Task ReopenUnlessWellAsync(DuckDbSpanStore store, Exception exception)
    {
        try
        {
            await store.CheckSelfAsync(_closing.Token);
        }
        catch (Exception) when (!_closing.IsCancellationRequested)
        {
            Reopen(store, exception);
        }
        catch (OperationCanceledException)
        {
            // closed
        }
    }

    void Reopen(DuckDbSpanStore broken, Exception cause)
    {
        lock (_lock)
        {
            // others may have seen the same
            if (_store != broken || _options.IsInMemory || _closing.IsCancellationRequested)
                return;
            _store = null;
            _cause = cause;
            _logger.Reopening(cause, _options.Path);
            _reopening = Task.Run(() => ReopenAsync(broken));
        }
    }

    async Task ReopenAsync(DuckDbSpanStore broken)
    {
        try
        {
            await CloseAsync(broken);
            while (!TryOpen())
                await Task.Delay(RetryEvery, _time, _closing.Token);
        }
        catch (OperationCanceledException)
        {
            // closed; the next start goes on from what is on disk
        }
    }

    async Task CloseAsync(DuckDbSpanStore broken)
    {
        try
        {
            await broken.DisposeAsync();
        }
        catch (Exception exception)
        {
            // it is broken, after all; what it holds on to will show when the next is opened
            _logger.ReopeningFailed(exception, _options.Path, RetryEvery);
        }
    }

    bool TryOpen()
    {
        try
        {
            var store = DuckDbSpanStore.Open(_options, _time, _logger);
            lock (_lock)
                _store = store;
            return true;
        }
        catch (Exception exception)
        {
            // the edge of a loop: whatever is wrong, it may be mended while senders keep their spans
            lock (_lock)
                _cause = exception;
            _logger.ReopeningFailed(exception, _options.Path, RetryEvery);
            return false;
        }
    }
}
