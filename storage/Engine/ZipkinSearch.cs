using Tracing.Model;
using Tracing.Storage.Blocks;

namespace Tracing.Storage.Engine;

/// <summary>
/// Zipkin's search, from the latest traces on, part by part of the time: traces with a span in the part, of which each
/// condition is met by some span near it, are read, and their spans tell.
/// </summary>
sealed class ZipkinSearch
{
    /// <summary>How many times more blocks than the one before a part has at most.</summary>
    const int Growth = 8;

    const int MaxTracesAtOnce = 128;

    /// <summary>
    /// Traces of one part above which those of one instant are told apart by the span that was seen there: to read all
    /// of them for the one that was stored first would take too long.
    /// </summary>
    const int ManyCandidates = 4_096;

    readonly Blocks _blocks;
    readonly TraceQuery _query;
    readonly CancellationToken _cancellation;
    readonly ZipkinCondition[] _conditions;

    // the traces that meet each condition, as far as looked
    readonly HashSet<TraceId>[] _meeting;
    readonly HashSet<BlockId> _looked = [];

    // in their order; somewhat more than the limit
    readonly List<(ulong Timestamp, SpanPlace First, IReadOnlyList<Span> Spans)> _found = [];
    readonly HashSet<TraceId> _decided = [];

    ZipkinSearch(Blocks blocks, TraceQuery query, CancellationToken cancellation)
    {
        _blocks = blocks;
        _query = query;
        _cancellation = cancellation;
        _conditions = ZipkinCondition.Of(query);
        _meeting = Array.ConvertAll(_conditions, _ => new HashSet<TraceId>());
    }

    /// <summary>The traces that match, newest first; of one time that which was stored first.</summary>
    public static async Task<IReadOnlyList<IReadOnlyList<Span>>> FindAsync(
        Blocks blocks, TraceQuery query, TimeSpan spread, CancellationToken cancellation)
    {
        var search = new ZipkinSearch(blocks, query, cancellation);
        await search.FindAsync((ulong)spread.Ticks * 100);
        return [.. search._found.Take(query.Limit).Select(found => found.Spans)];
    }

    async Task FindAsync(ulong spread)
    {
        var (start, end) = ZipkinWindow.Of(_query);
        if (end < start)
            return;
        var heads = await _blocks.ReadHeadsAsync(start - Math.Min(start, spread),
            end > ulong.MaxValue - spread ? ulong.MaxValue : end + spread, _cancellation);
        // spans without a start may be of any trace
        if (start > spread)
            heads.AddRange(await _blocks.ReadHeadsAsync(0, 0, _cancellation));
        var within = heads.FindAll(head => head.MaxStart >= start && head.MinStart <= end);
        within.Sort((one, other) => other.MaxStart.CompareTo(one.MaxStart));
        var count = 1;
        for (var next = 0; next < within.Count; count *= Growth)
        {
            var some = within.GetRange(next, Math.Min(count, within.Count - next));
            next += some.Count;
            if (next < within.Count && within[next].MaxStart >= end)
                continue;
            // all spans that start in the part are in blocks up to here
            var from = next == within.Count ? start : Math.Max(start, within[next].MaxStart + 1);
            await LookAsync(heads.FindAll(head =>
                head.MinStart == 0 || head.MaxStart >= from - Math.Min(from, spread)));
            var candidates = await CandidatesAsync(within.GetRange(0, next), from, end);
            if (await DecideAsync(candidates, start, end, from))
                return;
        }
    }

    /// <summary>Finds what meets the conditions in blocks that were not looked at before.</summary>
    async Task LookAsync(List<BlockHead> heads)
    {
        if (_conditions.Length == 0)
            return;
        var unknown = heads.FindAll(head => _looked.Add(head.Id));
        unknown = await _blocks.AmongAsync(unknown,
            summary => Array.Exists(_conditions, condition => condition.MayBeIn(summary)), _cancellation);
        foreach (var chunk in unknown.Select(head => head.Id).Chunk(64))
        {
            foreach (var block in await _blocks.ReadAsync(chunk, _cancellation))
            {
                for (var c = 0; block is not null && c < _conditions.Length; c++)
                {
                    foreach (var trace in _conditions[c].TracesIn(block))
                        _meeting[c].Add(KeyOf(trace));
                }
            }
        }
    }

    /// <summary>Traces that meet all conditions and have a span in the part, with the latest of these.</summary>
    async Task<Dictionary<TraceId, (ulong Start, SpanPlace Place)>> CandidatesAsync(
        List<BlockHead> heads, ulong from, ulong end)
    {
        var candidates = new Dictionary<TraceId, (ulong Start, SpanPlace Place)>();
        foreach (var chunk in heads.FindAll(head => head.MaxStart >= from).Chunk(64))
        {
            foreach (var (head, block) in chunk.Zip(
                await _blocks.ReadAsync([.. chunk.Select(each => each.Id)], _cancellation)))
            {
                for (var trace = 0; trace < block?.TraceCount; trace++)
                    AddCandidate(candidates, head.Id, block, trace, from, end);
            }
        }
        return candidates;
    }

    void AddCandidate(Dictionary<TraceId, (ulong Start, SpanPlace Place)> candidates, BlockId id, SpanBlock block,
        int trace, ulong from, ulong end)
    {
        var key = KeyOf(block.Traces.Ids[trace]);
        var isKnown = candidates.TryGetValue(key, out var latest);
        if (!isKnown && (_decided.Contains(key) || !Array.TrueForAll(_meeting, meeting => meeting.Contains(key))))
            return;
        for (var i = block.Traces.From[trace]; i < block.Traces.From[trace + 1]; i++)
        {
            if (block.Starts[i] < from || block.Starts[i] > end || (isKnown && block.Starts[i] < latest.Start))
                continue;
            var here = (Start: block.Starts[i], Place: SpanPlace.Of(id, block, i));
            if (!isKnown || Compare(here, latest) < 0)
                candidates[key] = latest = here;
            isKnown = true;
        }
    }

    /// <summary>Negative when the one is later, or was stored before the other of the same start.</summary>
    static int Compare((ulong Start, SpanPlace Place) one, (ulong Start, SpanPlace Place) other) =>
        one.Start != other.Start ? other.Start.CompareTo(one.Start) : one.Place.CompareTo(other.Place);

    /// <summary>Reads the traces that may be the next; true when no other can come before those found.</summary>
    async Task<bool> DecideAsync(Dictionary<TraceId, (ulong Start, SpanPlace Place)> candidates,
        ulong start, ulong end, ulong from)
    {
        var ranked = candidates.ToList();
        ranked.Sort((one, other) => Compare(one.Value, other.Value));
        for (var next = 0; next < ranked.Count && !IsComplete(ranked[next].Value.Start) &&
            !(ranked.Count > ManyCandidates && IsCompleteAt(ranked[next].Value));)
        {
            _cancellation.ThrowIfCancellationRequested();
            var ids = ranked.Skip(next).Take(Math.Clamp(_query.Limit - _found.Count, 1, MaxTracesAtOnce))
                .Select(each => each.Key).ToList();
            next += ids.Count;
            foreach (var trace in await _blocks.ReadTracesAsync(
                [.. ids.Select(id => id.Low).Distinct(SeededHash.Comparer)], long.MaxValue, _cancellation))
            {
                foreach (var id in ids.Where(id => id.Low == trace.Low))
                    Add(_query.StrictTraceId ? trace.Of(id) : trace, start, end);
            }
            _decided.UnionWith(ids);
        }
        return IsComplete(from - 1);
    }

    bool IsComplete(ulong last) => _found.Count >= _query.Limit && _found[_query.Limit - 1].Timestamp > last;

    bool IsCompleteAt((ulong Start, SpanPlace Place) next) => _found.Count >= _query.Limit &&
        _found[_query.Limit - 1].Timestamp == next.Start &&
        _found[_query.Limit - 1].First.CompareTo(next.Place) < 0;

    void Add(StoredTrace trace, ulong start, ulong end)
    {
        if (trace.IsEmpty || ZipkinCondition.TimestampOf(trace.Spans) is not { } timestamp ||
            timestamp < start || timestamp > end)
            return;
        if (!Array.TrueForAll(_conditions, condition => trace.Spans.Any(condition.IsMetBy)))
            return;
        // Zipkin compares microseconds
        var found = (timestamp, trace.First, trace.Spans);
        var at = _found.FindLastIndex(each => each.Timestamp > timestamp || (each.Timestamp == timestamp &&
            each.First.CompareTo(found.First) < 0)) + 1;
        _found.Insert(at, found);
    }

    TraceId KeyOf(TraceId id) => _query.StrictTraceId ? id : new TraceId(0, id.Low);
}
