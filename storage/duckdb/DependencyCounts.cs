using System.Runtime.InteropServices;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>The calls of one trace, and when its first and last span started; 0 if none says.</summary>
sealed record TraceDependencies(ulong Low, ulong First, ulong Last, IReadOnlyList<DependencyLink> Links)
{
    /// <param name="spans">At least one, of one trace.</param>
    public static TraceDependencies Of(IReadOnlyList<Span> spans)
    {
        var linker = new DependencyLinker();
        linker.Add(spans);
        ulong first = ulong.MaxValue, last = 0;
        foreach (var span in spans)
        {
            // whoever has no start is at no time
            if (span.StartUnixNano == 0)
                continue;
            first = Math.Min(first, span.StartUnixNano);
            last = Math.Max(last, span.StartUnixNano);
        }
        return new(spans[0].TraceId.Low, last == 0 ? 0 : first, last, linker.Links());
    }
}

/// <summary>Numbers of links, the first seen first; not for several threads at once.</summary>
sealed class DependencyNames
{
    readonly List<(string Parent, string Child)> _names = [];
    readonly Dictionary<(string Parent, string Child), int> _numbers = [];

    public int Count => _names.Count;

    public (string Parent, string Child) this[int number] => _names[number];

    public int NumberOf(DependencyLink link)
    {
        ref var number = ref CollectionsMarshal.GetValueRefOrAddDefault(
            _numbers, (link.Parent, link.Child), out var isKnown);
        if (!isKnown)
        {
            number = _names.Count;
            _names.Add((link.Parent, link.Child));
        }
        return number;
    }
}

/// <summary>
/// Calls added up by when their traces began and ended, so that those of most windows are known without the traces.
/// Times are in units that double when there would be more than <see cref="MaxCounts"/> numbers, some 60 bytes each.
/// </summary>
sealed class DependencyCounts(DependencyNames names, int shift = DependencyCounts.FinestShift)
{
    /// <summary>Units that a trace may take without being remembered by its id.</summary>
    public const int LongUnits = 16;

    const int FinestShift = 20;
    const int MaxCounts = 8192;
    const int MaxLong = 1024;

    readonly record struct Times(ulong First, ulong Last, int Link)
    {
        public override int GetHashCode() => SeededHash.Of(First, Last) + Link;
    }

    Dictionary<Times, (long Calls, long Errors)> _counts = [];
    Dictionary<ulong, (ulong First, ulong Last)> _long = new(SeededHash.Comparer);

    /// <summary>A unit is so many powers of two of nanoseconds; the finest is a millisecond.</summary>
    public int Shift { get; private set; } = shift;

    public DependencyCounts NewOfSameUnit() => new(names, Shift);

    /// <summary>Adds what a trace has, or takes it away.</summary>
    public void Add(TraceDependencies trace, bool isTaken = false)
    {
        // without calls or times it is in no answer
        if (trace.Last == 0 || trace.Links.Count == 0)
            return;
        foreach (var link in trace.Links)
            Count(new(trace.First >> Shift, trace.Last >> Shift, names.NumberOf(link)),
                isTaken ? -link.CallCount : link.CallCount, isTaken ? -link.ErrorCount : link.ErrorCount);
        if (isTaken)
            _long.Remove(trace.Low);
        else if (IsLong(trace.First, trace.Last))
            _long[trace.Low] = (trace.First, trace.Last);
        Shrink();
    }

    /// <summary>Adds all of the other ones, whose units may differ.</summary>
    public void Add(DependencyCounts other)
    {
        while (Shift < other.Shift)
            Coarsen();
        var coarser = Shift - other.Shift;
        foreach (var (times, (calls, errors)) in other._counts)
            Count(times with { First = times.First >> coarser, Last = times.Last >> coarser }, calls, errors);
        foreach (var (low, (first, last)) in other._long)
        {
            if (IsLong(first, last))
                _long[low] = (first, last);
        }
        Shrink();
    }

    /// <summary>Whether times as these tell that the trace has a span within the window.</summary>
    public bool IsTold(ulong first, ulong last, Window window) =>
        window.Has(first >> Shift, Shift) || window.Has(last >> Shift, Shift);

    /// <summary>Adds up the calls of the traces that are known to have a span within a window.</summary>
    /// <param name="totals">By the number of the link.</param>
    /// <returns>Whether there are others that may have one.</returns>
    public bool AddTo(Dictionary<int, (long Calls, long Errors)> totals, Window window)
    {
        var isOpen = false;
        foreach (var (times, (calls, errors)) in _counts)
        {
            if (window.Has(times.First, Shift) || window.Has(times.Last, Shift))
            {
                ref var total = ref CollectionsMarshal.GetValueRefOrAddDefault(totals, times.Link, out _);
                total = (total.Calls + calls, total.Errors + errors);
            }
            else
                isOpen |= window.MayHave(times.First, times.Last, Shift);
        }
        return isOpen;
    }

    /// <summary>Ids of the traces of many units that may have a span within the window, and may not.</summary>
    public IEnumerable<ulong> LongOf(Window window) =>
        from trace in _long
        where !IsTold(trace.Value.First, trace.Value.Last, window) &&
            window.MayHave(trace.Value.First >> Shift, trace.Value.Last >> Shift, Shift)
        select trace.Key;

    void Count(Times times, long calls, long errors)
    {
        ref var count = ref CollectionsMarshal.GetValueRefOrAddDefault(_counts, times, out _);
        count = (count.Calls + calls, count.Errors + errors);
        if (count == default)
            _counts.Remove(times);
    }

    bool IsLong(ulong first, ulong last) => (last >> Shift) - (first >> Shift) > LongUnits;

    void Shrink()
    {
        // the first of a time of day cannot be shortened for ever: there are fewer links than times
        while ((_counts.Count > Math.Max(MaxCounts, 4 * names.Count) || _long.Count > MaxLong) && Shift < 60)
            Coarsen();
    }

    void Coarsen()
    {
        Shift++;
        (var counts, _counts) = (_counts, []);
        foreach (var (times, (calls, errors)) in counts)
            Count(times with { First = times.First >> 1, Last = times.Last >> 1 }, calls, errors);
        _long = _long.Where(trace => IsLong(trace.Value.First, trace.Value.Last)).ToDictionary(SeededHash.Comparer);
    }
}

/// <summary>A range of starts in nanoseconds since 1970, both ends included.</summary>
readonly record struct Window(ulong Start, ulong End)
{
    /// <summary>Whether all of a unit is within.</summary>
    public bool Has(ulong unit, int shift) => unit << shift >= Start && LastOf(unit, shift) <= End;

    /// <summary>Whether any of the units from one to the other is.</summary>
    public bool MayHave(ulong first, ulong last, int shift) => first << shift <= End && LastOf(last, shift) >= Start;

    public bool Has(IReadOnlyList<Span> trace)
    {
        var window = this;
        return trace.Any(span => span.StartUnixNano > 0 && span.StartUnixNano >= window.Start &&
            span.StartUnixNano <= window.End);
    }

    /// <summary>
    /// What of the window is in units that are not all within: there are the spans of traces that take no more than
    /// <see cref="DependencyCounts.LongUnits"/> and of which the times alone do not tell.
    /// </summary>
    /// <param name="shift">Of the unit, or of a coarser one.</param>
    /// <param name="all">Of all spans, which may be within the window.</param>
    public IEnumerable<Window> Edges(int shift, Window all)
    {
        var (start, end) = (Math.Max(Start, all.Start), Math.Min(End, all.End));
        if (start > end)
            yield break;
        if ((end >> shift) - (start >> shift) <= DependencyCounts.LongUnits + 2)
        {
            yield return new(start, end);
            yield break;
        }
        if (start == Start)
            yield return new(start, LastOf(start >> shift, shift));
        if (end == End)
            yield return new((end >> shift) << shift, end);
    }

    static ulong LastOf(ulong unit, int shift) => (unit << shift) | ((1UL << shift) - 1);
}
