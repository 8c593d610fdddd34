using DuckDB.NET.Data;
using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Zipkin's search, from the latest traces on. SQL names the traces that meet the conditions, part by part of the time;
/// those that come first by what is known of their times are read, and their spans tell.
/// </summary>
sealed class Search
{
    /// <summary>Spans that the shortest part of the time has for each trace wanted, about.</summary>
    const int FirstSpans = 200;

    /// <summary>How many times longer than the one before a part is at most.</summary>
    const int MaxGrowth = 32;

    /// <summary>Traces that SQL may name at once, which bounds the memory; fewer where few are wanted.</summary>
    const int MaxCandidates = 65_536;
    const int MinCandidates = 4_096;

    /// <summary>Traces read at once, which bounds the memory beside that of the answer.</summary>
    const int MaxTracesAtOnce = 128;

    readonly DuckDBConnection _connection;
    readonly IReadOnlyList<Partition> _partitions;
    readonly TraceTables _tables;
    readonly TraceQuery _query;
    readonly CancellationToken _cancellation;
    readonly int _maxCandidates;
    readonly bool _areTablesKept;
    readonly string _key;

    // in their order; somewhat more than the limit
    readonly List<Found> _found = [];

    Search(DuckDBConnection connection, IReadOnlyList<Partition> partitions, TraceTables tables, TraceQuery query,
        CancellationToken cancellation)
    {
        _cancellation = cancellation;
        _maxCandidates = (int)Math.Clamp(2L * FirstSpans * query.Limit, MinCandidates, MaxCandidates);
        _connection = connection;
        _partitions = partitions;
        _tables = tables;
        _query = query;
        _areTablesKept = tables.Fit(partitions);
        _key = query.StrictTraceId ? "trace_high, trace_low" : "0::UBIGINT AS trace_high, trace_low";
    }

    /// <summary>The traces that match, newest first; of one time that which was stored first.</summary>
    public static IReadOnlyList<IReadOnlyList<Span>> Find(
        DuckDBConnection connection, IReadOnlyList<Partition> partitions, TraceTables tables, TraceQuery query,
        CancellationToken cancellation)
    {
        var search = new Search(connection, partitions, tables, query, cancellation);
        search.FindByPart();
        return [.. search._found.Take(query.Limit).Select(found => found.Spans)];
    }

    void FindByPart()
    {
        var (start, end) = ZipkinWindow.Of(_query);
        var near = _partitions.Where(partition => partition.MayStartWithin(start, end)).ToList();
        if (near.Count == 0)
            return;
        start = Math.Max(start, near.Min(partition => partition.Starts().Min));
        end = Math.Min(end, near.Max(partition => partition.Starts().Max));
        // the latest first, as few traces are enough for most searches
        var spans = near.Sum(partition => partition.SpanCount);
        var length = (ulong)((end - start) * Math.Min(1, (double)FirstSpans * _query.Limit / spans));
        var maxShort = length * MaxGrowth;
        while (true)
        {
            _cancellation.ThrowIfCancellationRequested();
            // half, rounded up: a part of one instant must not be taken for the whole of two
            var isLast = length >= end - start - ((end - start) / 2);
            var from = isLast ? start : end - length;
            var scope = Around(from, end);
            var candidates = Candidates(scope, from, end, end - from <= maxShort);
            if (candidates.Count > _maxCandidates && from < end)
            {
                // shorter each time, down to one instant
                (length, maxShort) = ((end - from) / MaxGrowth, end - start);
                continue;
            }
            var before = _found.Count;
            if (candidates.Count > _maxCandidates)
                FindAt(scope, end);
            else
                Decide(scope, candidates, from, end);
            if (isLast || _found.Count >= _query.Limit)
                return;
            end = from - 1;
            // each part is longer than the one before by what that has left to be found, so that there are few
            var growth = _found.Count == before
                ? MaxGrowth
                : Math.Clamp(2.0 * (_query.Limit - _found.Count) / (_found.Count - before), 2, MaxGrowth);
            length = (ulong)Math.Min(Math.Max(length, 1) * growth, end - start);
        }
    }

    /// <summary>The partitions that spans of the time are in, and all that their traces may be in.</summary>
    List<Partition> Around(ulong start, ulong end)
    {
        var near = _partitions.Where(partition => partition.MayStartWithin(start, end)).ToList();
        var ofSealed = near.Where(partition => partition.IsSealed).Select(TableOf).ToList();
        var ofOpen = near.Where(partition => !partition.IsSealed)
            .Select(partition => ReadLows(partition, start, end)).ToList();
        return [.. _partitions.Where(partition => near.Contains(partition) || TableOf(partition) is not { } table ||
            ofOpen.Exists(table.HasAnyLow) ||
            ofSealed.Exists(other => other is null || other.SharedWith(table).IsLowShared))];
    }

    /// <summary>Null where none is kept: of an open partition, or when there are too many traces.</summary>
    TraceTable? TableOf(Partition partition) => !partition.IsSealed ? null : _areTablesKept
        ? _tables.Get(_connection, partition, long.MaxValue)
        : _tables.Find(partition);

    /// <summary>Low halves of the ids of the traces that have spans at the time, in their order.</summary>
    List<ulong> ReadLows(Partition partition, ulong start, ulong end)
    {
        using var command = _connection.Command($"""
            SELECT DISTINCT trace_low FROM {partition.Spans} WHERE start_ns >= $1 AND start_ns <= $2 ORDER BY trace_low
            """, start, end);
        using var reader = command.ExecuteReader();
        var lows = new List<ulong>();
        while (reader.Read())
            lows.Add(reader.GetFieldValue<ulong>(0));
        return lows;
    }

    /// <summary>
    /// The traces that meet the conditions and may be of the time, high halves zero when not strict; more than <see
    /// cref="_maxCandidates"/> are not all.
    /// </summary>
    /// <param name="isShort">Whether few traces have spans at the time.</param>
    HashSet<TraceId> Candidates(List<Partition> scope, ulong start, ulong end, bool isShort)
    {
        var parameters = new SqlParameters();
        var candidates = new HashSet<TraceId>();
        // a trace that matches has a span in each of several sets: one for each condition, and one for the time
        var conditions = Conditions(parameters);
        // In a long part few traces meet the conditions, or the parts before would have had enough; without any all
        // traces would be named.
        if (isShort || conditions.Count == 0)
        {
            var isWithin = SqlCondition.Exactly(
                $"start_ns >= {parameters.Bind(start)} AND start_ns <= {parameters.Bind(end)}");
            conditions.Add(partition => partition.MayStartWithin(start, end) ? isWithin : SqlCondition.Never);
        }
        var isOne = conditions.Count == 1;
        var sets = conditions.ConvertAll(condition => string.Join(" UNION ALL ", scope
            .Select(partition => (Partition: partition, Condition: condition(partition)))
            // where the rows are known, SQL need not look for them
            .Where(each => !isOne || !AddKnown(each.Partition, each.Condition, candidates))
            // planning costs a millisecond even where nothing is read
            .Where(each => each.Condition.Where != SqlCondition.Never.Where)
            .Select(each => $"SELECT {_key} FROM {each.Partition.Spans} WHERE {each.Condition.Where}")));
        if (sets.Contains(""))
            return candidates;
        var matching = isOne
            ? $"SELECT DISTINCT * FROM ({sets[0]})"
            : string.Join(" INTERSECT ", sets.Select(set => $"({set})"));
        using var command = parameters.Command(_connection, $"{matching} LIMIT {_maxCandidates + 1}");
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        while (row.Read())
            candidates.Add(new TraceId(row.Next<ulong>(), row.Next<ulong>()));
        return candidates;
    }

    bool AddKnown(Partition partition, SqlCondition condition, HashSet<TraceId> candidates)
    {
        if (condition.Rows is not { } rows || TableOf(partition) is not { } table)
            return false;
        candidates.UnionWith(rows.Select(row => KeyOf(table.Id(table.TraceOf(row)))));
        return true;
    }

    TraceId KeyOf(TraceId id) => _query.StrictTraceId ? id : new TraceId(0, id.Low);

    /// <summary>Reads the traces that may be the next until no other can come before those found.</summary>
    void Decide(List<Partition> scope, HashSet<TraceId> candidates, ulong start, ulong end)
    {
        var lows = candidates.Select(id => id.Low).ToList();
        var tables = scope.Where(partition => lows.Exists(partition.Filter.MayHave)).Select(partition =>
            TableOf(partition) ?? TraceTable.Read(_connection, partition, long.MaxValue, lows)).ToList();
        var ranked = candidates
            .Select(id => (Id: id, Sum: tables.Aggregate(default(TraceSum),
                (sum, table) => sum + table.SumOf(id, _query.StrictTraceId))))
            .Select(each => (each.Id, each.Sum.Start, Last: each.Sum.LastStart))
            .Where(each => each.Start > 0 && each.Start <= end && each.Last >= start)
            .OrderByDescending(each => each.Last)
            .ToList();
        for (var next = 0; next < ranked.Count && !IsComplete(ranked[next].Last);)
        {
            var count = Math.Clamp(_query.Limit - _found.Count, 1, MaxTracesAtOnce);
            var ids = ranked.Skip(next).Take(count).Select(each => each.Id).ToList();
            next += ids.Count;
            Read(ids, start, end);
        }
    }

    /// <summary>
    /// More traces than may be named have a span of one instant: these are read by the first of those spans, in the
    /// order stored, until there are enough.
    /// </summary>
    void FindAt(List<Partition> scope, ulong instant)
    {
        var last = -1L;
        while (true)
        {
            var page = CandidatesAt(scope, instant, last);
            foreach (var some in page.Chunk(Math.Clamp(_query.Limit, 1, MaxTracesAtOnce)))
            {
                Read([.. some.Select(each => each.Id)], instant, instant);
                if (_found.Count >= _query.Limit)
                    return;
            }
            if (page.Count < MinCandidates)
                return;
            last = page[^1].Seq;
        }
    }

    /// <param name="last">The last span that was named before.</param>
    List<(TraceId Id, long Seq)> CandidatesAt(List<Partition> scope, ulong instant, long last)
    {
        var parameters = new SqlParameters();
        var spans = string.Join(" UNION ALL ", scope
            .Where(partition => partition.MayStartWithin(instant, instant))
            .Select(partition => $"SELECT {_key}, {partition.Seq} AS seq FROM {partition.Spans} " +
                $"WHERE start_ns = {parameters.Bind(instant)}"));
        var sets = Conditions(parameters).ConvertAll(condition => string.Join(" UNION ALL ", scope
            .Select(partition => (Partition: partition, condition(partition).Where))
            .Where(each => each.Where != SqlCondition.Never.Where)
            .Select(each => $"SELECT {_key} FROM {each.Partition.Spans} WHERE {each.Where}")));
        if (spans.Length == 0 || sets.Contains(""))
            return [];
        var areMet = string.Concat(sets.Select(set => $" AND (trace_high, trace_low) IN ({set})"));
        using var command = parameters.Command(_connection, $"""
            SELECT trace_high, trace_low, min(seq)::BIGINT AS first_seq FROM ({spans}) WHERE true{areMet}
            GROUP BY trace_high, trace_low HAVING min(seq) > {parameters.Bind(last)}
            ORDER BY first_seq LIMIT {MinCandidates}
            """);
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        var page = new List<(TraceId, long)>();
        while (row.Read())
            page.Add((new TraceId(row.Next<ulong>(), row.Next<ulong>()), row.Next<long>()));
        return page;
    }

    void Read(List<TraceId> ids, ulong start, ulong end)
    {
        foreach (var trace in TraceReader.ReadTraces(
            _connection, _partitions, ids, _query.StrictTraceId, tables: _tables, cancellation: _cancellation))
            Add(trace, start, end);
    }

    bool IsComplete(ulong last) => _found.Count >= _query.Limit && _found[_query.Limit - 1].Timestamp > last;

    void Add(Trace trace, ulong start, ulong end)
    {
        var spans = trace.Spans;
        var starts = trace.Rows.Where(row => spans[row.Span].StartUnixNano > 0).ToList();
        if (starts.Count == 0)
            return;
        var roots = starts.Where(row => spans[row.Span].ParentSpanId.IsZero).ToList();
        var timestamp = roots.Count > 0
            ? spans[roots.MinBy(row => row.Seq).Span].StartUnixNano
            : starts.Min(row => spans[row.Span].StartUnixNano);
        if (timestamp < start || timestamp > end || !_query.Annotations.All(each => spans.Any(span =>
            IsOfService(span) && ZipkinTags.Has(span, each.Key, each.Value))) || !HasCutNames(spans))
            return;
        var found = new Found(timestamp, trace.Rows.Min(row => row.Seq), spans);
        var at = _found.FindLastIndex(each => each.Timestamp > timestamp ||
            (each.Timestamp == timestamp && each.FirstSeq < found.FirstSeq)) + 1;
        _found.Insert(at, found);
    }

    bool IsOfService(Span span) => IsNamed(_query.ServiceName, ZipkinText.ToLower(span.ServiceName));

    static bool IsNamed(string? asked, string name) => asked is null || SeriesNames.IsNameOf(asked, name);

    /// <summary>Of names that were cut, where they were listed, SQL says only what they begin with.</summary>
    bool HasCutNames(IReadOnlyList<Span> spans)
    {
        string?[] names = [_query.ServiceName, _query.RemoteServiceName, _query.SpanName];
        return !Array.Exists(names, name => name is not null && SeriesNames.MayBeCut(name, out _)) ||
            (spans.Any(span => IsOfService(span) && IsNamed(_query.SpanName, ZipkinText.ToLower(span.Name))) &&
                (_query.RemoteServiceName is null || spans.Any(span => IsOfService(span) &&
                    IsNamed(_query.RemoteServiceName, ZipkinMapping.RemoteServiceName(span)))));
    }

    static SqlCondition IsNamed(SqlParameters parameters, string column, string name)
    {
        var isNamed = $"{column} = {parameters.BindText(name)}";
        return SqlCondition.Exactly(SeriesNames.MayBeCut(name, out var beginning)
            ? $"({isNamed} OR starts_with({column}, {parameters.BindText(beginning)}))"
            : isNamed);
    }

    /// <remarks>
    /// Of tags and annotations SQL says what a trace must have at least; <see cref="Add"/> decides. Attributes of
    /// OTLP's that are not shown, or others in their place, are the difference. So it is with names that were cut.
    /// </remarks>
    List<Func<Partition, SqlCondition>> Conditions(SqlParameters parameters)
    {
        var conditions = new List<Func<Partition, SqlCondition>>();
        if (_query.RemoteServiceName is { } remoteService)
            conditions.Add(_ => IsNamed(parameters, "remote_service", remoteService));
        if (_query.SpanName is { } spanName)
            conditions.Add(_ => IsNamed(parameters, "coalesce(search_name, lower(name))", spanName));
        foreach (var (key, value) in _query.Annotations)
        {
            conditions.Add(partition => (value.Length == 0
                ? HasKeyOrEvent(parameters, partition, key)
                : new AttributeColumns(parameters, partition).HasTag(key, value)) |
                MayBeDerived(parameters, partition, key, value));
        }
        if (_query.MinDurationMicros is not null || _query.MaxDurationMicros is not null)
        {
            conditions.Add(_ => HasDuration(parameters, ZipkinWindow.DurationsOf(_query)));
        }
        if (_query.ServiceName is not { } service)
            return conditions;
        var isOfService = IsNamed(parameters, "service", service);
        return conditions.Count == 0
            ? [_ => isOfService]
            : conditions.ConvertAll<Func<Partition, SqlCondition>>(
                condition => partition => isOfService & condition(partition));
    }

    // what is shown of an event is its name, or made of that and its attributes
    static SqlCondition HasKeyOrEvent(SqlParameters parameters, Partition partition, string text) =>
        SqlCondition.Any([new AttributeColumns(parameters, partition).Has(text), .. new[]
        {
            text, ZipkinMapping.EventNameOf(text),
        }.OfType<string>().Select(name =>
            SqlCondition.Exactly($"list_contains(event_names, {parameters.BindText(name)})"))]);

    /// <summary>What an OTLP span shows that is no attribute. What was dropped is in a message, to be read.</summary>
    static SqlCondition MayBeDerived(SqlParameters parameters, Partition partition, string key, string value)
    {
        if (ZipkinTags.IsOfDropped(key))
            return SqlCondition.Exactly("origin = 0 AND rest IS NOT NULL");
        if (ZipkinTags.OfScope(key) is not { } textOf)
            return HasStatus(parameters, key, value);
        var scopes = partition.Contents.Scopes.All()
            .Where(scope => textOf(scope.Value) is { Length: > 0 } text && (value.Length == 0 || text == value))
            .Select(scope => scope.Key).ToList();
        return scopes.Count == 0 ? SqlCondition.Never : SqlCondition.Exactly(
            $"origin = 0 AND scope_id IN (SELECT unnest({parameters.Bind(scopes)}::INTEGER[]))");
    }

    // OTLP's status, which Zipkin sees as tags
    static SqlCondition HasStatus(SqlParameters parameters, string key, string value) => (key, value) switch
    {
        ("error", "") => SqlCondition.Exactly($"origin = 0 AND status = {parameters.Bind((int)StatusCode.Error)}"),
        ("error", _) => SqlCondition.Exactly($"origin = 0 AND status = {parameters.Bind((int)StatusCode.Error)} " +
            $"AND status_message = {parameters.BindText(value)}"),
        ("otel.status_code", "") =>
            SqlCondition.Exactly($"origin = 0 AND status <> {parameters.Bind((int)StatusCode.Unset)}"),
        ("otel.status_code", "OK") =>
            SqlCondition.Exactly($"origin = 0 AND status = {parameters.Bind((int)StatusCode.Ok)}"),
        ("otel.status_code", "ERROR") =>
            SqlCondition.Exactly($"origin = 0 AND status = {parameters.Bind((int)StatusCode.Error)}"),
        _ => SqlCondition.Never,
    };

    static SqlCondition HasDuration(SqlParameters parameters, (long Min, long Max) nanos) =>
        SqlCondition.Exactly($"{SpanTable.KnownDuration} BETWEEN {parameters.Bind(nanos.Min)} AND " +
            $"{parameters.Bind(nanos.Max)}");

    readonly record struct Found(ulong Timestamp, long FirstSeq, IReadOnlyList<Span> Spans);
}
