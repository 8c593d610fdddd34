using System.Diagnostics;

namespace Tracing.Instrumentation;

/// <summary>Starts spans that cost little where nobody keeps them.</summary>
public static class ActivitySourceExtensions
{
    /// <summary>
    /// As <c>StartActivity</c>, but below a span that is not sampled it makes no activity and asks no listener: a few
    /// nanoseconds, and no memory. With <see cref="TracingOptions.Histograms"/> its duration is counted all the same.
    /// For code that runs often. What else listens to the source does not see such a span, and calls from within it go
    /// out as those of the span above it.
    /// </summary>
    /// <param name="source">Of the span.</param>
    /// <param name="name">Of the operation, one of few.</param>
    /// <param name="kind">Default: internal.</param>
    public static SpanScope StartSpan(
        this ActivitySource source, string name, ActivityKind kind = ActivityKind.Internal)
    {
        ArgumentNullException.ThrowIfNull(source);
        // an activity of others above is no decision not to record
        if (Tracer.Skipping is not { } tracer || Activity.Current is not { Recorded: false } parent ||
            !tracer.Owns(parent))
            return new SpanScope(source.StartActivity(name, kind));
        return tracer.CountsSkipped && source.HasListeners()
            ? new SpanScope(parent, name, kind, tracer.Timestamp)
            : default;
    }
}

/// <summary>A span from its start until it is disposed of, which <c>using</c> does.</summary>
public readonly struct SpanScope : IDisposable
{
    /// <summary>When the failed ones below a span began.</summary>
    const string FailedProperty = "tracing.failed";

    static readonly Lock Failing = new();

    readonly Activity? _span;

    // of a span that is only counted; then the activity is the one above it
    readonly string? _name;
    readonly long _start;
    readonly ActivityKind _kind;

    internal SpanScope(Activity? span) => _span = span;

    internal SpanScope(Activity parent, string name, ActivityKind kind, long start) =>
        (_span, _name, _kind, _start) = (parent, name, kind, start);

    /// <summary>The span, for tags and events; null if nobody would see them.</summary>
    public Activity? Activity => _name is null ? _span : null;

    /// <summary>What the span stands for has failed.</summary>
    /// <param name="description">Why. Default: null, nothing is said.</param>
    public void Fail(string? description = null)
    {
        if (_name is null)
        {
            _span?.SetStatus(ActivityStatusCode.Error, description);
            return;
        }
        // a variable of "using" cannot change; few spans fail, and what the one above knows dies with its request
        lock (Failing)
        {
            if (_span!.GetCustomProperty(FailedProperty) is HashSet<long> failed)
                failed.Add(_start);
            else
                _span.SetCustomProperty(FailedProperty, new HashSet<long> { _start });
        }
    }

    /// <summary>Ends the span.</summary>
    public void Dispose()
    {
        if (_name is null)
            _span?.Dispose();
        else
            Tracer.Skipping?.Skipped(_name, _kind, _start, HasFailed());
    }

    bool HasFailed()
    {
        if (_span!.GetCustomProperty(FailedProperty) is not HashSet<long> failed)
            return false;
        lock (Failing)
            return failed.Remove(_start);
    }
}
