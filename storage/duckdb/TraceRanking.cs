using System.Buffers;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// All traces of some partitions in the order of a search that is not by time. A trace that is in several counts once,
/// as a whole.
/// </summary>
sealed class TraceRanking : IDisposable
{
    readonly SearchOrder _order;
    readonly IReadOnlyList<TraceTable> _tables;

    // of each table and trace: its place in the following, from 1 on, if it is in several tables; null: none is
    readonly int[]?[] _places;
    readonly List<TraceSum> _sums = [default];

    public TraceRanking(SearchOrder order, IReadOnlyList<TraceTable> tables)
    {
        _order = order;
        _tables = tables;
        _places = new int[tables.Count][];
        for (var one = 0; one < tables.Count; one++)
        {
            for (var other = one + 1; other < tables.Count; other++)
                AddShared(one, other);
        }
    }

    public void Dispose()
    {
        foreach (var places in _places.OfType<int[]>())
            ArrayPool<int>.Shared.Return(places);
    }

    // megabytes in all, which would have to be collected after each search
    static int[] Rent(int count)
    {
        var places = ArrayPool<int>.Shared.Rent(count);
        Array.Clear(places);
        return places;
    }

    void AddShared(int one, int other)
    {
        var shared = _tables[one].SharedWith(_tables[other]);
        if (shared.Own.Length == 0)
            return;
        var places = _places[one] ??= Rent(_tables[one].Count);
        var otherPlaces = _places[other] ??= Rent(_tables[other].Count);
        for (var i = 0; i < shared.Own.Length; i++)
        {
            ref var place = ref places[shared.Own[i]];
            ref var otherPlace = ref otherPlaces[shared.Others[i]];
            // else both have been added by a table before them
            if (otherPlace > 0)
                continue;
            if (place == 0)
            {
                place = _sums.Count;
                _sums.Add(_tables[one].Sum(shared.Own[i]));
            }
            otherPlace = place;
            _sums[place] += _tables[other].Sum(shared.Others[i]);
        }
    }

    /// <summary>The best traces, the best first.</summary>
    /// <param name="last">After this one.</param>
    /// <param name="isWanted">Of a table and a trace of it; of a trace in several tables one must be.</param>
    public List<RankedTrace> Best(int count, RankedTrace? last, Func<int, int, bool> isWanted)
    {
        // the worst is the first to go
        var best = new PriorityQueue<RankedTrace, RankedTrace>(
            Comparer<RankedTrace>.Create((one, other) => other.CompareTo(one)));
        var seen = new bool[_sums.Count];
        for (var table = 0; table < _tables.Count; table++)
        {
            var (traces, places) = (_tables[table], _places[table]);
            for (var trace = 0; trace < traces.Count; trace++)
            {
                var place = places?[trace] ?? 0;
                var value = (place == 0 ? traces.Sum(trace) : _sums[place]).Value(_order);
                // most are no good, and cheaply told
                if ((best.Count == count && value < best.Peek().Value) || value > last?.Value)
                    continue;
                var ranked = new RankedTrace(value, traces.Id(trace));
                if ((best.Count == count && ranked.CompareTo(best.Peek()) > 0) ||
                    (last is { } before && ranked.CompareTo(before) <= 0) || seen[place] || !isWanted(table, trace))
                    continue;
                seen[place] = place > 0;
                if (best.Count == count)
                    best.DequeueEnqueue(ranked, ranked);
                else
                    best.Enqueue(ranked, ranked);
            }
        }
        return [.. best.UnorderedItems.Select(item => item.Element).Order()];
    }
}

/// <summary>A trace with what it is ordered by: the greatest value is the first, of equals the smallest id.</summary>
readonly record struct RankedTrace(ulong Value, TraceId Id) : IComparable<RankedTrace>
{
    public int CompareTo(RankedTrace other) => Value != other.Value ? other.Value.CompareTo(Value) :
        Id.High != other.Id.High ? Id.High.CompareTo(other.Id.High) : Id.Low.CompareTo(other.Id.Low);
}
