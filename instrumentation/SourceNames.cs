using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Tracing.Instrumentation;

/// <summary>
/// The patterns of <see cref="TracingOptions.Sources"/>, and what follows from them: between reported spans there may
/// be activities that are not reported, of sources left out or without one. Nobody ever sees those, so a span's parent
/// is the nearest reported one above them.
/// </summary>
sealed class SourceNames(IEnumerable<string> patterns)
{
    const string Experimental = "Experimental.";

    static volatile SourceNames? _running;

    readonly (Regex Pattern, bool IsExperimental)[] _patterns = [.. patterns.Select(pattern => (
        new Regex($"^{Regex.Escape(pattern).Replace("\\*", ".*", StringComparison.Ordinal)}$",
            RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.Singleline),
        pattern.StartsWith(Experimental, StringComparison.OrdinalIgnoreCase)))];

    // asked for every span, which takes 2 ns where all sources are traced, and 10 where some are
    readonly bool _isAll = patterns.Contains("*");

    // a source that is let go takes its entry along
    readonly ConditionalWeakTable<ActivitySource, StrongBox<bool>> _included = [];

    /// <summary>Those of the tracer that runs; null if none does.</summary>
    public static SourceNames? Running => _running;

    public void Run() => _running = this;

    public void Stop() => Interlocked.CompareExchange(ref _running, null, this);

    /// <summary>Activities of a time before sources have none; they cannot be sampled.</summary>
    public bool Include(string source) => source.Length > 0 && Array.Exists(_patterns, each =>
        each.Pattern.IsMatch(source) &&
        (each.IsExperimental || !source.StartsWith(Experimental, StringComparison.OrdinalIgnoreCase)));

    /// <summary>Whether an activity is a span of ours, if its trace is recorded.</summary>
    public bool Owns(Activity activity) => Include(activity.Source) && !Conventions.IsMerged(activity);

    bool Include(ActivitySource source)
    {
        if (_isAll && source.Name is { Length: > 0 } name && name[0] is not ('E' or 'e'))
            return true;
        if (!_included.TryGetValue(source, out var isIncluded))
            isIncluded = _included.GetValue(source, each => new StrongBox<bool>(Include(each.Name)));
        return isIncluded.Value;
    }

    /// <summary>The nearest span of ours, from an activity upwards; null if there is none in this process.</summary>
    /// <param name="top">The last activity that was looked at.</param>
    public Activity? Nearest(Activity? from, out Activity? top)
    {
        top = from;
        for (var activity = from; activity is not null; activity = activity.Parent)
        {
            top = activity;
            if (Owns(activity))
                return activity;
        }
        return null;
    }

    /// <summary>The span that others are to see above this one.</summary>
    public (ActivitySpanId Id, bool IsRemote) ParentOf(Activity span)
    {
        if (span.Parent is not { } parent || Owns(parent))
            return (span.ParentSpanId, span.HasRemoteParent);
        return Nearest(parent, out var top) is { } nearest
            ? (nearest.SpanId, false)
            : (top!.ParentSpanId, top.HasRemoteParent);
    }

    /// <summary>Whether no span of ours is above this one in this process.</summary>
    public bool IsFirst(Activity span) => span.Parent is not { } parent || Nearest(parent, out _) is null;
}
