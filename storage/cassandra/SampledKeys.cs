using System.Runtime.InteropServices;
using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage.Cassandra;

/// <summary>
/// The attributes' keys of a sample of spans, and their values, for <see cref="FacetChoice"/>. What comes when the
/// bounds are reached is counted, but not as a key or value of its own.
/// </summary>
sealed class SampledKeys(Predicate<SpanKey> isWanted)
{
    const int MaxKeys = 4096;

    /// <summary>Of one key; frequent values come early.</summary>
    const int MaxValues = 64;

    /// <summary>Of the texts of all keys and values; they take 32 MiB.</summary>
    const long MaxCharacters = 16 << 20;

    /// <summary>
    /// Spans that were kept for what they showed weigh nothing; where there are no others they are to count.
    /// </summary>
    const double LeastWeight = 1e-6;

    readonly Dictionary<SpanKey, Tally> _keys = [];
    long _characters;
    long _number;

    /// <summary>How many spans there are.</summary>
    public double Spans { get; private set; }

    /// <summary>The attributes that are looked at.</summary>
    public static IEnumerable<(SpanKey Key, AttributeValue Value)> Of(Span span) =>
        span.Attributes.Select(each => (new SpanKey(KeyScope.Span, each.Key), each.Value))
            .Concat(span.Resource.Attributes.Select(each => (new SpanKey(KeyScope.Resource, each.Key), each.Value)));

    public void Add(WeightedSpan one)
    {
        _number++;
        var weight = one.Weight + LeastWeight;
        Spans += weight;
        foreach (var (key, value) in Of(one.Span))
        {
            if (!_keys.TryGetValue(key, out var tally))
            {
                if (_keys.Count == MaxKeys || SpanCounter.IsLong(key.Name) || !isWanted(key) || !TryTake(key.Name))
                    continue;
                _keys.Add(key, tally = new Tally());
            }
            // of a key that repeats the first counts, as in facets
            if (tally.LastSpan == _number)
                continue;
            tally.LastSpan = _number;
            var text = ZipkinMapping.TagText(value);
            if (!SpanCounter.IsLong(text))
                Add(tally, (KeyTypes.Of(value.Type), text), weight);
        }
    }

    /// <summary>The keys of most spans, and of them the most frequent values.</summary>
    public List<SampledKey> MostFrequent() => [.. _keys
        .OrderByDescending(each => each.Value.Spans).ThenBy(each => each.Key.Scope)
        .ThenBy(each => each.Key.Name, SpanCounter.Utf8Order.Instance)
        .Take(FacetChoice.MaxConsidered)
        .Select(each => new SampledKey(each.Key, each.Value.Distinct,
            each.Value.Distinct > 1 && each.Value.Values.Values.All(value => value.Number == 1), each.Value.Spans,
            [.. each.Value.Values
                .OrderByDescending(value => value.Value.Spans)
                .ThenBy(value => value.Key.Text, SpanCounter.Utf8Order.Instance)
                .Take(FacetChoice.MaxComparedValues)
                .Select(value => new ValueCount(
                    value.Key.Text, value.Key.Type, each.Key.Scope ?? KeyScope.Span, value.Value.Spans))]))];

    void Add(Tally tally, (KeyType, string Text) value, double weight)
    {
        tally.Spans += weight;
        if (!tally.Values.ContainsKey(value) && (tally.Values.Count == MaxValues || !TryTake(value.Text)))
        {
            tally.Distinct++;
            return;
        }
        ref var count = ref CollectionsMarshal.GetValueRefOrAddDefault(tally.Values, value, out var isKnown);
        tally.Distinct += isKnown ? 0 : 1;
        count = (count.Spans + weight, count.Number + 1);
    }

    bool TryTake(string text)
    {
        if (_characters + text.Length > MaxCharacters)
            return false;
        _characters += text.Length;
        return true;
    }

    sealed class Tally
    {
        public long LastSpan { get; set; }

        public double Spans { get; set; }

        /// <summary>At least, beyond the bound.</summary>
        public long Distinct { get; set; }

        public Dictionary<(KeyType Type, string Text), (double Spans, long Number)> Values { get; } = [];
    }
}
