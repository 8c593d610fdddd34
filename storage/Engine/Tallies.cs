using System.Runtime.InteropServices;
using Tracing.Model;
using Tracing.Storage.Blocks;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage.Engine;

/// <summary>How many spans have each key, and of which types.</summary>
sealed class KeyTally(KeyQuery query)
{
    readonly Dictionary<(KeyScope Scope, string Key), OfKey> _keys = [];
    readonly HashSet<(string, KeyType)> _ofSpan = [];
    long _spans;

    public void Add(in WeightedSpan span, params ReadOnlySpan<KeyScope> scopes)
    {
        _spans++;
        foreach (var scope in scopes)
        {
            if (!IsWanted(scope))
                continue;
            _ofSpan.Clear();
            foreach (var (key, type) in SpanCounter.KeysOf(span.Span, scope))
            {
                if (IsWanted(key) && _ofSpan.Add((key, type)))
                    Of(scope, key).Add(type, span.Weight, _spans);
            }
        }
    }

    public void Add(SelectedRows rows)
    {
        var block = rows.Block;
        var byTemplate = rows.SumBy(block.TemplateCodes, block.Templates.Length);
        if (IsWanted(KeyScope.Span))
            AddAttributes(rows, byTemplate);
        if (IsWanted(KeyScope.Resource))
        {
            var bySource = rows.SumBy(block.SourceCodes, block.SourceCount);
            for (var source = 0; source < bySource.Length; source++)
                Add(KeyScope.Resource, block.ResourceOf(source).Attributes, bySource[source]);
        }
        if (IsWanted(KeyScope.Instrumentation))
        {
            for (var code = 0; code < byTemplate.Length; code++)
                Add(KeyScope.Instrumentation, block.ScopeOf(block.Templates[code]).Attributes, byTemplate[code]);
        }
        if (IsWanted(KeyScope.Intrinsic))
        {
            foreach (var name in SpanKey.FieldNames.Where(IsWanted))
            {
                rows.AddValues(KeyScope.Intrinsic, name,
                    (type, _, weight) => Of(KeyScope.Intrinsic, name).Add(type, weight, null));
            }
        }
        foreach (var span in rows.Read(rows.Where(template => (template.Flags & SpanFlags.Rest) != 0)))
            Add(span, KeyScope.Event, KeyScope.Link);
    }

    public KeyCount[] First(int limit) => [.. _keys
        .OrderByDescending(each => each.Value.Spans).ThenBy(each => each.Key.Scope)
        .ThenBy(each => each.Key.Key, SpanCounter.Utf8Order.Instance)
        .Take(limit)
        .Select(each => new KeyCount(each.Key.Key, each.Key.Scope, each.Value.Types, each.Value.Spans))];

    void AddAttributes(SelectedRows rows, double?[] byTemplate)
    {
        var block = rows.Block;
        // keys that a span repeats are counted span by span
        var repeating = rows.Where(IsRepeating);
        foreach (var span in rows.Read(repeating))
            Add(span, KeyScope.Span);
        if (!repeating.IsEmpty)
        {
            var others = rows.Where(template => !IsRepeating(template));
            rows = new SelectedRows(block, others);
            byTemplate = rows.SumBy(block.TemplateCodes, block.Templates.Length);
        }
        for (var key = 0; key < block.KeyCount; key++)
        {
            var text = block.KeyTextOf(key);
            if (!IsWanted(text))
                continue;
            var types = TypesOf(block.ValuesOf(key));
            if (types.Distinct().Count() == 1)
            {
                for (var code = 0; code < byTemplate.Length; code++)
                {
                    if (byTemplate[code] is { } spans && block.Templates[code].Keys.Contains(key))
                        Of(KeyScope.Span, text).Add(types[0], spans, null);
                }
                continue;
            }
            var sums = rows.SumByValue(key, null, RowSet.None(block.Count));
            for (var code = 0; code < sums.Length; code++)
            {
                if (sums[code] is { } spans)
                    Of(KeyScope.Span, text).Add(types[code], spans, null);
            }
        }
    }

    static bool IsRepeating(BlockTemplate template) => template.Keys.Distinct().Count() < template.Keys.Length;

    static KeyType[] TypesOf(ValueList values)
    {
        var types = new KeyType[values.Count];
        for (var code = 0; code < types.Length; code++)
            types[code] = KeyTypes.Of(AttributeBytes.TypeOf(values.BytesOf(code)));
        return types;
    }

    void Add(KeyScope scope, KeyValue[] attributes, double? sum)
    {
        if (sum is not { } weight)
            return;
        foreach (var ofKey in attributes.Where(each => IsWanted(each.Key)).GroupBy(each => each.Key))
        {
            var spans = weight;
            foreach (var type in ofKey.Select(each => KeyTypes.Of(each.Value.Type)).Distinct())
            {
                Of(scope, ofKey.Key).Add(type, weight, null, spans);
                spans = 0;
            }
        }
    }

    OfKey Of(KeyScope scope, string key) =>
        CollectionsMarshal.GetValueRefOrAddDefault(_keys, (scope, key), out _) ??= new OfKey();

    bool IsWanted(KeyScope scope) => query.Scope is null || query.Scope == scope;

    bool IsWanted(string key) => key.StartsWith(query.Prefix, StringComparison.Ordinal) && !SpanCounter.IsLong(key);

    sealed class OfKey
    {
        readonly SortedDictionary<KeyType, double> _types = [];
        long _lastSpan;

        public double Spans { get; private set; }

        public TypeCount[] Types => [.. _types.Select(type => new TypeCount(type.Key, type.Value))];

        /// <param name="span">Its number, as it may have values of several types; null where it has not.</param>
        /// <param name="spans">How many spans it adds; null for as many as have the type.</param>
        public void Add(KeyType type, double weight, long? span, double? spans = null)
        {
            _types[type] = _types.GetValueOrDefault(type) + weight;
            if (span is null || span != _lastSpan)
                Spans += spans ?? weight;
            _lastSpan = span ?? _lastSpan;
        }
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
        .ThenBy(each => each.Key.Text, SpanCounter.Utf8Order.Instance)
        .Take(limit)
        .Select(each => new ValueCount(each.Key.Text, each.Key.Type, each.Key.Scope, each.Value))];

    static System.Globalization.CultureInfo Invariant => System.Globalization.CultureInfo.InvariantCulture;
}

/// <summary>How many spans and traces there are, and how long they took.</summary>
sealed class SpanTotals
{
    readonly Dictionary<TraceId, (double Kept, double Adjusted)> _traces = [];
    readonly List<(ulong Nanos, double Weight)> _durations = [];

    public double Spans { get; private set; }

    public double Errors { get; private set; }

    public double Traces => _traces.Values.Sum(trace => trace.Kept * trace.Adjusted);

    public void Add(in WeightedSpan one)
    {
        Add(one.Span.TraceId, one.Kept, one.Adjusted ?? 1);
        Add(one.Span.KnownDuration, one.Weight, one.Span.Status == StatusCode.Error);
    }

    public void Add(SelectedRows rows)
    {
        var block = rows.Block;
        for (var row = rows.Rows.Next(0); row >= 0;)
        {
            var trace = block.Traces.Of(row);
            var (id, kept) = (block.Traces.Ids[trace], SelectedRows.KeptOf(block, trace));
            if (rows.Adjusted is null)
                Add(id, kept, 1);
            for (var end = block.Traces.From[trace + 1]; row >= 0 && row < end; row = rows.Rows.Next(row + 1))
            {
                if (rows.Adjusted is { } adjusted)
                    Add(id, kept, double.IsNaN(adjusted[row]) ? 1 : adjusted[row]);
                Add(block.KnownDurationOf(row), rows.WeightOf(row), block.TemplateOf(row).Status == StatusCode.Error);
            }
        }
    }

    /// <summary>Null where none is known.</summary>
    public DurationSummary? Durations()
    {
        if (_durations.Count == 0)
            return null;
        _durations.Sort(static (one, other) => one.Nanos.CompareTo(other.Nanos));
        var total = _durations.Sum(each => each.Weight);
        var (next, faster) = (0, _durations[0].Weight);
        return new DurationSummary(
            (long)_durations[0].Nanos, Quantile(50), Quantile(90), Quantile(99), (long)_durations[^1].Nanos);

        // asked for in their order
        long Quantile(int percent)
        {
            while (faster * 100 < total * percent && next < _durations.Count - 1)
                faster += _durations[++next].Weight;
            return (long)_durations[next].Nanos;
        }
    }

    // A trace is kept as a whole, so that it weighs as much as the heaviest of its spans by that. Its clients sample
    // alike (by the bits of one id), so that it is here if the likeliest of its spans is: it stands for as many as the
    // lightest. Spans that were kept for what they showed weigh nothing.
    void Add(TraceId id, double kept, double adjusted)
    {
        ref var trace = ref CollectionsMarshal.GetValueRefOrAddDefault(_traces, id, out _);
        adjusted = Math.Min(adjusted, AdjustedCount.Max);
        trace = (Math.Max(trace.Kept, kept),
            adjusted > 0 && (trace.Adjusted == 0 || adjusted < trace.Adjusted) ? adjusted : trace.Adjusted);
    }

    void Add(ulong? duration, double weight, bool isError)
    {
        Spans += weight;
        Errors += isError ? weight : 0;
        if (duration is { } nanos)
            _durations.Add((nanos, weight));
    }
}
