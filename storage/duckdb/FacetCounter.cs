using Tracing.Model;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage.DuckDb;

/// <summary>Sums up the spans of a selection. Counts are kept by DuckDB, on disk when they are many.</summary>
static class FacetCounter
{
    /// <summary>
    /// Keys counted in one statement: its fields must be fewer than 63, as DuckDB counts so many at once.
    /// </summary>
    const int KeysAtOnce = 48;

    public static FacetCounts Count(MatchingSpans spans, FacetQuery query)
    {
        var (count, traces, errors) = Total(spans);
        if (query.Of is { } facets)
            return new FacetCounts(count, traces, errors, Durations(spans), ValueCounter.CountOf(spans, facets));
        List<SpanKey> keys = query.Keys.Count > 0 ? [.. query.Keys.Distinct()] : Choose(spans, query);
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

    static List<SpanKey> Choose(MatchingSpans spans, FacetQuery query)
    {
        List<SpanKey> fields =
            [SpanKey.Service, SpanKey.OfField("name"), SpanKey.OfField("kind"), SpanKey.OfField("status")];
        var frequent = new[] { KeyScope.Span, KeyScope.Resource }
            .SelectMany(scope => KeyCounter.Count(spans, new KeyQuery
            {
                Spans = spans.Selection,
                Scope = scope,
                Limit = FacetChoice.MaxConsidered,
            }).Keys)
            .OrderByDescending(key => key.Spans)
            .Select(key => new SpanKey(key.Scope, key.Key))
            .Where(key => !fields.Contains(key))
            .Take(FacetChoice.MaxConsidered)
            .ToList();
        if (frequent.Count == 0)
            return fields;
        var (every, number, weight) = SampleOf(spans);
        // spans that were kept for what they showed weigh nothing; where there are no others they are to count
        const double Least = 1e-6;
        var keys = frequent.Chunk(KeysAtOnce)
            .SelectMany(some => ValueCounter.Sample(spans, some, every, Least)).ToList();
        return [.. fields, .. FacetChoice.Choose(keys, weight + (number * Least), SharesOf(spans, query, keys))];
    }

    /// <summary>The shares that the values have of the spans to compare with.</summary>
    static Func<SpanKey, ValueCount, double>? SharesOf(
        MatchingSpans spans, FacetQuery query, IReadOnlyList<SampledKey> keys)
    {
        if (query.Compared is not { } selection)
            return null;
        var others = spans.Compared(selection);
        var (every, _, weight) = SampleOf(others);
        var shares = keys.Select(key => new Facet(key.Key, key.Distinct, key.Values)).Chunk(KeysAtOnce)
            .SelectMany(some => ValueCounter.CountOf(others, some, every))
            .SelectMany(facet => facet.Values.Select(value => (facet.Key, Value: value)))
            .ToDictionary(each => (each.Key, each.Value.Type, each.Value.Value), each => each.Value.Spans / weight);
        return (key, value) => weight > 0 ? shares.GetValueOrDefault((key, value.Type, value.Value)) : 0;
    }

    /// <summary>One span in how many is to be looked at; how many those are, and how many they stand for.</summary>
    static (long Every, long Number, double Weight) SampleOf(MatchingSpans spans)
    {
        var (all, _) = Count(1, "1");
        var every = Math.Max(1, (all + FacetChoice.MaxSampled - 1) / FacetChoice.MaxSampled);
        var (number, weight) = Count(every, "weight");
        return (every, number, weight);

        (long Number, double Sum) Count(long every, string sum)
        {
            var parameters = new SqlParameters();
            if (spans.Select(parameters, p => $"{p.Weight} AS weight", every: every) is not { } rows)
                return default;
            using var command = parameters.Command(
                spans.Connection, $"SELECT count(*), coalesce(sum({sum}), 0)::DOUBLE FROM ({rows})");
            using var reader = command.ExecuteReader();
            var row = new RowReader(reader);
            row.Read();
            return (row.Next<long>(), row.Next<double>());
        }
    }
}
