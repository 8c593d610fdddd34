using DuckDB.NET.Data;
using Microsoft.Extensions.Logging;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Counts the spans of each partition by series and minute: in memory while it takes appends, then once for all in the
/// <see cref="StatisticsFile"/>. Nothing of it is written with the spans, which say it all: after a kill those of
/// partitions that are not in the file are counted again, in the background, from what is stored.
/// </summary>
sealed class StatisticsKeeper : IAsyncDisposable
{
    /// <summary>Spans read at once when they are counted again.</summary>
    const int SpansAtOnce = 5000;

    /// <summary>
    /// How often calls are counted whose callee does not come: a call is to be seen within twice this time.
    /// </summary>
    static readonly TimeSpan SettleEvery = TimeSpan.FromSeconds(4);

    /// <summary>
    /// Spans of each of the two partitions before that are looked at again after a start, so that edges to them are
    /// found; all of them would take seconds.
    /// </summary>
    const int SpansBefore = 50_000;

    readonly StoreFolder _folder;
    readonly Partitions _partitions;
    readonly ILogger _logger;

    // null in memory, where no partition is ever closed
    readonly StatisticsFile? _file;
    readonly SeriesNames _names = new();
    readonly EdgeLinker _edges;
    readonly CancellationTokenSource _closing = new();
    readonly TaskCompletionSource _caughtUp = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly Lock _lock = new();

    // guarded by the lock: what is not in the file yet, by the number of its partition; and what is counted next
    readonly SortedDictionary<int, SpanStatistics> _live = [];
    Position _next;
    int _newest;
    Task _catchUp = Task.CompletedTask;

    readonly bool _countsSpans;
    readonly UncountedSpans _uncounted;
    readonly ITimer _timer;

    /// <param name="found">All partitions there are, the append partition last.</param>
    /// <param name="countsSpans">False: only what comes counted is kept.</param>
    public StatisticsKeeper(StoreFolder folder, StatisticsFile? file, IReadOnlyList<Partition> found,
        Partitions partitions, TimeProvider time, ILogger logger, bool countsSpans)
    {
        _uncounted = new UncountedSpans((span, exception) => logger.NotCounted(exception, span.TraceId, span.SpanId));
        _countsSpans = countsSpans;
        _folder = folder;
        _partitions = partitions;
        _logger = logger;
        _file = file;
        _edges = new EdgeLinker(_names);
        foreach (var series in file?.Series ?? [])
            _names.Bound(series);
        _newest = found[^1].Number;
        _next = new Position(FirstToCount(found), 0, 0);
        if (found is [{ SpanCount: 0, CountedRows: 0 }])
            _caughtUp.SetResult();
        _timer = time.CreateTimer(_ => Settle(), null, SettleEvery, SettleEvery);
    }

    /// <summary>Spans that are not counted, since the start.</summary>
    public UncountedCounts Uncounted => _uncounted.Counts;

    /// <summary>The first partition whose counts are not in the file.</summary>
    public int FirstLive
    {
        get
        {
            lock (_lock)
                return _live.Count > 0 ? _live.First().Key : _next.Number;
        }
    }

    /// <summary>Completes when all that is stored is counted.</summary>
    public Task WhenCaughtUp => _caughtUp.Task;

    /// <summary>Counts what is stored already; called once all partitions can be had.</summary>
    public void Start()
    {
        if (!_caughtUp.Task.IsCompleted)
        {
            // a thread of its own, since DuckDB's calls block
            _catchUp = Task.Factory.StartNew(
                CatchUp, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
    }

    /// <summary>Counts what the writer has just committed to its partition.</summary>
    /// <param name="at">Where the rows begin.</param>
    /// <param name="rows">How many rows of spans they are.</param>
    /// <param name="spans">Those that had not come before.</param>
    public void Add(Partition partition, Position at, long rows, List<Span> spans, List<SeriesPoint> counted)
    {
        lock (_lock)
        {
            // else the background comes to them, or has been there
            if (at == _next)
                Count(partition, rows, spans, counted);
        }
    }

    /// <summary>The writer has begun a new partition.</summary>
    public void MoveOn(Partition partition)
    {
        lock (_lock)
        {
            if (_caughtUp.Task.IsCompleted)
                MoveTo(partition.Number);
            _newest = partition.Number;
        }
    }

    /// <summary>Moves what was counted of closed partitions to the file.</summary>
    public void Absorb()
    {
        List<KeyValuePair<int, SpanStatistics>> closed;
        lock (_lock)
            closed = [.. _live.Where(each => each.Key < _next.Number)];
        if (_file is null || closed.Count == 0)
            return;
        _file.Absorb([.. closed.Select(each => each.Key)], [.. closed.Select(each => each.Value)]);
        _file.TryShortenLog();
        lock (_lock)
            closed.ForEach(each => _live.Remove(each.Key));
    }

    /// <summary>See <see cref="StatisticsFile.Merge"/>.</summary>
    public void Merge(long nowMinute, (long Minutes, long Hours, long Days) keep)
    {
        _file?.Merge(nowMinute, keep);
        _file?.TryShortenLog();
    }

    /// <summary>What is counted; waits until all that is stored is.</summary>
    public async Task<IReadOnlyList<SeriesPoint>> ReadAsync(
        Readers readers, SeriesQuery query, CancellationToken cancellationToken)
    {
        await _caughtUp.Task.WaitAsync(cancellationToken);
        // before the file is looked at: what it takes over meanwhile is known by its numbers
        List<KeyValuePair<int, SpanStatistics>> live;
        lock (_lock)
            live = [.. _live];
        return await readers.RunAsync<IReadOnlyList<SeriesPoint>>(
            (connection, _) => Read(connection, live, query), cancellationToken, ReadKind.Statistics);
    }

    public async ValueTask DisposeAsync()
    {
        await _timer.DisposeAsync();
        await _closing.CancelAsync();
        await _catchUp;
        _file?.Dispose();
        _closing.Dispose();
    }

    List<SeriesPoint> Read(
        DuckDBConnection connection, List<KeyValuePair<int, SpanStatistics>> live, SeriesQuery query)
    {
        var points = new SeriesPoints(query.StepMinutes, query.StartMinute, query.WithExemplars);
        HashSet<int> absorbed = [];
        if (_file is not null)
        {
            connection.Execute("BEGIN TRANSACTION");
            absorbed = StatisticsFile.Absorbed(connection, live.Select(each => each.Key));
            _file.Read(connection, query, points);
            connection.Execute("COMMIT");
        }
        foreach (var (number, statistics) in live)
        {
            if (!absorbed.Contains(number))
                statistics.AddTo(points, series => query.Wants(series), query.StartMinute, query.EndMinute);
        }
        return query.Answer(points);
    }

    /// <summary>Those from it on are counted in order.</summary>
    int FirstToCount(IReadOnlyList<Partition> found)
    {
        if (_file is null)
            return _newest;
        using var connection = _folder.Connect();
        var absorbed = StatisticsFile.Absorbed(connection, found.Select(partition => partition.Number));
        // Merged ones were counted before. If the file was lost, what they were thinned from is not known any more.
        var lost = found.Where(partition => partition.IsMerged && !absorbed.Contains(partition.Number)).ToList();
        if (lost.Count > 0)
        {
            _logger.StatisticsLost(lost.Count, lost[^1].File);
            _file.Absorb([.. lost.Select(partition => partition.Number)], []);
            absorbed.UnionWith(lost.Select(partition => partition.Number));
        }
        return found.First(partition => !absorbed.Contains(partition.Number)).Number;
    }

    void CatchUp()
    {
        try
        {
            LookBack();
            while (true)
            {
                _closing.Token.ThrowIfCancellationRequested();
                using var snapshot = _partitions.Take();
                if (IsCaughtUp(snapshot.Partitions))
                    return;
                var partition = snapshot.Partitions.First(each => each.Number == _next.Number);
                ReadOn(partition);
            }
        }
        catch (OperationCanceledException)
        {
            _caughtUp.TrySetCanceled();
        }
        catch (Exception exception)
        {
            // the edge of the task: whoever asks for statistics is told
            _logger.CountingFailed(exception);
            _caughtUp.TrySetException(exception);
        }
    }

    /// <summary>Goes to the next partition where one is done; true when nothing is left.</summary>
    bool IsCaughtUp(IReadOnlyList<Partition> partitions)
    {
        lock (_lock)
        {
            while (true)
            {
                var partition = partitions.FirstOrDefault(each => each.Number == _next.Number);
                if (partition is not null &&
                    (partition.SpanCount > _next.Row || partition.CountedRows > _next.CountedRow))
                    return false;
                if (_next.Number == _newest)
                {
                    _caughtUp.TrySetResult();
                    return true;
                }
                var following = partitions.FirstOrDefault(each => each.Number > _next.Number);
                if (following is null)
                    return false;
                MoveTo(following.Number);
            }
        }
    }

    /// <summary>Has edges found to the spans that were stored last before those that are to be counted.</summary>
    void LookBack()
    {
        using var snapshot = _partitions.Take();
        using var connection = _folder.Connect();
        foreach (var partition in snapshot.Partitions
            .Where(each => each.Number < _next.Number && !each.IsMerged).TakeLast(2))
        {
            var start = Math.Max(0, partition.SpanCount - SpansBefore);
            var spansBefore = StoredSpans.Read(connection, partition, start, partition.SpanCount)
                .Where(each => !each.IsRepeat).Select(each => each.Span);
            foreach (var spans in spansBefore.Chunk(SpansAtOnce))
            {
                _closing.Token.ThrowIfCancellationRequested();
                lock (_lock)
                    _edges.Add(spans, null);
            }
            lock (_lock)
                _edges.MoveOn(null);
        }
    }

    /// <summary>Counts the calls whose callee has not come.</summary>
    void Settle()
    {
        lock (_lock)
        {
            // what a start has to count is counted as it came
            if (_caughtUp.Task.IsCompletedSuccessfully && _live.TryGetValue(_next.Number, out var statistics))
                _edges.Settle(statistics);
        }
    }

    // within the lock
    void MoveTo(int number)
    {
        _edges.MoveOn(_live.GetValueOrDefault(_next.Number));
        _next = new Position(number, 0, 0);
    }

    void ReadOn(Partition partition)
    {
        using var connection = _folder.Connect();
        // in this order: what comes meanwhile is for the next round
        var (spansEnd, countedEnd) = (partition.SpanCount, partition.CountedRows);
        var start = _next;
        var counted = CountedTable.Read(connection, partition, start.CountedRow, countedEnd);
        var spans = new List<Span>();
        var rows = 0;
        foreach (var (span, isRepeat) in StoredSpans.Read(connection, partition, start.Row, spansEnd))
        {
            if (!isRepeat)
                spans.Add(span);
            if (++rows < SpansAtOnce)
                continue;
            _closing.Token.ThrowIfCancellationRequested();
            lock (_lock)
                Count(partition, rows, spans, []);
            spans.Clear();
            rows = 0;
        }
        lock (_lock)
            Count(partition, rows, spans, counted);
    }

    // within the lock
    void Count(Partition partition, long rows, List<Span> spans, List<SeriesPoint> counted)
    {
        if (!_live.TryGetValue(partition.Number, out var statistics))
        {
            statistics = new SpanStatistics(partition.CreatedMillis, _names, _uncounted);
            _live.Add(partition.Number, statistics);
        }
        if (_countsSpans)
        {
            statistics.Add(spans);
            _edges.Add(spans, statistics);
        }
        counted.ForEach(statistics.Add);
        _next = new Position(_next.Number, _next.Row + rows, _next.CountedRow + counted.Count);
    }
}

/// <summary>A place in the order stored: a partition, and rows of its tables spans and counted.</summary>
readonly record struct Position(int Number, long Row, long CountedRow);
