using System.Runtime.InteropServices;
using System.Text;
using Tracing.Model;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Counts the keys of spans by counting the spans of each shape, resource and scope, of which there are few.
/// </summary>
static class KeyCounter
{
    /// <summary>Bounds the memory, where keys are made up for each span.</summary>
    const int MaxFreeFormKeys = 50_000;

    public static KeyCounts Count(MatchingSpans spans, KeyQuery query)
    {
        var keys = new List<KeyCount>();
        var isComplete = true;
        bool IsAsked(KeyScope scope) => query.Scope is null || query.Scope == scope;

        if (IsAsked(KeyScope.Intrinsic))
            keys.AddRange(CountFields(spans));
        if (IsAsked(KeyScope.Span))
        {
            var (ofSpans, isWhole) = CountOfSpans(spans);
            keys.AddRange(ofSpans);
            isComplete &= isWhole;
        }
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
        // of no rows NULL, and 0 of those that weigh nothing
        var sums = keys.Select((_, i) => $"(sum(weight) FILTER (r{i} IS NOT NULL))::DOUBLE");
        using var command = parameters.Command(spans.Connection, $"SELECT {string.Join(", ", sums)} FROM ({rows})");
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        row.Read();
        foreach (var key in keys)
        {
            var type = key.Name == "status" ? KeyType.Status : key.Name == "kind" ? KeyType.Kind : KeyType.String;
            if (row.NextOrNull<double>() is { } count)
                yield return new KeyCount(key.Name, KeyScope.Intrinsic, [new TypeCount(type, count)], count);
        }
    }

    static (IEnumerable<KeyCount> Keys, bool IsComplete) CountOfSpans(MatchingSpans spans)
    {
        var counts = new Counts();
        var isComplete = true;
        foreach (var partition in spans.Partitions)
        {
            CountShapes(spans, partition, counts);
            if (partition.Contents.Shapes.HasFreeForm)
                isComplete &= CountFreeForm(spans, partition, counts);
            CountDerived(spans, partition, counts);
        }
        return (counts.All(KeyScope.Span), isComplete);
    }

    /// <summary>A shape tells the keys of its spans.</summary>
    static void CountShapes(MatchingSpans spans, Partition partition, Counts counts)
    {
        var parameters = new SqlParameters();
        using var command = parameters.Command(spans.Connection,
            $"SELECT shape, sum({partition.Weight})::DOUBLE FROM {spans.Rows(parameters, partition)} " +
            $"AND shape <> {Shapes.FreeForm} GROUP BY shape");
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        while (row.Read())
        {
            var shape = partition.Contents.Shapes.All[row.Next<int>()];
            var count = row.Next<double>();
            foreach (var key in shape.Keys)
                counts.Add(key.Key, KeyTypes.Of(key.Type), count);
        }
    }

    /// <summary>False when there are too many keys.</summary>
    static bool CountFreeForm(MatchingSpans spans, Partition partition, Counts counts)
    {
        var parameters = new SqlParameters();
        using var command = parameters.Command(spans.Connection, $"""
            SELECT substr(rest, length(digits) + 2, digits::INTEGER) AS key, letter, sum(weight)::DOUBLE AS spans FROM (
                SELECT substr(texts[place], 2) AS rest, split_part(substr(texts[place], 2), ':', 1) AS digits,
                    {KeyText.Letter("place")} AS letter, weight
                FROM (
                    SELECT texts, texts_beside, unnest(generate_series(1, len(texts))) AS place,
                        {partition.Weight} AS weight
                    FROM {spans.Rows(parameters, partition)} AND shape = {Shapes.FreeForm}))
            GROUP BY key, letter ORDER BY spans DESC LIMIT {MaxFreeFormKeys + 1}
            """);
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        var rows = 0;
        while (row.Read())
        {
            counts.Add(row.Next<string>(), KeyText.TypeOf(row.Next<string>()[0]), row.Next<double>());
            rows++;
        }
        return rows <= MaxFreeFormKeys;
    }

    /// <summary>What spans of Zipkin's are given when they are read as OTLP's.</summary>
    static void CountDerived(MatchingSpans spans, Partition partition, Counts counts)
    {
        var parameters = new SqlParameters();
        var texts = new KeyText(parameters, partition);
        var sums = KeyText.DerivedOfSpan.Select(each =>
            $"(sum({partition.Weight}) FILTER (origin = 1 AND {each.Value.Sql} IS NOT NULL " +
            $"AND NOT {texts.HasStored(each.Key)}))::DOUBLE");
        using var command = parameters.Command(
            spans.Connection, $"SELECT {string.Join(", ", sums)} FROM {spans.Rows(parameters, partition)}");
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        row.Read();
        foreach (var (key, (type, _)) in KeyText.DerivedOfSpan)
            counts.Add(key, type, row.NextOrNull<double>());
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
                $"(sum(weight) FILTER (r{i} IS NOT NULL))::DOUBLE");
            using var command = parameters.Command(
                spans.Connection, $"SELECT {string.Join(", ", columns)} FROM ({rows})");
            using var reader = command.ExecuteReader();
            var row = new RowReader(reader);
            row.Read();
            foreach (var (key, (type, _)) in KeyText.DerivedOfResource)
                counts.Add(key, type, row.NextOrNull<double>());
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
        readonly Dictionary<string, double?[]> _byKey = new(StringComparer.Ordinal);

        public void Add(KeyValue[] attributes, double count)
        {
            for (var i = 0; i < attributes.Length; i++)
            {
                var (key, value) = attributes[i];
                // of a key that repeats the last counts
                if (Array.FindLastIndex(attributes, attribute => attribute.Key == key) == i)
                    Add(key, KeyTypes.Of(value.Type), count);
            }
        }

        /// <param name="count">Null where there is no such span: some spans weigh nothing and have the key.</param>
        public void Add(string key, KeyType type, double? count)
        {
            if (count is null)
                return;
            ref var counts = ref CollectionsMarshal.GetValueRefOrAddDefault(_byKey, key, out _);
            counts ??= new double?[KeyText.Letters.Length];
            counts[(int)type] = (counts[(int)type] ?? 0) + count;
        }

        public IEnumerable<KeyCount> All(KeyScope scope) => _byKey
            .Select(each => new KeyCount(each.Key, scope,
                [.. each.Value.Index().Where(type => type.Item is not null)
                    .Select(type => new TypeCount((KeyType)type.Index, type.Item!.Value))], each.Value.Sum() ?? 0));
    }
}
