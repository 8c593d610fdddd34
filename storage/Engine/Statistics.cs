using Tracing.Model;
using Tracing.Storage.Blocks;
using Tracing.Storage.Tables;

namespace Tracing.Storage.Engine;

/// <summary>
/// Latencies by series and time. Each group has counted its spans when it is committed; one process at a time, by a
/// lease, adds that up in memory, finds the calls between services, and now and then flushes it to the rows
/// (<see cref="StatisticsRows"/>), after which what the groups counted is deleted. Who reads adds to the rows what is
/// not flushed, and what is beyond that. So none counts twice, whoever dies or works at the same time
/// (<see cref="CountState"/>).
/// </summary>
sealed class Statistics
{
    /// <summary>What is counted is flushed when it takes so much memory; while it is, as much again may be.</summary>
    const long MaxPendingBytes = 32 << 20;

    /// <summary>It is flushed when it is so old, for a start that finds little to be counted.</summary>
    static readonly TimeSpan _flushEvery = TimeSpan.FromSeconds(60);

    /// <summary>The same where other processes see the calls between services only then.</summary>
    static readonly TimeSpan _flushSharedEvery = TimeSpan.FromSeconds(10);

    static readonly TimeSpan _renewAfter = TimeSpan.FromSeconds(20);

    /// <summary>After so many spans the linker forgets the oldest, as a partition of the embedded store does.</summary>
    const int EdgeSpans = 300_000;

    /// <summary>So many are replayed to the linker at a start.</summary>
    const int ReplayedSpans = 50_000;

    /// <summary>Rows are read anew when they were flushed to meanwhile, so often at most.</summary>
    const int MaxReads = 10;

    readonly ITables _tables;
    readonly StatisticsRows _rows;
    readonly Commits _commits;
    readonly CommittedGroups _groups;
    readonly Slices _slices;
    readonly SliceBlocks _sliceBlocks;
    readonly Blocks _blocks;
    readonly EngineOptions _options;
    readonly TimeProvider _time;
    readonly Lease _lease;
    readonly long _owner;
    readonly SeriesNames _names = new();
    readonly UncountedSpans _uncounted;

    // of who counts; null when this process does not, or after a failure
    EdgeLinker? _edges;
    SeenSpans _seen = new();
    int _edgeSpans;
    long _settled;
    CountState? _state;
    Task _flush = Task.CompletedTask;
    bool _isAdding;
    long _leased;

    // of the flushes that others have asked for and those that are done
    long _wanted;
    long _done;

    // guards which these are; the older one is being flushed
    readonly Lock _lock = new();
    PendingCounts? _pending;
    PendingCounts? _flushing;

    public Statistics(ITables tables, Commits commits, CommittedGroups groups, Slices slices, SliceBlocks sliceBlocks,
        Blocks blocks, EngineOptions options, TimeProvider time, long owner, UncountedSpans uncounted)
    {
        _uncounted = uncounted;
        _tables = tables;
        _rows = new StatisticsRows(tables, options, time);
        _commits = commits;
        _groups = groups;
        _slices = slices;
        _sliceBlocks = sliceBlocks;
        _blocks = blocks;
        _options = options;
        _time = time;
        _owner = owner;
        _lease = new Lease(tables, "counting", owner);
    }

    /// <summary>The next call of <see cref="CountAsync(CancellationToken)"/> flushes.</summary>
    public void WantFlush() => Interlocked.Increment(ref _wanted);

    /// <summary>Adds up what was committed since, if this process has the lease; true if there was something.</summary>
    public Task<bool> CountAsync(CancellationToken cancellation) => CountAsync(isLast: false, cancellation);

    /// <summary>The same for good, and so that nothing waits: also calls whose callee may yet come.</summary>
    public Task<bool> CountForGoodAsync(CancellationToken cancellation) => CountAsync(isLast: true, cancellation);

    async Task<bool> CountAsync(bool isLast, CancellationToken cancellation)
    {
        var wanted = Volatile.Read(ref _wanted);
        if (!await HasLeaseAsync())
        {
            // whoever has it goes on alone
            Reset();
            return false;
        }
        try
        {
            if (_pending is null)
                await StartAsync(cancellation);
            var isMore = await CountGroupsAsync(cancellation);
            if (isLast || _time.GetElapsedTime(_settled) >= _options.CountEvery)
                Settle();
            var every = _tables.IsShared ? _flushSharedEvery : _flushEvery;
            if (isLast || wanted > _done || _time.GetElapsedTime(_pending!.Since) >= every || _flush.IsFaulted)
                await FlushAsync(cancellation);
            if (isLast || wanted > _done)
                await _flush;
            _done = wanted;
            return isMore;
        }
        catch (Exception exception)
        {
            // of a group a part may be added
            if (_isAdding || exception is SupersededException)
                Reset();
            throw;
        }
    }

    async Task<bool> HasLeaseAsync()
    {
        if (_pending is not null && TimeProvider.System.GetElapsedTime(_leased) < _renewAfter)
            return true;
        var leased = TimeProvider.System.GetTimestamp();
        if (!await _lease.HasAsync())
            return false;
        _leased = leased;
        return true;
    }

    public async Task<IReadOnlyList<SeriesPoint>> ReadAsync(SeriesQuery query, CancellationToken cancellation)
    {
        for (var left = MaxReads; ; left--)
        {
            var state = await CountState.ReadAsync(_tables, cancellation);
            var points = await ReadAsync(query, state, cancellation);
            if (left == 0 || state.IsSameAs(await CountState.ReadAsync(_tables, cancellation)))
                return query.Answer(points);
        }
    }

    /// <summary>The last group of each writer of which something is not counted.</summary>
    public async Task<Dictionary<long, long>> ReadUncountedAsync(CancellationToken cancellation) =>
        (await _commits.ReadGroupsAsync(await ReadCountedAsync(cancellation), cancellation))
        .GroupBy(group => group.Writer)
        .ToDictionary(writer => writer.Key, writer => writer.Max(group => group.Stored));

    /// <summary>Up to which group of each writer everything is counted, so that all who may ask see it.</summary>
    public async Task<IReadOnlyDictionary<long, long>> ReadCountedAsync(CancellationToken cancellation)
    {
        if (!_tables.IsShared)
        {
            lock (_lock)
            {
                if (_pending is not null)
                {
                    lock (_pending.Counts.Gate)
                        return new Dictionary<long, long>(_pending.To);
                }
            }
        }
        return await ReadMarksAsync(cancellation);
    }

    /// <summary>Up to which group of each writer everything is counted in the rows.</summary>
    public async Task<IReadOnlyDictionary<long, long>> ReadMarksAsync(CancellationToken cancellation) =>
        (await CountState.ReadAsync(_tables, cancellation)).Applied;

    async Task<SeriesPoints> ReadAsync(SeriesQuery query, CountState state, CancellationToken cancellation)
    {
        var points = new SeriesPoints(query.StepMinutes, query.StartMinute, query.WithExemplars);
        bool IsWanted(Series series) => query.Wants(series);
        var pending = PendingAfter(state);
        // first what is not counted in memory, as that is deleted once it is in the rows
        var commits = await _commits.ReadAsync(pending is [.., var last] ? Marks(last) : state.Applied, cancellation);
        var parts = new List<(int Level, long From, long To, Dictionary<(Section, long), long> Numbers)>();
        foreach (var (level, from, to) in _rows.Ranges().Parts(query))
        {
            var numbers = new Dictionary<(Section, long), long>();
            foreach (var row in await _rows.ReadAsync(level, from, to, query, cancellation))
            {
                numbers[(row.Section, row.Time)] = row.Number;
                PointsCodec.Decode(row.Points, IsWanted, point => Add(points, point));
            }
            parts.Add((level, from, to, numbers));
        }
        Dictionary<long, long>? counted = null;
        foreach (var some in pending)
        {
            lock (some.Counts.Gate)
            {
                foreach (var part in parts)
                    AddPending(some, part);
                counted = new Dictionary<long, long>(some.To);
            }
        }
        foreach (var commit in commits)
        {
            if (counted is not null && counted.GetValueOrDefault(commit.Writer, -1) >= commit.Stored)
                continue;
            var isFlushing = !state.IsApplied && state.To.GetValueOrDefault(commit.Writer, -1) >= commit.Stored;
            PointsCodec.Decode(commit.Points, IsWanted, point =>
            {
                foreach (var (level, from, to, numbers) in parts)
                {
                    if (LevelRanges.Floor(point.Minute, StatisticsRows.MinutesOf(level)) is var time &&
                        time >= from && time < to && !(isFlushing && IsIn(numbers, point.Series, time, state.Number)))
                        Add(points, point);
                }
            });
        }
        return points;

        void AddPending(PendingCounts some,
            (int Level, long From, long To, Dictionary<(Section, long), long> Numbers) part)
        {
            var minutes = StatisticsRows.MinutesOf(part.Level);
            var (from, to) = (part.From, LevelRanges.Ceiling(part.To, minutes));
            if (some.Number > state.Number)
            {
                some.Counts.AddTo(points, IsWanted, from, to);
                return;
            }
            foreach (var (series, minute, counts) in some.Counts.ToList(IsWanted))
            {
                if (minute >= from && minute < to &&
                    !IsIn(part.Numbers, series, LevelRanges.Floor(minute, minutes), some.Number))
                    Add(points, new SeriesCounts(series, minute, counts));
            }
        }
    }

    /// <summary>
    /// What is in memory and not in all rows, the older one first; empty if this process does not count.
    /// </summary>
    PendingCounts[] PendingAfter(CountState state)
    {
        lock (_lock)
        {
            PendingCounts[] all = [.. new[] { _flushing, _pending }.OfType<PendingCounts>()
                .Where(some => some.Number > state.Number || (some.Number == state.Number && !state.IsApplied))];
            // otherwise another process has flushed, and this one will notice
            return all.Length > 0 && all[0].Number == (state.IsApplied ? state.Number + 1 : state.Number) ? all : [];
        }
    }

    static Dictionary<long, long> Marks(PendingCounts pending)
    {
        lock (pending.Counts.Gate)
            return new Dictionary<long, long>(pending.To);
    }

    static bool IsIn(Dictionary<(Section, long), long> numbers, Series series, long time, long number) =>
        numbers.TryGetValue((Section.Of(series), time), out var last) && last >= number;

    static void Add(SeriesPoints points, SeriesCounts point) =>
        points.Of(point.Series).At(points.StepOf(point.Minute)).Add(point.Counts, points.WithExemplars);

    void Reset()
    {
        lock (_lock)
            (_pending, _flushing) = (null, null);
        (_edges, _state, _isAdding) = (null, null, false);
        _flush = Task.CompletedTask;
        _groups.Miss();
    }

    /// <summary>Begins to count; what another process had begun to flush is flushed first.</summary>
    async Task StartAsync(CancellationToken cancellation)
    {
        var state = await CountState.ReadAsync(_tables, cancellation);
        var groups = await _commits.ReadGroupsAsync(state.Applied, cancellation);
        _seen = new SeenSpans();
        if (_tables.IsShared || groups.Exists(group => group.Writer != _owner))
            await StoredSpans.RecallAsync(
                _commits, _slices, _sliceBlocks, _blocks, state.Applied, _seen, cancellation);
        _edges = new EdgeLinker(_names);
        // the last spans that are counted may call those to come, and the other way round
        _edges.Add(await StoredSpans.ReadAsync(
            _commits, _slices, _sliceBlocks, _blocks, state.Applied, ReplayedSpans, cancellation), null);
        // none of them waits: calls to names were counted, or it is not known any more that they were not
        _edges.MoveOn(null);
        if (!state.IsApplied)
        {
            var again = Pending(state.Number, state.From);
            foreach (var group in groups)
            {
                if (group.Stored <= state.To.GetValueOrDefault(group.Writer, -1))
                    Add(again, await LoadAsync(group, cancellation));
            }
            SettleAll(again);
            foreach (var (writer, stored) in state.To)
                again.To[writer] = stored;
            state = await ApplyAsync(again, state, cancellation);
        }
        _state = state;
        lock (_lock)
            _pending = Pending(state.Number + 1, state.To);
    }

    PendingCounts Pending(long number, IReadOnlyDictionary<long, long> from) => new(number, from,
        new SpanStatistics(_time.GetUtcNow().ToUnixTimeMilliseconds(), _names, _uncounted), _time.GetTimestamp());

    /// <summary>Adds up the groups that are not counted in memory; true if there were some.</summary>
    async Task<bool> CountGroupsAsync(CancellationToken cancellation)
    {
        var isAny = false;
        if (_tables.IsShared || !_groups.IsComplete)
        {
            _groups.Begin();
            foreach (var group in await _commits.ReadGroupsAsync(Marks(_pending!), cancellation))
            {
                var known = group.Writer == _owner ? _groups.TakeIf(group.Stored) : null;
                await CountAsync(known ?? await LoadAsync(group, cancellation), cancellation);
                isAny = true;
            }
            // those of writers before are counted
            if (!_tables.IsShared)
                _seen = new SeenSpans();
        }
        if (_tables.IsShared)
            return isAny;
        while (_groups.Take(_pending!.To.GetValueOrDefault(_owner, -1)) is { } next)
        {
            await CountAsync(next, cancellation);
            isAny = true;
        }
        return isAny || !_groups.IsComplete;
    }

    async Task CountAsync(CommittedGroup group, CancellationToken cancellation)
    {
        Add(_pending!, group);
        if (_pending!.Bytes >= MaxPendingBytes)
            await FlushAsync(cancellation);
    }

    /// <summary>Reads a group that this process did not write, or not lately.</summary>
    async Task<CommittedGroup> LoadAsync(Group group, CancellationToken cancellation)
    {
        var counts = new SpanStatistics(group.Stored / 1000, _names);
        // not there: another process has counted it, which the next flush finds
        if (await _commits.ReadCountsAsync(group.Writer, group.Stored, cancellation) is { } points)
            PointsCodec.Decode(points, _ => true, point => counts.Of(point.Series).At(point.Minute).Add(point.Counts));
        var ids = group.Ids.ToList();
        var stored = new List<(SpanPlace Place, Span Span, SpanFlags Flags)>();
        foreach (var (id, block) in ids.Zip(await Rows.ForAllAsync(
            ids, id => _blocks.ReadOnceAsync(id, cancellation), cancellation)))
        {
            if (block is null)
                continue;
            var spans = block.ReadAll();
            for (var i = 0; i < spans.Length; i++)
                stored.Add((SpanPlace.Of(id, block, i), spans[i], block.TemplateOf(i).Flags));
        }
        // reports of one span may be in blocks of several hours
        var ordered = stored.OrderBy(each => each.Place).ToList();
        return new CommittedGroup(group.Writer, group.Stored, ordered.ConvertAll(each => each.Span),
            ordered.ConvertAll(each => each.Flags), counts, null, 0);
    }

    /// <summary>
    /// Adds what a group counts; finds the calls that its spans complete, and the spans that another collector, or a
    /// group that was written at the same time, had stored before, which the group has counted and is taken back here.
    /// </summary>
    void Add(PendingCounts pending, CommittedGroup group)
    {
        lock (pending.Counts.Gate)
        {
            _isAdding = true;
            if (CorrectionsOf(group) is { IsAny: true } corrections)
            {
                var points = group.Counts.Points(_ => true, long.MinValue, long.MaxValue);
                corrections.Apply(points);
                points.ForEach(pending.Counts.AddBounded);
            }
            else
                pending.Counts.Add(group.Counts);
            _edges!.Add(group.Spans, pending.Counts);
            _edgeSpans += group.Spans.Count;
            if (_edgeSpans >= EdgeSpans)
            {
                _edges.MoveOn(pending.Counts);
                _edgeSpans = 0;
            }
            pending.Counted(group);
            _isAdding = false;
        }
    }

    GroupCorrections? CorrectionsOf(CommittedGroup group)
    {
        // where there is one writer, it knows
        if (!_tables.IsShared && group.Writer == _owner)
            return group.Corrections ?? _groups.TakeCorrections(group.Stored);
        var corrections = new GroupCorrections(group.Stored / 1000, _names);
        corrections.Add(group.Spans, group.Flags, _seen);
        _seen.Publish();
        return corrections;
    }

    /// <summary>Counts the calls whose callee did not come since it was here the last time.</summary>
    void Settle()
    {
        _settled = _time.GetTimestamp();
        if (!_edges!.HasUnsettled)
            return;
        lock (_pending!.Counts.Gate)
        {
            _isAdding = true;
            _edges.Settle(_pending.Counts);
            _isAdding = false;
        }
    }

    /// <summary>
    /// Counts all calls of what is to be flushed, as a start takes them for counted. Where tables are shared, who asks
    /// has it flushed, and calls whose callee is about to come would be to somebody else each time.
    /// </summary>
    void SettleAll(PendingCounts pending)
    {
        if (_tables.IsShared)
            return;
        lock (pending.Counts.Gate)
        {
            _isAdding = true;
            _edges!.SettleAll(pending.Counts);
            _isAdding = false;
        }
    }

    /// <summary>Begins to flush what is pending, after what was before.</summary>
    async Task FlushAsync(CancellationToken cancellation)
    {
        if (_flushing is not null)
        {
            if (_flush.IsFaulted || _flush.IsCanceled)
                _flush = RunFlushAsync(_flushing, cancellation);
            await _flush;
        }
        _flush = Task.CompletedTask;
        var pending = _pending!;
        SettleAll(pending);
        if (pending.IsEmpty)
            return;
        // whose groups have all ended by their time to live is forgotten
        var writers = (await _commits.ReadWritersAsync(cancellation)).Select(writer => writer.Writer).ToHashSet();
        var next = Pending(pending.Number + 1,
            pending.To.Where(each => writers.Contains(each.Key)).ToDictionary());
        lock (_lock)
            (_flushing, _pending) = (pending, next);
        _flush = RunFlushAsync(pending, cancellation);
    }

    Task RunFlushAsync(PendingCounts pending, CancellationToken cancellation) => Task.Run(async () =>
    {
        var state = await ApplyAsync(pending, _state!, cancellation);
        _state = state;
        lock (_lock)
            _flushing = null;
        // what is left after a failure ends by its time to live
        foreach (var (writer, slot) in pending.Slots)
            await _commits.DeleteCountsAsync(writer, slot, pending.To[writer], cancellation);
    }, cancellation);

    /// <exception cref="SupersededException">Another process has flushed.</exception>
    async Task<CountState> ApplyAsync(PendingCounts pending, CountState before, CancellationToken cancellation)
    {
        var begun = before;
        if (before.Number != pending.Number)
        {
            begun = await SetAsync(before, new(pending.Number, _owner, false, pending.From, pending.To, 0));
            _state = begun;
        }
        await _rows.AddAsync(pending.Number, pending.Counts.ToList(), cancellation);
        return await SetAsync(begun, begun with { Owner = _owner, IsApplied = true });

        async Task<CountState> SetAsync(CountState from, CountState to)
        {
            var set = await CountState.SetAsync(_tables, from, to, _options.DaysRetention, cancellation);
            if ((set.Number, set.Owner, set.IsApplied) != (to.Number, to.Owner, to.IsApplied))
                throw new SupersededException();
            return set;
        }
    }

    sealed class SupersededException() : Exception("Another process counts.");
}
