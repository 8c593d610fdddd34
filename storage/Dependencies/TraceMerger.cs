using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage;

/// <summary>
/// Makes one span of the pieces that were reported of it, as Zipkin does before it looks at a trace as a whole: pieces
/// are one when their id and their side (shared or not) are equal and nothing in their local endpoints contradicts.
/// </summary>
static class TraceMerger
{
    /// <summary>A span as reported, and what decides its place: O(n log n) needs the endpoint computed once.</summary>
    readonly record struct Piece(Span Span, Endpoint? Endpoint, int Arrival);

    /// <summary>
    /// The spans of one trace, sorted by id and the client's side first. A server that took over its client's id gets
    /// the shared flag and the parent that its reporter left out; ids of 64 bits are widened when any has 128.
    /// </summary>
    public static List<Span> Merge(IReadOnlyList<Span> trace)
    {
        if (trace.Count <= 1)
            return [.. trace];
        var pieces = new Piece[trace.Count];
        for (var i = 0; i < pieces.Length; i++)
            pieces[i] = new Piece(trace[i], LocalEndpoint(trace[i]), i);
        Array.Sort(pieces, Compare);

        var wideId = Array.Find(pieces, piece => piece.Span.TraceId.High != 0).Span?.TraceId;
        var merged = new List<Span>(pieces.Length);
        for (int start = 0, end; start < pieces.Length; start = end)
        {
            end = EndOfSpan(pieces, start, out var endpoint);
            var span = Repaired(Combine(pieces.AsSpan(start, end - start), endpoint), pieces[start].Span, merged);
            if (wideId is { } id && span.TraceId.High == 0)
                span = span with { TraceId = id };
            merged.Add(span);
        }
        return merged;
    }

    /// <summary>One span of all reports of it, in the order stored.</summary>
    public static Span Combine(IReadOnlyList<Span> reports)
    {
        Piece[] pieces = [.. reports.Select((span, i) => new Piece(span, LocalEndpoint(span), i))];
        return Combine(pieces, pieces.Select(piece => piece.Endpoint).Aggregate((one, other) => Combine(one, other)));
    }

    /// <summary>The host that recorded a span; of an OTLP span only the service. Null when unknown.</summary>
    public static Endpoint? LocalEndpoint(Span span)
    {
        if (span.Origin == SpanOrigin.Zipkin)
            return span.LocalEndpoint;
        var service = ZipkinText.ToLower(span.ServiceName);
        return service.Length == 0 ? null : new Endpoint { ServiceName = service };
    }

    static int Compare(Piece left, Piece right)
    {
        var order = left.Span.SpanId.Value.CompareTo(right.Span.SpanId.Value);
        if (order == 0)
            order = Side(left.Span).CompareTo(Side(right.Span));
        if (order == 0)
            order = Compare(left.Endpoint, right.Endpoint);
        return order != 0 ? order : left.Arrival.CompareTo(right.Arrival);
    }

    static int Side(Span span) => span.Shared ? 2 : span.Kind == SpanKind.Client ? 0 : 1;

    /// <summary>Unknown endpoints first, so that they join the first one known.</summary>
    static int Compare(Endpoint? left, Endpoint? right)
    {
        if (left is null || right is null)
            return (left is null ? 0 : 1) - (right is null ? 0 : 1);
        var order = Compare(left.ServiceName, right.ServiceName);
        if (order == 0)
            order = Compare(left.Ipv4, right.Ipv4);
        return order != 0 ? order : Compare(left.Ipv6, right.Ipv6);
    }

    /// <summary>By code unit; absent text last.</summary>
    static int Compare(string left, string right) => left.Length == 0 || right.Length == 0
        ? right.Length.CompareTo(0) - left.Length.CompareTo(0)
        : string.CompareOrdinal(left, right);

    /// <summary>Where the pieces of the span that begins at <paramref name="start"/> end.</summary>
    /// <param name="endpoint">What they say together of where it was recorded.</param>
    static int EndOfSpan(Piece[] pieces, int start, out Endpoint? endpoint)
    {
        var first = pieces[start].Span;
        endpoint = pieces[start].Endpoint;
        var end = start + 1;
        for (; end < pieces.Length; end++)
        {
            var next = pieces[end];
            if (next.Span.SpanId != first.SpanId || next.Span.Shared != first.Shared ||
                Contradict(endpoint, next.Endpoint))
                break;
            endpoint = Combine(endpoint, next.Endpoint);
        }
        return end;
    }

    static bool Contradict(Endpoint? left, Endpoint? right) =>
        left is not null && right is not null &&
        (Contradict(left.ServiceName, right.ServiceName) || Contradict(left.Ipv4, right.Ipv4) ||
        Contradict(left.Ipv6, right.Ipv6) || (left.Port != 0 && right.Port != 0 && left.Port != right.Port));

    static bool Contradict(string left, string right) => left.Length > 0 && right.Length > 0 && left != right;

    static Endpoint? Combine(Endpoint? left, Endpoint? right)
    {
        if (left is null || right is null || left == right)
            return left ?? right;
        return new Endpoint
        {
            ServiceName = FirstKnown(left.ServiceName, right.ServiceName),
            Ipv4 = FirstKnown(left.Ipv4, right.Ipv4),
            Ipv6 = FirstKnown(left.Ipv6, right.Ipv6),
            Port = left.Port != 0 ? left.Port : right.Port,
        };
    }

    static string FirstKnown(string left, string right) => left.Length > 0 ? left : right;

    /// <summary>
    /// Of single values the first one known, of tags the last, of events and links all. One pass over the pieces,
    /// however many there are.
    /// </summary>
    static Span Combine(ReadOnlySpan<Piece> pieces, Endpoint? endpoint)
    {
        var span = pieces[0].Span;
        if (pieces.Length == 1)
            return span;
        var tags = new OrderedDictionary<string, AttributeValue>(StringComparer.Ordinal);
        var events = new List<SpanEvent>();
        var links = new List<SpanLink>();
        foreach (var piece in pieces)
        {
            span = WithGapsFilled(span, piece.Span);
            foreach (var (key, value) in piece.Span.Attributes)
                tags[key] = value;
            events.AddRange(piece.Span.Events);
            links.AddRange(piece.Span.Links);
        }
        return span with
        {
            LocalEndpoint = span.Origin == SpanOrigin.Zipkin ? endpoint : null,
            Attributes = [.. tags.Select(tag => new KeyValue(tag.Key, tag.Value))],
            Events = [.. events.Distinct().OrderBy(e => e.TimeUnixNano).ThenBy(e => e.Name, StringComparer.Ordinal)],
            Links = [.. links.Distinct()],
        };
    }

    static Span WithGapsFilled(Span span, Span other)
    {
        var start = span.StartUnixNano != 0 ? span.StartUnixNano : other.StartUnixNano;
        var duration = span.DurationNanos > 0 ? span.DurationNanos : Math.Max(0, other.DurationNanos);
        var end = span.StartUnixNano != 0 && span.KnownDuration is not null ? span.EndUnixNano
            : unchecked(start + (ulong)duration);
        // an end of OTLP's is no end without a start, and none if it is 0
        if (span.Origin == SpanOrigin.Otlp && (span.StartUnixNano == 0 || span.EndUnixNano == 0))
        {
            (start, end) = other.StartUnixNano != 0 && (other.EndUnixNano != 0 || span.StartUnixNano == 0)
                ? (other.StartUnixNano, other.EndUnixNano)
                : (span.StartUnixNano, span.EndUnixNano);
        }
        var errorOfOther = other.Status == StatusCode.Error && span.Status != StatusCode.Error;
        return span with
        {
            ParentSpanId = span.ParentSpanId.IsZero ? other.ParentSpanId : span.ParentSpanId,
            Kind = span.Kind == SpanKind.Unspecified ? other.Kind : span.Kind,
            Name = FirstKnown(span.Name, other.Name),
            StartUnixNano = start,
            EndUnixNano = end,
            RemoteEndpoint = Combine(span.RemoteEndpoint, other.RemoteEndpoint),
            Status = errorOfOther || span.Status == StatusCode.Unset ? other.Status : span.Status,
            StatusMessage = errorOfOther ? other.StatusMessage : FirstKnown(span.StatusMessage, other.StatusMessage),
            Debug = span.Debug || other.Debug,
        };
    }

    /// <summary>
    /// Adds what some reporters leave out of a server span with its client's id. Zipkin looks at the first piece of
    /// the span for it, not at all of them together.
    /// </summary>
    static Span Repaired(Span span, Span firstPiece, List<Span> before)
    {
        if (before.Count == 0 || before[^1].SpanId != span.SpanId)
            return span;
        var client = before[^1];
        if (client.Kind == SpanKind.Client && firstPiece.Kind == SpanKind.Server && !span.Shared)
            span = span with { Shared = true };
        if (span.Shared && firstPiece.ParentSpanId.IsZero && !client.ParentSpanId.IsZero)
            span = span with { ParentSpanId = client.ParentSpanId };
        return span;
    }
}
