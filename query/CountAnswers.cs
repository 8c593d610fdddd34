using Tracing.Storage;

namespace Tracing.Query;

/// <param name="IsComplete">False when the keys of events or links are those of some spans only.</param>
sealed record KeysAnswer(IReadOnlyList<KeysAnswer.KeyItem> Keys, bool IsComplete)
{
    /// <param name="Scope">intrinsic, span, resource, event, link or instrumentation.</param>
    /// <param name="Types">The one of most spans first.</param>
    /// <param name="Spans">How many spans have the key.</param>
    public sealed record KeyItem(string Key, string Scope, IReadOnlyList<KeyItemType> Types, double Spans);

    /// <param name="Type">string, bool, int, double, bytes, array, map, empty, status or kind.</param>
    public sealed record KeyItemType(string Type, double Spans);

    public static KeysAnswer Of(KeyCounts counts) => new([.. counts.Keys.Select(key => new KeyItem(
        key.Key, key.Scope.Lower(), [.. key.Types.OrderByDescending(type => type.Spans)
            .Select(type => new KeyItemType(type.Type.Lower(), type.Spans))], key.Spans))], counts.IsComplete);
}

/// <param name="IsComplete">False when the values of events or links are those of some spans only.</param>
sealed record ValuesAnswer(IReadOnlyList<ValuesAnswer.ValueItem> Values, bool IsComplete)
{
    /// <param name="Value">As text; status and kind as the query language has them, lists and maps as JSON.</param>
    /// <param name="Type">As in <see cref="KeysAnswer.KeyItemType"/>.</param>
    /// <param name="Scope">As in <see cref="KeysAnswer.KeyItem"/>.</param>
    /// <param name="Count">How many spans have the value.</param>
    public sealed record ValueItem(string Value, string Type, string Scope, double Count);

    public static ValuesAnswer Of(ValueCounts counts) => new([.. counts.Values.Select(value => new ValueItem(
        value.Value, value.Type.Lower(), value.Scope.Lower(), value.Spans))], counts.IsComplete);
}

/// <param name="Traces">How many traces have such a span.</param>
/// <param name="Errors">How many of the spans failed.</param>
/// <param name="DurationNanos">Of the spans; null without any.</param>
sealed record FacetsAnswer(double Spans, double Traces, double Errors, DurationSummary? DurationNanos,
    IReadOnlyList<FacetsAnswer.FacetItem> Facets)
{
    /// <param name="Key">As the query language writes it.</param>
    /// <param name="DistinctValues">How many values there are; the most frequent are listed.</param>
    public sealed record FacetItem(string Key, long DistinctValues, IReadOnlyList<FacetValue> Values);

    /// <param name="Type">As in <see cref="KeysAnswer.KeyItemType"/>.</param>
    /// <param name="Count">How many of the spans have the value.</param>
    public sealed record FacetValue(string Value, string Type, double Count);

    public static FacetsAnswer Of(FacetCounts counts) => new(counts.Spans, counts.Traces, counts.Errors,
        counts.Duration, [.. counts.Facets.Select(facet => new FacetItem(facet.Key.ToString(), facet.DistinctValues,
            [.. facet.Values.Select(value => new FacetValue(value.Value, value.Type.Lower(), value.Spans))]))]);
}

static class EnumText
{
    public static string Lower<T>(this T value) where T : struct, Enum => value.ToString().ToLowerInvariant();
}
