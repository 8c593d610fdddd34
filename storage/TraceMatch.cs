using Tracing.Model;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage;

/// <summary>A whole trace against a search, exactly.</summary>
/// <param name="Value">What the search orders the trace by.</param>
readonly record struct TraceMatch(ulong Value, FoundTrace Found)
{
    /// <summary>Null when no span matches.</summary>
    /// <param name="stored">All spans of the trace, in the order they were stored.</param>
    /// <param name="kept">Why it is kept.</param>
    /// <param name="search">Its cursor is not looked at.</param>
    /// <param name="fits">Whether each span fits the filter; null when that is to be decided.</param>
    public static TraceMatch? Of(
        IReadOnlyList<Span> stored, TraceKept kept, SpanSearch search, IReadOnlyList<bool>? fits = null)
    {
        var trace = new TraceFacts(stored);
        var matches = trace.Spans
            .Where((span, i) =>
                span.StartUnixNano >= search.StartUnixNano && span.StartUnixNano < search.EndUnixNano &&
                (fits?[i] ?? search.Filter.Matches(span, trace)))
            .OrderBy(StartOf)
            .ToList();
        if (matches.Count == 0)
            return null;
        var errors = trace.Spans.Count(span => span.Status == StatusCode.Error);
        var value = search.Order switch
        {
            SearchOrder.Newest => matches.Max(span => span.StartUnixNano),
            SearchOrder.Oldest => StartOf(matches[0]),
            SearchOrder.Slowest => (ulong)trace.DurationNanos,
            SearchOrder.MostSpans => (ulong)trace.Spans.Count,
            _ => (ulong)errors,
        };
        return new TraceMatch(value, new FoundTrace
        {
            TraceId = trace.Spans[0].TraceId,
            RootService = trace.Root?.ServiceName,
            RootName = trace.Root?.Name,
            StartUnixNano = trace.StartUnixNano,
            IsRootMissing = trace.IsRootMissing,
            DurationNanos = trace.DurationNanos,
            IsDurationKnown = trace.IsDurationKnown,
            Kept = kept,
            SpanCount = trace.Spans.Count,
            ErrorCount = errors,
            Services = CountServices(trace),
            MatchCount = matches.Count,
            Spans = matches.GetRange(0, Math.Min(matches.Count, search.SpansPerTrace)),
        });
    }

    /// <summary>A start that is unknown is neither the newest nor the oldest.</summary>
    static ulong StartOf(Span span) => span.StartUnixNano == 0 ? ulong.MaxValue : span.StartUnixNano;

    static List<ServiceCount> CountServices(TraceFacts trace) =>
        [.. trace.Spans
            .GroupBy(span => span.ServiceName, StringComparer.Ordinal)
            .Select(spans => new ServiceCount(
                spans.Key, spans.Count(), spans.Count(span => span.Status == StatusCode.Error)))
            .OrderByDescending(service => service.Spans)
            .ThenBy(service => service.Name, StringComparer.Ordinal)];

    /// <summary>Negative when this one comes before the other.</summary>
    public int CompareTo(SearchOrder order, ulong value, TraceId id)
    {
        var byValue = order == SearchOrder.Oldest ? Value.CompareTo(value) : value.CompareTo(Value);
        return byValue != 0 ? byValue : Compare(Found.TraceId, id);
    }

    static int Compare(TraceId one, TraceId other) =>
        one.High != other.High ? one.High.CompareTo(other.High) : one.Low.CompareTo(other.Low);
}
