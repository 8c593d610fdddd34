using System.Runtime.InteropServices;
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
            .Select((span, i) => (Span: span, Report: i))
            .Where(each =>
                each.Span.StartUnixNano >= search.StartUnixNano && each.Span.StartUnixNano < search.EndUnixNano &&
                (fits?[each.Report] ?? search.Filter.Matches(each.Span, trace)))
            .OrderBy(each => StartOf(each.Span))
            .ToList();
        if (matches.Count == 0)
            return null;
        var spanOf = ReportedSpans.Group(stored, out var count);
        // of the reports of one span that match, the last one stored mostly is the most complete
        var shown = count == stored.Count
            ? matches.ConvertAll(each => each.Span)
            : [.. matches.GroupBy(each => spanOf[each.Report])
                .Select(reports => reports.MaxBy(each => each.Report).Span).OrderBy(StartOf)];
        var services = CountServices(trace, spanOf, count);
        var errors = services.Sum(service => service.Errors);
        var value = search.Order switch
        {
            SearchOrder.Newest => matches.Max(each => each.Span.StartUnixNano),
            SearchOrder.Oldest => StartOf(matches[0].Span),
            SearchOrder.Slowest => (ulong)trace.DurationNanos,
            SearchOrder.MostSpans => (ulong)count,
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
            SpanCount = count,
            ErrorCount = errors,
            Services = services,
            MatchCount = shown.Count,
            Spans = shown.GetRange(0, Math.Min(shown.Count, search.SpansPerTrace)),
        });
    }

    /// <summary>A start that is unknown is neither the newest nor the oldest.</summary>
    static ulong StartOf(Span span) => span.StartUnixNano == 0 ? ulong.MaxValue : span.StartUnixNano;

    /// <summary>A span is of the service that its first report with one names, and failed if any says so.</summary>
    static List<ServiceCount> CountServices(TraceFacts trace, int[] spanOf, int count)
    {
        var (services, hasFailed) = (new string?[count], new bool[count]);
        for (var i = 0; i < spanOf.Length; i++)
        {
            if (string.IsNullOrEmpty(services[spanOf[i]]))
                services[spanOf[i]] = trace.Spans[i].ServiceName;
            hasFailed[spanOf[i]] |= trace.Spans[i].Status == StatusCode.Error;
        }
        var counts = new Dictionary<string, (int Spans, int Errors)>(StringComparer.Ordinal);
        for (var i = 0; i < count; i++)
        {
            ref var ofService = ref CollectionsMarshal.GetValueRefOrAddDefault(counts, services[i]!, out _);
            ofService = (ofService.Spans + 1, ofService.Errors + (hasFailed[i] ? 1 : 0));
        }
        return [.. counts.Select(each => new ServiceCount(each.Key, each.Value.Spans, each.Value.Errors))
            .OrderByDescending(service => service.Spans)
            .ThenBy(service => service.Name, StringComparer.Ordinal)];
    }

    /// <summary>Negative when this one comes before the other.</summary>
    public int CompareTo(SearchOrder order, ulong value, TraceId id)
    {
        var byValue = order == SearchOrder.Oldest ? Value.CompareTo(value) : value.CompareTo(Value);
        return byValue != 0 ? byValue : Compare(Found.TraceId, id);
    }

    static int Compare(TraceId one, TraceId other) =>
        one.High != other.High ? one.High.CompareTo(other.High) : one.Low.CompareTo(other.Low);
}
