using Tracing.Model;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage.DuckDb;

/// <summary>Sums up the spans of a selection. Counts are kept by DuckDB, on disk when they are many.</summary>
static class FacetCounter
{
    /// <summary>
    /// When no keys are asked for, so many of the most frequent are looked at, and so many chosen beside those of which
    /// all spans have the same value. With the fields fewer than 63, as DuckDB counts so many at once.
    /// </summary>
    const int MaxConsidered = 48;
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
        if (query.Of is { } facets)
            return new FacetCounts(count, traces, errors, Durations(spans), ValueCounter.CountOf(spans, facets));
        List<SpanKey> keys = query.Keys.Count > 0 ? [.. query.Keys.Distinct()] : Choose(spans);
        return new FacetCounts(
            count, traces, errors, Durations(spans), ValueCounter.Count(spans, keys, query.Limit));
    }

    // A trace is kept as a whole, so that it weighs as much as the heaviest of its spans by that. Its clients sample
    // alike (by the bits of one id), so that it is here if the likeliest of its spans is: it stands for as many as the
    // lightest. Spans that were kept for what they showed weigh nothing.
    static (double Spans, double Traces, double Errors) Total(MatchingSpans spans)
    {
        var parameters = new SqlParameters();
        if (spans.Select(parameters, p => "trace_high, trace_low, status, " +
            $"{p.KeptWeight} AS kept_weight, {AdjustedCounts.OfRow} AS adjusted") is not { } rows)
            return default;
        // min and max of no rows are NULL, as in a trace without a weight, and a sum passes over them
        using var command = parameters.Command(spans.Connection, $"""
            SELECT coalesce(sum(spans), 0)::DOUBLE, coalesce(sum(weight), 0)::DOUBLE, coalesce(sum(errors), 0)::DOUBLE
            FROM (
                SELECT sum(kept_weight * adjusted) AS spans,
                    max(kept_weight) * min(adjusted) FILTER (adjusted > 0) AS weight,
                    sum(kept_weight * adjusted) FILTER (status = {(int)StatusCode.Error}) AS errors
                FROM ({rows}) GROUP BY trace_high, trace_low)
            """);
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        row.Read();
        return (row.Next<double>(), row.Next<double>(), row.Next<double>());
    }

    /// <remarks>
    /// DuckDB's own quantiles know no weights and hold all values in memory. Durations that are unknown are NULL: a
    /// group of its own, which is left out before sums are compared.
    /// </remarks>
    static DurationSummary? Durations(MatchingSpans spans)
    {
        var parameters = new SqlParameters();
        if (spans.Select(parameters, p => $"{SpanTable.KnownDuration} AS nanos, {p.Weight} AS weight") is not { } rows)
            return null;
        using var command = parameters.Command(spans.Connection, $"""
            SELECT min(nanos), min(nanos) FILTER (faster * 100 >= total * 50),
                min(nanos) FILTER (faster * 100 >= total * 90),
                min(nanos) FILTER (faster * 100 >= total * 99), max(nanos)
            FROM (
                SELECT nanos, sum(weight) OVER (ORDER BY nanos) AS faster, sum(weight) OVER () AS total
                FROM (SELECT nanos, sum(weight) AS weight FROM ({rows}) WHERE nanos IS NOT NULL GROUP BY nanos))
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
        var counts = string.Join(", ", frequent.Select((_, i) =>
            $"approx_count_distinct(r{i}), count(r{i}) = count(*)"));
        using var command = parameters.Command(
            spans.Connection, $"SELECT {counts} FROM (FROM ({rows}) LIMIT {MaxSampled})");
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        row.Read();
        var left = MaxChosen;
        // in a list, as the row has to be read to its end
        chosen.AddRange(frequent.ConvertAll(key => (Key: key, Values: row.Next<long>(), IsOfAll: row.Next<bool>()))
            .Where(each => each is { Values: 1, IsOfAll: true } ||
                (each.Values is >= 1 and <= MaxTellingValues && left-- > 0))
            .Select(each => each.Key));
        return chosen;
    }
}
