namespace Tracing.Storage;

/// <summary>
/// Zipkin's search. A trace matches when its timestamp (start of the first stored span that has a start and no parent,
/// else the smallest start) lies in the window and each condition is met by some span of the service, not
/// necessarily the same one; without a service, by some span of the trace.
/// </summary>
public sealed record TraceQuery
{
    /// <summary>Lower case; null for any.</summary>
    public string? ServiceName { get; init; }

    /// <summary>Lower case; null for any.</summary>
    public string? RemoteServiceName { get; init; }

    /// <summary>Lower case; null for any.</summary>
    public string? SpanName { get; init; }

    /// <summary>
    /// Key to value: a tag equal to the value, compared with case; an empty value is met by a tag of that key or an
    /// annotation of that text. All must be met.
    /// </summary>
    public IReadOnlyDictionary<string, string> Annotations { get; init; } = new Dictionary<string, string>();

    /// <summary>Microseconds, at least 1; null for any.</summary>
    public long? MinDurationMicros { get; init; }

    /// <summary>Microseconds, at least the minimum; null for any.</summary>
    public long? MaxDurationMicros { get; init; }

    /// <summary>Newest trace timestamp, in milliseconds since 1970, included.</summary>
    public required long EndMillis { get; init; }

    /// <summary>How far before the end the window begins, in milliseconds, included.</summary>
    public required long LookbackMillis { get; init; }

    /// <summary>At most so many traces, at least 1.</summary>
    public required int Limit { get; init; }

    /// <summary>False: traces are one when the low 64 bits of their ids are equal.</summary>
    public bool StrictTraceId { get; init; } = true;
}
