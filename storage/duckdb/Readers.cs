using DuckDB.NET.Data;

namespace Tracing.Storage.DuckDb;

/// <summary>What a query is. One kind with all of its places taken does not keep another from running.</summary>
enum ReadKind
{
    Search,
    Statistics,
    Trace,
    Check,
}

/// <summary>
/// Runs queries, each on a connection of its own (opening one costs 20 µs, so none are kept) and away from the
/// caller's thread, of each kind so many at a time and no more. Each sees the partitions as they are when it begins.
/// A caller that cancels does not wait for the query to notice; the query keeps its place until it has ended.
/// </summary>
/// <param name="maxConcurrent">Of searches; of the other kinds half as many.</param>
sealed class Readers(Func<DuckDBConnection> open, Partitions partitions, int maxConcurrent) : IAsyncDisposable
{
    /// <summary>An interrupt between two statements is lost, so they are repeated.</summary>
    static readonly TimeSpan InterruptEvery = TimeSpan.FromMilliseconds(100);

    readonly (SemaphoreSlim Slots, int Count)[] _kinds = [.. Enum.GetValues<ReadKind>()
        .Select(kind => kind == ReadKind.Search ? maxConcurrent : Math.Max(1, maxConcurrent / 2))
        .Select(count => (new SemaphoreSlim(count), count))];

    readonly CancellationTokenSource _closing = new();

    public async Task<T> RunAsync<T>(
        Func<DuckDBConnection, IReadOnlyList<Partition>, T> query, CancellationToken cancellationToken,
        ReadKind kind = ReadKind.Search)
    {
        using var session = await OpenAsync(cancellationToken, kind);
        return await session.RunAsync(() => query(session.Connection, session.Partitions));
    }

    /// <summary>A connection for several calls; to be disposed.</summary>
    public async Task<Session> OpenAsync(CancellationToken cancellationToken, ReadKind kind = ReadKind.Search)
    {
        ObjectDisposedException.ThrowIf(_closing.IsCancellationRequested, typeof(DuckDbSpanStore));
        var slots = _kinds[(int)kind].Slots;
        await slots.WaitAsync(cancellationToken);
        try
        {
            ObjectDisposedException.ThrowIf(_closing.IsCancellationRequested, typeof(DuckDbSpanStore));
            return new Session(open(), partitions.Take(), slots, _closing.Token, cancellationToken);
        }
        catch
        {
            slots.Release();
            throw;
        }
    }

    /// <summary>Takes no more queries and interrupts those that run; returns when they have ended.</summary>
    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        foreach (var (slots, count) in _kinds)
        {
            for (var i = 0; i < count; i++)
                await slots.WaitAsync();
            // for those who came between the check and the wait
            slots.Release(count);
        }
    }

    public sealed class Session : IDisposable
    {
        readonly Partitions.Snapshot _snapshot;
        readonly SemaphoreSlim _slots;
        readonly CancellationTokenSource _ending;
        readonly CancellationToken _cancellation;
        Task _step = Task.CompletedTask;

        public Session(DuckDBConnection connection, Partitions.Snapshot snapshot, SemaphoreSlim slots,
            CancellationToken closing, CancellationToken cancellation)
        {
            (Connection, _snapshot, _slots, _cancellation) = (connection, snapshot, slots, cancellation);
            _ending = CancellationTokenSource.CreateLinkedTokenSource(closing, cancellation);
        }

        public DuckDBConnection Connection { get; }

        public IReadOnlyList<Partition> Partitions => _snapshot.Partitions;

        /// <summary>Runs a step on the thread pool; cancelling interrupts it, and returns at once.</summary>
        public async Task<T> RunAsync<T>(Func<T> step)
        {
            var running = Task.Run(step, CancellationToken.None);
            _step = running;
            try
            {
                return await running.WaitAsync(_ending.Token);
            }
            catch (Exception) when (_cancellation.IsCancellationRequested)
            {
                // DuckDB tells of the interrupt in several ways
                throw new OperationCanceledException(_cancellation);
            }
            catch (OperationCanceledException) when (_ending.IsCancellationRequested)
            {
                throw new ObjectDisposedException(nameof(DuckDbSpanStore));
            }
            catch (DuckDBException exception) when (Damage.Find(exception, Partitions) is { } damaged)
            {
                throw new DamagedPartitionException(damaged, exception);
            }
        }

        public void Dispose() => _ = EndAsync();

        /// <summary>Completes at once unless a step goes on that nobody waits for.</summary>
        async Task EndAsync()
        {
            while (!_step.IsCompleted)
            {
                Connection.NativeConnection.Interrupt();
                await Task.WhenAny(_step, Task.Delay(InterruptEvery));
            }
            // what it failed with was told to who waited, or is the interrupt
            _ = _step.Exception;
            Connection.Dispose();
            _snapshot.Dispose();
            _ending.Dispose();
            _slots.Release();
        }
    }
}
