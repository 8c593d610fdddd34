using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage.Cassandra;

/// <summary>Counts the keys and values of spans, as OTLP says them, each by the weight of its trace.</summary>
static class SpanCounter
{
    static readonly KeyScope[] _scopes = Enum.GetValues<KeyScope>();

    public static async Task<KeyCounts> CountKeysAsync(
        IAsyncEnumerable<WeightedSpan> spans, KeyQuery query)
    {
        var counts = new Dictionary<(KeyScope Scope, string Key), KeyTally>();
        var ofSpan = new HashSet<(string, KeyType)>();
        var number = 0L;
        await foreach (var one in spans)
        {
            var (span, weight) = (one.Span, one.Weight);
            number++;
            foreach (var scope in _scopes.Where(scope => query.Scope is null || query.Scope == scope))
            {
                ofSpan.Clear();
                foreach (var (key, type) in KeysOf(span, scope))
                {
                    if (!key.StartsWith(query.Prefix, StringComparison.Ordinal) || IsLong(key) ||
                        !ofSpan.Add((key, type)))
                        continue;
                    ref var tally = ref CollectionsMarshal.GetValueRefOrAddDefault(counts, (scope, key), out _);
                    (tally ??= new KeyTally()).Add(type, number, weight);
                }
            }
        }
        return new KeyCounts([.. counts
            .OrderByDescending(each => each.Value.Spans).ThenBy(each => each.Key.Scope)
            .ThenBy(each => each.Key.Key, Utf8Order.Instance)
            .Take(query.Limit)
            .Select(each => new KeyCount(each.Key.Key, each.Key.Scope, each.Value.Types, each.Value.Spans))], true);
    }

    public static async Task<ValueCounts> CountValuesAsync(
        IAsyncEnumerable<WeightedSpan> spans, ValueQuery query)
    {
        var tally = new ValueTally();
        var ofSpan = new HashSet<(KeyType, string)>();
        await foreach (var one in spans)
        {
            var (span, weight) = (one.Span, one.Weight);
            foreach (var scope in _scopes.Where(scope => query.Scope is null || query.Scope == scope))
            {
                ofSpan.Clear();
                foreach (var (type, text) in ValuesOf(span, scope, query.Key))
                {
                    if (text.StartsWith(query.Prefix, StringComparison.Ordinal) && ofSpan.Add((type, text)))
                        tally.Add(scope, type, text, weight);
                }
            }
        }
        return new ValueCounts(tally.First(query.Limit), true);
    }

    /// <param name="read">Reads the spans.</param>
    /// <param name="sample">Reads some spans of a selection, by which keys are chosen.</param>
    public static async Task<FacetCounts> CountFacetsAsync(Func<IAsyncEnumerable<WeightedSpan>> read,
        Func<SpanSelection, IAsyncEnumerable<WeightedSpan>> sample, FacetQuery query)
    {
        var keys = query.Of is { } facets ? facets.Select(facet => facet.Key).ToList()
            : query.Keys.Count > 0 ? query.Keys.Distinct().ToList()
            : await ChooseAsync(sample, query);
        var tallies = keys.Select(_ => new ValueTally()).ToList();
        var traces = new Dictionary<TraceId, (double Kept, double Adjusted)>();
        var durations = new List<(ulong Nanos, double Weight)>();
        var (total, errors) = (0.0, 0.0);
        await foreach (var one in read())
        {
            var (span, weight) = (one.Span, one.Weight);
            // A trace is kept as a whole, so that it weighs as much as the heaviest of its spans by that. Its clients
            // sample alike (by the bits of one id), so that it is here if the likeliest of its spans is: it stands for
            // as many as the lightest. Spans that were kept for what they showed weigh nothing.
            ref var trace = ref CollectionsMarshal.GetValueRefOrAddDefault(traces, span.TraceId, out _);
            var adjusted = Math.Min(one.Adjusted ?? 1, AdjustedCount.Max);
            trace = (Math.Max(trace.Kept, one.Kept), adjusted > 0 && (trace.Adjusted == 0 || adjusted < trace.Adjusted)
                ? adjusted
                : trace.Adjusted);
            if (span.KnownDuration is { } nanos)
                durations.Add((nanos, weight));
            total += weight;
            errors += span.Status == StatusCode.Error ? weight : 0;
            for (var i = 0; i < keys.Count; i++)
            {
                if (ValueOf(span, keys[i]) is var (type, text))
                    tallies[i].Add(keys[i].Scope ?? KeyScope.Span, type, text, weight);
            }
        }
        var ofTraces = traces.Values.Sum(trace => trace.Kept * trace.Adjusted);
        return new FacetCounts(total, ofTraces, errors, Summary(durations),
            [.. keys.Select((key, i) => query.Of is { } of
                ? tallies[i].Of(of[i])
                : new Facet(key, tallies[i].Distinct, tallies[i].First(query.Limit)))]);
    }

    static DurationSummary? Summary(List<(ulong Nanos, double Weight)> durations)
    {
        if (durations.Count == 0)
            return null;
        durations.Sort();
        var total = durations.Sum(each => each.Weight);
        var (next, faster) = (0, durations[0].Weight);
        return new DurationSummary(
            (long)durations[0].Nanos, Quantile(50), Quantile(90), Quantile(99), (long)durations[^1].Nanos);

        // asked for in their order
        long Quantile(int percent)
        {
            while (faster * 100 < total * percent && next < durations.Count - 1)
                faster += durations[++next].Weight;
            return (long)durations[next].Nanos;
        }
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

    static (KeyType Type, string Text)? ValueOf(Span span, SpanKey key)
    {
        foreach (var scope in key.Scope is { } one ? [one] : new[] { KeyScope.Span, KeyScope.Resource })
        {
            foreach (var value in ValuesOf(span, scope, key.Name))
                return value;
        }
        return null;
    }

    static IEnumerable<(string Key, KeyType Type)> KeysOf(Span span, KeyScope scope) => scope == KeyScope.Intrinsic
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

    /// <summary>How many spans have a key, and of which types.</summary>
    sealed class KeyTally
    {
        readonly SortedDictionary<KeyType, double> _types = [];
        long _lastSpan;

        public double Spans { get; private set; }

        public TypeCount[] Types => [.. _types.Select(type => new TypeCount(type.Key, type.Value))];

        public void Add(KeyType type, long span, double weight)
        {
            _types[type] = _types.GetValueOrDefault(type) + weight;
            if (span != _lastSpan)
                Spans += weight;
            _lastSpan = span;
        }
    }

    /// <summary>How many spans have each value.</summary>
    sealed class ValueTally
    {
        readonly Dictionary<(KeyScope Scope, KeyType Type, string Text), double> _counts = [];

        public int Distinct => _counts.Count;

        public void Add(KeyScope scope, KeyType type, string text, double weight) =>
            CollectionsMarshal.GetValueRefOrAddDefault(_counts, (scope, type, text), out _) += weight;

        /// <summary>The values of another facet of the key, by how many spans have them here.</summary>
        public Facet Of(Facet other)
        {
            return new Facet(other.Key,
                other.Values.Count(value => _counts.ContainsKey((value.Scope, value.Type, value.Value))),
                [.. other.Values.Select(value => value with
                {
                    Spans = _counts.GetValueOrDefault((value.Scope, value.Type, value.Value)),
                })]);
        }

        public ValueCount[] First(int limit) => [.. _counts
            .OrderByDescending(each => each.Value).ThenBy(each => each.Key.Scope).ThenBy(each => each.Key.Type)
            .ThenBy(each => each.Key.Type == KeyType.Int ? long.Parse(each.Key.Text, Invariant) : 0)
            // by size, what is no number last
            .ThenBy(each => each.Key.Text == "NaN")
            .ThenBy(each => each.Key.Type == KeyType.Double ? double.Parse(each.Key.Text, Invariant) : 0)
            .ThenBy(each => each.Key.Text, Utf8Order.Instance)
            .Take(limit)
            .Select(each => new ValueCount(each.Key.Text, each.Key.Type, each.Key.Scope, each.Value))];

        static System.Globalization.CultureInfo Invariant => System.Globalization.CultureInfo.InvariantCulture;
    }

    /// <summary>Texts in the order of their bytes in UTF-8, which is that of code points.</summary>
    public sealed class Utf8Order : IComparer<string>
    {
        public static Utf8Order Instance { get; } = new();

        public int Compare(string? x, string? y) =>
            Encoding.UTF8.GetBytes(x!).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(y!));
    }
}
