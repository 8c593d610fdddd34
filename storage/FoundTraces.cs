using Tracing.Model;

namespace Tracing.Storage;

/// <summary>The best traces that a search has found so far, one more than fit its page; bounded by that.</summary>
sealed class FoundTraces
{
    readonly SearchCursor? _cursor;
    readonly List<TraceMatch> _found = [];

    public FoundTraces(SpanSearch search)
    {
        _cursor = search.Cursor;
        Search = _cursor is null ? search : search with
        {
            Order = _cursor.Order,
            StartUnixNano = _cursor.StartUnixNano,
            EndUnixNano = _cursor.EndUnixNano,
        };
    }

    /// <summary>With the order and window of the first page.</summary>
    public SpanSearch Search { get; }

    public int Count => _found.Count;

    public bool IsFull => _found.Count > Search.Limit;

    /// <summary>
    /// Where spans by which a trace may come next start, in an order by time, one window after the other; the end is
    /// excluded. Spans without a start, which are at 0, come last.
    /// </summary>
    /// <remarks>Traces of the pages before may still have spans there; their value tells.</remarks>
    public IEnumerable<(ulong From, ulong To)> WindowsByStart()
    {
        var (from, to) = WindowByStart();
        if (Search.Order == SearchOrder.Newest || Search.StartUnixNano > 0)
            return [(from, to)];
        return [(Math.Max(from, 1), to), (0, Math.Min(to, 1))];
    }

    (ulong From, ulong To) WindowByStart()
    {
        var (from, to) = (Search.StartUnixNano, Search.EndUnixNano);
        if (_cursor is not null && Search.Order == SearchOrder.Newest)
            to = Math.Min(to, _cursor.Value == ulong.MaxValue ? ulong.MaxValue : _cursor.Value + 1);
        else if (_cursor is not null)
            from = Math.Max(from, _cursor.Value);
        return (from, to);
    }

    /// <summary>Whether the page is full of traces that come before whatever begins at this start.</summary>
    public bool IsComplete(ulong start) => IsFull &&
        (Search.Order == SearchOrder.Newest ? _found[^1].Value > start : _found[^1].Value < start);

    /// <summary>Whether the page is full of traces that come before this one.</summary>
    public bool IsComplete(ulong value, TraceId id) => IsFull && _found[^1].CompareTo(Search.Order, value, id) < 0;

    /// <summary>Takes in a trace, unless it was on a page before.</summary>
    public void Add(TraceMatch match)
    {
        if (_cursor is not null && match.CompareTo(Search.Order, _cursor.Value, _cursor.TraceId) <= 0)
            return;
        var at = _found.FindLastIndex(
            better => match.CompareTo(Search.Order, better.Value, better.Found.TraceId) > 0) + 1;
        _found.Insert(at, match);
        if (_found.Count > Search.Limit + 1)
            _found.RemoveAt(_found.Count - 1);
    }

    /// <param name="snapshot">See <see cref="SearchCursor"/>.</param>
    public SearchPage Page(long snapshot)
    {
        var traces = _found.Take(Search.Limit).Select(match => match.Found).ToList();
        if (!IsFull)
            return new SearchPage(traces, null);
        var last = _found[Search.Limit - 1];
        return new SearchPage(traces, new SearchCursor(Search.Order, Search.StartUnixNano, Search.EndUnixNano,
            last.Value, last.Found.TraceId, snapshot));
    }
}
