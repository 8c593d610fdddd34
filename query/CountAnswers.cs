using System.Text.Json.Serialization;
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
/// <param name="DurationNanos">Of the spans whose duration is known; null without any.</param>
/// <param name="BaseSpans">How many spans there are to compare with; absent if that was not asked for.</param>
sealed record FacetsAnswer(double Spans, double Traces, double Errors, DurationSummary? DurationNanos,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? BaseSpans,
    IReadOnlyList<FacetsAnswer.FacetItem> Facets)
{
    /// <param name="Key">As the query language writes it.</param>
    /// <param name="DistinctValues">How many values there are; the most frequent are listed.</param>
    public sealed record FacetItem(string Key, long DistinctValues, IReadOnlyList<FacetValue> Values);

    /// <param name="Type">As in <see cref="KeysAnswer.KeyItemType"/>.</param>
    /// <param name="Count">How many of the spans have the value.</param>
    /// <param name="BaseCount">How many of the spans to compare with have it.</param>
    public sealed record FacetValue(string Value, string Type, double Count,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? BaseCount);

    /// <param name="compared">The same values, counted of the spans to compare with.</param>
    public static FacetsAnswer Of(FacetCounts counts, FacetCounts? compared) => new(counts.Spans, counts.Traces,
        counts.Errors, counts.Duration, compared?.Spans, [.. counts.Facets.Select((facet, i) => new FacetItem(
            facet.Key.ToString(), facet.DistinctValues, [.. facet.Values.Select((value, j) => new FacetValue(
                value.Value, value.Type.Lower(), value.Spans, compared?.Facets[i].Values[j].Spans))]))]);
}

static class EnumText
{
    public static string Lower<T>(this T value) where T : struct, Enum => value.ToString().ToLowerInvariant();
}
