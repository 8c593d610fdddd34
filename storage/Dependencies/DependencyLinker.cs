using System.Runtime.InteropServices;
using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage;

/// <summary>How often one service called another.</summary>
/// <param name="Parent">The caller, in lower case.</param>
/// <param name="Child">The callee, in lower case.</param>
/// <param name="CallCount">Calls that those seen stand for, at least 1.</param>
/// <param name="ErrorCount">How many of them failed.</param>
public sealed record DependencyLink(string Parent, string Child, long CallCount, long ErrorCount);

/// <summary>Calls between services, as far as they are counted.</summary>
/// <param name="IsPartial">Whether some traces are not counted yet; to ask again later tells more.</param>
public sealed record KnownLinks(IReadOnlyList<DependencyLink> Links, bool IsPartial);

/// <summary>
/// Counts calls between services, trace by trace, as Zipkin 3.6 does. A call usually shows in two spans, the caller's
/// and the callee's; it is counted at the callee's, whose names are more reliable, and at the caller's only when no
/// callee reported. Of several spans of one call or message, which Zipkin counts one by one, those in OTLP count once
/// (<see cref="TraceLayers"/>). A call counts for as many as its spans stand for by their client's sampling, which for
/// Zipkin's is 1. Names are those of <see cref="SeriesNames.Cut"/>. Not for several threads at once.
/// </summary>
sealed class DependencyLinker
{
    // in the order in which the links were first seen, as Zipkin answers them
    readonly List<(string Parent, string Child)> _order = [];
    readonly Dictionary<(string Parent, string Child), (double Calls, double Errors)> _counts = [];
    double _weight = 1;

    /// <summary>Counts the calls of one trace; takes O(n log n) for n spans, however deep they are nested.</summary>
    /// <param name="trace">All its spans as they were reported, of either origin, in any order.</param>
    /// <param name="weight">For how many traces it stands.</param>
    public void Add(IReadOnlyList<Span> trace, double weight = 1)
    {
        _weight = weight;
        if (trace.Count == 0)
            return;
        // Breadth first, a parent is seen before its children, so its nearest remote ancestor is known by then:
        // to walk up anew from each span would take n * n steps in a deep trace.
        var callers = new Dictionary<TraceNode, Span?>(trace.Count);
        var layers = new TraceLayers();
        foreach (var node in TraceTree.BreadthFirst(TraceTree.Build(trace)))
        {
            var caller = NearestRemoteAncestor(node, callers);
            callers[node] = caller;
            AddCalls(node, caller, layers);
        }
    }

    /// <summary>What was counted so far, in the order first seen.</summary>
    public IReadOnlyList<DependencyLink> Links() =>
        [.. _order.Select(link => new DependencyLink(
            link.Parent, link.Child, Whole(_counts[link].Calls), Whole(_counts[link].Errors)))];

    /// <summary>Counts the calls of all the traces, or of those that come before the patience ends.</summary>
    public static async Task<KnownLinks> CountAsync(
        IAsyncEnumerable<(IReadOnlyList<Span> Spans, double Weight)> traces, TimeSpan patience, TimeProvider time)
    {
        using var isOver = new CancellationTokenSource(patience, time);
        var linker = new DependencyLinker();
        await foreach (var (spans, weight) in traces)
        {
            if (isOver.IsCancellationRequested)
                return new KnownLinks(linker.Links(), IsPartial: true);
            linker.Add(spans, weight);
        }
        return new KnownLinks(linker.Links(), IsPartial: false);
    }

    static Span? NearestRemoteAncestor(TraceNode node, Dictionary<TraceNode, Span?> callers)
    {
        if (node.Parent?.Span is not { } parent)
            return null;
        return IsRemote(parent) ? parent : callers[node.Parent];
    }

    void AddCalls(TraceNode node, Span? ancestor, TraceLayers layers)
    {
        var span = node.Span!;
        if (IsCountedElsewhere(node, layers))
            return;
        var local = LocalName(span);
        var remote = RemoteName(span);
        if (!IsRemote(span) && (local.Length == 0 || remote.Length == 0))
            return;

        var isCallee = span.Kind is SpanKind.Server or SpanKind.Consumer;
        var (parent, child) = isCallee ? (remote, local) : (local, remote);
        var isError = IsError(span);
        var weight = SpanStatistics.WeightOf(span);
        // brokers stand between producers and consumers: such spans link to the broker they name, or to nothing
        var isMessaging = span.Kind is SpanKind.Producer or SpanKind.Consumer;
        if (!isMessaging && ancestor is not null && LocalName(ancestor) is { Length: > 0 } ancestorName)
        {
            // some clients give the callee's name as their own: then the call to them is missing
            if (!isCallee && local.Length > 0 && local != ancestorName)
                Count(ancestorName, local, isError: false, weight);
            if (isCallee || parent.Length == 0)
                parent = ancestorName;
            if (ancestor.Kind == SpanKind.Client && span.ParentSpanId == ancestor.SpanId)
            {
                // the other side of the call
                isError |= IsError(ancestor);
                weight = Math.Max(weight, SpanStatistics.WeightOf(ancestor));
            }
        }
        if (parent.Length > 0 && child.Length > 0)
            Count(parent, child, isError, weight);
    }

    static bool IsCountedElsewhere(TraceNode node, TraceLayers layers)
    {
        var span = node.Span!;
        if (span.Origin == SpanOrigin.Zipkin)
            return span.Kind == SpanKind.Client && node.Children.Count > 0;
        return CallLayers.IsCaller(span.Kind)
            ? TraceLayers.IsCovered(node)
            : span.Kind == SpanKind.Consumer && !layers.TakesMessage(node);
    }

    void Count(string parent, string child, bool isError, ulong weight)
    {
        // was kept for what it showed: those that were sampled stand for it
        if (weight == 0)
            return;
        (parent, child) = (SeriesNames.Cut(parent), SeriesNames.Cut(child));
        ref var counts = ref CollectionsMarshal.GetValueRefOrAddDefault(_counts, (parent, child), out var known);
        if (!known)
            _order.Add((parent, child));
        counts.Calls += _weight * weight;
        if (isError)
            counts.Errors += _weight * weight;
    }

    static long Whole(double count) => (long)Math.Round(count);

    /// <summary>Whether the span says that it is one side of an exchange; OTLP's INTERNAL says the opposite.</summary>
    static bool IsRemote(Span span) =>
        span.Kind is SpanKind.Client or SpanKind.Server or SpanKind.Producer or SpanKind.Consumer;

    static string LocalName(Span span) => ZipkinText.ToLower(span.ServiceName);

    static string RemoteName(Span span) => ZipkinMapping.RemoteServiceName(span);

    /// <summary>Zipkin knows an error by its tag, whatever the value; an annotation of that name is none.</summary>
    static bool IsError(Span span) => span.Status == StatusCode.Error ||
        (span.Origin == SpanOrigin.Zipkin && Array.Exists(span.Attributes, tag => tag.Key == "error"));
}
