using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Tracing.Model;
using Tracing.Storage.Blocks;
using Tracing.Storage.Tables;

namespace Tracing.Storage.Engine;

/// <summary>
/// Group commit: batches wait in a queue; all that wait become a group, whose spans are written as blocks, then
/// pointers to them by trace, and last its commit. A group that was begun is written until the tables take it, in
/// whatever time; what waits meanwhile is bounded.
/// </summary>
sealed class GroupWriter : IAsyncDisposable
{
    /// <summary>Hours remembered as written; beyond it all are forgotten, and written again.</summary>
    const int MaxHours = 1000;

    const int SlotsPerDay = 1440;

    static readonly TimeSpan _firstWait = TimeSpan.FromMilliseconds(100);
    static readonly TimeSpan _longestWait = TimeSpan.FromSeconds(3);

    readonly ITables _tables;
    readonly BlockTable _table;
    readonly Commits _commits;
    readonly Slices _slices;
    readonly SliceBlocks _sliceBlocks;
    readonly Blocks _blocks;
    readonly Bodies _bodies;
    readonly Names _names;
    readonly CommittedGroups _committed;
    readonly EngineOptions _options;
    readonly TimeProvider _time;
    readonly ILogger _logger;
    readonly SeriesNames _seriesNames = new();
    readonly UncountedSpans _uncounted;
    readonly Channel<Waiting> _queue = Channel.CreateUnbounded<Waiting>(
        new UnboundedChannelOptions { SingleReader = true });
    readonly SemaphoreSlim _groups;
    readonly RecentBodies _recent;

    // of committed groups; guarded by itself
    readonly SeenSpans _seen = new();
    readonly HashSet<long> _hours = [];
    readonly ITimer? _alive;
    readonly SpanBudget _waiting;
    readonly Task _loop;
    readonly CancellationTokenSource _closing = new();
    readonly Lock _lock = new();

    // of the groups: commits come in the order of their times
    Task _lastCommit = Task.CompletedTask;
    long _lastStored;

    // when those were begun that are not written yet
    readonly SortedSet<long> _underWay = [];
    readonly long _firstSlot;
    long _lastSlot = -1;
    long _hoursDay;
    int _failing;

    public GroupWriter(
        ITables tables, BlockTable table, Commits commits, Slices slices, SliceBlocks sliceBlocks, Blocks blocks,
        Names names, CommittedGroups committed, UncountedSpans uncounted, EngineOptions options, TimeProvider time,
        ILogger logger)
    {
        _committed = committed;
        _uncounted = uncounted;
        _tables = tables;
        _table = table;
        _commits = commits;
        _slices = slices;
        _sliceBlocks = sliceBlocks;
        _blocks = blocks;
        _options = options;
        _time = time;
        _logger = logger;
        Writer = Random.Shared.NextInt64();
        _bodies = new Bodies(tables, commits, Writer);
        _names = names;
        _recent = new RecentBodies(time);
        _waiting = new SpanBudget(_options.MaxQueuedSpans);
        _groups = new SemaphoreSlim(_options.MaxGroups);
        _firstSlot = Rows.SlotOf(NextStored());
        if (tables.IsShared)
        {
            _alive = TimeProvider.System.CreateTimer(
                _ => _ = SetAliveAsync(), null, TimeSpan.Zero, Bodies.AliveEvery);
        }
        _loop = Task.Run(RunAsync);
    }

    /// <summary>Names this process in what it writes.</summary>
    public long Writer { get; }

    /// <summary>A group's time that no group has had: microseconds since 1970.</summary>
    public long NextStored()
    {
        lock (_lock)
        {
            var now = (TimeProvider.System.GetUtcNow() + _options.ClockError()).Ticks / TimeSpan.TicksPerMicrosecond -
                (DateTime.UnixEpoch.Ticks / TimeSpan.TicksPerMicrosecond);
            return _lastStored = Math.Max(now, _lastStored + 1);
        }
    }

    /// <summary>When the oldest group was begun that is not written yet; no later one begins before.</summary>
    public long OldestUnderWay()
    {
        lock (_lock)
            return _underWay.Count > 0 ? _underWay.Min : NextStored();
    }

    public async Task<AppendOutcome> AppendAsync(SpanBatch batch)
    {
        if (batch.Spans.Count + batch.Counted.Count == 0)
            throw new ArgumentException("A batch must have a span, or something counted.", nameof(batch));
        while (true)
        {
            var waiting = new Waiting(batch);
            if (batch.BodyHash != UInt128.Zero && _recent.Find(batch.BodyHash, waiting.Done.Task) is { } earlier)
            {
                // that of the same body: if it failed, this one is written in its stead
                var outcome = await Task.WhenAny(AnswerAsync(earlier));
                if (outcome.IsCompletedSuccessfully && await outcome is { } known)
                    return known == AppendOutcome.Stored ? AppendOutcome.AlreadyStored : known;
                continue;
            }
            if (!_waiting.TryTake(waiting.Spans, batch.Bytes))
            {
                waiting.Done.SetResult(AppendOutcome.Overloaded);
                _recent.Forget(batch.BodyHash, waiting.Done.Task);
                return AppendOutcome.Overloaded;
            }
            if (!_queue.Writer.TryWrite(waiting))
            {
                _recent.Forget(batch.BodyHash, waiting.Done.Task);
                throw new ObjectDisposedException(nameof(BlockSpanStore));
            }
            return await AnswerAsync(waiting.Done.Task);
        }
    }

    /// <summary>Takes no more batches; returns when those taken are written, or nothing can be for a while.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        _closing.CancelAfter(_options.WriteTimeout);
        await _loop;
        for (var i = 0; i < _options.MaxGroups; i++)
            await _groups.WaitAsync();
        if (_alive is not null)
            await _alive.DisposeAsync();
        _closing.Dispose();
        _groups.Dispose();
    }

    /// <summary>Who sends it again hears what became of it.</summary>
    async Task<AppendOutcome> AnswerAsync(Task<AppendOutcome> done)
    {
        try
        {
            return await done.WaitAsync(_options.WriteTimeout, TimeProvider.System);
        }
        catch (TimeoutException) when (!done.IsCompleted)
        {
            return AppendOutcome.Overloaded;
        }
    }

    async Task RunAsync()
    {
        await RecallAsync();
        try
        {
            while (await _queue.Reader.WaitToReadAsync())
            {
                await _groups.WaitAsync();
                if (_options.GroupDelay > TimeSpan.Zero && _waiting.Waiting < _options.BlockSpans)
                    await Task.Delay(_options.GroupDelay, TimeProvider.System);
                var group = TakeGroup();
                var previous = _lastCommit;
                var committed = new TaskCompletionSource();
                _lastCommit = committed.Task;
                _ = WriteAndReleaseAsync(group, BeginGroup(), previous, committed);
            }
        }
        catch (Exception exception)
        {
            // the edge of the loop: an error of ours
            _logger.WriterStopped(exception);
            _queue.Writer.TryComplete(exception);
        }
    }

    /// <summary>Learns which spans were stored before, by this collector or others.</summary>
    async Task RecallAsync()
    {
        try
        {
            await StoredSpans.RecallAsync(_commits, _slices, _sliceBlocks, _blocks, null, _seen, _closing.Token);
        }
        catch (Exception exception)
        {
            // whatever it is, spans can be written
            _logger.RecallFailed(exception.Message);
        }
    }

    long BeginGroup()
    {
        lock (_lock)
        {
            var stored = NextStored();
            _underWay.Add(stored);
            return stored;
        }
    }

    List<Waiting> TakeGroup()
    {
        var group = new List<Waiting>();
        var spans = 0;
        while (_queue.Reader.TryPeek(out var next) &&
            (spans == 0 || (spans + next.Spans <= _options.MaxGroupSpans && !next.IsAlone && !group[0].IsAlone)))
        {
            _queue.Reader.TryRead(out _);
            group.Add(next);
            spans += next.Spans;
        }
        return group;
    }

    async Task WriteAndReleaseAsync(
        List<Waiting> group, long stored, Task previous, TaskCompletionSource committed)
    {
        try
        {
            await Task.Yield();
            await WriteAsync(group, stored, previous);
        }
        finally
        {
            committed.SetResult();
            lock (_lock)
                _underWay.Remove(stored);
            _groups.Release();
        }
    }

    async Task WriteAsync(List<Waiting> group, long stored, Task previous)
    {
        try
        {
            await WriteGroupAsync(group, stored, previous);
        }
        catch (Exception exception)
        {
            _committed.Miss();
            foreach (var waiting in group.Where(waiting => waiting.Batch.BodyHash != UInt128.Zero))
                await ReleaseAsync(waiting.Batch.BodyHash, stored);
            if (group.Count > 1)
            {
                // one bad batch must not fail its neighbours
                _logger.GroupFailed(exception, group.Count);
                group.ForEach(waiting => WriteAlone(waiting, exception));
                return;
            }
            _logger.BatchFailed(exception, group[0].Spans);
            Fail(group[0], exception);
        }
    }

    /// <summary>In a group of its own, which comes after those under way, as commits come in order.</summary>
    void WriteAlone(Waiting waiting, Exception exception)
    {
        waiting.IsAlone = true;
        if (!_queue.Writer.TryWrite(waiting))
            Fail(waiting, exception);
    }

    async Task WriteGroupAsync(List<Waiting> group, long stored, Task previous)
    {
        var encoded = Encode(group, stored);
        var began = TimeProvider.System.GetTimestamp();
        var outcomes = await Rows.ForAllAsync(group, waiting => waiting.Batch.BodyHash == UInt128.Zero
            ? Task.FromResult(AppendOutcome.Stored)
            : UntilTakenAsync(() => _bodies.ClaimAsync(waiting.Batch.BodyHash, stored)), CancellationToken.None);
        var mine = group.Where((_, i) => outcomes[i] == AppendOutcome.Stored).ToList();
        if (mine.Count > 0)
        {
            if (mine.Count < group.Count)
                encoded = Encode(mine, stored);
            await WriteRowsAsync(encoded, stored, async () =>
            {
                await previous;
                await ThrowIfTooOldAsync(stored, TimeProvider.System.GetElapsedTime(began));
            });
            // who seems dead is taken over, and then none of the group counts
            if (TimeProvider.System.GetElapsedTime(began) > Bodies.AliveFor / 2 &&
                !await UntilTakenAsync(() => _commits.IsCommittedAsync(Writer, stored)))
            {
                _logger.TakenOver();
                throw new InvalidOperationException("The group was taken over by another collector.");
            }
            _blocks.Remember(new BlockId(stored, Writer, 0), encoded.Blocks);
            _committed.Add(new CommittedGroup(Writer, stored, encoded.Spans, encoded.Flags, encoded.Counts,
                Remember(encoded), mine.Sum(waiting => waiting.Batch.Bytes)));
        }
        for (var i = 0; i < group.Count; i++)
            Answer(group[i], outcomes[i]);
    }

    /// <summary>A group that comes after its time was compacted would be lost.</summary>
    async Task ThrowIfTooOldAsync(long stored, TimeSpan age)
    {
        if (age > Compaction.MaxGroupAge)
            throw new InvalidOperationException("The group took too long to be written, and is written anew.");
        var upto = (await UntilTakenAsync(() => _slices.CurrentAsync(CancellationToken.None).AsTask())).Upto;
        if (stored < upto)
        {
            throw new InvalidOperationException("The time of this group was compacted already: the clock of this " +
                "server, or of the one that compacts, must be wrong by many minutes.");
        }
    }

    async Task ReleaseAsync(UInt128 hash, long stored)
    {
        try
        {
            await _bodies.ReleaseAsync(hash, stored);
        }
        catch (Exception exception) when (_tables.IsTransient(exception))
        {
            // the claim ends by its time to live
            _logger.WritingAgain(exception.Message);
        }
    }

    Encoded Encode(List<Waiting> group, long stored)
    {
        var spans = group.SelectMany(waiting => waiting.Batch.Spans).ToList();
        var now = _time.GetUtcNow().ToUnixTimeMilliseconds();
        var reports = FindReports(spans, now);
        var statistics = new SpanStatistics(now, _seriesNames, _uncounted);
        statistics.Add(reports is null ? spans : [.. spans.Where((_, i) => !reports[i].IsRepeat)]);
        foreach (var point in group.SelectMany(waiting => waiting.Batch.Counted)
            .Concat(reports?.SelectMany(report => report.Correction?.Points() ?? []) ?? []))
            statistics.Add(point);
        var marks = reports is null ? null : Array.ConvertAll(reports, report =>
            (report.IsRepeat ? SpanFlags.Repeat : 0) | (report.Correction is null ? 0 : SpanFlags.Correction));
        var blocks = GroupBlocks.Make(spans, stored, Writer, _options.BlockSpans, marks);
        var points = PointsCodec.Encode(statistics.ToList(), isTransient: true);
        return new Encoded(spans, marks, statistics, now, blocks, _names.Of(spans),
            new Commit(Writer, stored, blocks.Count, spans.Count, points));
    }

    /// <summary>
    /// What each span is beside those of committed groups and those before it in this one; null where none is a
    /// repeat. What groups under way at once have in common is found when they are committed, and what those of
    /// several collectors have when they are added up.
    /// </summary>
    SpanReport[]? FindReports(List<Span> spans, long nowMillis)
    {
        SpanReport[]? reports = null;
        lock (_seen)
        {
            for (var i = 0; i < spans.Count; i++)
            {
                var report = _seen.Add(spans[i], SpanIdentity.ServiceOf(spans[i].ServiceName), nowMillis);
                if (report.IsRepeat)
                    (reports ??= new SpanReport[spans.Count])[i] = report;
            }
            _seen.Discard();
        }
        return reports;
    }

    /// <summary>Remembers the spans; what groups that were under way at once have both counted is told.</summary>
    GroupCorrections Remember(Encoded encoded)
    {
        var corrections = new GroupCorrections(encoded.Millis, _seriesNames);
        lock (_seen)
        {
            corrections.Add(encoded.Spans, encoded.Flags, _seen);
            _seen.Publish();
        }
        return corrections;
    }

    /// <param name="beforeCommit">Waited for before the group is committed.</param>
    async Task WriteRowsAsync(Encoded encoded, long stored, Func<Task> beforeCommit)
    {
        var slot = Rows.SlotOf(stored);
        List<long> hours;
        lock (_lock)
            hours = [.. encoded.Blocks.Select(block => block.Hour).Distinct().Where(hour => !_hours.Contains(hour))];
        List<Row> rows =
        [
            .. hours.Select(_table.OfHour), .. _names.RowsOf(encoded.Names),
            .. BlockTable.Of(encoded.Blocks, new BlockId(stored, Writer, 0), _options.Retention),
            _commits.CountsOf(encoded.Commit),
        ];
        if (slot > _lastSlot)
            rows.Add(_commits.OfWriter(Writer, _firstSlot, slot));
        await UntilTakenAsync(async () =>
        {
            await _tables.PutAsync(rows, _commits.Of(encoded.Commit), beforeCommit, _closing.Token);
            return true;
        });
        _names.Remember(encoded.Names);
        lock (_lock)
        {
            _lastSlot = Math.Max(_lastSlot, slot);
            // the rows of hours end a day later than those of blocks do: written again each day
            if (_hours.Count > MaxHours || slot / SlotsPerDay != _hoursDay)
                _hours.Clear();
            _hoursDay = slot / SlotsPerDay;
            _hours.UnionWith(hours);
        }
    }

    /// <summary>Tries until the tables take it; all that is tried may be done twice.</summary>
    async Task<T> UntilTakenAsync<T>(Func<Task<T>> run)
    {
        for (var wait = _firstWait; ; wait = TimeSpan.FromSeconds(Math.Min(
            _longestWait.TotalSeconds, 2 * wait.TotalSeconds)))
        {
            try
            {
                var result = await run();
                if (Interlocked.Exchange(ref _failing, 0) == 1)
                    _logger.Writes();
                return result;
            }
            catch (Exception exception) when (
                _tables.IsTransient(exception) && !_closing.IsCancellationRequested)
            {
                if (Interlocked.Exchange(ref _failing, 1) == 0)
                    _logger.WritingAgain(exception.Message);
            }
            await Task.Delay(wait, TimeProvider.System, CancellationToken.None);
        }
    }

    async Task SetAliveAsync()
    {
        try
        {
            await _bodies.SetAliveAsync();
        }
        catch (Exception exception) when (_tables.IsTransient(exception) || exception is ObjectDisposedException)
        {
            // comes again; whoever takes over meanwhile is noticed at the commit
        }
    }

    void Answer(Waiting waiting, AppendOutcome outcome)
    {
        _waiting.GiveBack(waiting.Spans, waiting.Batch.Bytes);
        if (outcome == AppendOutcome.Overloaded)
            _recent.Forget(waiting.Batch.BodyHash, waiting.Done.Task);
        else
            _recent.Stored(waiting.Batch.BodyHash);
        waiting.Done.SetResult(outcome);
    }

    void Fail(Waiting waiting, Exception exception)
    {
        _waiting.GiveBack(waiting.Spans, waiting.Batch.Bytes);
        _recent.Forget(waiting.Batch.BodyHash, waiting.Done.Task);
        waiting.Done.SetException(exception);
    }

    /// <param name="Millis">When it was, in milliseconds since 1970.</param>
    sealed record Encoded(
        List<Span> Spans, SpanFlags[]? Flags, SpanStatistics Counts, long Millis, List<BuiltBlock> Blocks,
        List<(NameKind, string, string)> Names, Commit Commit);

    sealed class Waiting(SpanBatch batch)
    {
        public SpanBatch Batch { get; } = batch;

        /// <summary>A group that it was in failed.</summary>
        public bool IsAlone { get; set; }

        /// <summary>What is counted takes about as much as a span.</summary>
        public int Spans { get; } = batch.Spans.Count + batch.Counted.Count;

        public TaskCompletionSource<AppendOutcome> Done { get; } =
            new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
