using System.Runtime.InteropServices;
using Tracing.Model;

namespace Tracing.Storage.Engine;

/// <summary>
/// Traces in an order that is not by time: as the briefs of blocks have it, the best first. What a trace is ranked by
/// is no less than what all its spans in these blocks say.
/// </summary>
sealed class RankedTraces
{
    // of equals the smaller id comes first
    readonly PriorityQueue<TraceId, (ulong Rank, UInt128 Id)> _queue;

    RankedTraces(IEnumerable<(TraceId, (ulong, UInt128))> traces) => _queue = new(traces);

    /// <param name="briefs">Of all blocks whose spans count, telling which of their traces may be wanted.</param>
    /// <param name="from">A trace is wanted for spans that start then or later,</param>
    /// <param name="to">and before this.</param>
    public static RankedTraces Of(
        SearchOrder order, List<(BlockBrief Brief, Func<int, bool> MayFit)> briefs, ulong from, ulong to)
    {
        var sums = new Dictionary<TraceId, Sum>();
        foreach (var (brief, mayFit) in briefs)
        {
            for (var i = 0; i < brief.Traces.Length; i++)
            {
                ref readonly var trace = ref brief.Traces[i];
                ref var sum = ref CollectionsMarshal.GetValueRefOrAddDefault(sums, trace.Id, out var isKnown);
                if (!isKnown)
                    sum.Start = ulong.MaxValue;
                sum.Start = Math.Min(sum.Start, trace.Known);
                sum.End = Math.Max(sum.End, trace.End);
                sum.Longest = Math.Max(sum.Longest, trace.Longest);
                sum.Spans += trace.Spans;
                sum.Errors += trace.Errors;
                sum.IsWanted |= trace.First < to && trace.Last >= from && mayFit(i);
            }
        }
        return new RankedTraces(sums.Where(each => each.Value.IsWanted).Select(each =>
            (each.Key, (ulong.MaxValue - each.Value.ValueFor(order), new UInt128(each.Key.High, each.Key.Low)))));
    }

    /// <summary>The best, with what it is ranked by.</summary>
    public bool TryPeek(out TraceId id, out ulong value)
    {
        var isThere = _queue.TryPeek(out id, out var rank);
        value = ulong.MaxValue - rank.Rank;
        return isThere;
    }

    public TraceId Dequeue() => _queue.Dequeue();

    /// <summary>Leaves those that are named.</summary>
    public RankedTraces Among(HashSet<TraceId> ids) =>
        new(_queue.UnorderedItems.Where(each => ids.Contains(each.Element)));

    struct Sum
    {
        public ulong Start;
        public ulong End;
        public ulong Longest;
        public int Spans;
        public int Errors;
        public bool IsWanted;

        public readonly ulong ValueFor(SearchOrder order) => order switch
        {
            // without any start the longest span tells, as in TraceFacts
            SearchOrder.Slowest => Start == ulong.MaxValue && End == 0 ? Longest : End - Start,
            SearchOrder.MostSpans => (ulong)Spans,
            _ => (ulong)Errors,
        };
    }
}
