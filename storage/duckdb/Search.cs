using System.Globalization;
using DuckDB.NET.Data;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>Zipkin's search as one SQL statement, which gives the ids of the traces that match.</summary>
sealed class Search
{
    readonly List<object> _parameters = [];
    readonly string _key;

    Search(bool strict) => _key = strict ? "trace_high, trace_low" : "trace_low";

    /// <summary>Ids of the traces that match, newest first; high halves are zero when not strict.</summary>
    public static List<TraceId> Find(DuckDBConnection connection, TraceQuery query)
    {
        var search = new Search(query.StrictTraceId);
        var sql = search.Statement(query);
        using var command = connection.Command(sql, search._parameters);
        using var reader = command.ExecuteReader();
        var found = new List<TraceId>();
        var row = new RowReader(reader);
        while (row.Read())
            found.Add(new TraceId(query.StrictTraceId ? row.Next<ulong>() : 0, row.Next<ulong>()));
        return found;
    }

    /// <summary>The start of a window in nanoseconds: the first that is in the millisecond or after it.</summary>
    public static ulong WindowStart(Int128 millis) => ClampToUInt64(millis * 1_000_000);

    /// <summary>The end of a window in nanoseconds: the last of the first microsecond of the millisecond.</summary>
    /// <remarks>Zipkin compares microseconds with the millisecond times 1000, both ends included.</remarks>
    public static ulong WindowEnd(Int128 millis) => ClampToUInt64((millis * 1_000_000) + 999);

    // A trace that matches has a span in each of several sets: one for each condition. Then its timestamp decides,
    // for which all its spans count. Ties of time: the trace that was stored first comes first.
    string Statement(TraceQuery query)
    {
        var conditions = Conditions(query);
        var matching = string.Join(" INTERSECT ", conditions.Select(condition =>
            $"SELECT {_key} FROM spans WHERE {condition}"));
        var where = conditions.Count == 0 ? "" : $"WHERE ({_key}) IN ({matching})";
        return $"""
            SELECT {_key} FROM (
                SELECT {_key}, min(seq) AS first_seq, coalesce(
                    arg_min(start_ns, seq) FILTER (parent_id = 0 AND start_ns > 0),
                    min(start_ns) FILTER (start_ns > 0)) AS timestamp_ns
                FROM spans {where} GROUP BY {_key})
            WHERE timestamp_ns >= {Bind(WindowStart((Int128)query.EndMillis - query.LookbackMillis))}
                AND timestamp_ns <= {Bind(WindowEnd(query.EndMillis))}
            ORDER BY timestamp_ns DESC, first_seq
            LIMIT {Bind((long)query.Limit)}
            """;
    }

    List<string> Conditions(TraceQuery query)
    {
        var conditions = new List<string>();
        if (query.RemoteServiceName is { } remoteService)
            conditions.Add($"remote_service = {BindText(remoteService)}");
        if (query.SpanName is { } spanName)
            conditions.Add($"coalesce(search_name, name) = {BindText(spanName)}");
        foreach (var (key, value) in query.Annotations)
            conditions.Add((value.Length == 0 ? HasKeyOrEvent(key) : HasTag(key, value)) + HasStatus(key, value));
        if (query.MinDurationMicros is not null || query.MaxDurationMicros is not null)
            conditions.Add(HasDuration(query.MinDurationMicros ?? 1, query.MaxDurationMicros ?? long.MaxValue));
        if (query.ServiceName is not { } service)
            return conditions;
        var ofService = $"service = {BindText(service)}";
        return conditions.Count == 0
            ? [ofService]
            : conditions.ConvertAll(condition => $"{ofService} AND ({condition})");
    }

    string HasKeyOrEvent(string text)
    {
        var bound = BindText(text);
        return $"attributes[{bound}] IS NOT NULL OR list_contains(event_names, {bound})";
    }

    string HasTag(string key, string value)
    {
        var candidates = string.Join(", ", AttributeText.Candidates(value).Select(BindText));
        return $"attributes[{BindText(key)}] IN ({candidates})";
    }

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

    string BindText(string text) => $"decode({Bind(text.ToParameter())})";

    string Bind(object value)
    {
        _parameters.Add(value);
        return string.Create(CultureInfo.InvariantCulture, $"${_parameters.Count}");
    }

    static ulong ClampToUInt64(Int128 value) => (ulong)Int128.Clamp(value, 0, ulong.MaxValue);

    static long ClampToInt64(Int128 value) => (long)Int128.Clamp(value, 0, long.MaxValue);
}
