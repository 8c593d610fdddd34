using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage;

/// <summary>What Zipkin's answers show of a span, for its search: so whatever they show is found.</summary>
static class ZipkinTags
{
    // what an OTLP span shows although it is no attribute
    const string ScopeName = "otel.scope.name";
    const string ScopeVersion = "otel.scope.version";
    const string DroppedPrefix = "otel.dropped_";

    /// <summary>Whether a span meets a condition of <see cref="TraceQuery.Annotations"/>.</summary>
    public static bool Has(Span span, string key, string value)
    {
        var shown = ZipkinMapping.ToZipkin(span);
        foreach (var attribute in shown.Attributes)
        {
            // what is no text is not shown
            if (attribute.Key == key && attribute.Value.AsString() is { } text && (value.Length == 0 || text == value))
                return true;
        }
        return value.Length == 0 && Array.Exists(shown.Events, annotation => annotation.Name == key);
    }

    /// <summary>Whether <see cref="Has"/> may hold of an OTLP span for its status.</summary>
    public static bool IsOfStatus(string key) => key is "error" or "otel.status_code";

    /// <summary>The same for its scope; what the scope has to have then.</summary>
    public static Func<InstrumentationScope, string>? OfScope(string key) => key switch
    {
        ScopeName => scope => scope.Name,
        ScopeVersion => scope => scope.Version,
        _ => null,
    };

    /// <summary>The same for how much of it was dropped.</summary>
    public static bool IsOfDropped(string key) => key.StartsWith(DroppedPrefix, StringComparison.Ordinal);

    /// <summary>Whether an attribute alone does not tell, since the key is one of those.</summary>
    public static bool IsDerived(string key) => IsOfStatus(key) || OfScope(key) is not null || IsOfDropped(key);
}
