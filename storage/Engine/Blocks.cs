using System.Collections.Concurrent;
using Tracing.Model;
using Tracing.Storage.Blocks;

namespace Tracing.Storage.Engine;

/// <summary>Reads blocks; those read last stay in memory, and of more what tells of them. For any thread.</summary>
sealed class Blocks(BlockTable table, Commits commits, Slices slices, long maxBytes)
{
    /// <summary>Of the memory, the share for briefs: a quarter has those of some 4 million spans in 64 MiB.</summary>
    const int BriefShare = 4;

    /// <summary>The same for summaries: an eighth has those of some 10 million spans in 32 MiB.</summary>
    const int SummaryShare = 8;

    /// <summary>Resources remembered as shared; beyond it all are forgotten.</summary>
    const int MaxResources = 10_000;

    readonly LeastRecentlyUsed<BlockId, SpanBlock> _blocks =
        new(maxBytes - (maxBytes / BriefShare) - (maxBytes / SummaryShare));

    readonly LeastRecentlyUsed<BlockId, BlockBrief> _briefs = new(maxBytes / BriefShare);
    readonly LeastRecentlyUsed<BlockId, BlockSummary> _summaries = new(maxBytes / SummaryShare);
    readonly ConcurrentDictionary<Resource, Resource> _resources = [];

    /// <summary>
    /// The blocks that have spans which start within a range of nanoseconds, both ends included. Of groups that are
    /// committed: what was written by one who died before, another writes again.
    /// </summary>
    public async Task<List<BlockHead>> ReadHeadsAsync(ulong first, ulong last, CancellationToken cancellation)
    {
        var current = await slices.CurrentAsync(cancellation);
        var heads = await table.ReadHeadsAsync(first, last, cancellation);
        heads.RemoveAll(head => !current.Contain(head.Id));
        var committed = await commits.AmongAsync(heads.Where(head => head.Id.Generation == Generation.Group)
            .Select(head => (head.Id.Writer, head.Id.Stored)), cancellation);
        heads.RemoveAll(head => head.Id.Generation == Generation.Group &&
            !committed.Contains((head.Id.Writer, head.Id.Stored)));
        return heads;
    }

    /// <summary>Of blocks those that may match, as far as their summaries tell.</summary>
    public async Task<List<BlockHead>> AmongAsync(
        List<BlockHead> heads, Predicate<BlockSummary> mayMatch, CancellationToken cancellation)
    {
        var may = await Rows.ForAllAsync(heads, async head =>
            await ReadSummaryAsync(head.Id, cancellation) is not { } summary || mayMatch(summary), cancellation);
        return [.. heads.Where((_, i) => may[i])];
    }

    /// <summary>Traces whose spans are not to be seen though blocks have them: the low halves of their ids.</summary>
    public async ValueTask<IReadOnlySet<ulong>> ReadGoneAsync(CancellationToken cancellation) =>
        (await slices.CurrentAsync(cancellation)).Gone;

    /// <summary>Null when it is not there any more, or not yet.</summary>
    public async Task<SpanBlock?> ReadAsync(BlockId id, CancellationToken cancellation)
    {
        if (_blocks.TryGet(id, out var known))
            return known;
        if (await table.ReadDataAsync(id, cancellation) is not { } data)
            return null;
        var block = new SpanBlock(data);
        Remember(id, block);
        return block;
    }

    /// <summary>As <see cref="ReadAsync(BlockId, CancellationToken)"/>, but does not stay in memory.</summary>
    public async Task<SpanBlock?> ReadOnceAsync(BlockId id, CancellationToken cancellation) =>
        _blocks.TryGet(id, out var known) ? known
        : await table.ReadDataAsync(id, cancellation) is { } data ? new SpanBlock(data)
        : null;

    /// <summary>Keeps blocks in memory that were just written: most questions are for what came of late.</summary>
    public void Remember(BlockId ofGroup, IReadOnlyList<BuiltBlock> blocks)
    {
        for (var number = 0; number < blocks.Count; number++)
            Remember(ofGroup with { Number = number }, new SpanBlock(blocks[number].Bytes));
    }

    /// <summary>The briefs of blocks; null as for <see cref="ReadAsync(BlockId, CancellationToken)"/>.</summary>
    public Task<BlockBrief?[]> ReadBriefsAsync(IReadOnlyList<BlockId> ids, CancellationToken cancellation) =>
        Rows.ForAllAsync(ids, async id =>
        {
            if (_briefs.TryGet(id, out var known))
                return known;
            if (await ReadAsync(id, cancellation) is not { } block)
                return null;
            var brief = BlockBrief.Of(block, Shared);
            _briefs.Add(id, brief, brief.Weight);
            return brief;
        }, cancellation);

    public async Task<SpanBlock?[]> ReadAsync(IReadOnlyList<BlockId> ids, CancellationToken cancellation) =>
        await Rows.ForAllAsync(ids, id => ReadAsync(id, cancellation), cancellation);

    /// <summary>
    /// The spans of traces that share the low half of their ids, for each of the lows, in the order stored.
    /// </summary>
    /// <param name="snapshot">Spans of groups begun later are left out.</param>
    public async Task<StoredTrace[]> ReadTracesAsync(
        IReadOnlyList<ulong> lows, long snapshot, CancellationToken cancellation)
    {
        var current = await slices.CurrentAsync(cancellation);
        var places = await Rows.ForAllAsync(lows, low => table.ReadTraceAsync(low, cancellation), cancellation);
        for (var i = 0; i < places.Length; i++)
        {
            var isGone = current.Gone.Contains(lows[i]);
            places[i].RemoveAll(id => isGone || id.Stored > snapshot || !current.Contain(id));
        }
        var all = places.SelectMany(ids => ids).Distinct().ToList();
        var blocks = all.Zip(await ReadAsync(all, cancellation)).ToDictionary(each => each.First, each => each.Second);
        return [.. lows.Zip(places, (low, ids) => ReadTrace(low, ids, blocks, snapshot))];
    }

    /// <summary>Why the traces with a low half of an id are still there.</summary>
    public async Task<TraceKept> ReadKeptAsync(ulong low, CancellationToken cancellation)
    {
        var current = await slices.CurrentAsync(cancellation);
        var ids = (await table.ReadTraceAsync(low, cancellation))
            .FindAll(id => id.Generation == Generation.Thinned && current.Contain(id));
        return (await ReadAsync(ids, cancellation))
            .Select(block => block is null ? TraceKept.Whole : KeptOf(block, low))
            .LastOrDefault(kept => kept.Reason != KeptReason.All, TraceKept.Whole);
    }

    static StoredTrace ReadTrace(
        ulong low, List<BlockId> ids, Dictionary<BlockId, SpanBlock?> blocks, long snapshot)
    {
        var spans = new List<(SpanPlace Place, Span Span)>();
        var kept = TraceKept.Whole;
        foreach (var id in ids)
        {
            if (blocks[id] is not { } block)
                continue;
            var (first, last) = block.Traces.WithLow(low);
            if (first == last)
                continue;
            if (KeptOf(block, low) is { Reason: not KeptReason.All } why)
                kept = why;
            var cursor = new SpanCursor(block);
            for (var i = block.Traces.From[first]; i < block.Traces.From[last]; i++)
            {
                var place = SpanPlace.Of(id, block, i);
                if (place.Commit.Stored <= snapshot)
                    spans.Add((place, cursor.Read(i)));
            }
        }
        spans.Sort((one, other) => one.Place.CompareTo(other.Place));
        return new StoredTrace(low, spans, kept);
    }

    static TraceKept KeptOf(SpanBlock block, ulong low)
    {
        if (block.Kept.Length == 0)
            return TraceKept.Whole;
        var (first, last) = block.Traces.WithLow(low);
        return first == last ? TraceKept.Whole : block.Kept[first];
    }

    /// <summary>Null where the block has none, or is not there any more.</summary>
    async Task<BlockSummary?> ReadSummaryAsync(BlockId id, CancellationToken cancellation)
    {
        if (id.Generation == Generation.Group)
            return null;
        if (_summaries.TryGet(id, out var known))
            return known;
        if (await table.ReadSummaryAsync(id, cancellation) is not { } data)
            return null;
        var summary = BlockSummary.Read(data);
        _summaries.Add(id, summary, summary.Weight);
        return summary;
    }

    // as if all of it were decoded, which most of it is in time
    void Remember(BlockId id, SpanBlock block) => _blocks.Add(id, block, (int)Math.Min(block.FullWeight, int.MaxValue));

    Resource Shared(Resource resource)
    {
        if (_resources.Count > MaxResources)
            _resources.Clear();
        return _resources.GetOrAdd(resource, resource);
    }
}

/// <summary>Where a span is in the order stored.</summary>
readonly record struct SpanPlace(CommitPlace Commit, BlockId Block, int Row) : IComparable<SpanPlace>
{
    public static SpanPlace Of(BlockId id, SpanBlock block, int row) =>
        new(CommitPlace.Of(block.CommitNames[block.CommitCodes[row]]), id, row);

    public int CompareTo(SpanPlace other) => Commit != other.Commit ? Commit.CompareTo(other.Commit)
        : Block != other.Block ? Block.CompareTo(other.Block)
        : Row.CompareTo(other.Row);
}

/// <summary>The spans that are stored of the traces with a low half of an id, in the order stored.</summary>
sealed class StoredTrace(ulong low, List<(SpanPlace Place, Span Span)> stored, TraceKept kept)
{
    public ulong Low => low;

    /// <summary>Why it is still there, and what it stands for.</summary>
    public TraceKept Kept => kept;

    public bool IsEmpty => stored.Count == 0;

    /// <summary>Where the first is stored.</summary>
    public SpanPlace First => stored[0].Place;

    /// <summary>All of them, identical ones once.</summary>
    public IReadOnlyList<Span> Spans { get; } = [.. stored.Select(each => each.Span).Distinct()];

    /// <summary>Those of one trace.</summary>
    public StoredTrace Of(TraceId id) => new(low, stored.FindAll(each => each.Span.TraceId == id), kept);
}
