using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// What has to be done as time goes by, in the background and one thing after the other: closes an append partition
/// that is old though nothing comes, and drops partitions that are too old or too many.
/// </summary>
sealed class Upkeep
{
    /// <summary>How often it looks; so much later than the settings say may things be done.</summary>
    static readonly TimeSpan Every = TimeSpan.FromMinutes(1);

    readonly Partitions _partitions;
    readonly SpanWriter _writer;
    readonly DuckDbStoreOptions _options;
    readonly TimeProvider _time;
    readonly ILogger _logger;
    readonly ITimer _timer;
    readonly Task _loop;

    // one that waits is enough, whatever asks for it
    readonly Channel<bool> _wanted = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });
    readonly Lock _lock = new();

    // guarded by the lock
    TaskCompletionSource? _idle;
    bool _isBusy;
    volatile bool _isClosing;

    public Upkeep(Partitions partitions, SpanWriter writer, DuckDbStoreOptions options, TimeProvider time,
        ILogger logger)
    {
        _partitions = partitions;
        _writer = writer;
        _options = options;
        _time = time;
        _logger = logger;
        // a thread of its own, since DuckDB's calls block
        _loop = Task.Factory.StartNew(
            Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        _timer = time.CreateTimer(_ => Ask(), null, Every, Every);
    }

    /// <summary>Completes when all that was due has been done.</summary>
    public Task WhenIdle()
    {
        lock (_lock)
        {
            if (!_isBusy)
                return Task.CompletedTask;
            _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _idle.Task;
        }
    }

    /// <summary>Gives up what is being done; the next start takes it up again.</summary>
    public async Task CloseAsync()
    {
        _isClosing = true;
        await _timer.DisposeAsync();
        _wanted.Writer.TryComplete();
        await _loop;
    }

    void Ask()
    {
        lock (_lock)
        {
            if (_wanted.Writer.TryWrite(true))
                _isBusy = true;
        }
    }

    void Run()
    {
        while (_wanted.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            _wanted.Reader.TryRead(out _);
            if (!_isClosing)
                TryKeepUp();
            lock (_lock)
            {
                if (_wanted.Reader.TryPeek(out _))
                    continue;
                _isBusy = false;
                _idle?.TrySetResult();
                _idle = null;
            }
        }
    }

    void TryKeepUp()
    {
        try
        {
            _writer.LookAsync().GetAwaiter().GetResult();
            DropOld();
            DropExcess();
        }
        catch (Exception exception)
        {
            // the edge of the loop: whatever is wrong, what is stored is served
            if (!_isClosing)
                _logger.UpkeepFailed(exception);
        }
    }

    void DropOld()
    {
        var oldest = (_time.GetUtcNow() - _options.Retention).ToUnixTimeMilliseconds();
        using var snapshot = _partitions.Take();
        foreach (var partition in snapshot.Partitions)
        {
            if (partition.IsSealed && partition.ClosedMillis <= oldest)
                Drop(partition, PartitionFiles.LengthOf(partition.File), "its time is over");
        }
    }

    void DropExcess()
    {
        if (_options.MaxBytes == 0)
            return;
        using var snapshot = _partitions.Take();
        var lengths = snapshot.Partitions.Select(partition => PartitionFiles.LengthOf(partition.File)).ToList();
        var excess = lengths.Sum() - _options.MaxBytes;
        foreach (var (partition, length) in snapshot.Partitions.Zip(lengths))
        {
            if (excess <= 0)
                return;
            if (!partition.IsSealed)
                continue;
            excess -= length;
            Drop(partition, length, "there is more than may be");
        }
    }

    void Drop(Partition partition, long length, string reason)
    {
        _partitions.Drop(partition);
        _logger.Dropped(partition.File, partition.SpanCount, length, reason);
    }
}
