using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// What has to be done as time goes by, in the background and one thing after the other: closes an append partition
/// that is old though nothing comes, drops partitions that are too old or too many, and merges those that are due.
/// </summary>
sealed class Upkeep
{
    /// <summary>How often it looks; so much later than the settings say may things be done.</summary>
    static readonly TimeSpan Every = TimeSpan.FromMinutes(1);

    static readonly TimeSpan InterruptEvery = TimeSpan.FromMilliseconds(10);

    /// <summary>
    /// When more than one of so many spans are too old at the start, as after a change of the settings, dropping waits
    /// for <see cref="HeldFor"/>, so that people can think again.
    /// </summary>
    const int MaxShareAtOnce = 4;

    static readonly TimeSpan HeldFor = TimeSpan.FromHours(1);

    readonly Partitions _partitions;
    readonly Merger _merger;
    readonly SpanWriter _writer;
    readonly StatisticsKeeper _statistics;
    readonly Manifest _manifest;
    readonly RunningClock _clock;
    readonly long _started;
    readonly DuckDbStoreOptions _options;
    readonly TimeProvider _time;
    readonly ILogger _logger;
    readonly ITimer _timer;
    readonly DateTimeOffset _startedAt;
    volatile string? _held;
    volatile string? _failure;
    bool _isHoldOver;
    bool _isInDoubt;
    readonly Task _loop;

    // one that waits is enough, whatever asks for it
    readonly Channel<bool> _wanted = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });
    readonly Lock _lock = new();

    // guarded by the lock
    TaskCompletionSource? _idle;
    bool _isBusy;
    bool _isLookDue;
    volatile bool _isClosing;

    public Upkeep(Partitions partitions, Merger merger, SpanWriter writer, StatisticsKeeper statistics,
        Manifest manifest, DuckDbStoreOptions options, TimeProvider time, RunningClock clock, ILogger logger)
    {
        _manifest = manifest;
        _clock = clock;
        _started = time.GetTimestamp();
        _merger = merger;
        _partitions = partitions;
        _writer = writer;
        _statistics = statistics;
        _options = options;
        _time = time;
        _logger = logger;
        _startedAt = LookAtClock();
        // a thread of its own, since DuckDB's calls block
        _loop = Task.Factory.StartNew(
            Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        _timer = time.CreateTimer(_ => Ask(look: true), null, Every, Every);
        partitions.Replaced = () => Ask(look: false);
    }

    /// <summary>What keeps old partitions from being dropped or merged, for people.</summary>
    public IEnumerable<string> Warnings =>
        new[] { _clock.Doubt, _held, _failure }.OfType<string>();

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
        while (await Task.WhenAny(_loop, Task.Delay(InterruptEvery)) != _loop)
            _merger.Interrupt();
        await _loop;
        _merger.Dispose();
    }

    /// <param name="look">Whether the writer, too, is to look for what time has made due.</param>
    void Ask(bool look)
    {
        lock (_lock)
        {
            _isLookDue |= look;
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
            bool look;
            lock (_lock)
                (look, _isLookDue) = (_isLookDue, false);
            var now = LookAtClock();
            if (look)
                LookAtWriter();
            _statistics.Absorb();
            MergeStatistics(now);
            DropOld(now);
            DropExcess();
            while (!_isClosing && _merger.TryMergeNext(_statistics.FirstLive, now.ToUnixTimeMilliseconds()))
                DropExcess();
            _failure = null;
        }
        catch (Exception exception)
        {
            // the edge of the loop: whatever is wrong, what is stored is served
            if (_isClosing)
                return;
            _failure = $"Dropping and merging old partitions failed, and is tried again: {exception.Message}";
            _logger.UpkeepFailed(exception);
        }
    }

    DateTimeOffset LookAtClock()
    {
        var now = _clock.Look();
        var doubt = _clock.Doubt;
        if (doubt is not null && !_isInDoubt)
            _logger.ClockDoubted(doubt);
        else if (doubt is null && _isInDoubt)
            _logger.ClockBelieved(now);
        _isInDoubt = doubt is not null;
        return now;
    }

    void LookAtWriter()
    {
        try
        {
            _writer.LookAsync().GetAwaiter().GetResult();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // a full disk, as whoever sends spans is told: what is dropped now makes room
        }
    }

    void MergeStatistics(DateTimeOffset now)
    {
        var keep = ((long)_options.Retention.TotalMinutes, (long)_options.HoursRetention.TotalMinutes,
            (long)_options.DaysRetention.TotalMinutes);
        _statistics.Merge(now.ToUnixTimeSeconds() / 60, keep);
    }

    void DropOld(DateTimeOffset now)
    {
        var oldest = (now - _options.Retention).ToUnixTimeMilliseconds();
        using var snapshot = _partitions.Take();
        if (IsHeld(snapshot.Partitions))
            return;
        _manifest.Forget(oldest);
        foreach (var partition in snapshot.Partitions)
        {
            if (IsDone(partition) && partition.ClosedMillis <= oldest)
                Drop(partition, PartitionFiles.LengthOf(partition.File), "its time is over");
        }
    }

    /// <summary>Whether so much was due at the start that dropping waits.</summary>
    bool IsHeld(IReadOnlyList<Partition> partitions)
    {
        if (_isHoldOver)
            return false;
        var oldest = (_startedAt - _options.Retention).ToUnixTimeMilliseconds();
        var (due, all) = (0L, 0L);
        foreach (var partition in partitions)
        {
            all += partition.SpanCount;
            due += partition.ClosedMillis <= oldest ? partition.SpanCount : 0;
        }
        if (due * MaxShareAtOnce <= all || _time.GetElapsedTime(_started) >= HeldFor)
        {
            _isHoldOver = true;
            _held = null;
            return false;
        }
        if (_held is null)
        {
            _held = $"{due} of {all} spans are older than the retention of {_options.Retention} and will be dropped " +
                $"{HeldFor} after the start. If that is not what you want, set a longer one before.";
            _logger.Held(_held);
        }
        return true;
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
            if (!IsDone(partition))
                continue;
            excess -= length;
            Drop(partition, length, "there is more than may be");
        }
    }

    // not before its spans are counted
    bool IsDone(Partition partition) => partition.IsSealed && partition.Number < _statistics.FirstLive;

    void Drop(Partition partition, long length, string reason)
    {
        _partitions.Drop(partition);
        _logger.Dropped(partition.File, partition.SpanCount, length, reason);
    }
}
