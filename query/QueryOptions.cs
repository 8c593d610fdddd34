using System.ComponentModel;

namespace Tracing.Query;

/// <summary>Settings of the read APIs, section <c>Tracing:Query</c>.</summary>
public sealed class QueryOptions
{
    [Description("Whether the read APIs and the UI are served.")]
    public bool Enabled { get; set; } = true;

    [Description("Whether traces can be searched and names listed; traces by id are served all the same.")]
    public bool SearchEnabled { get; set; } = true;

    [Description("Whether 64-bit and 128-bit ids with equal low halves are different traces.")]
    public bool StrictTraceId { get; set; } = true;

    [Description("How far a Zipkin search looks back when it does not say. Time span, more than 0.")]
    public TimeSpan DefaultLookback { get; set; } = TimeSpan.FromDays(1);

    [Description("How long a query may take; beyond it 500. Time span, 0 for no limit.")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(11);

    [Description("How long browsers may keep lists of names. Time span, 0 or more.")]
    public TimeSpan NamesMaxAge { get; set; } = TimeSpan.FromMinutes(5);

    [Description("Tag keys whose values are offered for completion, from the spans stored since it was set. " +
        "Comma-separated.")]
    public string AutocompleteKeys { get; set; } = "";

    [Description("Origins of pages in browsers that may call the HTTP APIs, or *. Comma-separated.")]
    public string AllowedOrigins { get; set; } = "*";

    /// <summary>The keys of <see cref="AutocompleteKeys"/>, sorted.</summary>
    public IReadOnlyList<string> AutocompleteKeyList() =>
        [.. AutocompleteKeys
            .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Distinct().Order(StringComparer.Ordinal)];

    /// <summary>What is wrong with the values: the name and value of each bad one and what it must be.</summary>
    public IEnumerable<string> Validate()
    {
        if (DefaultLookback <= TimeSpan.Zero)
            yield return $"DefaultLookback is {DefaultLookback}; it must be more than 0";
        if (Timeout < TimeSpan.Zero || Timeout > TimeSpan.FromDays(1))
            yield return $"Timeout is {Timeout}; it must be between 0 (no limit) and 1 day";
        if (NamesMaxAge < TimeSpan.Zero)
            yield return $"NamesMaxAge is {NamesMaxAge}; it must be 0 or more";
    }
}
