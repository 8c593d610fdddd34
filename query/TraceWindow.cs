using System.Globalization;
using System.Text.Json.Serialization;
using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.TraceQl;

namespace Tracing.Query;

/// <summary>Which spans of a trace to show. Conditions that are absent are met by all.</summary>
sealed record TraceWindowQuery
{
    /// <summary>Only the span of this id and its descendants.</summary>
    public SpanId? Root { get; init; }

    /// <summary>Only so many levels below the roots, or below <see cref="Root"/>; 0 for these alone.</summary>
    public int? Depth { get; init; }

    /// <summary>
    /// Only spans that overlap the time from here, in nanoseconds since 1970, to <see cref="EndUnixNano"/>; the end
    /// is excluded.
    /// </summary>
    public ulong StartUnixNano { get; init; }

    /// <summary>Null for all time.</summary>
    public ulong? EndUnixNano { get; init; }

    /// <summary>How many of the spans that are left to pass over, in the order of <see cref="SpanTree"/>.</summary>
    public int Offset { get; init; }

    /// <summary>At most so many spans.</summary>
    public int Limit { get; init; } = int.MaxValue;
}

/// <summary>What a window leaves out.</summary>
/// <param name="Spans">Of the whole trace.</param>
/// <param name="SelectedSpans">Of those, how many meet the conditions; offset and limit choose among them.</param>
/// <param name="WindowSpans">Spans of this answer.</param>
/// <param name="StartUnixNano">The earliest start of the whole trace, in nanoseconds since 1970, as text.</param>
/// <param name="DurationNanos">From then to the latest end.</param>
/// <param name="Unknown">Ids of spans of this answer whose duration is unknown; absent without any.</param>
/// <param name="Inverted">The same of those that say that they ended before they started, which counts as 0.</param>
/// <param name="Hidden">Spans of this answer that have children or other descendants outside it.</param>
/// <param name="Orphans">
/// Ids of spans of this answer that count as roots, as the parent they name is not stored or descends from them.
/// </param>
sealed record TraceSummary(int Spans, int SelectedSpans, int WindowSpans, string StartUnixNano, long DurationNanos,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<string>? Unknown,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<string>? Inverted,
    IReadOnlyList<HiddenSpans> Hidden, IReadOnlyList<string> Orphans);

/// <param name="SpanId">16 lower-case hex digits.</param>
/// <param name="Children">How many of its children are outside the answer.</param>
/// <param name="Descendants">How many of all below it are, children too.</param>
sealed record HiddenSpans(string SpanId, int Children, int Descendants);

/// <summary>A part of a trace that is too large to be shown as a whole.</summary>
/// <param name="Spans">Parents before children, siblings by start.</param>
sealed record TraceWindow(IReadOnlyList<Span> Spans, TraceSummary Summary)
{
    /// <summary>Null when there is no span of the id of <see cref="TraceWindowQuery.Root"/>.</summary>
    /// <param name="stored">All spans of the trace, in the order they were stored.</param>
    public static TraceWindow? Of(IReadOnlyList<Span> stored, TraceWindowQuery query)
    {
        var nodes = SpanTree.Of(stored).Nodes;
        if (Select(nodes, query) is not { } selected)
            return null;
        var window = selected.Skip(query.Offset).Take(query.Limit).ToList();
        var orphans = new List<string>();
        var spans = new List<Span>(window.Count);
        foreach (var index in window)
        {
            spans.Add(nodes[index].Span);
            if (nodes[index].IsOrphan)
                orphans.Add(nodes[index].Span.SpanId.ToString());
        }
        var trace = new TraceFacts(stored);
        return new TraceWindow(spans, new TraceSummary(stored.Count, selected.Count, spans.Count,
            trace.StartUnixNano.ToString(CultureInfo.InvariantCulture), trace.DurationNanos,
            IdsThat(spans, span => span.KnownDuration is null), IdsThat(spans, span => span.IsInverted),
            Hidden(nodes, window), orphans));
    }

    static List<string>? IdsThat(List<Span> spans, Predicate<Span> predicate) =>
        spans.FindAll(predicate).ConvertAll(span => span.SpanId.ToString()) is { Count: > 0 } ids ? ids : null;

    /// <summary>Indexes of the nodes that meet the conditions.</summary>
    static List<int>? Select(ReadOnlySpan<SpanTree.Node> nodes, TraceWindowQuery query)
    {
        var selected = new List<int>();
        var isFound = query.Root is null;
        var (top, end) = (0, query.Root is null ? nodes.Length : 0);
        for (var i = 0; i < nodes.Length; i++)
        {
            if (i >= end && nodes[i].Span.SpanId == query.Root)
            {
                isFound = true;
                (top, end) = (nodes[i].Depth, nodes[i].End);
            }
            if (i < end && nodes[i].Depth - top <= (query.Depth ?? int.MaxValue) && Overlaps(nodes[i].Span, query))
                selected.Add(i);
        }
        return isFound ? selected : null;
    }

    // A span without a duration is where it starts; one without a start is in no window that begins after 0.
    static bool Overlaps(Span span, TraceWindowQuery query) => !(span.StartUnixNano >= query.EndUnixNano) &&
        (span.StartUnixNano >= query.StartUnixNano || (span.StartUnixNano > 0 &&
            (Int128)span.StartUnixNano + (span.KnownDuration ?? 0) > query.StartUnixNano));

    static List<HiddenSpans> Hidden(ReadOnlySpan<SpanTree.Node> nodes, List<int> window)
    {
        var hiddenChildren = new int[nodes.Length];
        // how many nodes before each are hidden
        var hiddenBefore = new int[nodes.Length + 1];
        var next = 0;
        for (var i = 0; i < nodes.Length; i++)
        {
            var isShown = next < window.Count && window[next] == i;
            if (isShown)
                next++;
            else if (nodes[i].Parent >= 0)
                hiddenChildren[nodes[i].Parent]++;
            hiddenBefore[i + 1] = hiddenBefore[i] + (isShown ? 0 : 1);
        }
        var hidden = new List<HiddenSpans>();
        foreach (var index in window)
        {
            var below = hiddenBefore[nodes[index].End] - hiddenBefore[index + 1];
            if (below > 0)
                hidden.Add(new HiddenSpans(nodes[index].Span.SpanId.ToString(), hiddenChildren[index], below));
        }
        return hidden;
    }
}
