using Tracing.Model;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage;

/// <summary>Which spans are counted: those that fit a filter and start within a window.</summary>
/// <remarks>
/// Of several reports of one span that are selected, the last one stored counts, if they came within the time that
/// senders come again.
/// </remarks>
public sealed record SpanSelection
{
    public SpanFilter Filter { get; init; } = SpanFilter.Any;

    /// <summary>Nanoseconds since 1970, included.</summary>
    public required ulong StartUnixNano { get; init; }

    /// <summary>Nanoseconds since 1970, excluded.</summary>
    public required ulong EndUnixNano { get; init; }
}

/// <summary>What has a key.</summary>
public enum KeyScope
{
    /// <summary>The span itself, by a field that is no attribute: name, kind, status and so on.</summary>
    Intrinsic,
    Span,
    Resource,
    Event,
    Link,
    Instrumentation,
}

/// <summary>The type of a value, in the order in which values of equal counts come.</summary>
public enum KeyType
{
    String,
    Bool,
    Int,
    Double,
    Bytes,
    Array,
    Map,
    Empty,
    Status,
    Kind,
}

static class KeyTypes
{
    public static KeyType Of(AttributeType type) => type switch
    {
        AttributeType.String => KeyType.String,
        AttributeType.Bool => KeyType.Bool,
        AttributeType.Int => KeyType.Int,
        AttributeType.Double => KeyType.Double,
        AttributeType.Bytes => KeyType.Bytes,
        AttributeType.Array => KeyType.Array,
        AttributeType.Map => KeyType.Map,
        _ => KeyType.Empty,
    };
}

/// <summary>A question for the keys that spans have.</summary>
public sealed record KeyQuery
{
    /// <summary>
    /// Longest key or value, in bytes of UTF-8, that is listed: nobody picks a longer one from a list.
    /// </summary>
    public const int MaxTextBytes = 4096;

    public required SpanSelection Spans { get; init; }

    /// <summary>Null for all.</summary>
    public KeyScope? Scope { get; init; }

    /// <summary>What the keys begin with, compared with case.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>At most so many keys, at least 1.</summary>
    public int Limit { get; init; } = 100;
}

/// <param name="Types">Each with the number of spans that have a value of it.</param>
/// <param name="Spans">How many spans have the key.</param>
public sealed record KeyCount(string Key, KeyScope Scope, IReadOnlyList<TypeCount> Types, double Spans);

public sealed record TypeCount(KeyType Type, double Spans);

/// <param name="Keys">The one of most spans first, of equals by scope, then by key in the order of UTF-8.</param>
/// <param name="IsComplete">
/// False when more spans have events or links than are looked through for keys; then theirs are of some spans only.
/// </param>
public sealed record KeyCounts(IReadOnlyList<KeyCount> Keys, bool IsComplete);

/// <summary>A question for the values of a key.</summary>
public sealed record ValueQuery
{
    public required SpanSelection Spans { get; init; }

    public required string Key { get; init; }

    /// <summary>Null for all.</summary>
    public KeyScope? Scope { get; init; }

    /// <summary>What the values' texts begin with, compared with case.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>At most so many values, at least 1.</summary>
    public int Limit { get; init; } = 100;
}

/// <param name="Value">
/// As Zipkin shows it; status and kind as the query language has them. Lists and maps are JSON.
/// </param>
/// <param name="Spans">How many spans have the value.</param>
public sealed record ValueCount(string Value, KeyType Type, KeyScope Scope, double Spans);

/// <param name="Values">
/// The one of most spans first, of equals by scope, type, and value: numbers by size, others in the order of UTF-8.
/// </param>
/// <param name="IsComplete">As in <see cref="KeyCounts"/>.</param>
public sealed record ValueCounts(IReadOnlyList<ValueCount> Values, bool IsComplete);

/// <summary>A question for what the selected spans have in common.</summary>
public sealed record FacetQuery
{
    public required SpanSelection Spans { get; init; }

    /// <summary>
    /// None: service, name, kind, status, and those that tell most (<see cref="FacetChoice"/>).
    /// </summary>
    public IReadOnlyList<SpanKey> Keys { get; init; } = [];

    /// <summary>
    /// The spans that those asked for are compared with to choose keys; null: all that start within the window.
    /// </summary>
    public SpanSelection? Base { get; init; }

    /// <summary>At most so many values of each key, at least 1.</summary>
    public int Limit { get; init; } = 10;

    /// <summary>
    /// Facets of other spans: just their keys and values are counted, in their order, also those that no span has, so
    /// that both can be compared. Null to choose by the other properties.
    /// </summary>
    public IReadOnlyList<Facet>? Of { get; init; }

    /// <summary>The spans to compare with; null when there are no others.</summary>
    internal SpanSelection? Compared =>
        Base ?? (Spans.Filter == SpanFilter.Any ? null : Spans with { Filter = SpanFilter.Any });
}

/// <param name="Errors">How many of the spans failed.</param>
/// <param name="Duration">Null without spans whose duration is known.</param>
public sealed record FacetCounts(
    double Spans, double Traces, double Errors, DurationSummary? Duration, IReadOnlyList<Facet> Facets);

/// <summary>
/// Durations in nanoseconds, of the spans whose duration is known. Of these, at least that share was no slower than a
/// quantile says, and no smaller duration has this property.
/// </summary>
public sealed record DurationSummary(long Min, long P50, long P90, long P99, long Max);

/// <param name="DistinctValues">
/// How many values there are; those beyond the limit are not listed. Of those asked for by <see cref="FacetQuery.Of"/>
/// how many occur.
/// </param>
/// <param name="Values">In the order of <see cref="ValueCounts"/>.</param>
public sealed record Facet(SpanKey Key, long DistinctValues, IReadOnlyList<ValueCount> Values);
