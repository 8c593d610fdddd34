using Microsoft.Extensions.Logging;
using Tracing.Model;
using Tracing.Storage.Tables;

namespace Tracing.Storage.Engine;

/// <summary>
/// Thins out what is older than the hot window, slice by slice in their order, whole traces only. What is kept of a
/// slice is written to tables of its own, and is what readers see from the moment on that a row says so; the blocks of
/// before are deleted later. Whoever dies in between leaves rows that nobody sees.
/// </summary>
sealed class Thinning
{
    /// <summary>A group that takes longer is not committed, so that no slice that is decided on gets another.</summary>
    public static readonly TimeSpan MaxGroupAge = TimeSpan.FromMinutes(10);

    /// <summary>Longer than bodies are known and groups are written for.</summary>
    static readonly TimeSpan _minHotWindow = TimeSpan.FromMinutes(20);

    /// <summary>So long blocks stay that were thinned out, for whoever does not know it yet.</summary>
    static readonly TimeSpan _removeAfter = TimeSpan.FromMinutes(10);

    /// <summary>Blocks that are this close to the end of their time to live are left to it.</summary>
    static readonly TimeSpan _endsSoon = TimeSpan.FromHours(1);

    /// <summary>A clock that differs more from that of the tables is not believed.</summary>
    static readonly TimeSpan _maxSkew = TimeSpan.FromMinutes(10);

    static readonly TimeSpan _renewAfter = TimeSpan.FromSeconds(20);

    /// <summary>Of the hours in which a slice's spans start, so many are looked at for exemplars.</summary>
    const int MaxExemplarHours = 24;

    const int BlocksAtOnce = 16;
    const int MinutesPerHour = 60;
    const long MicrosPerSecond = 1_000_000;

    readonly ITables _tables;
    readonly BlockRows _rows;
    readonly Commits _commits;
    readonly Slices _slices;
    readonly Blocks _blocks;
    readonly Statistics _statistics;
    readonly EngineOptions _options;
    readonly ILogger _logger;
    readonly long _owner;
    readonly Lease _lease;
    readonly RunningClock _clock = new(TimeProvider.System, null);
    volatile string? _skew;
    long _renewed;
    bool _isSteady;

    public Thinning(ITables tables, BlockRows rows, Commits commits, Slices slices, Blocks blocks,
        Statistics statistics, EngineOptions options, long owner, ILogger logger)
    {
        _tables = tables;
        _rows = rows;
        _commits = commits;
        _slices = slices;
        _blocks = blocks;
        _statistics = statistics;
        _options = options;
        _owner = owner;
        _logger = logger;
        _lease = new Lease(tables, "thinning", owner);
    }

    /// <summary>Why the clock is not believed; null when it is.</summary>
    public string? Doubt => _skew ?? _clock.Doubt;

    /// <summary>
    /// Decides on the next slice that is due, or deletes what was thinned out of one, if this process has the lease;
    /// true if something was done. After a start or a failure the first call does nothing, so that who waited for
    /// the tables too has written his groups.
    /// </summary>
    public async Task<bool> ThinAsync(CancellationToken cancellation)
    {
        if (_options.BaselineRate >= 1)
            return false;
        var isSteady = _isSteady;
        _isSteady = false;
        var slices = await _slices.ReadAsync(cancellation);
        var isDone = await HasLeaseAsync() && isSteady && await ThinNextAsync(slices, cancellation);
        _isSteady = true;
        return isDone;
    }

    async Task<bool> ThinNextAsync(Dictionary<long, Slice> slices, CancellationToken cancellation)
    {
        if (await ReadClockAsync(cancellation) is not { } clock)
            return false;
        var writers = await _commits.ReadWritersAsync(cancellation);
        var now = clock + _options.ClockError();
        var removable = slices.Values.Where(slice => slice.Writer != 0 && !slice.IsRemoved &&
            // what is decided on the next one follows what was in this one
            slices.ContainsKey(slice.Number + 1) &&
            slice.Since < (now - _removeAfter).ToUnixTimeSeconds()).MinBy(slice => slice.Number);
        if (removable is not null)
        {
            await RemoveAsync(removable, writers, cancellation);
            return true;
        }
        return NextDue(slices, writers, now) is { } number &&
            await DecideAsync(number, slices.GetValueOrDefault(number - 1), writers, now, cancellation);
    }

    /// <summary>
    /// The time by which slices are old; null while it is not known. A slice that is decided on too early takes no more
    /// groups, so that a clock that is ahead would have those of all other collectors refused.
    /// </summary>
    async Task<DateTimeOffset?> ReadClockAsync(CancellationToken cancellation)
    {
        var before = Doubt;
        var now = _clock.Look();
        var skew = TimeProvider.System.GetUtcNow() - await _tables.ReadClockAsync(cancellation);
        _skew = skew.Duration() <= _maxSkew ? null : $"The clock differs by {skew:c} from the store's. " +
            "Nothing is thinned out by this server until they agree.";
        if (Doubt is { } doubt && before is null)
            _logger.ClockDoubted(doubt);
        return _skew is null ? now : null;
    }

    long? NextDue(
        Dictionary<long, Slice> slices, List<(long Writer, long First, long Last)> writers, DateTimeOffset now)
    {
        if (writers.Count == 0)
            return null;
        var hotWindow = _options.HotWindow > _minHotWindow ? _options.HotWindow : _minHotWindow;
        var first = Math.Max(writers.Min(writer => writer.First) / Slices.Minutes,
            NumberAt(now - _options.Retention + _endsSoon));
        // the slice of the begin of the hot window is not over yet
        for (var number = first; number < NumberAt(now - hotWindow); number++)
        {
            if (!slices.ContainsKey(number))
                return number;
        }
        return null;
    }

    /// <returns>False when it can't be decided on yet.</returns>
    async Task<bool> DecideAsync(long number, Slice? before, List<(long Writer, long First, long Last)> writers,
        DateTimeOffset now, CancellationToken cancellation)
    {
        var groups = await ReadGroupsAsync(number, writers, cancellation);
        var marks = await _statistics.ReadMarksAsync(cancellation);
        // what a group counts goes with it
        if (groups.Exists(group => marks.GetValueOrDefault(group.Writer) < group.Stored))
            return false;
        var traces = new SliceTraces();
        var hours = new HashSet<long>();
        await foreach (var (_, block) in ReadBlocksAsync(groups, cancellation))
        {
            traces.Add(block, isOfNext: false);
            hours.Add(Rows.HourOf(block.Starts[0]));
        }
        if (traces.Lows.Count > 0)
        {
            var after = await ReadGroupsAsync(number + 1, writers, cancellation);
            await foreach (var (_, block) in ReadBlocksAsync(after, cancellation))
                traces.Add(block, isOfNext: true);
        }
        var kept = await FollowAsync(traces, before, writers, cancellation);
        var open = traces.Of(low => !kept.ContainsKey(low));
        var decided = open.Count < _options.MinThinnedTraces
            ? open.Select(trace => (trace.Trace, Kept: TraceKept.Whole))
            : Tiers.Decide(open, await ReadExemplarsAsync(hours, cancellation), _options.BaselineRate);
        foreach (var (low, why) in decided)
            kept[low] = why;
        var isWhole = traces.Lows.All(low => kept.GetValueOrDefault(low) == TraceKept.Whole);
        if (!isWhole)
            await WriteKeptAsync(number, groups, kept, now, cancellation);
        var gone = traces.GoingOn.Where(low => kept.GetValueOrDefault(low) == default).ToArray();
        await _slices.DecideAsync(new Slice(
            number, isWhole ? 0 : _owner, now.ToUnixTimeSeconds(), [.. hours.Order()]), gone, cancellation);
        if (!isWhole)
        {
            _logger.ThinnedOut(DateTimeOffset.FromUnixTimeSeconds(Slices.StartOf(number) / MicrosPerSecond),
                kept.Values.Count(why => why != default), traces.Lows.Count);
        }
        return true;
    }

    /// <summary>
    /// Of the traces that have spans in the slice before too, what was decided on them there; those that went are
    /// without a weight.
    /// </summary>
    async Task<Dictionary<ulong, TraceKept>> FollowAsync(SliceTraces traces, Slice? before,
        List<(long Writer, long First, long Last)> writers, CancellationToken cancellation)
    {
        var followed = new Dictionary<ulong, TraceKept>(SeededHash.Comparer);
        if (before is null || traces.Lows.Count == 0)
            return followed;
        var groups = await ReadGroupsAsync(before.Number, writers, cancellation);
        await foreach (var (_, block) in ReadBlocksAsync(groups, cancellation))
        {
            foreach (var id in block.Traces.Where(id => traces.Contains(id.Low)))
                followed[id.Low] = before.Writer == 0 ? TraceKept.Whole : default;
        }
        if (before.Writer == 0 || followed.Count == 0)
            return followed;
        foreach (var hour in before.Hours)
        {
            var heads = await _rows.ReadKeptHeadsAsync(hour, cancellation);
            foreach (var some in heads.Select(head => head.Id).Where(id => id.Writer == before.Writer &&
                Slices.NumberOf(id.Stored) == before.Number).Chunk(BlocksAtOnce))
            {
                foreach (var block in await ReadAsync(some, cancellation))
                {
                    for (var i = 0; i < block.Traces.Length; i++)
                    {
                        if (followed.ContainsKey(block.Traces[i].Low))
                            followed[block.Traces[i].Low] = block.KeptOf(i);
                    }
                }
            }
        }
        return followed;
    }

    async Task<HashSet<ulong>> ReadExemplarsAsync(HashSet<long> hours, CancellationToken cancellation)
    {
        var exemplars = new HashSet<ulong>(SeededHash.Comparer);
        foreach (var hour in hours.OrderDescending().Take(_options.KeepsExemplars ? MaxExemplarHours : 0))
        {
            var points = await _statistics.ReadAsync(new SeriesQuery
            {
                Level = SeriesLevel.Operation,
                StartMinute = hour * MinutesPerHour,
                EndMinute = (hour + 1) * MinutesPerHour,
                StepMinutes = MinutesPerHour,
                WithExemplars = true,
            }, cancellation);
            exemplars.UnionWith(points.SelectMany(point => point.Exemplars?.Values ?? [])
                .Select(exemplar => exemplar.Trace.Low));
        }
        return exemplars;
    }

    /// <summary>Writes the spans that are kept, in their order, as groups numbered from the slice's begin on.</summary>
    async Task WriteKeptAsync(long number, List<Group> groups, Dictionary<ulong, TraceKept> kept, DateTimeOffset now,
        CancellationToken cancellation)
    {
        var age = now - DateTimeOffset.FromUnixTimeSeconds(Slices.StartOf(number) / MicrosPerSecond);
        var timeToLive = _options.Retention - age + TimeSpan.FromMinutes(Slices.Minutes);
        var next = Slices.StartOf(number);
        var spans = new List<Span>();
        foreach (var group in groups)
        {
            var ofGroup = new List<(SpanPlace Place, Span Span)>();
            await foreach (var (id, block) in ReadBlocksAsync([group], cancellation))
            {
                for (var i = 0; i < block.Count; i++)
                {
                    if (kept.GetValueOrDefault(block.Traces[block.TraceOf[i]].Low) != default)
                        ofGroup.Add((SpanPlace.Of(id, block, i), block.ToSpan(i)));
                }
            }
            spans.AddRange(ofGroup.OrderBy(each => each.Place).Select(each => each.Span));
            if (spans.Count >= _options.MaxGroupSpans)
                await WriteAsync();
        }
        if (spans.Count > 0)
            await WriteAsync();

        async Task WriteAsync()
        {
            var blocks = BlockMaker.Make(spans, next++, _owner, _options.BlockSpans, kept);
            spans.Clear();
            await _tables.PutAsync([.. BlockRows.Of(blocks, timeToLive)], cancellation: cancellation);
        }
    }

    /// <summary>Deletes the blocks of a slice that was thinned out, and last what names them.</summary>
    async Task RemoveAsync(Slice slice, List<(long Writer, long First, long Last)> writers,
        CancellationToken cancellation)
    {
        // one after the other, as there is no hurry
        foreach (var group in await ReadGroupsAsync(slice.Number, writers, cancellation))
            await _rows.DeleteDataAsync(new BlockId(group.Stored, group.Writer, 0));
        foreach (var hour in slice.Hours)
        {
            await _rows.DeleteHeadsAsync(
                hour, Slices.StartOf(slice.Number), Slices.StartOf(slice.Number + 1));
        }
        foreach (var (writer, slot) in SlotsOf(slice.Number, writers))
            await _commits.DeleteAsync(writer, slot);
        await _slices.SetRemovedAsync(slice);
    }

    /// <summary>The groups of a slice, in the order stored.</summary>
    async Task<List<Group>> ReadGroupsAsync(
        long number, List<(long Writer, long First, long Last)> writers, CancellationToken cancellation)
    {
        var groups = await Rows.ForAllAsync(SlotsOf(number, writers), async each =>
            (await _commits.ReadGroupsAsync(each.Writer, each.Slot, cancellation))
                .ConvertAll(group => new Group(group.Stored, each.Writer, group.Blocks)), cancellation);
        return [.. groups.SelectMany(some => some).OrderBy(group => group.Stored).ThenBy(group => group.Writer)];
    }

    /// <summary>The minutes of a slice in which somebody wrote.</summary>
    static List<(long Writer, long Slot)> SlotsOf(long number, List<(long Writer, long First, long Last)> writers) =>
        [.. Enumerable.Range(0, Slices.Minutes).SelectMany(minute => writers
            .Select(writer => (Slot: (number * Slices.Minutes) + minute, writer))
            .Where(each => each.Slot >= each.writer.First && each.Slot <= each.writer.Last)
            .Select(each => (each.writer.Writer, each.Slot)))];

    /// <summary>The blocks of groups, some at a time, in their order.</summary>
    async IAsyncEnumerable<(BlockId Id, SpanBlock Block)> ReadBlocksAsync(List<Group> groups,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        foreach (var some in groups.SelectMany(group => group.Blocks).Chunk(BlocksAtOnce))
        {
            if (TimeProvider.System.GetElapsedTime(_renewed) > _renewAfter && !await HasLeaseAsync())
                throw new InvalidOperationException("Another process thins out.");
            foreach (var (id, block) in some.Zip(await ReadAsync(some, cancellation)))
                yield return (id, block);
        }
    }

    /// <exception cref="InvalidDataException">One is not there: better all stay than that some is lost.</exception>
    async Task<SpanBlock[]> ReadAsync(IReadOnlyList<BlockId> ids, CancellationToken cancellation) =>
        await Rows.ForAllAsync(ids, async id => await _blocks.ReadOnceAsync(id, cancellation) ??
            throw new InvalidDataException($"Block {id} is not there."), cancellation);

    Task<bool> HasLeaseAsync()
    {
        _renewed = TimeProvider.System.GetTimestamp();
        return _lease.HasAsync();
    }

    static long NumberAt(DateTimeOffset time) => Slices.NumberOf(time.ToUnixTimeMilliseconds() * 1000);

    /// <param name="BlockCount">How many blocks it has.</param>
    sealed record Group(long Stored, long Writer, int BlockCount)
    {
        public IEnumerable<BlockId> Blocks =>
            Enumerable.Range(0, BlockCount).Select(number => new BlockId(Stored, Writer, number));
    }
}
