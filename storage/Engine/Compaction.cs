using Microsoft.Extensions.Logging;
using Tracing.Model;
using Tracing.Storage.Blocks;
using Tracing.Storage.Tables;

namespace Tracing.Storage.Engine;

/// <summary>
/// Writes slices anew, in their order: the small blocks of groups as larger ones with summaries, and once the hot
/// window is over, of these the traces that are kept. Readers switch to the new blocks when the row of the slice names
/// them; the old ones are deleted later. A process that dies in between leaves rows that nobody reads.
/// </summary>
sealed class Compaction
{
    /// <summary>A group that takes longer is not committed, so that no slice gets another that has been read.</summary>
    public static readonly TimeSpan MaxGroupAge = TimeSpan.FromMinutes(10);

    /// <summary>Of zstd: 6 takes a tenth less room and twice the time.</summary>
    const int Level = 3;

    /// <summary>Longer than bodies are known and groups are written for.</summary>
    static readonly TimeSpan _minHotWindow = TimeSpan.FromMinutes(20);

    /// <summary>
    /// So long blocks stay when others have taken their place: for questions under way, and for whoever shares the
    /// tables and does not know it yet.
    /// </summary>
    static readonly TimeSpan _removeAfter = TimeSpan.FromMinutes(1);
    static readonly TimeSpan _removeSharedAfter = TimeSpan.FromMinutes(10);

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
    readonly BlockTable _table;
    readonly Commits _commits;
    readonly Slices _slices;
    readonly SliceBlocks _sliceBlocks;
    readonly Blocks _blocks;
    readonly Statistics _statistics;
    readonly EngineOptions _options;
    readonly ILogger _logger;
    readonly GroupWriter _groups;
    readonly Lease _lease;
    readonly RunningClock _clock = new(TimeProvider.System, null);
    volatile string? _skew;
    long _renewed;
    bool _isSteady;

    public Compaction(ITables tables, BlockTable table, Commits commits, Slices slices, SliceBlocks sliceBlocks,
        Blocks blocks, Statistics statistics, EngineOptions options, GroupWriter groups, ILogger logger)
    {
        _tables = tables;
        _table = table;
        _commits = commits;
        _slices = slices;
        _sliceBlocks = sliceBlocks;
        _blocks = blocks;
        _statistics = statistics;
        _options = options;
        _groups = groups;
        _logger = logger;
        _lease = new Lease(tables, "compaction", groups.Writer);
    }

    /// <summary>Why the clock is not believed; null when it is.</summary>
    public string? Doubt => _skew ?? _clock.Doubt;

    /// <summary>
    /// Does the next thing that is due, if this process has the lease; true if there was something. Where tables are
    /// shared the first call after a start or a failure does nothing, so that who waited for the tables too has written
    /// his groups.
    /// </summary>
    public async Task<bool> RunAsync(CancellationToken cancellation)
    {
        var isSteady = _isSteady || !_tables.IsShared;
        _isSteady = false;
        var slices = await _slices.ReadAsync(cancellation);
        var isDone = await HasLeaseAsync() && isSteady && await RunNextAsync(slices, cancellation);
        _isSteady = true;
        return isDone;
    }

    async Task<bool> RunNextAsync(Dictionary<long, Slice> slices, CancellationToken cancellation)
    {
        if (await ReadClockAsync(cancellation) is not { } clock)
            return false;
        var writers = await _commits.ReadWritersAsync(cancellation);
        if (writers.Count == 0)
            return false;
        var pass = new Pass(
            slices, writers, clock + _options.ClockError(), await _tables.ReadClockAsync(cancellation));
        // until it is counted, what a group counts is found by its blocks
        if (NextRemovable(pass) is { } removable && await IsCountedAsync(removable, pass, cancellation))
        {
            await RemoveAsync(removable, writers, cancellation);
            return true;
        }
        var first = Math.Max(writers.Min(writer => writer.First) / Slices.Minutes,
            NumberAt(pass.TablesNow - _options.Retention + _endsSoon));
        return await CompactNextAsync(pass, first, cancellation) ||
            (_options.BaselineRate < 1 && await ThinNextAsync(pass, first, cancellation));
    }

    /// <summary>
    /// The time by which slices are old; null while it is not known. A slice that is compacted too early takes no more
    /// groups, so that a clock that is ahead would have those of all other collectors refused.
    /// </summary>
    async Task<DateTimeOffset?> ReadClockAsync(CancellationToken cancellation)
    {
        var before = Doubt;
        var now = _clock.Look();
        var skew = TimeProvider.System.GetUtcNow() - await _tables.ReadClockAsync(cancellation);
        // where nobody else writes, it does not matter
        _skew = !_tables.IsShared || skew.Duration() <= _maxSkew ? null :
            $"The clock differs by {skew:c} from the store's. Nothing is compacted or thinned out by this server " +
            "until they agree.";
        if (Doubt is { } doubt && before is null)
            _logger.ClockDoubted(doubt);
        return _skew is null ? now : null;
    }

    /// <summary>Compacts groups of the first slice that has some which may be; false if there is none.</summary>
    async Task<bool> CompactNextAsync(Pass pass, long first, CancellationToken cancellation)
    {
        // where others write too, a group may still be under way that was begun long ago
        var last = NumberAt(pass.Now - (_tables.IsShared ? _minHotWindow : TimeSpan.Zero));
        for (var number = first; number <= last; number++)
        {
            var slice = pass.Slices.GetValueOrDefault(number) ?? Slice.New(number);
            if (pass.HasGroups(number) && !slice.IsComplete && (number < last || !_tables.IsShared))
                return await CompactAsync(slice, pass, cancellation);
        }
        return false;
    }

    /// <summary>Compacts groups of a slice, as many as may be at once; false if there are none, or too few.</summary>
    async Task<bool> CompactAsync(Slice slice, Pass pass, CancellationToken cancellation)
    {
        var end = Slices.StartOf(slice.Number + 1);
        // a group that is begun now may have any time from here on
        var limit = _tables.IsShared ? end : Math.Min(end, _groups.OldestUnderWay());
        var groups = await _sliceBlocks.ReadGroupsAsync(slice.Number, slice.Upto, pass.Writers, cancellation);
        var ready = groups.TakeWhile(group => group.Stored < limit).ToList();
        var isOver = limit == end && ready.Count == groups.Count;
        if (!isOver && ready.Sum(group => (long)group.Spans) < _options.EarlySpans)
            return false;
        using var builder = new BlockBuilder(Level, _options.CompactedBlockSpans);
        var (taken, bytes) = (0, 0L);
        while (taken < ready.Count && builder.Count < BlockBuilder.MaxSpans && bytes < BlockBuilder.MaxBytes)
        {
            // groups begun at once stay together
            var stored = ready[taken].Stored;
            for (; taken < ready.Count && ready[taken].Stored == stored; taken++)
            {
                foreach (var block in await ReadAsync([.. ready[taken].Ids], cancellation))
                {
                    builder.Add(block);
                    bytes += block.FullWeight;
                }
            }
        }
        await WriteAsync(slice, taken == ready.Count && isOver ? end : ready[taken - 1].Stored + 1, builder, pass,
            cancellation);
        return true;
    }

    async Task WriteAsync(Slice slice, long upto, BlockBuilder builder, Pass pass, CancellationToken cancellation)
    {
        var blocks = builder.Build(byStart: true);
        if (blocks.Count > 0)
        {
            await _tables.PutAsync([.. BlockTable.Of(blocks, IdOf(slice, Generation.Compacted, slice.Writers.Count),
                TimeToLive(slice, pass))], cancellation: cancellation);
        }
        await _slices.ReplaceAsync(slice with
        {
            Upto = upto,
            Writers = blocks.Count > 0 ? [.. slice.Writers, _groups.Writer] : slice.Writers,
            Since = pass.Now.ToUnixTimeSeconds(),
            Hours = [.. slice.Hours.Union(blocks.Select(block => block.Hour)).Order()],
        }, slice.Version, [], cancellation);
    }

    /// <summary>Decides which traces of the next slice are kept; false if none is due, or it cannot be yet.</summary>
    async Task<bool> ThinNextAsync(Pass pass, long first, CancellationToken cancellation)
    {
        var hotWindow = _options.HotWindow > _minHotWindow ? _options.HotWindow : _minHotWindow;
        // the slice of the begin of the hot window is not over yet
        for (var number = first; number < NumberAt(pass.Now - hotWindow); number++)
        {
            if (!pass.HasGroups(number) || pass.Slices.GetValueOrDefault(number) is { IsDecided: true })
                continue;
            return pass.Slices.GetValueOrDefault(number) is { IsComplete: true } complete &&
                await ThinAsync(complete, pass, cancellation);
        }
        return false;
    }

    async Task<bool> ThinAsync(Slice slice, Pass pass, CancellationToken cancellation)
    {
        // its exemplars are kept
        if (!await IsCountedAsync(slice, pass, cancellation))
            return false;
        var ids = await _sliceBlocks.ReadAsync(slice.Number, slice, pass.Writers, cancellation);
        var traces = new SliceTraces();
        await foreach (var block in ReadBlocksAsync(ids, cancellation))
            traces.Add(block, isOfNext: false);
        if (traces.Lows.Count > 0)
        {
            var next = pass.Slices.GetValueOrDefault(slice.Number + 1);
            await foreach (var block in ReadBlocksAsync(
                await _sliceBlocks.ReadAsync(slice.Number + 1, next, pass.Writers, cancellation), cancellation))
                traces.Add(block, isOfNext: true);
        }
        var kept = await FollowAsync(traces, pass.Slices.GetValueOrDefault(slice.Number - 1), cancellation);
        var open = traces.Of(low => !kept.ContainsKey(low));
        var decided = open.Count < _options.MinThinnedTraces
            ? open.Select(trace => (trace.Trace, Kept: TraceKept.Whole))
            : Tiers.Decide(open, await ReadExemplarsAsync(slice.Hours, cancellation), _options.BaselineRate);
        foreach (var (low, why) in decided)
            kept[low] = why;
        var isWhole = traces.Lows.All(low => kept.GetValueOrDefault(low) == TraceKept.Whole);
        var thinned = slice with { IsDecided = true, Since = pass.Now.ToUnixTimeSeconds() };
        if (!isWhole)
        {
            var groups = await WriteKeptAsync(slice, ids, kept, pass, cancellation);
            thinned = thinned with
            {
                Generation = Generation.Thinned,
                // who drew what is kept names what is gone, also when nothing is kept
                Writers = [.. Enumerable.Repeat(_groups.Writer, Math.Max(1, groups))],
                IsRemoved = false,
            };
        }
        var gone = traces.GoingOn.Where(low => kept.GetValueOrDefault(low) == default).ToArray();
        await _slices.ReplaceAsync(thinned, slice.Version, gone, cancellation);
        if (!isWhole)
        {
            _logger.ThinnedOut(DateTimeOffset.FromUnixTimeSeconds(Slices.StartOf(slice.Number) / MicrosPerSecond),
                kept.Values.Count(why => why != default), traces.Lows.Count);
        }
        return true;
    }

    /// <summary>
    /// Of the traces that have spans in the slice before too, what was decided on them there; those that went are
    /// without a weight.
    /// </summary>
    async Task<Dictionary<ulong, TraceKept>> FollowAsync(
        SliceTraces traces, Slice? before, CancellationToken cancellation)
    {
        var followed = new Dictionary<ulong, TraceKept>(SeededHash.Comparer);
        if (before is null || traces.Lows.Count == 0)
            return followed;
        var isWhole = before.Generation != Generation.Thinned;
        await foreach (var block in ReadBlocksAsync(
            await _sliceBlocks.ReadAsync(before, Generation.Compacted, cancellation), cancellation))
        {
            foreach (var id in block.Traces.Ids.Where(id => traces.Contains(id.Low)))
                followed[id.Low] = isWhole ? TraceKept.Whole : default;
        }
        if (isWhole || followed.Count == 0)
            return followed;
        var kept = await _sliceBlocks.ReadAsync(before, Generation.Thinned, cancellation);
        await foreach (var block in ReadBlocksAsync(kept.FindAll(before.Contains), cancellation))
        {
            for (var i = 0; i < block.TraceCount; i++)
            {
                if (followed.ContainsKey(block.Traces.Ids[i].Low))
                    followed[block.Traces.Ids[i].Low] = block.Kept[i];
            }
        }
        return followed;
    }

    async Task<HashSet<ulong>> ReadExemplarsAsync(IReadOnlyList<long> hours, CancellationToken cancellation)
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

    /// <summary>Writes the spans that are kept, in their order; answers in how many groups of blocks.</summary>
    async Task<int> WriteKeptAsync(Slice slice, List<BlockId> ids, Dictionary<ulong, TraceKept> kept, Pass pass,
        CancellationToken cancellation)
    {
        using var builder = new BlockBuilder(Level, _options.CompactedBlockSpans);
        var (groups, bytes) = (0, 0L);
        await foreach (var block in ReadBlocksAsync(ids, cancellation))
        {
            builder.Add(block, low => kept.GetValueOrDefault(low) != default);
            bytes += block.FullWeight;
            if (builder.Count >= BlockBuilder.MaxSpans || bytes >= BlockBuilder.MaxBytes)
                await WriteAsync();
        }
        if (builder.Count > 0)
            await WriteAsync();
        return groups;

        async Task WriteAsync()
        {
            var blocks = builder.Build(byStart: true, kept);
            bytes = 0;
            await _tables.PutAsync([.. BlockTable.Of(blocks, IdOf(slice, Generation.Thinned, groups++),
                TimeToLive(slice, pass))], cancellation: cancellation);
        }
    }

    /// <summary>Whether all that the groups of a slice count is in the rows of statistics.</summary>
    async Task<bool> IsCountedAsync(Slice slice, Pass pass, CancellationToken cancellation)
    {
        var marks = await _statistics.ReadMarksAsync(cancellation);
        var groups = await _sliceBlocks.ReadGroupsAsync(
            slice.Number, Slices.StartOf(slice.Number), pass.Writers, cancellation);
        return groups.TrueForAll(group => marks.GetValueOrDefault(group.Writer) >= group.Stored);
    }

    Slice? NextRemovable(Pass pass)
    {
        var before = (pass.Now - (_tables.IsShared ? _removeSharedAfter : _removeAfter)).ToUnixTimeSeconds();
        return pass.Slices.Values.Where(slice => slice.IsComplete && !slice.IsRemoved && slice.Since < before &&
            // what is decided on the next one follows what was in this one
            (slice.Generation != Generation.Thinned || !pass.HasGroups(slice.Number + 1) ||
                pass.Slices.GetValueOrDefault(slice.Number + 1) is { IsDecided: true })).MinBy(slice => slice.Number);
    }

    /// <summary>Deletes the blocks of a slice that others have taken the place of, and last what names them.</summary>
    async Task RemoveAsync(Slice slice, List<(long Writer, long First, long Last)> writers,
        CancellationToken cancellation)
    {
        for (var generation = Generation.Group; generation < slice.Generation; generation++)
        {
            var ids = await _sliceBlocks.ReadAsync(slice, generation, cancellation);
            // some at a time, as there is no hurry
            foreach (var some in ids.Chunk(BlocksAtOnce))
            {
                if (!await IsHeldAsync())
                    return;
                await Rows.ForAllAsync(some, async id =>
                {
                    var lows = await _blocks.ReadOnceAsync(id, cancellation) is { } block
                        ? block.Traces.Ids.Select(trace => trace.Low)
                        : [];
                    await _table.DeleteAsync(id, lows, cancellation);
                    return true;
                }, cancellation);
            }
            foreach (var hour in slice.Hours)
            {
                await _table.DeleteHeadsAsync(hour, generation, Slices.StartOf(slice.Number),
                    Slices.StartOf(slice.Number + 1), cancellation);
            }
        }
        // by then no body of these groups is known any more
        if (slice.Generation == Generation.Thinned)
        {
            var first = Rows.SlotOf(Slices.StartOf(slice.Number));
            foreach (var writer in writers)
            {
                for (var slot = Math.Max(first, writer.First);
                    slot < first + Slices.Minutes && slot <= writer.Last; slot++)
                    await _commits.DeleteAsync(writer.Writer, slot);
            }
        }
        await _slices.SetRemovedAsync(slice);
    }

    BlockId IdOf(Slice slice, Generation generation, int group) =>
        new(Slices.StartOf(slice.Number) + group, _groups.Writer, 0, generation);

    /// <summary>As long as the rows have that it takes the place of, by the clock by which they end.</summary>
    TimeSpan TimeToLive(Slice slice, Pass pass)
    {
        var age = pass.TablesNow - DateTimeOffset.FromUnixTimeSeconds(Slices.StartOf(slice.Number) / MicrosPerSecond);
        var left = _options.Retention + TimeSpan.FromMinutes(Slices.Minutes) -
            (age > TimeSpan.Zero ? age : TimeSpan.Zero);
        return left > _endsSoon ? left : _endsSoon;
    }

    /// <summary>Blocks, some at a time, in their order.</summary>
    async IAsyncEnumerable<SpanBlock> ReadBlocksAsync(List<BlockId> ids,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        foreach (var some in ids.Chunk(BlocksAtOnce))
        {
            if (!await IsHeldAsync())
                throw new InvalidOperationException("Another process compacts.");
            foreach (var block in await ReadAsync(some, cancellation))
                yield return block;
        }
    }

    /// <exception cref="InvalidDataException">One is not there: better all stay than that some is lost.</exception>
    async Task<SpanBlock[]> ReadAsync(IReadOnlyList<BlockId> ids, CancellationToken cancellation) =>
        await Rows.ForAllAsync(ids, async id => await _blocks.ReadOnceAsync(id, cancellation) ??
            throw new InvalidDataException($"Block {id} is not there."), cancellation);

    async Task<bool> IsHeldAsync() =>
        TimeProvider.System.GetElapsedTime(_renewed) <= _renewAfter || await HasLeaseAsync();

    Task<bool> HasLeaseAsync()
    {
        _renewed = TimeProvider.System.GetTimestamp();
        return _lease.HasAsync();
    }

    static long NumberAt(DateTimeOffset time) => Slices.NumberOf(time.ToUnixTimeMilliseconds() * 1000);

    /// <summary>What is known when a pass begins.</summary>
    /// <param name="TablesNow">By the clock by which rows end.</param>
    sealed record Pass(Dictionary<long, Slice> Slices, List<(long Writer, long First, long Last)> Writers,
        DateTimeOffset Now, DateTimeOffset TablesNow)
    {
        /// <summary>Whether somebody wrote around that time.</summary>
        public bool HasGroups(long number) => Writers.Exists(writer =>
            writer.First < (number + 1) * Engine.Slices.Minutes && writer.Last >= number * Engine.Slices.Minutes);
    }
}
