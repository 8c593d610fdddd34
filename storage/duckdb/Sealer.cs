using System.Diagnostics;
using System.Threading.Channels;
using DuckDB.NET.Data;
using Microsoft.Extensions.Logging;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Seals partitions one by one in the background: writes what is in one anew, sorted by trace and compressed, to a
/// temporary file, whose renaming publishes it. Readers of the open one finish with it.
/// </summary>
sealed class Sealer
{
    static readonly TimeSpan InterruptEvery = TimeSpan.FromMilliseconds(10);

    readonly StoreFolder _folder;
    readonly Partitions _partitions;
    readonly ILogger _logger;
    readonly Channel<Partition> _queue = Channel.CreateUnbounded<Partition>(
        new UnboundedChannelOptions { SingleReader = true });
    readonly Lock _lock = new();

    // guarded by the lock; failed ones wait for the next
    Task? _loop;
    DuckDBConnection? _connection;
    readonly List<Partition> _failed = [];
    TaskCompletionSource? _idle;
    int _waiting;
    volatile bool _isClosing;
    volatile string? _failure;

    public Sealer(StoreFolder folder, Partitions partitions, ILogger logger)
    {
        _folder = folder;
        _partitions = partitions;
        _logger = logger;
    }

    /// <summary>Why the last sealing failed; null when it did not.</summary>
    public string? Failure => _failure;

    /// <summary>Partitions that wait or are being sealed.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
                return _waiting;
        }
    }

    /// <summary>Takes a partition that nothing is appended to any more.</summary>
    public void Add(Partition partition)
    {
        lock (_lock)
        {
            _connection ??= _folder.Connect();
            // a thread of its own, since DuckDB's calls block
            _loop ??= Task.Factory.StartNew(
                Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            Partition[] all = [.. _failed, partition];
            _failed.Clear();
            foreach (var each in all)
            {
                if (_queue.Writer.TryWrite(each))
                    _waiting++;
            }
        }
    }

    /// <summary>Completes when nothing waits any more.</summary>
    public Task WhenIdle()
    {
        lock (_lock)
        {
            if (_waiting == 0)
                return Task.CompletedTask;
            _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _idle.Task;
        }
    }

    /// <summary>Gives up what is being sealed; the next start takes it up again.</summary>
    public async Task CloseAsync()
    {
        _isClosing = true;
        _queue.Writer.TryComplete();
        if (_loop is null)
            return;
        // again and again, as an interrupt between two statements is lost
        while (await Task.WhenAny(_loop, Task.Delay(InterruptEvery)) != _loop)
            _connection!.NativeConnection.Interrupt();
        await _loop;
        _connection!.Dispose();
    }

    void Run()
    {
        while (_queue.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            while (_queue.Reader.TryRead(out var partition))
            {
                var isSealed = _isClosing || TrySeal(partition);
                lock (_lock)
                {
                    if (!isSealed)
                        _failed.Add(partition);
                    if (--_waiting > 0)
                        continue;
                    _idle?.TrySetResult();
                    _idle = null;
                }
            }
        }
    }

    bool TrySeal(Partition open)
    {
        try
        {
            var clock = Stopwatch.StartNew();
            var sealedFile = Seal(open);
            _logger.Sealed(sealedFile, open.SpanCount, new FileInfo(sealedFile).Length, clock.Elapsed.TotalSeconds);
            _failure = null;
            return true;
        }
        catch (Exception) when (_isClosing)
        {
            return false;
        }
        catch (Exception exception)
        {
            // the edge of the loop: whatever is wrong, the spans stay where they are
            _failure = exception.Message;
            _logger.SealingFailed(exception, open.File);
            return false;
        }
    }

    string Seal(Partition open)
    {
        var temporary = PartitionFiles.TemporaryFile(_folder.Path, open.Number);
        var published = PartitionFiles.SealedFile(_folder.Path, open.Number);
        try
        {
            SealedCopy.Write(_connection!, open, temporary);
            PartitionFiles.Sync(temporary);
            SealedCheck.Compare(_connection!, open, temporary);
            File.Move(temporary, published, overwrite: true);
        }
        catch
        {
            // on a full disk its room is needed
            PartitionFiles.Delete(temporary);
            throw;
        }
        PartitionFiles.Sync(_folder.Path);
        var made = _folder.AttachSealed(_connection!, open.Number, published);
        // or the first search in it would read them
        _ = made.Contents;
        _partitions.Replace(open, made);
        return published;
    }
}
