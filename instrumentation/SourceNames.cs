using System.Text.RegularExpressions;

namespace Tracing.Instrumentation;

/// <summary>The patterns of <see cref="TracingOptions.Sources"/>.</summary>
sealed class SourceNames(IEnumerable<string> patterns)
{
    const string Experimental = "Experimental.";

    readonly (Regex Pattern, bool IsExperimental)[] _patterns = [.. patterns.Select(pattern => (
        new Regex($"^{Regex.Escape(pattern).Replace("\\*", ".*", StringComparison.Ordinal)}$",
            RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.Singleline),
        pattern.StartsWith(Experimental, StringComparison.OrdinalIgnoreCase)))];

    /// <summary>Activities of a time before sources have none; they cannot be sampled.</summary>
    public bool Include(string source) => source.Length > 0 && Array.Exists(_patterns, each =>
        each.Pattern.IsMatch(source) &&
        (each.IsExperimental || !source.StartsWith(Experimental, StringComparison.OrdinalIgnoreCase)));
}
