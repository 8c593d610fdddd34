using DuckDB.NET.Data;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>Reads whole traces.</summary>
static class TraceReader
{
    const int FewTraces = 32;

    // Compared with every row, but no other column is read for a row that does not match: 3 ms per M spans held.
    const string InFew = "list_contains($1::UBIGINT[], trace_low)";

    // By row id, for a join on the trace's own id makes DuckDB read all columns of all rows: 50 ms, so 7.
    const string InMany =
        "rowid IN (SELECT rowid FROM spans WHERE trace_low IN (SELECT unnest($1::UBIGINT[])))";

    /// <summary>
    /// The traces of the ids in their order, without those that have no spans; an id that comes again adds nothing.
    /// </summary>
    /// <param name="maxSeq">Of the spans stored up to it.</param>
    public static List<IReadOnlyList<Span>> Read(DuckDBConnection connection, StoreTables tables,
        IReadOnlyList<TraceId> ids, bool strict, long maxSeq = long.MaxValue)
    {
        var traces = new OrderedDictionary<TraceId, Trace>();
        foreach (var id in ids)
            traces.TryAdd(KeyOf(id, strict), new Trace());
        if (traces.Count == 0)
            return [];
        using var command = connection.Command(
            $"SELECT {SpanTable.Columns} FROM spans " +
            $"WHERE {(traces.Count > FewTraces ? InMany : InFew)} AND seq <= $2 ORDER BY seq",
            traces.Keys.Select(key => key.Low).Distinct().ToList(), maxSeq);
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        while (row.Read())
        {
            var span = SpanTable.Read(row, tables);
            if (traces.TryGetValue(KeyOf(span.TraceId, strict), out var trace))
                trace.Add(span);
        }
        return [.. traces.Values.Where(trace => trace.Spans.Count > 0).Select(trace => trace.Spans)];
    }

    /// <summary>All spans of the traces of a window, each trace's together; to be disposed.</summary>
    /// <remarks>Sorted by DuckDB, which moves to disk what exceeds its memory, and streamed.</remarks>
    public static DuckDBDataReader Open(DuckDBConnection connection, long startMillis, long endMillis)
    {
        var command = connection.Command($"""
            SELECT {SpanTable.Columns} FROM spans WHERE trace_low IN (
                SELECT trace_low FROM spans WHERE start_ns > 0 AND start_ns >= $1 AND start_ns <= $2)
            ORDER BY trace_low, seq
            """, Search.WindowStart(startMillis), Search.WindowEnd(endMillis));
        command.UseStreamingMode = true;
        return command.ExecuteReader();
    }

    static TraceId KeyOf(TraceId id, bool strict) => strict ? id : new TraceId(0, id.Low);
}

/// <summary>The spans of a trace, identical ones once.</summary>
sealed class Trace
{
    readonly HashSet<Span> _known = [];
    readonly List<Span> _spans = [];

    public IReadOnlyList<Span> Spans => _spans;

    public void Add(Span span)
    {
        if (_known.Add(span))
            _spans.Add(span);
    }
}

/// <summary>Traces one by one from rows in which each trace's are together.</summary>
sealed class TraceStream(RowReader row, StoreTables tables)
{
    Span? _first;
    bool _hasStarted;

    /// <summary>The spans of the next trace; null at the end.</summary>
    public IReadOnlyList<Span>? Next()
    {
        if (!_hasStarted)
        {
            _hasStarted = true;
            _first = NextSpan();
        }
        if (_first is null)
            return null;
        var trace = new Trace();
        var low = _first.TraceId.Low;
        do
            trace.Add(_first);
        while ((_first = NextSpan()) is not null && _first.TraceId.Low == low);
        return trace.Spans;
    }

    Span? NextSpan() => row.Read() ? SpanTable.Read(row, tables) : null;
}
