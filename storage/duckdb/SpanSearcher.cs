using DuckDB.NET.Data;
using Tracing.Model;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Searches by filters of TraceQL. SQL names candidates in the order asked for, the filter decides on the spans of
/// each; it ends as soon as no later candidate can come before those found.
/// </summary>
sealed class SpanSearcher
{
    /// <summary>Traces read at once, which bounds the memory of a search.</summary>
    const int MaxTracesAtOnce = 128;

    /// <summary>Candidates asked for at once: at first, and at most.</summary>
    const int MinCandidates = 256;
    const int MaxCandidates = 65_536;

    const int MinTraces = 8;

    /// <summary>Where fewer of the traces ranked first match, SQL names those that may.</summary>
    const double MinShare = 0.25;

    /// <summary>Partitions searched at first.</summary>
    const int MinPartitions = 3;

    readonly DuckDBConnection _connection;
    readonly IReadOnlyList<Partition> _partitions;
    readonly Names _services;
    readonly TraceTables _tables;
    readonly SpanSearch _search;
    readonly SearchCursor? _cursor;
    readonly long _snapshot;
    readonly CancellationToken _cancellation;

    // null when the filter has to see whole spans
    readonly BriefReading? _brief;

    readonly FoundTraces _found;

    // of each partition what is known without asking DuckDB
    readonly SqlCondition[] _conditions;

    SpanSearcher(DuckDBConnection connection, IReadOnlyList<Partition> partitions, Names services, TraceTables tables,
        SpanSearch search, CancellationToken cancellation)
    {
        _connection = connection;
        _services = services;
        _tables = tables;
        _cursor = search.Cursor;
        _found = new FoundTraces(search);
        _search = _found.Search;
        _cancellation = cancellation;
        // before the filter looks at resources, so that it knows those of all spans that count
        _snapshot = _cursor?.Snapshot ?? partitions[^1].LastSeq;
        _partitions = [.. partitions.Where(partition => partition.FirstSeq <= _snapshot)];
        _conditions = [.. _partitions.Select(partition => Compile(new SqlParameters(), partition))];
        // what SQL tells exactly does not depend on other spans
        var noTrace = new TraceFacts([]);
        _brief = IsBrief(search.Filter.Root)
            ? new BriefReading(null, null)
            : _conditions.All(condition => condition.IsExact)
                ? new BriefReading(Compile, span => search.Filter.Matches(span, noTrace))
                : null;
    }

    SqlCondition Compile(SqlParameters parameters, Partition partition) =>
        new SqlFilter(parameters, partition, _services, _cancellation).Compile(_search.Filter.Root);

    public static SearchPage Search(
        DuckDBConnection connection, IReadOnlyList<Partition> partitions, Names services, TraceTables tables,
        SpanSearch search, CancellationToken cancellation)
    {
        var searcher = new SpanSearcher(connection, partitions, services, tables, search, cancellation);
        if (searcher._search.Order is SearchOrder.Newest or SearchOrder.Oldest)
            searcher.FindByStart();
        else if (tables.Fit(searcher._partitions))
            searcher.FindByTrace();
        else
            searcher.FindByTraceInSql();
        return searcher._found.Page(searcher._snapshot);
    }

    /// <summary>Candidates are spans by start; a trace comes no earlier than the first of its candidates.</summary>
    void FindByStart()
    {
        var isNewest = _search.Order == SearchOrder.Newest;
        var seen = new HashSet<TraceId>();
        foreach (var (from, to) in _found.WindowsByStart())
        {
            var asked = new List<Partition>();
            var known = Known(isNewest, from, to, asked);
            foreach (var window in Windows(asked, isNewest, from, to))
            {
                if (FindWithin(asked, window.From, window.To, known, seen))
                    return;
            }
        }
    }

    /// <summary>
    /// The traces that may match, where that is known without SQL, by the last or first moment at which a span of
    /// theirs may start, in the order of the search.
    /// </summary>
    /// <param name="asked">Is given the partitions that SQL has to be asked for.</param>
    Queue<(TraceId Id, ulong Start)> Known(bool isNewest, ulong from, ulong to, List<Partition> asked)
    {
        var known = new List<(TraceId Id, ulong Start)>();
        foreach (var (partition, condition) in _partitions.Zip(_conditions))
        {
            if (condition.Rows is not { } rows || !partition.IsWhole(_snapshot) ||
                _tables.Find(partition) is not { } table)
            {
                asked.Add(partition);
                continue;
            }
            foreach (var trace in rows.Select(table.TraceOf).Distinct())
            {
                if (table.MayHave(trace, condition, from, to))
                    known.Add((table.Id(trace), table.Sum(trace).Bound(isNewest, from, to)));
            }
        }
        return new(isNewest ? known.OrderByDescending(each => each.Start) : known.OrderBy(each => each.Start));
    }

    /// <summary>
    /// Parts of a window in the order of the search, each with few partitions at first: planning takes a millisecond
    /// for each, and a search that finds much ends early.
    /// </summary>
    static IEnumerable<(ulong From, ulong To)> Windows(List<Partition> asked, bool isNewest, ulong from, ulong to)
    {
        var starts = asked.Select(partition => partition.Starts()).Where(each => each.Min <= each.Max);
        // what the others leave to be searched next
        ulong[] bounds = isNewest
            ? [.. starts.Select(each => each.Max).OrderDescending()]
            : [.. starts.Select(each => each.Min).Order()];
        for (var first = MinPartitions; first < bounds.Length; first *= 2)
        {
            var bound = bounds[first];
            if (isNewest && bound >= from && bound < ulong.MaxValue && bound + 1 < to)
            {
                yield return (bound + 1, to);
                to = bound + 1;
            }
            else if (!isNewest && bound > from && bound < to)
            {
                yield return (from, bound);
                from = bound;
            }
        }
        yield return (from, to);
    }

    /// <summary>Whether the page is complete.</summary>
    bool FindWithin(List<Partition> asked, ulong from, ulong to, Queue<(TraceId Id, ulong Start)> known,
        HashSet<TraceId> seen)
    {
        var isNewest = _search.Order == SearchOrder.Newest;
        // each time later in the order, which of one start is by id, as that of the page
        (ulong Start, TraceId Id)? last = null;
        for (var count = MinCandidates; ; count = Math.Min(count * 4, MaxCandidates))
        {
            _cancellation.ThrowIfCancellationRequested();
            var rows = SpansByStart(asked, isNewest, from, to, last, count);
            var end = rows.Count == count ? rows[^1].Start : isNewest ? from : to;
            var candidates = rows.ToList();
            while (known.TryPeek(out var next) && (isNewest ? next.Start >= end : next.Start <= end))
                candidates.Add(known.Dequeue());
            var ordered = isNewest
                ? candidates.OrderByDescending(each => each.Start)
                : candidates.OrderBy(each => each.Start);
            var fresh = ordered.ThenBy(each => each.Id.High).ThenBy(each => each.Id.Low)
                .Where(each => seen.Add(each.Id)).ToList();
            foreach (var batch in fresh.Chunk(Math.Min(_search.Limit + 1, MaxTracesAtOnce)))
            {
                if (_found.IsComplete(batch[0].Start, batch[0].Id))
                    return true;
                Decide(batch.Select(row => row.Id));
            }
            if (rows.Count < count)
                return _found.IsComplete(isNewest ? from - Math.Min(from, 1) : to);
            if (_found.IsComplete(rows[^1].Start, rows[^1].Id))
                return true;
            last = (rows[^1].Start, rows[^1].Id);
        }
    }

    List<(TraceId Id, ulong Start)> SpansByStart(List<Partition> asked,
        bool isNewest, ulong from, ulong to, (ulong Start, TraceId Id)? last, int count)
    {
        var parameters = new SqlParameters();
        var after = "true";
        if (last is var (start, id))
        {
            var bound = parameters.Bind(start);
            var beyond = isNewest ? "<" : ">";
            after = $"(start_ns {beyond} {bound} OR (start_ns = {bound} AND {IsAfter(parameters, id)}))";
        }
        if (Candidates(parameters, asked, from, to) is not { } candidates)
            return [];
        var direction = isNewest ? "DESC" : "ASC";
        using var command = parameters.Command(_connection, $"""
            SELECT trace_high, trace_low, start_ns FROM ({candidates}) WHERE {after}
            ORDER BY start_ns {direction}, trace_high, trace_low LIMIT {parameters.Bind((long)count)}
            """);
        using var reader = command.ExecuteReader();
        var rows = new List<(TraceId, ulong)>();
        var row = new RowReader(reader);
        while (row.Read())
            rows.Add((new TraceId(row.Next<ulong>(), row.Next<ulong>()), row.Next<ulong>()));
        return rows;
    }

    /// <summary>The spans that may match, of some partitions; null when none can.</summary>
    string? Candidates(SqlParameters parameters, IEnumerable<Partition> partitions, ulong from, ulong to)
    {
        if (to == 0)
            return null;
        var selects = partitions.Where(partition => partition.MayStartWithin(from, to - 1))
            .Select(partition => (Partition: partition, Filter: Compile(parameters, partition).Where))
            // planning costs a millisecond even where nothing is read
            .Where(each => each.Filter != SqlCondition.Never.Where)
            .Select(each =>
                $"SELECT trace_high, trace_low, start_ns FROM {each.Partition.Spans} " +
                $"WHERE start_ns >= {parameters.Bind(from)} AND start_ns < {parameters.Bind(to)} " +
                $"AND {each.Partition.IsStoredBy(_snapshot)} AND {each.Filter}");
        var all = string.Join(" UNION ALL ", selects);
        return all.Length == 0 ? null : all;
    }

    /// <summary>
    /// Candidates are traces by their value, those that may match by what is known of them. When too few of these do,
    /// SQL is asked which may.
    /// </summary>
    void FindByTrace()
    {
        var (from, to) = (_search.StartUnixNano, _search.EndUnixNano);
        var tables = _partitions.Select(partition => _tables.Get(_connection, partition, _snapshot)).ToList();
        using var ranking = new TraceRanking(_search.Order, tables);
        // of each partition the traces that alone may match; null for any
        var only = _partitions.Select((partition, i) => _conditions[i].Rows is { } rows && partition.IsWhole(_snapshot)
            ? Chosen(tables[i], rows.Select(tables[i].TraceOf)) : null).ToArray();
        var last = _cursor is null ? default(RankedTrace?) : new RankedTrace(_cursor.Value, _cursor.TraceId);
        for (var (count, isAsked) = (Math.Min(_search.Limit + 1, MaxTracesAtOnce), false); ;)
        {
            _cancellation.ThrowIfCancellationRequested();
            var ranked = ranking.Best(count, last, (table, trace) =>
                only[table]?[trace] != false && tables[table].MayHave(trace, _conditions[table], from, to));
            var before = _found.Count;
            Decide(ranked.Select(each => each.Id), ranked.ToDictionary(each => each.Id, each => each.Value));
            if (_found.IsFull || ranked.Count < count)
                return;
            last = ranked[^1];
            var share = (double)(_found.Count - before) / count;
            if (share < MinShare && !isAsked)
            {
                AskFor(only, tables);
                isAsked = true;
            }
            // so many that one more reading will do
            count = Math.Clamp((int)((_search.Limit + 1 - _found.Count) / share * 1.5), MinTraces, MaxTracesAtOnce);
        }
    }

    /// <summary>Has SQL choose the traces of partitions where any may match.</summary>
    void AskFor(bool[]?[] only, List<TraceTable> tables)
    {
        var parameters = new SqlParameters();
        var asked = Enumerable.Range(0, only.Length).Where(i => only[i] is null).ToList();
        foreach (var i in asked)
            only[i] = new bool[tables[i].Count];
        var candidates = string.Join(" UNION ALL ", asked.Select(i =>
            Candidates(parameters, [_partitions[i]], _search.StartUnixNano, _search.EndUnixNano) is { } ofOne
                ? $"SELECT DISTINCT {i} AS place, trace_high, trace_low FROM ({ofOne})" : null).OfType<string>());
        if (candidates.Length == 0)
            return;
        using var command = parameters.Command(_connection, candidates);
        command.UseStreamingMode = true;
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        while (row.Read())
        {
            var place = row.Next<int>();
            only[place]![tables[place].IndexOf(new TraceId(row.Next<ulong>(), row.Next<ulong>()))] = true;
        }
    }

    static bool[] Chosen(TraceTable table, IEnumerable<int> traces)
    {
        var chosen = new bool[table.Count];
        foreach (var trace in traces)
            chosen[trace] = true;
        return chosen;
    }

    /// <summary>The same where there are more traces than memory should have; DuckDB moves them to disk.</summary>
    void FindByTraceInSql()
    {
        var last = _cursor is null ? default((ulong Value, TraceId Id)?) : (_cursor.Value, _cursor.TraceId);
        for (var count = _search.Limit + 1; ; count = Math.Min(count * 4, Math.Max(_search.Limit + 1, MaxCandidates)))
        {
            _cancellation.ThrowIfCancellationRequested();
            var rows = TracesByValue(last, count);
            foreach (var batch in rows.Chunk(MaxTracesAtOnce))
            {
                Decide(batch.Select(row => row.Id), batch.ToDictionary(row => row.Id, row => row.Value));
                if (_found.IsFull)
                    return;
            }
            if (rows.Count < count)
                return;
            last = (rows[^1].Value, rows[^1].Id);
        }
    }

    List<(TraceId Id, ulong Value)> TracesByValue((ulong Value, TraceId Id)? last, int count)
    {
        var parameters = new SqlParameters();
        if (Candidates(parameters, _partitions, _search.StartUnixNano, _search.EndUnixNano) is not { } candidates)
            return [];
        var after = "true";
        if (last is var (value, id))
        {
            var bound = parameters.Bind(value);
            after = $"(value < {bound} OR (value = {bound} AND {IsAfter(parameters, id)}))";
        }
        var spans = string.Join(" UNION ALL ", _partitions.Select(partition =>
            $"SELECT trace_high, trace_low, start_ns, {SpanTable.KnownDuration} AS known_ns, " +
            $"{SpanTable.IsRepeat} AS is_repeat, {SpanTable.IsFirstFailure} AS is_failure " +
            $"FROM {partition.Spans} WHERE {partition.IsStoredBy(_snapshot)}"));
        using var command = parameters.Command(_connection, $"""
            SELECT trace_high, trace_low, value FROM (
                SELECT trace_high, trace_low, ({Value()})::UBIGINT AS value
                FROM ({spans}) SEMI JOIN (SELECT trace_high, trace_low FROM ({candidates})) AS matching
                    USING (trace_high, trace_low)
                GROUP BY trace_high, trace_low)
            WHERE {after} ORDER BY value DESC, trace_high, trace_low LIMIT {parameters.Bind((long)count)}
            """);
        using var reader = command.ExecuteReader();
        var rows = new List<(TraceId, ulong)>();
        var row = new RowReader(reader);
        while (row.Read())
            rows.Add((new TraceId(row.Next<ulong>(), row.Next<ulong>()), row.Next<ulong>()));
        return rows;
    }

    static string IsAfter(SqlParameters parameters, TraceId id)
    {
        var high = parameters.Bind(id.High);
        return $"(trace_high > {high} OR (trace_high = {high} AND trace_low > {parameters.Bind(id.Low)}))";
    }

    /// <summary>What the order is by; as <see cref="TraceMatch"/> computes it.</summary>
    string Value() => _search.Order switch
    {
        SearchOrder.MostSpans => "count(*) FILTER (NOT is_repeat)",
        SearchOrder.MostErrors => "count(*) FILTER (is_failure)",
        _ => $"least(9223372036854775807, {SpanTable.TraceDuration("known_ns")})",
    };

    /// <param name="values">What orders the traces, where it is known.</param>
    void Decide(IEnumerable<TraceId> ids, Dictionary<TraceId, ulong>? values = null)
    {
        var traces = TraceReader.ReadTraces(
            _connection, _partitions, [.. ids], strict: true, _snapshot, _brief, _tables, _cancellation);
        foreach (var trace in traces)
        {
            _cancellation.ThrowIfCancellationRequested();
            // traces that could not be told briefly are whole
            var fits = _brief?.Condition is not null && trace.IsBrief ? trace.Fits : null;
            if (TraceMatch.Of(trace.Spans, trace.Kept, _search, fits) is not { } match)
                continue;
            if (values is not null)
                match = match with { Value = values[match.Found.TraceId] };
            _found.Add(match);
        }
    }

    /// <summary>Whether a filter reads no more than <see cref="SpanTable.ReadBrief"/> does.</summary>
    static bool IsBrief(Expression expression) => expression switch
    {
        Literal => true,
        AttributeReference attribute => attribute.Scope == AttributeScope.Resource,
        FieldReference { Field: var field } => (Fields.ReadsOf(field) & ~(Sources.Span | Sources.Trace)) == 0 &&
            field != Field.StatusMessage,
        Negative negative => IsBrief(negative.Operand),
        Inverse inverse => IsBrief(inverse.Operand),
        Complement complement => IsBrief(complement.Operand),
        Presence presence => IsBrief(presence.Operand),
        Arithmetic arithmetic => IsBrief(arithmetic.Left) && IsBrief(arithmetic.Right),
        Comparison comparison => IsBrief(comparison.Left) && IsBrief(comparison.Right),
        Logic logic => logic.Terms.All(IsBrief),
        _ => false,
    };
}
