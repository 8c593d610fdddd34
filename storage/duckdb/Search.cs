using DuckDB.NET.Data;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Zipkin's search as an SQL statement over some partitions, which gives the ids of the traces that match. A trace may
/// have spans in several.
/// </summary>
sealed class Search
{
    /// <summary>Spans that the shortest part of the time has for each trace wanted, about.</summary>
    const int FirstSpans = 200;

    /// <summary>How many times longer than the one before a part is at most.</summary>
    const int MaxGrowth = 32;

    readonly IReadOnlyList<Partition> _partitions;
    readonly SqlParameters _parameters = new();
    readonly string _key;

    Search(IReadOnlyList<Partition> partitions, bool strict)
    {
        _partitions = partitions;
        _key = strict ? "trace_high, trace_low" : "trace_low";
    }

    /// <summary>Ids of the traces that match, newest first; high halves are zero when not strict.</summary>
    public static List<TraceId> Find(
        DuckDBConnection connection, IReadOnlyList<Partition> partitions, TraceTables tables, TraceQuery query)
    {
        var found = new List<TraceId>();
        var gone = TraceReader.GoneFrom(partitions);
        // a trace without any start is in no window
        var start = Math.Max(1, WindowStart((Int128)query.EndMillis - query.LookbackMillis));
        var end = WindowEnd(query.EndMillis);
        var near = partitions.Where(partition => partition.MayStartWithin(start, end)).ToList();
        if (near.Count == 0)
            return found;
        start = Math.Max(start, near.Min(partition => partition.Starts().Min));
        end = Math.Min(end, near.Max(partition => partition.Starts().Max));
        // Part by part, the latest first: few traces are enough for most searches. Each part is longer than the one
        // before by what that has left to be found, so that there are few.
        var spans = near.Sum(partition => partition.SpanCount);
        var length = (ulong)((end - start) * Math.Min(1, (double)FirstSpans * query.Limit / spans));
        var maxShort = length * MaxGrowth;
        while (true)
        {
            var isLast = length >= (end - start) / 2;
            var from = isLast ? start : end - length;
            var before = found.Count;
            // only these have spans of the traces of the part
            var search = new Search(Around(connection, partitions, tables, from, end), query.StrictTraceId);
            search.FindWithin(connection, query, from, end, end - from <= maxShort, gone, found);
            if (isLast || found.Count == query.Limit)
                return found;
            end = from - 1;
            var growth = found.Count == before
                ? MaxGrowth
                : Math.Clamp(2.0 * (query.Limit - found.Count) / (found.Count - before), 2, MaxGrowth);
            length = (ulong)Math.Min(Math.Max(length, 1) * growth, end - start);
        }
    }

    void FindWithin(DuckDBConnection connection, TraceQuery query, ulong start, ulong end, bool isShort,
        IReadOnlySet<ulong> gone, List<TraceId> found)
    {
        if (Statement(query, start, end, query.Limit - found.Count, isShort, gone) is not { } sql)
            return;
        using var command = _parameters.Command(connection, sql);
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        while (row.Read())
            found.Add(new TraceId(query.StrictTraceId ? row.Next<ulong>() : 0, row.Next<ulong>()));
    }

    /// <summary>The partitions that spans of the window are in, and all that their traces may be in.</summary>
    static List<Partition> Around(DuckDBConnection connection, IReadOnlyList<Partition> partitions, TraceTables tables,
        ulong start, ulong end)
    {
        var near = partitions.Where(partition => partition.MayStartWithin(start, end)).ToList();
        var ofSealed = near.Where(partition => partition.IsSealed).Select(TableOf).ToList();
        var ofOpen = near.Where(partition => !partition.IsSealed)
            .Select(partition => ReadLows(connection, partition, start, end)).ToList();
        return [.. partitions.Where(partition => near.Contains(partition) || !partition.IsSealed ||
            (TableOf(partition) is var table && (ofOpen.Exists(table.HasAnyLow) ||
                ofSealed.Exists(other => other.SharedWith(table).IsLowShared))))];

        TraceTable TableOf(Partition partition) => tables.Get(connection, partition, long.MaxValue);
    }

    /// <summary>Low halves of the ids of the traces that have spans in the window, in their order.</summary>
    static List<ulong> ReadLows(DuckDBConnection connection, Partition partition, ulong start, ulong end)
    {
        using var command = connection.Command($"""
            SELECT DISTINCT trace_low FROM {partition.Spans} WHERE start_ns >= $1 AND start_ns <= $2 ORDER BY trace_low
            """, start, end);
        using var reader = command.ExecuteReader();
        var lows = new List<ulong>();
        while (reader.Read())
            lows.Add(reader.GetFieldValue<ulong>(0));
        return lows;
    }

    /// <summary>The start of a window in nanoseconds: the first that is in the millisecond or after it.</summary>
    public static ulong WindowStart(Int128 millis) => ClampToUInt64(millis * 1_000_000);

    /// <summary>The end of a window in nanoseconds: the last of the first microsecond of the millisecond.</summary>
    /// <remarks>Zipkin compares microseconds with the millisecond times 1000, both ends included.</remarks>
    public static ulong WindowEnd(Int128 millis) => ClampToUInt64((millis * 1_000_000) + 999);

    // A trace that matches has a span in each of several sets: one for each condition, and one for the window. Then its
    // timestamp decides, for which all its spans count. Ties of time: the trace that comes first in the files.
    string? Statement(TraceQuery query, ulong start, ulong end, int limit, bool isShort,
        IReadOnlySet<ulong> gone)
    {
        var sets = Conditions(query);
        // Without it the times of all traces there are would be worked out. In a long window there are few traces that
        // meet the conditions, or the windows before would have had enough.
        if (isShort || sets.Count == 0)
        {
            sets.Add(Union(_partitions.Where(partition => partition.MayStartWithin(start, end)),
                _ => $"start_ns > 0 AND start_ns >= {Bind(start)} AND start_ns <= {Bind(end)}"));
        }
        if (sets.Contains(""))
            return null;
        var matching = string.Join(" INTERSECT ", sets.Select(set => $"({set})"));
        var where = sets.Count == 0 ? "" : $"WHERE ({_key}) IN ({matching})";
        var spans = string.Join(" UNION ALL ", _partitions.Select(partition =>
            $"SELECT {_key}, parent_id, start_ns, {partition.Seq} AS seq FROM {partition.Spans}"));
        return $"""
            SELECT {_key} FROM (
                SELECT {_key}, min(seq) AS first_seq, coalesce(
                    arg_min(start_ns, seq) FILTER (parent_id = 0 AND start_ns > 0),
                    min(start_ns) FILTER (start_ns > 0)) AS timestamp_ns
                FROM ({spans}) {where} GROUP BY {_key})
            WHERE timestamp_ns >= {Bind(start)} AND timestamp_ns <= {Bind(end)} {ExceptGone(gone)}
            ORDER BY timestamp_ns DESC, first_seq
            LIMIT {Bind((long)limit)}
            """;
    }

    string ExceptGone(IReadOnlySet<ulong> gone) => gone.Count == 0
        ? ""
        : $"AND trace_low NOT IN (SELECT unnest({Bind(gone.ToList())}::UBIGINT[]))";

    /// <summary>The traces with a span that meets the condition, in any of the partitions; empty for none.</summary>
    string Union(IEnumerable<Partition> partitions, Func<Partition, string> condition) =>
        string.Join(" UNION ALL ", partitions
            .Select(partition => (partition.Spans, Condition: condition(partition)))
            // planning costs a millisecond even where nothing is read
            .Where(each => each.Condition != SqlCondition.Never.Where)
            .Select(each => $"SELECT {_key} FROM {each.Spans} WHERE {each.Condition}"));

    List<string> Conditions(TraceQuery query)
    {
        var conditions = new List<Func<Partition, string>>();
        if (query.RemoteServiceName is { } remoteService)
            conditions.Add(_ => $"remote_service = {BindText(remoteService)}");
        if (query.SpanName is { } spanName)
            conditions.Add(_ => $"coalesce(search_name, lower(name)) = {BindText(spanName)}");
        foreach (var (key, value) in query.Annotations)
        {
            conditions.Add(partition =>
                (value.Length == 0 ? HasKeyOrEvent(partition, key) : HasTag(partition, key, value)) +
                HasStatus(key, value));
        }
        if (query.MinDurationMicros is not null || query.MaxDurationMicros is not null)
        {
            conditions.Add(_ =>
                HasDuration(query.MinDurationMicros ?? 1, query.MaxDurationMicros ?? long.MaxValue));
        }
        if (query.ServiceName is not { } service)
            return conditions.ConvertAll(condition => Union(_partitions, condition));
        var ofService = $"service = {BindText(service)}";
        return conditions.Count == 0
            ? [Union(_partitions, _ => ofService)]
            : conditions.ConvertAll(each => Union(_partitions, partition => $"{ofService} AND ({each(partition)})"));
    }

    string HasKeyOrEvent(Partition partition, string text) =>
        $"{new AttributeColumns(_parameters, partition).Has(text).Where} OR " +
        $"list_contains(event_names, {BindText(text)})";

    string HasTag(Partition partition, string key, string value) =>
        new AttributeColumns(_parameters, partition).HasTag(key, value).Where;

    // OTLP's status, which Zipkin sees as tags
    string HasStatus(string key, string value) => (key, value) switch
    {
        ("error", "") => $" OR (origin = 0 AND status = {Bind((int)StatusCode.Error)})",
        ("error", _) =>
            $" OR (origin = 0 AND status = {Bind((int)StatusCode.Error)} AND status_message = {BindText(value)})",
        ("otel.status_code", "") => $" OR (origin = 0 AND status <> {Bind((int)StatusCode.Unset)})",
        ("otel.status_code", "OK") => $" OR (origin = 0 AND status = {Bind((int)StatusCode.Ok)})",
        ("otel.status_code", "ERROR") => $" OR (origin = 0 AND status = {Bind((int)StatusCode.Error)})",
        _ => "",
    };

    // In whole microseconds, rounded down but to no less than one. An OTLP span without a start has no duration to
    // Zipkin; one of Zipkin's may.
    string HasDuration(long minMicros, long maxMicros)
    {
        var min = minMicros <= 1 ? 1 : ClampToInt64((Int128)minMicros * 1000);
        var max = ClampToInt64(((Int128)maxMicros * 1000) + 999);
        return $"duration_ns >= {Bind(min)} AND duration_ns <= {Bind(max)} AND (start_ns > 0 OR origin = 1)";
    }

    string BindText(string text) => _parameters.BindText(text);

    string Bind(object value) => _parameters.Bind(value);

    static ulong ClampToUInt64(Int128 value) => (ulong)Int128.Clamp(value, 0, ulong.MaxValue);

    static long ClampToInt64(Int128 value) => (long)Int128.Clamp(value, 0, long.MaxValue);
}
