using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Group commit: batches wait in a queue; one thread takes all that wait, writes them in one transaction, and answers
/// each once that is durable. So one sync of the disk serves many requests, and the groups grow with the load.
/// </summary>
sealed class SpanWriter
{
    /// <summary>Bytes of bodies that one transaction may hold, unless a single batch has more.</summary>
    const long MaxTransactionBytes = 64 << 20;

    readonly StoreTables _tables;
    readonly DuckDbStoreOptions _options;
    readonly TimeProvider _time;
    readonly ILogger _logger;

    // unbounded, as the bound counts spans: see SpanBudget
    readonly Channel<Waiting> _queue = Channel.CreateUnbounded<Waiting>(
        new UnboundedChannelOptions { SingleReader = true });
    readonly SpanBudget _waiting;
    readonly Task _loop;

    public SpanWriter(StoreTables tables, DuckDbStoreOptions options, TimeProvider time, ILogger logger)
    {
        _tables = tables;
        _options = options;
        _waiting = new SpanBudget(options.MaxQueuedSpans);
        _time = time;
        _logger = logger;
        // a thread of its own, since DuckDB's calls block
        _loop = Task.Factory.StartNew(
            Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Why nothing can be written any more; null while all is well.</summary>
    public Exception? Failure { get; private set; }

    public Task<AppendOutcome> AppendAsync(SpanBatch batch)
    {
        if (batch.Spans.Count + batch.Counted.Count == 0)
            throw new ArgumentException("A batch must have a span, or something counted.", nameof(batch));
        if (!_waiting.TryTake(batch.Spans.Count + batch.Counted.Count, batch.Bytes))
            return Task.FromResult(AppendOutcome.Overloaded);
        var waiting = new Waiting(batch);
        if (!_queue.Writer.TryWrite(waiting))
            return Task.FromException<AppendOutcome>(Failure ?? new ObjectDisposedException(nameof(DuckDbSpanStore)));
        return waiting.Done.Task;
    }

    /// <summary>
    /// Completes after a look at whether a new partition is due, which else would be taken with the next batch only;
    /// and whether what could not be written last could be now, if there was such: fails if not.
    /// </summary>
    public Task LookAsync()
    {
        var waiting = new Waiting(new SpanBatch([], UInt128.Zero));
        return _queue.Writer.TryWrite(waiting) ? waiting.Done.Task : Task.CompletedTask;
    }

    /// <summary>Takes no more batches; returns when those taken are written.</summary>
    public async Task CloseAsync()
    {
        _queue.Writer.TryComplete();
        await _loop;
    }

    void Run()
    {
        var group = new List<Waiting>();
        try
        {
            while (TryTakeGroup(group))
                Write(group);
        }
        catch (Exception exception)
        {
            // the edge of the loop: an error of ours, as those of the store are the batch's. Nobody may wait forever.
            Failure = exception;
            _queue.Writer.TryComplete();
            while (_queue.Reader.TryRead(out var waiting))
                group.Add(waiting);
            foreach (var waiting in group)
                waiting.Done.TrySetException(exception);
            _logger.WriterStopped(exception);
        }
    }

    /// <summary>Waits for batches and takes as many as one transaction may hold; false at the end.</summary>
    bool TryTakeGroup(List<Waiting> group)
    {
        group.Clear();
        if (!_queue.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
            return false;
        var (spans, bytes) = (0, 0L);
        while (_queue.Reader.TryPeek(out var next) && (spans == 0 ||
            (spans + next.Spans <= _options.MaxTransactionSpans && bytes + next.Batch.Bytes <= MaxTransactionBytes)))
        {
            _queue.Reader.TryRead(out _);
            group.Add(next);
            spans += next.Spans;
            bytes += next.Batch.Bytes;
        }
        return true;
    }

    void Write(List<Waiting> group)
    {
        try
        {
            var nowMillis = _time.GetUtcNow().ToUnixTimeMilliseconds();
            var outcomes = _tables.Write(group.ConvertAll(waiting => waiting.Batch), nowMillis);
            for (var i = 0; i < outcomes.Length; i++)
                Answer(group[i]).SetResult(outcomes[i]);
        }
        catch (Exception exception) when (group.Count > 1)
        {
            // one bad batch must not fail its neighbours
            _logger.GroupFailed(exception, group.Count);
            foreach (var waiting in group)
                Write([waiting]);
        }
        catch (Exception exception)
        {
            if (group[0].Spans > 0)
                _logger.BatchFailed(exception, group[0].Spans);
            Answer(group[0]).SetException(exception);
        }
    }

    TaskCompletionSource<AppendOutcome> Answer(Waiting waiting)
    {
        _waiting.GiveBack(waiting.Spans, waiting.Batch.Bytes);
        return waiting.Done;
    }

    sealed class Waiting(SpanBatch batch)
    {
        public SpanBatch Batch { get; } = batch;

        /// <summary>What is counted takes about as much as a span.</summary>
        public int Spans { get; } = batch.Spans.Count + batch.Counted.Count;

        public TaskCompletionSource<AppendOutcome> Done { get; } =
            new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
