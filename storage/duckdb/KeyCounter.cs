using System.Runtime.InteropServices;
using System.Text;
using Tracing.Model;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Counts the keys of spans: those of columns by counting the column, those of the MAP by their entries, those of
/// resources and scopes by counting the spans of each of these few.
/// </summary>
static class KeyCounter
{
    public static KeyCounts Count(MatchingSpans spans, KeyQuery query)
    {
        var keys = new List<KeyCount>();
        var isComplete = true;
        bool IsAsked(KeyScope scope) => query.Scope is null || query.Scope == scope;

        if (IsAsked(KeyScope.Intrinsic))
            keys.AddRange(CountFields(spans));
        if (IsAsked(KeyScope.Span))
            keys.AddRange(CountOfSpans(spans, query.Prefix, query.Limit));
        if (IsAsked(KeyScope.Resource))
            keys.AddRange(CountOfResources(spans));
        if (IsAsked(KeyScope.Instrumentation))
            keys.AddRange(CountOfScopes(spans));
        foreach (var scope in new[] { KeyScope.Event, KeyScope.Link }.Where(IsAsked))
        {
            var (ofScope, isWhole) = EventCounter.CountKeys(spans, scope, query.Prefix);
            keys.AddRange(ofScope);
            isComplete &= isWhole;
        }
        keys.RemoveAll(key => !key.Key.StartsWith(query.Prefix, StringComparison.Ordinal) ||
            Encoding.UTF8.GetByteCount(key.Key) > KeyQuery.MaxTextBytes);
        keys.Sort(Compare);
        return new KeyCounts(keys.GetRange(0, Math.Min(keys.Count, query.Limit)), isComplete);
    }

    static int Compare(KeyCount one, KeyCount other)
    {
        var order = other.Spans.CompareTo(one.Spans);
        if (order == 0)
            order = one.Scope.CompareTo(other.Scope);
        return order != 0 ? order : ValueCounter.CompareTexts(one.Key, other.Key);
    }

    static IEnumerable<KeyCount> CountFields(MatchingSpans spans)
    {
        var keys = SpanKey.FieldNames.Select(SpanKey.OfField).ToList();
        var parameters = new SqlParameters();
        if (ValueCounter.Rows(spans, parameters, keys) is not { } rows)
            yield break;
        var sums = keys.Select((_, i) => $"coalesce(sum(weight) FILTER (r{i} IS NOT NULL), 0)::DOUBLE");
        using var command = parameters.Command(spans.Connection, $"SELECT {string.Join(", ", sums)} FROM ({rows})");
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        row.Read();
        foreach (var key in keys)
        {
            var type = key.Name == "status" ? KeyType.Status : key.Name == "kind" ? KeyType.Kind : KeyType.String;
            if (row.Next<double>() is > 0 and var count)
                yield return new KeyCount(key.Name, KeyScope.Intrinsic, [new TypeCount(type, count)], count);
        }
    }

    static List<KeyCount> CountOfSpans(MatchingSpans spans, string prefix, int limit)
    {
        var parameters = new SqlParameters();
        var selects = spans.Partitions.SelectMany(partition => CountOfSpans(spans, parameters, partition));
        var all = string.Join(" UNION ALL ", selects);
        if (all.Length == 0)
            return [];
        var types = Enum.GetValues<KeyType>();
        var sums = types.Select(type =>
            $"coalesce(sum(spans) FILTER (letter = '{KeyText.Letters[(int)type]}'), 0)::DOUBLE");
        using var command = parameters.Command(spans.Connection, $"""
            SELECT key, sum(spans)::DOUBLE AS total, {string.Join(", ", sums)} FROM ({all})
            WHERE spans > 0 AND strlen(key) <= {KeyQuery.MaxTextBytes}
                AND starts_with(key, {parameters.BindText(prefix)})
            GROUP BY key ORDER BY total DESC, key LIMIT {limit}
            """);
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        var keys = new List<KeyCount>();
        while (row.Read())
        {
            var (key, total) = (row.Next<string>(), row.Next<double>());
            var counts = Array.ConvertAll(types, type => new TypeCount(type, row.Next<double>()));
            keys.Add(new KeyCount(key, KeyScope.Span, Array.FindAll(counts, each => each.Spans > 0), total));
        }
        return keys;
    }

    static IEnumerable<string> CountOfSpans(MatchingSpans spans, SqlParameters parameters, Partition partition)
    {
        var rows = spans.Rows(parameters, partition);
        var weight = partition.Weight;
        yield return $"""
            SELECT key, left(text, 1) AS letter, sum(weight) AS spans FROM (
                SELECT unnest(map_keys(attributes)) AS key, unnest(map_values(attributes)) AS text,
                    {weight} AS weight
                FROM {rows} AND attributes IS NOT NULL)
            WHERE NOT starts_with(text, 't') GROUP BY ALL
            """;
        yield return $"""
            SELECT key, {KeyText.LetterBeside("packed")} AS letter, sum(weight) AS spans FROM (
                SELECT unnest({KeyText.KeysBeside}) AS key, unnest(attributes_beside) AS packed, {weight} AS weight
                FROM {rows} AND attributes_beside IS NOT NULL)
            GROUP BY ALL
            """;
        var keys = new List<(string Key, KeyType Type, string Condition)>();
        foreach (var column in partition.Layout.Columns)
            keys.Add((column.Key, KeyText.TypeOf(column.Type), $"{column.Quoted} IS NOT NULL"));
        var texts = new KeyText(parameters, partition);
        foreach (var (key, (type, sql)) in KeyText.DerivedOfSpan)
            keys.Add((key, type, $"origin = 1 AND {sql} IS NOT NULL AND NOT {texts.HasStored(key)}"));
        var names = keys.Select(each => parameters.BindText(each.Key));
        var letters = keys.Select(each => $"'{KeyText.Letters[(int)each.Type]}'");
        var counts = keys.Select(each => $"sum({weight}) FILTER ({each.Condition})");
        yield return $"""
            SELECT unnest([{string.Join(", ", names)}]) AS key, unnest([{string.Join(", ", letters)}]) AS letter,
                unnest(counts) AS spans
            FROM (SELECT [{string.Join(", ", counts)}] AS counts FROM {rows})
            """;
    }

    static IEnumerable<KeyCount> CountOfResources(MatchingSpans spans)
    {
        var counts = new Counts();
        CountShared<Resource>(spans, "resource_id", "origin = 0", partition => partition.Contents.Resources.Get,
            (resource, count) => counts.Add(resource.Attributes, count));
        var parameters = new SqlParameters();
        var sums = KeyText.DerivedOfResource.Values.Select((derived, i) =>
            $"CASE WHEN origin = 1 THEN {derived.Sql} END AS r{i}");
        if (spans.Select(parameters, p => $"{p.Weight} AS weight, {string.Join(", ", sums)}") is { } rows)
        {
            var columns = KeyText.DerivedOfResource.Select((_, i) =>
                $"coalesce(sum(weight) FILTER (r{i} IS NOT NULL), 0)::DOUBLE");
            using var command = parameters.Command(
                spans.Connection, $"SELECT {string.Join(", ", columns)} FROM ({rows})");
            using var reader = command.ExecuteReader();
            var row = new RowReader(reader);
            row.Read();
            foreach (var (key, (type, _)) in KeyText.DerivedOfResource)
                counts.Add(key, type, row.Next<double>());
        }
        return counts.All(KeyScope.Resource);
    }

    static IEnumerable<KeyCount> CountOfScopes(MatchingSpans spans)
    {
        var counts = new Counts();
        CountShared<InstrumentationScope>(spans, "scope_id", "true", partition => partition.Contents.Scopes.Get,
            (scope, count) => counts.Add(scope.Attributes, count));
        return counts.All(KeyScope.Instrumentation);
    }

    /// <summary>How many spans share each content.</summary>
    static void CountShared<T>(MatchingSpans spans, string column, string condition,
        Func<Partition, Func<int, T>> contents, Action<T, double> add)
    {
        foreach (var partition in spans.Partitions)
        {
            var parameters = new SqlParameters();
            using var command = parameters.Command(spans.Connection,
                $"SELECT {column}, sum({partition.Weight})::DOUBLE FROM {spans.Rows(parameters, partition)} " +
                $"AND {condition} GROUP BY {column}");
            using var reader = command.ExecuteReader();
            var row = new RowReader(reader);
            while (row.Read())
                add(contents(partition)(row.Next<int>()), row.Next<double>());
        }
    }

    sealed class Counts
    {
        readonly Dictionary<string, double[]> _byKey = new(StringComparer.Ordinal);

        public void Add(KeyValue[] attributes, double count)
        {
            for (var i = 0; i < attributes.Length; i++)
            {
                var (key, value) = attributes[i];
                // of a key that repeats the last counts
                if (Array.FindLastIndex(attributes, attribute => attribute.Key == key) == i)
                    Add(key, KeyText.TypeOf(value.Type), count);
            }
        }

        public void Add(string key, KeyType type, double count)
        {
            ref var counts = ref CollectionsMarshal.GetValueRefOrAddDefault(_byKey, key, out _);
            counts ??= new double[KeyText.Letters.Length];
            counts[(int)type] += count;
        }

        public IEnumerable<KeyCount> All(KeyScope scope) => _byKey
            .Where(each => each.Value.Sum() > 0)
            .Select(each => new KeyCount(each.Key, scope,
                [.. each.Value.Select((count, type) => new TypeCount((KeyType)type, count))
                    .Where(type => type.Spans > 0)], each.Value.Sum()));
    }
}
