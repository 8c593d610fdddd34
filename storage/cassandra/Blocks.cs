using Tracing.Model;

namespace Tracing.Storage.Cassandra;

/// <summary>Reads blocks; those read last stay in memory, decoded. For any thread.</summary>
sealed class Blocks(Tables tables, long maxBytes)
{
    readonly Lock _lock = new();
    readonly Dictionary<BlockId, LinkedListNode<Cached>> _byId = [];

    // the one used last comes first
    readonly LinkedList<Cached> _inOrder = [];
    long _bytes;

    /// <summary>Null when it is not there any more, or not yet.</summary>
    public async Task<SpanBlock?> ReadAsync(BlockId id, CancellationToken cancellation)
    {
        lock (_lock)
        {
            if (_byId.TryGetValue(id, out var node))
            {
                _inOrder.Remove(node);
                _inOrder.AddFirst(node);
                return node.Value.Block;
            }
        }
        var data = await tables.ReadDataAsync(id, cancellation);
        if (data is null)
            return null;
        var block = SpanBlock.Decode(data);
        lock (_lock)
        {
            if (_byId.TryAdd(id, new LinkedListNode<Cached>(new Cached(id, block))))
            {
                _inOrder.AddFirst(_byId[id]);
                _bytes += block.Weight;
            }
            while (_bytes > maxBytes && _inOrder.Last is { } last && last.Value.Id != id)
            {
                _inOrder.RemoveLast();
                _byId.Remove(last.Value.Id);
                _bytes -= last.Value.Block.Weight;
            }
        }
        return block;
    }

    public async Task<SpanBlock?[]> ReadAsync(IReadOnlyList<BlockId> ids, CancellationToken cancellation) =>
        await Tables.ForAllAsync(ids, id => ReadAsync(id, cancellation), cancellation);

    /// <summary>
    /// The spans of traces that share the low half of their ids, for each of the lows, in the order stored.
    /// </summary>
    /// <param name="snapshot">Spans of groups begun later are left out.</param>
    public async Task<StoredTrace[]> ReadTracesAsync(
        IReadOnlyList<ulong> lows, long snapshot, CancellationToken cancellation)
    {
        var places = await tables.ReadTracesAsync(lows, cancellation);
        foreach (var ids in places)
            ids.RemoveAll(id => id.Stored > snapshot);
        var all = places.SelectMany(ids => ids).Distinct().ToList();
        var blocks = all.Zip(await ReadAsync(all, cancellation)).ToDictionary(each => each.First, each => each.Second);
        return [.. lows.Zip(places, (low, ids) =>
        {
            var spans = new List<(BlockId, int, Span)>();
            foreach (var id in ids)
            {
                if (blocks[id] is { } block)
                {
                    var (from, to) = block.RangeOf(low);
                    for (var i = from; i < to; i++)
                        spans.Add((id, i, block.ToSpan(i)));
                }
            }
            return new StoredTrace(low, spans);
        })];
    }

    sealed record Cached(BlockId Id, SpanBlock Block);
}

/// <summary>The spans that are stored of the traces with a low half of an id, in the order stored.</summary>
sealed class StoredTrace(ulong low, List<(BlockId Block, int Row, Span Span)> stored)
{
    public ulong Low => low;

    public bool IsEmpty => stored.Count == 0;

    /// <summary>Where the first is stored.</summary>
    public (BlockId Block, int Row) First => (stored[0].Block, stored[0].Row);

    /// <summary>All of them, identical ones once.</summary>
    public IReadOnlyList<Span> Spans { get; } = [.. stored.Select(each => each.Span).Distinct()];

    /// <summary>Those of one trace.</summary>
    public StoredTrace Of(TraceId id) => new(low, stored.FindAll(each => each.Span.TraceId == id));
}
