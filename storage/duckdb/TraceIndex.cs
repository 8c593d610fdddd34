using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Which rows of an append partition a trace has: there they lie in the order stored. One thread adds, any thread asks.
/// </summary>
sealed class TraceIndex
{
    // of each row the one of the same trace before it, or -1
    readonly SharedList<int> _previous = new();

    // the last row of a trace by the low half of its id
    readonly Dictionary<ulong, int> _last = new(SeededHash.Comparer);
    readonly Lock _lock = new();

    /// <summary>Adds rows that come next, by the low halves of their traces' ids.</summary>
    public void Add(MemoryTable spans, int column, long end)
    {
        lock (_lock)
        {
            for (var row = _previous.Count; row < end; row++)
            {
                var trace = spans.Read<ulong>(row, column);
                _previous.Add(_last.TryGetValue(trace, out var previous) ? previous : -1);
                _last[trace] = row;
            }
        }
    }

    /// <summary>The traces there are, by the low halves of their ids.</summary>
    public ulong[] Traces()
    {
        lock (_lock)
            return [.. _last.Keys];
    }

    /// <summary>The rows of traces, the first first.</summary>
    public List<int> RowsOf(IEnumerable<ulong> traceLows)
    {
        var rows = new List<int>();
        lock (_lock)
        {
            foreach (var traceLow in traceLows)
            {
                for (var row = _last.GetValueOrDefault(traceLow, -1); row >= 0; row = _previous[row])
                    rows.Add(row);
            }
        }
        rows.Sort();
        return rows;
    }
}
