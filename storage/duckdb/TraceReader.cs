using System.Collections.Frozen;
using DuckDB.NET.Data;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>Reads whole traces, whichever partitions their spans are in.</summary>
static class TraceReader
{
    const int FewTraces = 32;

    /// <summary>
    /// The traces of the ids in their order, without those that have no spans; an id that comes again adds nothing.
    /// </summary>
    /// <param name="maxSeq">Of the spans stored up to it; see <see cref="Partition.Seq"/>.</param>
    /// <param name="tables">Where it may be known which partitions have none.</param>
    public static List<IReadOnlyList<Span>> Read(DuckDBConnection connection, IReadOnlyList<Partition> partitions,
        IReadOnlyList<TraceId> ids, bool strict, long maxSeq = long.MaxValue, TraceTables? tables = null,
        CancellationToken cancellation = default) =>
        [.. ReadTraces(connection, partitions, ids, strict, maxSeq, null, tables, cancellation)
            .Select(trace => trace.Spans)];

    /// <summary>The same, with the rows that the spans were read from, and why each trace is kept.</summary>
    /// <param name="brief">When <see cref="SpanTable.ReadBrief"/> tells enough; there may be more.</param>
    public static IEnumerable<Trace> ReadTraces(DuckDBConnection connection, IReadOnlyList<Partition> partitions,
        IReadOnlyList<TraceId> ids, bool strict, long maxSeq = long.MaxValue, BriefReading? brief = null,
        TraceTables? tables = null, CancellationToken cancellation = default)
    {
        var traces = new OrderedDictionary<TraceId, Trace>();
        foreach (var id in ids)
            traces.TryAdd(KeyOf(id, strict), new Trace(brief is not null));
        var gone = GoneFrom(partitions);
        var lows = traces.Keys.Select(key => key.Low).Where(low => !gone.Contains(low))
            .Distinct(SeededHash.Comparer).Order().ToList();
        // in the order of the partitions, which is that of their spans
        foreach (var partition in partitions)
        {
            var here = lows.FindAll(partition.Filter.MayHave);
            // the filter is wrong for one in a hundred, which is as many as are right when there are many partitions
            if (here.Count > 0 && tables?.Find(partition) is { } table)
                here = here.FindAll(table.HasLow);
            foreach (var row in ReadRows(connection, partition, here, brief, cancellation))
            {
                if (row.Seq <= maxSeq && traces.TryGetValue(KeyOf(row.Span.TraceId, strict), out var trace))
                    trace.Add(row.Span, row.Seq, row.Kept, row.Fits);
            }
        }
        // spans that are alike so far may differ in the rest, and what OTLP would make of Zipkin's takes all of them
        return brief is null || traces.Values.All(trace => trace.IsToldBriefly)
            ? traces.Values.Where(trace => trace.Spans.Count > 0)
            : ReadTraces(connection, partitions, ids, strict, maxSeq, null, tables, cancellation);
    }

    /// <summary>Why the traces of a low half are kept.</summary>
    public static TraceKept ReadKept(DuckDBConnection connection, IReadOnlyList<Partition> partitions, TraceId id)
    {
        foreach (var partition in partitions)
        {
            if (!partition.IsMerged || !partition.Filter.MayHave(id.Low))
                continue;
            using var command = connection.Command(
                $"SELECT kept, weight FROM {partition.Spans} WHERE trace_low = $1 AND kept > 0 LIMIT 1", id.Low);
            using var reader = command.ExecuteReader();
            var row = new RowReader(reader);
            if (row.Read())
                return new TraceKept((KeptReason)row.Next<byte>(), row.Next<double>());
        }
        return TraceKept.Whole;
    }

    /// <summary>Low halves of the ids of traces that no reader may see; see <see cref="Partition.Gone"/>.</summary>
    public static IReadOnlySet<ulong> GoneFrom(IReadOnlyList<Partition> partitions) =>
        partitions.LastOrDefault(partition => partition.IsMerged)?.Gone ?? FrozenSet<ulong>.Empty;

    static IEnumerable<Row> ReadRows(DuckDBConnection connection, Partition partition, List<ulong> lows,
        BriefReading? brief, CancellationToken cancellation)
    {
        if (lows.Count == 0)
            return [];
        if (partition.Tables is not { } open)
            return WithParents(Query(connection, partition, lows, brief, cancellation));
        var rows = new List<Row>();
        foreach (var row in open.Traces.RowsOf(lows))
        {
            cancellation.ThrowIfCancellationRequested();
            var span = SpanTable.Read(new MemoryRow(open.Spans, row), partition.Layout, partition.Contents);
            rows.Add(new Row(row, partition.FirstSeq + row, null, TraceKept.Whole, brief?.Fits?.Invoke(span) ?? false,
                brief is null ? span : SpanTable.BriefOf(span)));
        }
        return rows;
    }

    static List<Row> Query(DuckDBConnection connection, Partition partition, List<ulong> lows, BriefReading? brief,
        CancellationToken cancellation)
    {
        var parameters = new SqlParameters();
        var condition = lows.Count > FewTraces
            // By row id, for a join on the trace's own id makes DuckDB read all columns of all rows: 50 ms, so 7. The
            // range leads it to the right rows of a sorted partition.
            ? $"""
                rowid IN (SELECT rowid FROM {partition.Spans} WHERE trace_low >= {parameters.Bind(lows[0])} AND
                    trace_low <= {parameters.Bind(lows[^1])} AND
                    trace_low IN (SELECT unnest({parameters.Bind(lows)}::UBIGINT[])))
                """
            // a list of constants, as DuckDB compares them with the least and greatest of each row group
            : $"trace_low IN ({string.Join(", ", lows.Select(low => parameters.Bind(low)))})";
        var columns = brief is null ? SpanTable.Columns(partition.Layout) : SpanTable.BriefColumns;
        using var command = parameters.Command(connection,
            $"SELECT rowid, {partition.Seq}, {partition.ParentDistance}, {partition.Kept}, {partition.KeptWeight}, " +
            $"{brief?.Condition?.Invoke(parameters, partition).Over ?? "false"}, {columns} " +
            $"FROM {partition.Spans} WHERE {condition}");
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        var rows = new List<Row>();
        while (row.Read())
        {
            cancellation.ThrowIfCancellationRequested();
            rows.Add(new Row(row.Next<long>(), row.Next<long>(), row.NextOrNull<int>(),
                new TraceKept((KeptReason)row.Next<byte>(), row.Next<double>()), row.Next<bool>(),
                brief is null
                    ? SpanTable.Read(row, partition.Layout, partition.Contents)
                    : SpanTable.ReadBrief(row, partition.Contents)));
        }
        // here rather than by SQL, where sorting takes longer than all the rest
        rows.Sort((one, other) => one.Id.CompareTo(other.Id));
        return rows;
    }

    /// <summary>A parent that is named by its distance is in the same trace, so it was read too.</summary>
    static IEnumerable<Row> WithParents(List<Row> rows)
    {
        var ids = rows.ToDictionary(row => row.Id, row => row.Span.SpanId);
        return rows.Select(row => row.ParentDistance is not { } distance
            ? row
            : row with { Span = row.Span with { ParentSpanId = ids[row.Id - distance] } });
    }

    readonly record struct Row(long Id, long Seq, int? ParentDistance, TraceKept Kept, bool Fits, Span Span);

    static TraceId KeyOf(TraceId id, bool strict) => strict ? id : new TraceId(0, id.Low);
}

/// <summary>Has spans read in brief, and tells of each whether it fits a filter that would need more of it.</summary>
/// <param name="Condition">The filter in SQL, which must be exact; null when the brief spans are enough for it.</param>
/// <param name="Fits">The same for a whole span.</param>
sealed record BriefReading(Func<SqlParameters, Partition, SqlCondition>? Condition, Func<Span, bool>? Fits);

/// <summary>The spans of a trace, identical ones once.</summary>
sealed class Trace(bool isBrief)
{
    readonly Dictionary<Span, int> _known = [];
    readonly List<Span> _spans = [];
    readonly List<bool> _fits = [];
    readonly List<(long Seq, int Span)> _rows = [];

    public IReadOnlyList<Span> Spans => _spans;

    /// <summary>Of each span what a <see cref="BriefReading"/> says of it.</summary>
    public IReadOnlyList<bool> Fits => _fits;

    /// <summary>All rows, also of identical spans, with the index of the span.</summary>
    public IReadOnlyList<(long Seq, int Span)> Rows => _rows;

    /// <summary>Why it is kept; of its late spans, which nothing was decided on, the decision on the others.</summary>
    public TraceKept Kept { get; private set; } = TraceKept.Whole;

    /// <summary>Whether its spans were read in brief.</summary>
    public bool IsBrief => isBrief;

    /// <summary>False when spans that were read in brief may be others than they seem.</summary>
    public bool IsToldBriefly { get; private set; } = true;

    public void Add(Span span, long seq, TraceKept kept, bool fits)
    {
        if (kept.Reason != KeptReason.All)
            Kept = kept;
        var isNew = _known.TryAdd(span, _spans.Count);
        if (isNew)
        {
            _spans.Add(span);
            _fits.Add(fits);
        }
        IsToldBriefly &= isNew && span.Origin == SpanOrigin.Otlp;
        _rows.Add((seq, _known[span]));
    }
}

/// <summary>The traces of a window one by one, in the order of the low halves of their ids.</summary>
/// <remarks>
/// Their ids go to a table of the connection, which DuckDB moves to disk when it is large; the spans of some traces at
/// a time are in memory.
/// </remarks>
sealed class TraceStream
{
    const int TracesAtATime = 1000;

    readonly DuckDBConnection _connection;
    readonly IReadOnlyList<Partition> _partitions;
    readonly Queue<IReadOnlyList<Span>> _next = [];
    ulong _last;
    bool _isAtEnd;

    TraceStream(DuckDBConnection connection, IReadOnlyList<Partition> partitions)
    {
        _connection = connection;
        _partitions = partitions;
    }

    /// <param name="connection">Used, and kept from other uses, to the end.</param>
    public static TraceStream Open(
        DuckDBConnection connection, IReadOnlyList<Partition> partitions, long startMillis, long endMillis)
    {
        var (start, end) = (ZipkinWindow.Start(startMillis), ZipkinWindow.End(endMillis));
        var near = partitions.Where(partition => partition.MayStartWithin(start, end)).ToList();
        var stream = new TraceStream(connection, partitions) { _isAtEnd = near.Count == 0 };
        if (near.Count > 0)
        {
            var ids = string.Join(" UNION ", near.Select(partition =>
                $"SELECT trace_low FROM {partition.Spans} WHERE start_ns > 0 AND start_ns >= $1 AND start_ns <= $2"));
            connection.Execute($"CREATE TEMP TABLE ids AS {ids} ORDER BY trace_low", start, end);
        }
        return stream;
    }

    /// <summary>The spans of the next trace; null at the end.</summary>
    public IReadOnlyList<Span>? Next()
    {
        IReadOnlyList<Span>? trace;
        while (!_next.TryDequeue(out trace) && !_isAtEnd)
            ReadOn();
        return trace;
    }

    void ReadOn()
    {
        var ids = new List<TraceId>();
        using (var command = _connection.Command(
            "SELECT trace_low FROM ids WHERE trace_low > $1 ORDER BY trace_low LIMIT $2", _last, TracesAtATime))
        using (var reader = command.ExecuteReader())
        {
            while (reader.Read())
                ids.Add(new TraceId(0, reader.GetFieldValue<ulong>(0)));
        }
        _isAtEnd = ids.Count < TracesAtATime;
        if (ids.Count == 0)
            return;
        _last = ids[^1].Low;
        foreach (var trace in TraceReader.Read(_connection, _partitions, ids, strict: false))
            _next.Enqueue(trace);
    }
}
