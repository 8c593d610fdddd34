using DuckDB.NET.Data;
using Tracing.Model;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// The rows of the spans that a selection has, as a condition in SQL. Where SQL cannot tell whether a span fits, the
/// filter has decided before, on whole traces, and the condition names the rows; they are in a table of the
/// connection, which DuckDB moves to disk when it is large.
/// </summary>
sealed class MatchingSpans
{
    /// <summary>Traces read at once, which bounds the memory.</summary>
    const int MaxTracesAtOnce = 128;

    readonly Names _services;
    readonly string _prefix;
    readonly IReadOnlyList<Partition> _all;
    readonly long _snapshot;
    bool _isDecided;
    bool _hasVersions;

    MatchingSpans(DuckDBConnection connection, IReadOnlyList<Partition> partitions, Names services,
        SpanSelection selection, string prefix, CancellationToken cancellation)
    {
        _prefix = prefix;
        Connection = connection;
        Cancellation = cancellation;
        _services = services;
        Selection = selection;
        // all statements see the same spans; before the filter looks at resources, so that it knows those of all
        _snapshot = partitions[^1].LastSeq;
        _all = [.. partitions.Where(partition => partition.FirstSeq <= _snapshot)];
        Partitions = selection.EndUnixNano == 0
            ? []
            : [.. _all.Where(each => each.MayStartWithin(selection.StartUnixNano, selection.EndUnixNano - 1))];
    }

    public DuckDBConnection Connection { get; }

    public CancellationToken Cancellation { get; }

    public SpanSelection Selection { get; }

    /// <summary>Those that may have such spans.</summary>
    public IReadOnlyList<Partition> Partitions { get; }

    /// <param name="connection">Used, and kept from other uses, to the end.</param>
    /// <param name="prefix">Of its tables; another for each selection that the connection is used for.</param>
    public static MatchingSpans Find(DuckDBConnection connection, IReadOnlyList<Partition> partitions, Names services,
        SpanSelection selection, CancellationToken cancellation, string prefix = "")
    {
        var spans = new MatchingSpans(connection, partitions, services, selection, prefix, cancellation);
        var undecided = new SqlParameters();
        var selects = spans.Partitions
            .Select(partition => (Partition: partition, Condition: spans.Compile(undecided, partition)))
            .Where(each => !each.Condition.IsExact)
            .Select(each => $"SELECT trace_high, trace_low FROM {each.Partition.Spans} WHERE " +
                $"{spans.IsWithin(undecided, each.Partition)} AND {each.Condition.Over} " +
                $"AND NOT {each.Condition.Under}")
            .ToList();
        if (selects.Count > 0)
            spans.Decide(undecided, string.Join(" UNION ALL ", selects));
        spans.FindVersions();
        return spans;
    }

    /// <summary>Those of another selection, on the same connection.</summary>
    public MatchingSpans Compared(SpanSelection selection) =>
        Find(Connection, _all, _services, selection, Cancellation, "compared_");

    /// <summary>
    /// One SELECT over the rows of all partitions, from expressions for each; null when there are none.
    /// </summary>
    /// <param name="columns">What to select; the same names and types for all partitions.</param>
    /// <param name="suffix">What follows the condition, such as GROUP BY.</param>
    /// <param name="every">One row in so many, by a hash.</param>
    public string? Select(
        SqlParameters parameters, Func<Partition, string> columns, string suffix = "", long every = 1)
    {
        var selects = Partitions.Select(partition =>
            $"SELECT {columns(partition)} FROM {Rows(parameters, partition)} " +
            (every == 1 ? suffix : $"AND hash({partition.Seq}) % {every} = 0 {suffix}"));
        var all = string.Join(" UNION ALL ", selects);
        return all.Length == 0 ? null : all;
    }

    /// <summary>What stands after FROM for the rows of a partition.</summary>
    public string Rows(SqlParameters parameters, Partition partition)
    {
        var condition = Compile(parameters, partition);
        var matches = condition.IsExact ? condition.Where : !_isDecided
            ? condition.Under
            : $"({condition.Under} OR {partition.Seq} IN (SELECT seq FROM {_prefix}matching))";
        var lasts = _hasVersions ? $" AND {partition.Seq} NOT IN (SELECT seq FROM {_prefix}earlier)" : "";
        return $"{partition.Spans} WHERE {IsWithin(parameters, partition)} AND {matches}{lasts}";
    }

    SqlCondition Compile(SqlParameters parameters, Partition partition) =>
        new SqlFilter(parameters, partition, _services, Cancellation).Compile(Selection.Filter.Root);

    string IsWithin(SqlParameters parameters, Partition partition) =>
        $"start_ns >= {parameters.Bind(Selection.StartUnixNano)} AND " +
        $"start_ns < {parameters.Bind(Selection.EndUnixNano)} AND {partition.IsStoredBy(_snapshot)}" +
        ExceptGone(parameters, partition);

    string ExceptGone(SqlParameters parameters, Partition partition) =>
        !partition.IsMerged && TraceReader.GoneFrom(_all) is { Count: > 0 } gone
            ? $" AND trace_low NOT IN (SELECT unnest({parameters.Bind(gone.ToList())}::UBIGINT[]))"
            : "";

    /// <summary>
    /// Of the reports of one span that are selected, the last one stored counts: it mostly is the most complete. The
    /// others go to a table, which the condition leaves out.
    /// </summary>
    void FindVersions()
    {
        var repeats = Partitions.Where(partition => partition.HasRepeats(Connection))
            .Select(partition => $"SELECT trace_low FROM {partition.Spans} WHERE {SpanTable.IsRepeat}").ToList();
        var parameters = new SqlParameters();
        if (repeats.Count == 0 || Select(parameters, partition => $"""
            trace_low, trace_high, span_id, kind, origin, service, {SpanTable.IsShared} AS is_shared,
            {SpanTable.IsRepeat} AS is_repeat, {partition.Seq} AS seq
            """, $"AND trace_low IN (SELECT trace_low FROM {_prefix}repeated)") is not { } rows)
            return;
        Connection.Execute(
            $"CREATE TEMP TABLE {_prefix}repeated AS SELECT DISTINCT * FROM ({string.Join(" UNION ALL ", repeats)})");
        // as SpanIdentity and SeenSpans have it
        using (var command = parameters.Command(Connection, $"""
            CREATE TEMP TABLE {_prefix}earlier AS
            WITH versions AS MATERIALIZED ({rows}),
            repeats AS (SELECT * EXCLUDE (seq), max(seq) AS seq FROM versions WHERE is_repeat GROUP BY ALL)
            SELECT DISTINCT one.seq FROM versions AS one
            JOIN repeats AS later USING (trace_low, trace_high, span_id, is_shared)
            WHERE one.seq < later.seq AND
                (one.kind = later.kind OR (later.origin = 1 AND (one.kind = 0 OR later.kind = 0))) AND
                (one.service = later.service OR (later.origin = 1 AND (one.service = '' OR later.service = '')))
            """))
            command.ExecuteNonQuery();
        _hasVersions = true;
    }

    void Decide(SqlParameters parameters, string undecided)
    {
        using (var command = parameters.Command(Connection,
            $"CREATE TEMP TABLE {_prefix}undecided AS SELECT DISTINCT trace_high, trace_low FROM ({undecided})"))
            command.ExecuteNonQuery();
        Connection.Execute($"CREATE TEMP TABLE {_prefix}matching (seq BIGINT)");
        _isDecided = true;
        var last = default(TraceId?);
        // each time the ids are higher
        while (true)
        {
            Cancellation.ThrowIfCancellationRequested();
            var ids = NextUndecided(last);
            if (ids.Count == 0)
                return;
            last = ids[^1];
            var seqs = new List<long>();
            foreach (var trace in TraceReader.ReadTraces(
                Connection, _all, ids, strict: true, _snapshot, cancellation: Cancellation))
            {
                Cancellation.ThrowIfCancellationRequested();
                AddMatching(trace, seqs);
            }
            if (seqs.Count > 0)
                Connection.Execute($"INSERT INTO {_prefix}matching SELECT unnest($1::BIGINT[])", seqs);
        }
    }

    void AddMatching(Trace trace, List<long> seqs)
    {
        var facts = new TraceFacts(trace.Spans);
        var matches = new bool[trace.Spans.Count];
        for (var i = 0; i < matches.Length; i++)
        {
            var start = trace.Spans[i].StartUnixNano;
            matches[i] = start >= Selection.StartUnixNano && start < Selection.EndUnixNano &&
                Selection.Filter.Matches(facts.Spans[i], facts);
        }
        seqs.AddRange(trace.Rows.Where(row => matches[row.Span]).Select(row => row.Seq));
    }

    List<TraceId> NextUndecided(TraceId? last)
    {
        // the low half first: so are sealed partitions sorted
        var after = last is null ? "" : "WHERE trace_low > $1 OR (trace_low = $1 AND trace_high > $2)";
        object[] values = last is { } id ? [id.Low, id.High] : [];
        using var command = Connection.Command(
            $"SELECT trace_high, trace_low FROM {_prefix}undecided {after} ORDER BY trace_low, trace_high " +
            $"LIMIT {MaxTracesAtOnce}", values);
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        var ids = new List<TraceId>();
        while (row.Read())
            ids.Add(new TraceId(row.Next<ulong>(), row.Next<ulong>()));
        return ids;
    }
}
