using Tracing.Model;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage;

/// <summary>In which order traces are found; of equals the smaller trace id comes first.</summary>
public enum SearchOrder
{
    /// <summary>By the start of the trace's newest matching span, the latest first.</summary>
    Newest,

    /// <summary>By the start of the trace's oldest matching span, the earliest first; unknown ones last.</summary>
    Oldest,

    /// <summary>By the duration of the whole trace, the longest first.</summary>
    Slowest,

    /// <summary>By the number of spans stored of the trace, the most first.</summary>
    MostSpans,

    /// <summary>By the number of failed spans stored of the trace, the most first.</summary>
    MostErrors,
}

/// <summary>
/// A search for traces that have a span which fits a filter and starts within a window. The window is about the
/// matching spans: the rest of a trace may lie outside, and is counted all the same. Spans without a start are found
/// by no window that begins after 0.
/// </summary>
public sealed record SpanSearch
{
    public SpanFilter Filter { get; init; } = SpanFilter.Any;

    /// <summary>Nanoseconds since 1970, included.</summary>
    public required ulong StartUnixNano { get; init; }

    /// <summary>Nanoseconds since 1970, excluded.</summary>
    public required ulong EndUnixNano { get; init; }

    public SearchOrder Order { get; init; }

    /// <summary>At most so many traces, at least 1.</summary>
    public int Limit { get; init; } = 20;

    /// <summary>How many of its matching spans, from the first to start, are told of each trace; 0 or more.</summary>
    public int SpansPerTrace { get; init; } = 3;

    /// <summary>
    /// Where the page before ended; null for the first. Window and order are then those of the first page.
    /// </summary>
    public SearchCursor? Cursor { get; init; }
}

/// <summary>Traces in the order asked for.</summary>
/// <param name="Next">Where the next page begins; null when this is the last.</param>
public sealed record SearchPage(IReadOnlyList<FoundTrace> Traces, SearchCursor? Next);

/// <summary>A trace that has a matching span.</summary>
public sealed record FoundTrace
{
    public required TraceId TraceId { get; init; }

    /// <summary>Service of the root, as sent; see <see cref="SpanTree.RootOf"/>.</summary>
    public required string? RootService { get; init; }

    /// <summary>Name of the root.</summary>
    public required string? RootName { get; init; }

    /// <summary>Whether no root is stored, and the topmost span stands for it.</summary>
    public required bool IsRootMissing { get; init; }

    /// <summary>The earliest start of its spans, in nanoseconds since 1970; 0 when none is known.</summary>
    public required ulong StartUnixNano { get; init; }

    /// <summary>From the earliest start to the latest end, in nanoseconds; 0 when nothing is known of it.</summary>
    public required long DurationNanos { get; init; }

    /// <summary>Whether the duration of any of its spans is known.</summary>
    public required bool IsDurationKnown { get; init; }

    public required TraceKept Kept { get; init; }

    public required int SpanCount { get; init; }

    public required int ErrorCount { get; init; }

    /// <summary>Services of its spans, the one of most spans first.</summary>
    public required IReadOnlyList<ServiceCount> Services { get; init; }

    /// <summary>How many spans match.</summary>
    public required int MatchCount { get; init; }

    /// <summary>The first of the matching spans, by start.</summary>
    public required IReadOnlyList<Span> Spans { get; init; }
}

/// <param name="Name">As sent; empty for spans that name none.</param>
/// <param name="Errors">How many of the spans failed.</param>
public sealed record ServiceCount(string Name, int Spans, int Errors);
