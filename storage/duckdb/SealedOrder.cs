using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// The order of an append partition's rows in its sealed form: by the halves of the trace's id, the low one first, then
/// as stored; and how far before each row that of its parent then is, which takes a byte where an id takes 8.
/// </summary>
sealed class SealedOrder
{
    /// <summary>The span has no parent.</summary>
    public const int Root = 0;

    /// <summary>No other span of the trace in the partition is the parent.</summary>
    public const int Elsewhere = int.MinValue;

    /// <summary>In traces of so many spans and less, looking at all of them is faster than a dictionary.</summary>
    const int FewSpans = 24;

    readonly MemoryTable _spans;
    readonly Dictionary<ulong, int> _places = new(SeededHash.Comparer);

    public SealedOrder(MemoryTable spans)
    {
        _spans = spans;
        var count = (int)spans.Published;
        Rows = new int[count];
        ParentDistances = new int[count];
        var traces = new ulong[count];
        for (var row = 0; row < count; row++)
        {
            Rows[row] = row;
            traces[row] = spans.Read<ulong>(row, SpanTable.TraceLowColumn);
        }
        Array.Sort(traces, Rows);
        for (int start = 0, end; start < count; start = end)
        {
            for (end = start + 1; end < count && traces[end] == traces[start];)
                end++;
            // an unstable sort has left them in any order
            Rows.AsSpan(start, end - start).Sort((one, other) => (High(one), one).CompareTo((High(other), other)));
            for (int first = start, last; first < end; first = last)
            {
                for (last = first + 1; last < end && High(Rows[last]) == High(Rows[first]);)
                    last++;
                FindParents(first, last);
            }
        }
    }

    /// <summary>By place in the sealed form: the row.</summary>
    public int[] Rows { get; }

    /// <summary>By place in the sealed form; or <see cref="Root"/>, or <see cref="Elsewhere"/>.</summary>
    public int[] ParentDistances { get; }

    /// <summary>By row: the place in the sealed form.</summary>
    public int[] Places()
    {
        var places = new int[Rows.Length];
        for (var place = 0; place < places.Length; place++)
            places[Rows[place]] = place;
        return places;
    }

    /// <summary>Of the spans of one trace; of several with the parent's id the first is it.</summary>
    void FindParents(int start, int end)
    {
        _places.Clear();
        if (end - start > FewSpans)
        {
            for (var place = start; place < end; place++)
                _places.TryAdd(SpanId(place), place);
        }
        for (var place = start; place < end; place++)
        {
            var parent = _spans.Read<ulong>(Rows[place], SpanTable.ParentIdColumn);
            if (parent == 0)
            {
                ParentDistances[place] = Root;
                continue;
            }
            var found = end - start > FewSpans ? _places.GetValueOrDefault(parent, -1) : Find(parent, start, end);
            // one that says to be its own parent keeps that id
            ParentDistances[place] = found < 0 || found == place ? Elsewhere : place - found;
        }
    }

    int Find(ulong spanId, int start, int end)
    {
        for (var place = start; place < end; place++)
        {
            if (SpanId(place) == spanId)
                return place;
        }
        return -1;
    }

    ulong High(int row) => _spans.Read<ulong>(row, SpanTable.TraceHighColumn);

    ulong SpanId(int place) => _spans.Read<ulong>(Rows[place], SpanTable.SpanIdColumn);
}
