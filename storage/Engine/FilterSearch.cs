using Tracing.Model;
using Tracing.Storage.Blocks;

namespace Tracing.Storage.Engine;

/// <summary>
/// Searches by filters of TraceQL: goes through the blocks in the order asked for, reads the traces of the spans that
/// may fit, and has the filter decide; ends as soon as no later block can have a trace that comes before those found.
/// </summary>
sealed class FilterSearch
{
    /// <summary>Blocks read at once.</summary>
    const int BlocksAtOnce = 16;

    /// <summary>Traces read at once, at most, which bounds the memory.</summary>
    const int MaxTracesAtOnce = 128;

    readonly Blocks _blocks;
    readonly SpanSearch _search;
    readonly BlockFilter _filter;
    readonly CancellationToken _cancellation;

    readonly FoundTraces _found;
    readonly bool _isFirstPage;
    readonly HashSet<TraceId> _seen = [];
    int _matching;
    long _snapshot;

    FilterSearch(Blocks blocks, SpanSearch search, long now, CancellationToken cancellation)
    {
        _blocks = blocks;
        _found = new FoundTraces(search);
        _search = _found.Search;
        _isFirstPage = search.Cursor is null;
        _snapshot = search.Cursor?.Snapshot ?? now;
        _filter = new BlockFilter(search.Filter);
        _cancellation = cancellation;
    }

    /// <param name="now">The time that a group would have which is begun now.</param>
    /// <param name="spread">How far from the window spans of its traces count in orders that are not by time.</param>
    public static async Task<SearchPage> SearchAsync(Blocks blocks, SpanSearch search, long now,
        TimeSpan spread, CancellationToken cancellation)
    {
        var page = new FilterSearch(blocks, search, now, cancellation);
        if (page._search.EndUnixNano > page._search.StartUnixNano)
        {
            await (page._search.Order is SearchOrder.Newest or SearchOrder.Oldest
                ? page.FindByStartAsync()
                : page.FindRankedAsync((ulong)spread.Ticks * 100));
        }
        return page._found.Page(page._snapshot);
    }

    async Task FindByStartAsync()
    {
        foreach (var (from, to) in _found.WindowsByStart())
        {
            if (from < to && await FindByStartAsync(from, to))
                return;
        }
    }

    /// <summary>Whether the page is complete.</summary>
    async Task<bool> FindByStartAsync(ulong from, ulong to)
    {
        var isNewest = _search.Order == SearchOrder.Newest;
        var heads = await ReadHeadsAsync(from, to - 1);
        heads = await _blocks.AmongAsync(heads, _filter.MayMatch, _cancellation);
        heads.Sort((one, other) => isNewest
            ? other.MaxStart.CompareTo(one.MaxStart)
            : one.MinStart.CompareTo(other.MinStart));
        // by the start of its best span, then by id, as a page is; a trace comes no earlier than that
        var candidates = new PriorityQueue<TraceId, (ulong Rank, ulong High, ulong Low)>();
        for (var next = 0; next < heads.Count;)
        {
            var some = heads.GetRange(next, Math.Min(next == 0 ? 1 : BlocksAtOnce, heads.Count - next));
            next += some.Count;
            foreach (var block in await _blocks.ReadAsync(some.ConvertAll(head => head.Id), _cancellation))
            {
                if (block is not null)
                    AddCandidates(block, from, to, isNewest, candidates);
            }
            ulong? left = next == heads.Count ? null : Rank(isNewest ? heads[next].MaxStart : heads[next].MinStart);
            if (await DecideAsync(candidates, left) || (left is { } rank && _found.IsComplete(Rank(rank))))
                return true;
        }
        return false;
    }

    async Task<List<BlockHead>> ReadHeadsAsync(ulong first, ulong last)
    {
        var heads = await _blocks.ReadHeadsAsync(first, last, _cancellation);
        // the clock of who wrote them may be ahead of ours
        if (_isFirstPage)
            _snapshot = heads.Aggregate(_snapshot, (latest, head) => Math.Max(latest, head.Id.Stored));
        // others may have spans of before
        heads.RemoveAll(head => head.Id.Generation == Generation.Group && head.Id.Stored > _snapshot);
        return heads;
    }

    /// <summary>
    /// In the other orders. Traces are ranked by briefs, and the best are read. When few of them match, the blocks are
    /// asked which traces do.
    /// </summary>
    async Task FindRankedAsync(ulong spread)
    {
        var (from, to) = (_search.StartUnixNano, _search.EndUnixNano);
        var heads = await ReadHeadsAsync(
            from - Math.Min(from, spread), to > ulong.MaxValue - spread ? ulong.MaxValue : to + spread);
        // spans without a start may be of any trace
        if (from > spread)
            heads.AddRange((await ReadHeadsAsync(0, 0)).Except(heads));
        var ids = heads.ConvertAll(head => head.Id);
        var briefFilter = new BriefFilter(_search.Filter);
        var briefs = (await _blocks.ReadBriefsAsync(ids, _cancellation)).OfType<BlockBrief>()
            .Select(brief => (brief, briefFilter.Find(brief))).ToList();
        var ranked = RankedTraces.Of(_search.Order, briefs, from, to);
        var isSure = false;
        for (var read = 0; ranked.TryPeek(out var next, out var best);)
        {
            _cancellation.ThrowIfCancellationRequested();
            if (_found.IsComplete(best, next))
                return;
            if (!isSure && read >= 4 * (_search.Limit + 1) && 4 * _matching < read)
            {
                ranked = ranked.Among(await MatchingAsync(
                    heads.FindAll(head => head.MaxStart >= from && head.MinStart < to), from, to));
                isSure = true;
            }
            var some = new List<TraceId>();
            while (some.Count < Math.Min(_search.Limit + 1, MaxTracesAtOnce) && ranked.TryPeek(out _, out _))
                some.Add(ranked.Dequeue());
            read += some.Count;
            await ReadAsync(some);
        }
    }

    /// <summary>The traces of the spans that may fit, as the blocks' columns say.</summary>
    async Task<HashSet<TraceId>> MatchingAsync(List<BlockHead> heads, ulong from, ulong to)
    {
        var ids = new HashSet<TraceId>();
        foreach (var some in (await _blocks.AmongAsync(heads, _filter.MayMatch, _cancellation)).Chunk(BlocksAtOnce))
        {
            foreach (var block in await _blocks.ReadAsync([.. some.Select(head => head.Id)], _cancellation))
            {
                if (block is null)
                    continue;
                var found = _filter.Find(block, from, to);
                ids.UnionWith(block.Traces.WithAny(found).Select(trace => block.Traces.Ids[trace]));
            }
        }
        return ids;
    }

    (ulong Rank, ulong High, ulong Low) Place(ulong start, TraceId id) => (Rank(start), id.High, id.Low);

    /// <summary>What comes first has the least; also the start that has a rank.</summary>
    ulong Rank(ulong start) => _search.Order == SearchOrder.Newest ? ulong.MaxValue - start : start;

    void AddCandidates(
        SpanBlock block, ulong from, ulong to, bool isNewest,
        PriorityQueue<TraceId, (ulong Rank, ulong High, ulong Low)> candidates)
    {
        var found = _filter.Find(block, from, to);
        for (var i = found.Next(0); i >= 0;)
        {
            var trace = block.Traces.Of(i);
            var best = block.Starts[i];
            for (var end = block.Traces.From[trace + 1]; i >= 0 && i < end; i = found.Next(i + 1))
                best = isNewest ? Math.Max(best, block.Starts[i]) : Math.Min(best, block.Starts[i]);
            candidates.Enqueue(block.Traces.Ids[trace], Place(best, block.Traces.Ids[trace]));
        }
    }

    /// <summary>Reads candidates that come before what is left; true when the page is complete.</summary>
    async Task<bool> DecideAsync(
        PriorityQueue<TraceId, (ulong Rank, ulong High, ulong Low)> candidates, ulong? left)
    {
        var count = Math.Min(_search.Limit + 1, MaxTracesAtOnce);
        while (true)
        {
            _cancellation.ThrowIfCancellationRequested();
            var ids = new List<TraceId>();
            var isComplete = false;
            while (ids.Count < count && candidates.TryPeek(out var id, out var place) &&
                !(place.Rank >= left))
            {
                isComplete = _found.IsComplete(Rank(place.Rank), id);
                if (isComplete)
                    break;
                candidates.Dequeue();
                if (_seen.Add(id))
                    ids.Add(id);
            }
            if (ids.Count == 0)
                return isComplete;
            await ReadAsync(ids);
        }
    }

    async Task ReadAsync(List<TraceId> ids)
    {
        foreach (var trace in await _blocks.ReadTracesAsync(
            [.. ids.Select(id => id.Low).Distinct(SeededHash.Comparer)], _snapshot, _cancellation))
        {
            foreach (var id in ids.Where(id => id.Low == trace.Low))
                Add(trace.Of(id));
        }
    }

    void Add(StoredTrace trace)
    {
        if (trace.IsEmpty || TraceMatch.Of(trace.Spans, trace.Kept, _search) is not { } match)
            return;
        _matching++;
        _found.Add(match);
    }
}
