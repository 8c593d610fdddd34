using DuckDB.NET.Data;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Runs queries, each on a connection of its own (opening one costs 20 µs, so none are kept) and away from the
/// caller's thread, so many at a time and no more. Each sees the partitions as they are when it begins.
/// </summary>
sealed class Readers(Func<DuckDBConnection> open, Partitions partitions, int maxConcurrent) : IAsyncDisposable
{
    readonly SemaphoreSlim _slots = new(maxConcurrent);
    volatile bool _isClosed;

    public async Task<T> RunAsync<T>(
        Func<DuckDBConnection, IReadOnlyList<Partition>, T> query, CancellationToken cancellationToken)
    {
        using var session = await OpenAsync(cancellationToken);
        return await session.RunAsync(() => query(session.Connection, session.Partitions));
    }

    /// <summary>A connection for several calls; to be disposed.</summary>
    public async Task<Session> OpenAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isClosed, typeof(DuckDbSpanStore));
        await _slots.WaitAsync(cancellationToken);
        try
        {
            ObjectDisposedException.ThrowIf(_isClosed, typeof(DuckDbSpanStore));
            return new Session(open(), partitions.Take(), _slots, cancellationToken);
        }
        catch
        {
            _slots.Release();
            throw;
        }
    }

    /// <summary>Takes no more queries; returns when those that run have ended.</summary>
    public async ValueTask DisposeAsync()
    {
        _isClosed = true;
        for (var i = 0; i < maxConcurrent; i++)
            await _slots.WaitAsync();
        // for those who came between the check and the wait
        _slots.Release(maxConcurrent);
    }

    public sealed class Session(DuckDBConnection connection, Partitions.Snapshot snapshot, SemaphoreSlim slots,
        CancellationToken cancellationToken) : IDisposable
    {
        public DuckDBConnection Connection => connection;

        public IReadOnlyList<Partition> Partitions => snapshot.Partitions;

        /// <summary>Runs a step on the thread pool; cancelling interrupts it.</summary>
        public async Task<T> RunAsync<T>(Func<T> step)
        {
            await using var cancelling = cancellationToken.UnsafeRegister(
                static state => ((DuckDBConnection)state!).NativeConnection.Interrupt(), connection);
            try
            {
                return await Task.Run(step, cancellationToken);
            }
            catch (Exception) when (cancellationToken.IsCancellationRequested)
            {
                // DuckDB tells of the interrupt in several ways
                throw new OperationCanceledException(cancellationToken);
            }
            catch (DuckDBException exception) when (Damage.Find(exception, Partitions) is { } damaged)
            {
                throw new DamagedPartitionException(damaged, exception);
            }
        }

        public void Dispose()
        {
            connection.Dispose();
            snapshot.Dispose();
            slots.Release();
        }
    }
}
