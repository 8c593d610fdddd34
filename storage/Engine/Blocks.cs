using System.Collections.Concurrent;
using Tracing.Model;

namespace Tracing.Storage.Engine;

/// <summary>Reads blocks; those read last stay in memory, and of more the briefs. For any thread.</summary>
sealed class Blocks(BlockRows rows, Commits commits, Slices slices, long maxBytes)
{
    /// <summary>Of the memory, the share for briefs: a quarter has those of some 4 million spans in 64 MiB.</summary>
    const int BriefShare = 4;

    /// <summary>Resources remembered as shared; beyond it all are forgotten.</summary>
    const int MaxResources = 10_000;

    readonly LeastRecentlyUsed<BlockId, SpanBlock> _blocks = new(maxBytes - (maxBytes / BriefShare));
    readonly LeastRecentlyUsed<BlockId, BlockBrief> _briefs = new(maxBytes / BriefShare);
    readonly ConcurrentDictionary<Resource, Resource> _resources = [];

    /// <summary>
    /// The blocks that have spans which start within a range of nanoseconds, both ends included. Of groups that are
    /// committed: what was written by one who died before, another writes again.
    /// </summary>
    public async Task<List<BlockHead>> ReadHeadsAsync(ulong first, ulong last, CancellationToken cancellation)
    {
        var current = await slices.CurrentAsync(cancellation);
        var heads = await rows.ReadHeadsAsync(first, last, current.HaveKept, cancellation);
        heads.RemoveAll(head => !current.Contain(head.Id));
        var committed = await commits.AmongAsync(
            heads.Where(head => !head.Id.IsKept).Select(head => (head.Id.Writer, head.Id.Stored)), cancellation);
        heads.RemoveAll(head => !head.Id.IsKept && !committed.Contains((head.Id.Writer, head.Id.Stored)));
        return heads;
    }

    /// <summary>Traces whose spans are not to be seen though blocks have them: the low halves of their ids.</summary>
    public async ValueTask<IReadOnlySet<ulong>> ReadGoneAsync(CancellationToken cancellation) =>
        (await slices.CurrentAsync(cancellation)).Gone;

    /// <summary>Null when it is not there any more, or not yet.</summary>
    public async Task<SpanBlock?> ReadAsync(BlockId id, CancellationToken cancellation)
    {
        if (_blocks.TryGet(id, out var known))
            return known;
        if (await rows.ReadDataAsync(id, cancellation) is not { } data)
            return null;
        var block = SpanBlock.Decode(data);
        _blocks.Add(id, block, block.Weight);
        return block;
    }

    /// <summary>As <see cref="ReadAsync(BlockId, CancellationToken)"/>, but does not stay in memory.</summary>
    public async Task<SpanBlock?> ReadOnceAsync(BlockId id, CancellationToken cancellation) =>
        _blocks.TryGet(id, out var known) ? known
        : await rows.ReadDataAsync(id, cancellation) is { } data ? SpanBlock.Decode(data)
        : null;

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
        var places = await Rows.ForAllAsync(lows, low => rows.ReadTraceAsync(low, cancellation), cancellation);
        for (var i = 0; i < places.Length; i++)
        {
            var isGone = current.Gone.Contains(lows[i]);
            places[i].RemoveAll(id => isGone || id.Stored > snapshot || !current.Contain(id));
        }
        var all = places.SelectMany(ids => ids).Distinct().ToList();
        var blocks = all.Zip(await ReadAsync(all, cancellation)).ToDictionary(each => each.First, each => each.Second);
        return [.. lows.Zip(places, (low, ids) =>
        {
            var spans = new List<(SpanPlace Place, Span Span)>();
            var kept = TraceKept.Whole;
            foreach (var id in ids)
            {
                if (blocks[id] is { } block)
                {
                    var (from, to) = block.RangeOf(low);
                    if (block.KeptOf(low) is { Reason: not KeptReason.All } why)
                        kept = why;
                    for (var i = from; i < to; i++)
                        spans.Add((SpanPlace.Of(id, block, i), block.ToSpan(i)));
                }
            }
            spans.Sort((one, other) => one.Place.CompareTo(other.Place));
            return new StoredTrace(low, spans, kept);
        })];
    }

    /// <summary>Why the traces with a low half of an id are still there.</summary>
    public async Task<TraceKept> ReadKeptAsync(ulong low, CancellationToken cancellation)
    {
        var current = await slices.CurrentAsync(cancellation);
        if (!current.HaveKept)
            return TraceKept.Whole;
        var ids = (await rows.ReadTraceAsync(low, cancellation)).FindAll(current.Contain);
        return (await ReadAsync(ids, cancellation)).Select(block => block?.KeptOf(low) ?? TraceKept.Whole)
            .LastOrDefault(kept => kept.Reason != KeptReason.All, TraceKept.Whole);
    }

    Resource Shared(Resource resource)
    {
        if (_resources.Count > MaxResources)
            _resources.Clear();
        return _resources.GetOrAdd(resource, resource);
    }
}

/// <summary>Where a span is in the order stored.</summary>
readonly record struct SpanPlace(BlockId Block, int Row) : IComparable<SpanPlace>
{
    /// <summary>Where a group has blocks of several hours, the row is the span's place in the group.</summary>
    public static SpanPlace Of(BlockId id, SpanBlock block, int row) => block.Places.Length == 0
        ? new(id, row)
        : new(id with { Number = 0 }, block.Places[row]);

    public int CompareTo(SpanPlace other) =>
        Block != other.Block ? Block.CompareTo(other.Block) : Row.CompareTo(other.Row);
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
