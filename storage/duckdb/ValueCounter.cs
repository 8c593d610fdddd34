using System.Globalization;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Counts the values of keys. One scan of the rows serves several keys, and DuckDB keeps the counts, on disk when they
/// are many; only the most frequent are read.
/// </summary>
static class ValueCounter
{
    public static ValueCounts Count(MatchingSpans spans, ValueQuery query)
    {
        var keys = Keys(query).ToList();
        var values = keys.Count == 0 ? [] : Count(spans, keys, query.Limit, query.Prefix)
            .SelectMany(facet => facet.Values)
            .ToList();
        var isComplete = true;
        foreach (var scope in new[] { KeyScope.Event, KeyScope.Link })
        {
            if (query.Scope is { } wanted && wanted != scope)
                continue;
            var (ofScope, isWhole) = EventCounter.CountValues(spans, scope, query.Key, query.Prefix);
            values.AddRange(ofScope);
            isComplete &= isWhole;
        }
        values.Sort(Compare);
        return new ValueCounts(values.GetRange(0, Math.Min(values.Count, query.Limit)), isComplete);
    }

    /// <summary>For each key its most frequent values.</summary>
    /// <param name="keys">At least one.</param>
    public static List<Facet> Count(MatchingSpans spans, List<SpanKey> keys, int limit, string prefix = "")
    {
        var parameters = new SqlParameters();
        var facets = keys.ConvertAll(key => (Key: key, Distinct: 0L, Values: new List<ValueCount>()));
        if (Grouped(spans, parameters, keys, prefix) is not { } grouped)
            return [.. keys.Select(key => new Facet(key, 0, []))];
        using var command = parameters.Command(spans.Connection, $"""
            SELECT facet, text, spans, count(*) OVER (PARTITION BY facet) AS many FROM ({grouped})
            QUALIFY row_number() OVER (PARTITION BY facet ORDER BY spans DESC, {KeyText.Order("text")}) <= {limit}
            ORDER BY spans DESC, {KeyText.Order("text")}
            """);
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        while (row.Read())
        {
            var index = IndexOf(row.Next<long>(), keys.Count);
            var (type, text) = KeyText.Parse(row.Next<string>());
            var facet = facets[index];
            facet.Values.Add(new ValueCount(text, type, facet.Key.Scope ?? KeyScope.Span, row.Next<double>()));
            facets[index] = facet with { Distinct = row.Next<long>() };
        }
        return facets.ConvertAll(facet => new Facet(facet.Key, facet.Distinct, facet.Values));
    }

    /// <summary>For each key its most frequent values in a sample, for <see cref="FacetChoice"/>.</summary>
    /// <param name="keys">At least one.</param>
    /// <param name="every">One span in so many.</param>
    /// <param name="least">What a span counts for beside its weight.</param>
    public static IEnumerable<SampledKey> Sample(
        MatchingSpans spans, IReadOnlyList<SpanKey> keys, long every, double least)
    {
        var parameters = new SqlParameters();
        if (Grouped(spans, parameters, keys, "", every) is not { } grouped)
            return [];
        var sampled = keys.Select(key => new SampledKey(key, 0, false, 0, [])).ToArray();
        using var command = parameters.Command(spans.Connection, $"""
            SELECT facet, text, spans, covered, many, most FROM (
                SELECT facet, text, spans, sum(spans) OVER all_values AS covered, count(*) OVER all_values AS many,
                    max(number) OVER all_values AS most,
                    row_number() OVER (PARTITION BY facet ORDER BY spans DESC, text) AS place
                FROM (SELECT facet, text, number, spans + number * {parameters.Bind(least)} AS spans FROM ({grouped}))
                WINDOW all_values AS (PARTITION BY facet))
            WHERE place <= {FacetChoice.MaxComparedValues} ORDER BY facet, place
            """);
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        while (row.Read())
        {
            var index = IndexOf(row.Next<long>(), keys.Count);
            var (type, text) = KeyText.Parse(row.Next<string>());
            var value = new ValueCount(text, type, keys[index].Scope ?? KeyScope.Span, row.Next<double>());
            var covered = row.Next<double>();
            var (distinct, most) = (row.Next<long>(), row.Next<long>());
            sampled[index] = new SampledKey(
                keys[index], distinct, distinct > 1 && most == 1, covered, [.. sampled[index].Values, value]);
        }
        return sampled;
    }

    /// <summary>The values of facets of other spans, counted of these.</summary>
    /// <param name="every">One span in so many.</param>
    public static List<Facet> CountOf(MatchingSpans spans, IReadOnlyList<Facet> facets, long every = 1)
    {
        var counts = new Dictionary<(int Facet, KeyType Type, string Text), double>();
        var parameters = new SqlParameters();
        if (facets.Count > 0 &&
            Grouped(spans, parameters, [.. facets.Select(facet => facet.Key)], "", every) is { } grouped)
        {
            var wanted = facets.SelectMany((facet, i) =>
                facet.Values.Select(value => (MaskOf(i, facets.Count), value))).ToList();
            using var command = parameters.Command(spans.Connection, $"""
                SELECT facet, text, spans FROM ({grouped})
                SEMI JOIN ({KeyText.Wanted(parameters, wanted)}) USING (facet, text)
                """);
            using var reader = command.ExecuteReader();
            var row = new RowReader(reader);
            while (row.Read())
            {
                var index = IndexOf(row.Next<long>(), facets.Count);
                var (type, text) = KeyText.Parse(row.Next<string>());
                counts[(index, type, text)] = row.Next<double>();
            }
        }
        return [.. facets.Select((facet, i) => new Facet(facet.Key,
            facet.Values.Count(value => counts.ContainsKey((i, value.Type, value.Value))),
            [.. facet.Values.Select(value =>
                value with { Spans = counts.GetValueOrDefault((i, value.Type, value.Value)) })]))];
    }

    /// <summary>
    /// SELECT of each value of each key: <c>facet</c>, by which <see cref="IndexOf"/> finds the key, <c>text</c>,
    /// <c>spans</c> by weight, and their <c>number</c>. Null when there are no rows.
    /// </summary>
    static string? Grouped(MatchingSpans spans, SqlParameters parameters, IReadOnlyList<SpanKey> keys, string prefix,
        long every = 1)
    {
        var columns = string.Join(", ", keys.Select((_, i) => Column("f", i)));
        var listed = keys.Select((_, i) =>
            $"{KeyText.Listed(parameters, Column("r", i), prefix)} AS {Column("f", i)}");
        // of each set of one column the others are NULL
        return Rows(spans, parameters, keys, every) is not { } rows ? null : $"""
            SELECT * FROM (
                SELECT grouping({columns})::BIGINT AS facet, coalesce({columns}, NULL) AS text,
                    sum(weight)::DOUBLE AS spans, count(*) AS number
                FROM (SELECT weight, {string.Join(", ", listed)} FROM ({rows}))
                GROUP BY GROUPING SETS ({string.Join(", ", keys.Select((_, i) => $"({Column("f", i)})"))}))
            WHERE text IS NOT NULL
            """;
    }

    // a bit for each column, the first the highest, which is 0 for the one that is grouped by
    static int IndexOf(long facet, int keys) => keys - 1 - (int)long.TrailingZeroCount(~facet);

    static long MaskOf(int index, int keys) => ((1L << keys) - 1) & ~(1L << (keys - 1 - index));

    /// <summary>The rows with a weight and the values r0, r1 and so on; null when there are none.</summary>
    public static string? Rows(
        MatchingSpans spans, SqlParameters parameters, IReadOnlyList<SpanKey> keys, long every = 1) =>
        spans.Select(parameters, partition =>
        {
            var texts = new KeyText(parameters, partition);
            return $"{partition.Weight} AS weight, " +
                string.Join(", ", keys.Select((key, i) => $"{texts.Of(key)} AS {Column("r", i)}"));
        }, every: every);

    public static int Compare(ValueCount one, ValueCount other)
    {
        var order = other.Spans.CompareTo(one.Spans);
        if (order == 0)
            order = one.Scope.CompareTo(other.Scope);
        if (order == 0)
            order = one.Type.CompareTo(other.Type);
        if (order == 0 && one.Type is KeyType.Int)
            order = Number(one).CompareTo(Number(other));
        if (order == 0 && one.Type is KeyType.Double)
            order = CompareDoubles(Real(one), Real(other));
        return order != 0 ? order : CompareTexts(one.Value, other.Value);
    }

    /// <summary>By code point, as DuckDB does, which compares UTF-8.</summary>
    public static int CompareTexts(string one, string other)
    {
        var length = Math.Min(one.Length, other.Length);
        for (var i = 0; i < length; i++)
        {
            var (a, b) = (one[i], other[i]);
            if (a != b)
                return char.IsSurrogate(a) == char.IsSurrogate(b) ? a - b : char.IsSurrogate(a) ? 1 : -1;
        }
        return one.Length - other.Length;
    }

    // NaN comes last, as in DuckDB
    static int CompareDoubles(double one, double other) =>
        double.IsNaN(one) || double.IsNaN(other)
            ? double.IsNaN(one).CompareTo(double.IsNaN(other))
            : one.CompareTo(other);

    static long Number(ValueCount value) => long.Parse(value.Value, CultureInfo.InvariantCulture);

    static double Real(ValueCount value) => double.Parse(value.Value, CultureInfo.InvariantCulture);

    static string Column(string letter, int index) => string.Create(CultureInfo.InvariantCulture, $"{letter}{index}");

    static IEnumerable<SpanKey> Keys(ValueQuery query)
    {
        if (query.Scope is null or KeyScope.Intrinsic && SpanKey.FieldNames.Contains(query.Key))
            yield return SpanKey.OfField(query.Key);
        foreach (var scope in new[] { KeyScope.Span, KeyScope.Resource, KeyScope.Instrumentation })
        {
            if (query.Scope is null || query.Scope == scope)
                yield return new SpanKey(scope, query.Key);
        }
    }
}
