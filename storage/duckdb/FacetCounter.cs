using Tracing.Model;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage.DuckDb;

/// <summary>Sums up the spans of a selection. Counts are kept by DuckDB, on disk when they are many.</summary>
static class FacetCounter
{
    /// <summary>Of the most frequent keys so many are looked at, and so many chosen, when none are asked for.</summary>
    const int MaxConsidered = 24;
    const int MaxChosen = 6;

    /// <summary>
    /// A key of more values than this does not sum up anything. So many spans tell whether it has: to look up the keys
    /// of all would take most of the time.
    /// </summary>
    const int MaxTellingValues = 32;
    const int MaxSampled = 20_000;

    public static FacetCounts Count(MatchingSpans spans, FacetQuery query)
    {
        var (count, traces, errors) = Total(spans);
        List<SpanKey> keys = query.Keys.Count > 0 ? [.. query.Keys.Distinct()] : Choose(spans);
        return new FacetCounts(
            count, traces, errors, Durations(spans), ValueCounter.Count(spans, keys, query.Limit));
    }

    // a trace weighs as much as its heaviest span
    static (double Spans, double Traces, double Errors) Total(MatchingSpans spans)
    {
        var parameters = new SqlParameters();
        if (spans.Select(parameters, p => $"trace_high, trace_low, status, {p.Weight} AS weight") is not { } rows)
            return default;
        using var command = parameters.Command(spans.Connection, $"""
            SELECT coalesce(sum(spans), 0)::DOUBLE, coalesce(sum(weight), 0)::DOUBLE, coalesce(sum(errors), 0)::DOUBLE
            FROM (
                SELECT sum(weight) AS spans, max(weight) AS weight,
                    sum(weight) FILTER (status = {(int)StatusCode.Error}) AS errors
                FROM ({rows}) GROUP BY trace_high, trace_low)
            """);
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        row.Read();
        return (row.Next<double>(), row.Next<double>(), row.Next<double>());
    }

    /// <remarks>DuckDB's own quantiles know no weights and hold all values in memory.</remarks>
    static DurationSummary? Durations(MatchingSpans spans)
    {
        var parameters = new SqlParameters();
        if (spans.Select(parameters, p => $"duration_ns, {p.Weight} AS weight") is not { } rows)
            return null;
        using var command = parameters.Command(spans.Connection, $"""
            SELECT min(duration_ns), min(duration_ns) FILTER (faster * 100 >= total * 50),
                min(duration_ns) FILTER (faster * 100 >= total * 90),
                min(duration_ns) FILTER (faster * 100 >= total * 99), max(duration_ns)
            FROM (
                SELECT duration_ns, sum(weight) OVER (ORDER BY duration_ns) AS faster, sum(weight) OVER () AS total
                FROM (SELECT duration_ns, sum(weight) AS weight FROM ({rows}) GROUP BY duration_ns))
            """);
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        row.Read();
        return row.NextOrNull<long>() is { } min
            ? new DurationSummary(
                min, row.Next<long>(), row.Next<long>(), row.Next<long>(), row.Next<long>())
            : null;
    }

    static List<SpanKey> Choose(MatchingSpans spans)
    {
        List<SpanKey> chosen =
            [SpanKey.Service, SpanKey.OfField("name"), SpanKey.OfField("kind"), SpanKey.OfField("status")];
        var frequent = new[] { KeyScope.Span, KeyScope.Resource }
            .SelectMany(scope => KeyCounter.Count(spans, new KeyQuery
            {
                Spans = spans.Selection,
                Scope = scope,
                Limit = MaxConsidered,
            }).Keys)
            .OrderByDescending(key => key.Spans)
            .Select(key => new SpanKey(key.Scope, key.Key))
            .Where(key => !chosen.Contains(key))
            .Take(MaxConsidered)
            .ToList();
        var parameters = new SqlParameters();
        if (frequent.Count == 0 || ValueCounter.Rows(spans, parameters, frequent) is not { } rows)
            return chosen;
        // an estimate is good enough to choose by
        var counts = string.Join(", ", frequent.Select((_, i) => $"approx_count_distinct(r{i})"));
        using var command = parameters.Command(
            spans.Connection, $"SELECT {counts} FROM (FROM ({rows}) LIMIT {MaxSampled})");
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        row.Read();
        chosen.AddRange(frequent.Where(_ => row.Next<long>() is >= 2 and <= MaxTellingValues).Take(MaxChosen));
        return chosen;
    }
}
