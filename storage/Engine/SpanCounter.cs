using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage.Blocks;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage.Engine;

/// <summary>Counts the keys and values of spans, as OTLP says them, each by the weight of its trace.</summary>
static class SpanCounter
{
    static readonly KeyScope[] _scopes = Enum.GetValues<KeyScope>();

    // what columns tell, and what is only told by spans that have events, links or the like
    static readonly KeyScope[] _columnScopes =
        [KeyScope.Intrinsic, KeyScope.Span, KeyScope.Resource, KeyScope.Instrumentation];
    static readonly KeyScope[] _restScopes = [KeyScope.Event, KeyScope.Link];

    public static async Task<KeyCounts> CountKeysAsync(IAsyncEnumerable<ScanPart> parts, KeyQuery query)
    {
        var tally = new KeyTally(query);
        await foreach (var part in parts)
        {
            if (part.Rows is { } rows)
                tally.Add(rows);
            foreach (var span in part.Spans)
                tally.Add(span, _scopes);
        }
        return new KeyCounts(tally.First(query.Limit), true);
    }

    public static async Task<ValueCounts> CountValuesAsync(IAsyncEnumerable<ScanPart> parts, ValueQuery query)
    {
        var tally = new ValueTally();
        var ofSpan = new HashSet<(KeyType, string)>();
        await foreach (var part in parts)
        {
            if (part.Rows is { } rows)
                Add(rows);
            foreach (var span in part.Spans)
                AddAll(span, _scopes);
        }
        return new ValueCounts(tally.First(query.Limit), true);

        void Add(SelectedRows rows)
        {
            foreach (var scope in _columnScopes.Where(IsWanted))
            {
                var left = rows.AddValues(scope, query.Key, (type, text, weight) =>
                {
                    if (text.StartsWith(query.Prefix, StringComparison.Ordinal))
                        tally.Add(scope, type, text, weight);
                });
                foreach (var span in rows.Read(left))
                    AddAll(span, [scope]);
            }
            if (_restScopes.Any(IsWanted))
            {
                foreach (var span in rows.Read(rows.Where(template => (template.Flags & SpanFlags.Rest) != 0)))
                    AddAll(span, _restScopes);
            }
        }

        void AddAll(in WeightedSpan span, KeyScope[] scopes)
        {
            foreach (var scope in scopes.Where(IsWanted))
            {
                ofSpan.Clear();
                foreach (var (type, text) in ValuesOf(span.Span, scope, query.Key))
                {
                    if (text.StartsWith(query.Prefix, StringComparison.Ordinal) && ofSpan.Add((type, text)))
                        tally.Add(scope, type, text, span.Weight);
                }
            }
        }

        bool IsWanted(KeyScope scope) => query.Scope is null || query.Scope == scope;
    }

    public static async Task<SpanLatencies> CountLatenciesAsync(IAsyncEnumerable<ScanPart> parts)
    {
        var latencies = new SpanLatencies();
        await foreach (var part in parts)
        {
            if (part.Rows is { } rows)
                Add(rows);
            foreach (var one in part.Spans)
            {
                latencies.IsEstimated |= !(one.Adjusted <= AdjustedCount.Max);
                latencies.Record(one.Span.KnownDuration, one.Span.Status == StatusCode.Error,
                    AdjustedCount.Round(one.Weight, one.Span.TraceId, one.Span.SpanId));
            }
        }
        return latencies;

        void Add(SelectedRows rows)
        {
            var block = rows.Block;
            foreach (var row in rows.Rows)
            {
                latencies.IsEstimated |= rows.Adjusted is { } adjusted && !(adjusted[row] <= AdjustedCount.Max);
                latencies.Record(block.KnownDurationOf(row), block.TemplateOf(row).Status == StatusCode.Error,
                    rows.Weights is { } weights
                        ? AdjustedCount.Round(weights[row], block.Traces.Ids[block.Traces.Of(row)],
                            new SpanId(block.SpanIdOf(row)))
                        : 1);
            }
        }
    }

    /// <param name="read">Reads the spans.</param>
    /// <param name="sample">Reads some spans of a selection, by which keys are chosen.</param>
    public static async Task<FacetCounts> CountFacetsAsync(Func<IAsyncEnumerable<ScanPart>> read,
        Func<SpanSelection, IAsyncEnumerable<WeightedSpan>> sample, FacetQuery query)
    {
        var keys = query.Of is { } facets ? facets.Select(facet => facet.Key).ToList()
            : query.Keys.Count > 0 ? query.Keys.Distinct().ToList()
            : await ChooseAsync(sample, query);
        var tallies = keys.Select(_ => new ValueTally()).ToList();
        var totals = new SpanTotals();
        await foreach (var part in read())
        {
            if (part.Rows is { } rows)
            {
                totals.Add(rows);
                for (var i = 0; i < keys.Count; i++)
                    AddFirst(rows, keys[i], tallies[i]);
            }
            foreach (var span in part.Spans)
            {
                totals.Add(span);
                for (var i = 0; i < keys.Count; i++)
                    AddFirst(span, keys[i], tallies[i]);
            }
        }
        return new FacetCounts(totals.Spans, totals.Traces, totals.Errors, totals.Durations(),
            [.. keys.Select((key, i) => query.Of is { } of
                ? tallies[i].Of(of[i])
                : new Facet(key, tallies[i].Distinct, tallies[i].First(query.Limit)))]);
    }

    /// <summary>Counts the first value that each row has for a key.</summary>
    static void AddFirst(SelectedRows rows, SpanKey key, ValueTally tally)
    {
        if (key.Scope is KeyScope.Event or KeyScope.Link)
        {
            foreach (var span in rows.Read(rows.Where(template => (template.Flags & SpanFlags.Rest) != 0)))
                AddFirst(span, key, tally);
            return;
        }
        var without = key.Scope is null ? RowSet.None(rows.Block.Count) : null;
        var left = rows.AddValues(key.Scope ?? KeyScope.Span, key.Name,
            (type, text, weight) => tally.Add(key.Scope ?? KeyScope.Span, type, text, weight), without);
        foreach (var span in rows.Read(left))
            AddFirst(span, key, tally);
        if (without is { IsEmpty: false })
        {
            left = new SelectedRows(rows.Block, without).AddValues(KeyScope.Resource, key.Name,
                (type, text, weight) => tally.Add(KeyScope.Span, type, text, weight));
            foreach (var span in rows.Read(left))
                AddFirst(span, key, tally);
        }
    }

    static void AddFirst(in WeightedSpan span, SpanKey key, ValueTally tally)
    {
        if (ValueOf(span.Span, key) is var (type, text))
            tally.Add(key.Scope ?? KeyScope.Span, type, text, span.Weight);
    }

    static async Task<List<SpanKey>> ChooseAsync(
        Func<SpanSelection, IAsyncEnumerable<WeightedSpan>> sample, FacetQuery query)
    {
        List<SpanKey> fields =
            [SpanKey.Service, SpanKey.OfField("name"), SpanKey.OfField("kind"), SpanKey.OfField("status")];
        var found = new SampledKeys(key => !fields.Contains(key));
        await foreach (var span in sample(query.Spans))
            found.Add(span);
        var keys = found.MostFrequent();
        if (query.Compared is not { } compared)
            return [.. fields, .. FacetChoice.Choose(keys, found.Spans, null)];
        var (shares, spans) = (new Dictionary<(SpanKey, KeyType, string), double>(), 0.0);
        foreach (var key in keys)
        {
            foreach (var value in key.Values)
                shares[(key.Key, value.Type, value.Value)] = 0;
        }
        await foreach (var (span, weight) in sample(compared).Select(one => (one.Span, one.Weight)))
        {
            spans += weight;
            foreach (var (key, value) in SampledKeys.Of(span))
            {
                ref var count = ref CollectionsMarshal.GetValueRefOrNullRef(
                    shares, (key, KeyTypes.Of(value.Type), ZipkinMapping.TagText(value)));
                if (!Unsafe.IsNullRef(ref count))
                    count += weight;
            }
        }
        return [.. fields, .. FacetChoice.Choose(keys, found.Spans, (key, value) =>
            spans > 0 ? shares[(key, value.Type, value.Value)] / spans : 0)];
    }

    public static (KeyType Type, string Text)? ValueOf(Span span, SpanKey key)
    {
        foreach (var scope in key.Scope is { } one ? [one] : new[] { KeyScope.Span, KeyScope.Resource })
        {
            foreach (var value in ValuesOf(span, scope, key.Name))
                return value;
        }
        return null;
    }

    public static IEnumerable<(string Key, KeyType Type)> KeysOf(Span span, KeyScope scope) =>
        scope == KeyScope.Intrinsic
        ? SpanKey.FieldNames.Select(name => (Name: name, Value: FieldOf(span, name)))
            .Where(field => field.Value.Text.Length > 0)
            .Select(field => (field.Name, field.Value.Type))
        : AttributesOf(span, scope).Select(attribute => (attribute.Key, KeyTypes.Of(attribute.Value.Type)));

    static IEnumerable<(KeyType Type, string Text)> ValuesOf(Span span, KeyScope scope, string key)
    {
        if (scope == KeyScope.Intrinsic)
        {
            var field = FieldOf(span, key);
            return field.Text.Length > 0 && !IsLong(field.Text) ? [field] : [];
        }
        return AttributesOf(span, scope)
            .Where(attribute => attribute.Key == key)
            .Select(attribute => (KeyTypes.Of(attribute.Value.Type), ZipkinMapping.TagText(attribute.Value)))
            .Where(value => !IsLong(value.Item2));
    }

    static (KeyType Type, string Text) FieldOf(Span span, string name) => name switch
    {
        "name" => (KeyType.String, span.Name),
        "statusMessage" => (KeyType.String, span.StatusMessage),
        "status" => (KeyType.Status, span.Status.ToString().ToLowerInvariant()),
        "kind" => (KeyType.Kind, span.Kind.ToString().ToLowerInvariant()),
        "instrumentation:name" => (KeyType.String, span.Scope.Name),
        "instrumentation:version" => (KeyType.String, span.Scope.Version),
        _ => (KeyType.String, ""),
    };

    static IEnumerable<KeyValue> AttributesOf(Span span, KeyScope scope) => scope switch
    {
        KeyScope.Span => span.Attributes,
        KeyScope.Resource => span.Resource.Attributes,
        KeyScope.Event => span.Events.SelectMany(each => each.Attributes),
        KeyScope.Link => span.Links.SelectMany(each => each.Attributes),
        _ => span.Scope.Attributes,
    };

    public static bool IsLong(string text) =>
        text.Length > KeyQuery.MaxTextBytes / 3 && Encoding.UTF8.GetByteCount(text) > KeyQuery.MaxTextBytes;

    /// <summary>Texts in the order of their bytes in UTF-8, which is that of code points.</summary>
    public sealed class Utf8Order : IComparer<string>
    {
        public static Utf8Order Instance { get; } = new();

        public int Compare(string? x, string? y) =>
            Encoding.UTF8.GetBytes(x!).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(y!));
    }
}
