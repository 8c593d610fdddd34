using Tracing.Model;

namespace Tracing.Storage;

/// <summary>
/// The spans of one trace in the order of a walk from the roots: parents before children, siblings by start (those
/// without one last), then as stored. Whose parent is not stored counts as a root, and so do a span that is its own
/// parent and the first to start of spans that are each other's ancestors. Nothing here recurses, as traces may be
/// deep.
/// </summary>
public sealed class SpanTree
{
    /// <param name="Parent">Index of the parent's node; -1 for a root.</param>
    /// <param name="End">Index after the last descendant; they follow their ancestor without a gap.</param>
    /// <param name="Depth">0 for a root.</param>
    /// <param name="IsOrphan">Whether it is a root although it names a parent.</param>
    public readonly record struct Node(Span Span, int Parent, int End, int Depth, bool IsOrphan);

    readonly Node[] _nodes;

    SpanTree(Node[] nodes) => _nodes = nodes;

    public ReadOnlySpan<Node> Nodes => _nodes;

    /// <summary>Whether a span has no parent, or says that it is its own.</summary>
    public static bool IsRoot(Span span) => span.ParentSpanId.IsZero || span.ParentSpanId == span.SpanId;

    /// <summary>
    /// The root of the trace: the first to start of the spans without a parent; if there is none, the first of those
    /// that count as roots. Null without spans.
    /// </summary>
    /// <param name="isMissing">Whether no span without a parent is stored.</param>
    public static Span? RootOf(IReadOnlyList<Span> spans, out bool isMissing)
    {
        Span? root = null;
        foreach (var span in spans)
        {
            if (IsRoot(span) && (root is null || StartOf(span) < StartOf(root)))
                root = span;
        }
        isMissing = root is null;
        return root ?? (spans.Count == 0 ? null : Of(spans).Nodes[0].Span);
    }

    /// <param name="spans">All spans of the trace, in the order they were stored; O(n log n) of them.</param>
    public static SpanTree Of(IReadOnlyList<Span> spans)
    {
        var parents = Parents(spans);
        BreakCycles(spans, parents);
        var children = new List<int>?[spans.Count];
        var roots = new List<int>();
        for (var i = 0; i < spans.Count; i++)
            (parents[i] < 0 ? roots : children[parents[i]] ??= []).Add(i);
        return new SpanTree(Walk(spans, roots, children));
    }

    /// <summary>Index of each span's parent; -1 where there is none.</summary>
    static int[] Parents(IReadOnlyList<Span> spans)
    {
        var byId = new Dictionary<SpanId, int>(spans.Count);
        // two halves of an exchange may share an id: children are the server's, and the server's half is the client's
        var clients = new Dictionary<SpanId, int>();
        for (var i = 0; i < spans.Count; i++)
        {
            if (!byId.TryAdd(spans[i].SpanId, i) && spans[i].Kind == SpanKind.Server)
                byId[spans[i].SpanId] = i;
            if (spans[i].Kind == SpanKind.Client)
                clients.TryAdd(spans[i].SpanId, i);
        }
        var parents = new int[spans.Count];
        for (var i = 0; i < parents.Length; i++)
        {
            var span = spans[i];
            if (span.Kind == SpanKind.Server && clients.TryGetValue(span.SpanId, out var client))
            {
                parents[i] = client;
                continue;
            }
            parents[i] = IsRoot(span) ? -1 : byId.GetValueOrDefault(span.ParentSpanId, -1);
        }
        return parents;
    }

    static void BreakCycles(IReadOnlyList<Span> spans, int[] parents)
    {
        // by which walk towards the roots a span was met; 0: by none yet
        var metBy = new int[parents.Length];
        for (var i = 0; i < parents.Length; i++)
        {
            var at = i;
            while (at >= 0 && metBy[at] == 0)
            {
                metBy[at] = i + 1;
                at = parents[at];
            }
            if (at < 0 || metBy[at] != i + 1)
                continue;
            var first = at;
            for (var next = parents[at]; next != at; next = parents[next])
            {
                if (StartOf(spans[next]) < StartOf(spans[first]))
                    first = next;
            }
            parents[first] = -1;
        }
    }

    /// <summary>A start that is unknown is not the earliest.</summary>
    static ulong StartOf(Span span) => span.StartUnixNano == 0 ? ulong.MaxValue : span.StartUnixNano;

    static Node[] Walk(IReadOnlyList<Span> spans, List<int> roots, List<int>?[] children)
    {
        var nodes = new Node[spans.Count];
        var count = 0;
        // a span is met again when its descendants are done: then Index is that of its node
        var pending = new Stack<(int Index, int Parent, bool IsDone)>();
        Push(roots, -1);
        while (pending.TryPop(out var step))
        {
            if (step.IsDone)
            {
                nodes[step.Index] = nodes[step.Index] with { End = count };
                continue;
            }
            var span = spans[step.Index];
            nodes[count] = new Node(span, step.Parent, count + 1,
                step.Parent < 0 ? 0 : nodes[step.Parent].Depth + 1, step.Parent < 0 && !span.ParentSpanId.IsZero);
            if (children[step.Index] is { } below)
            {
                pending.Push((count, 0, true));
                Push(below, count);
            }
            count++;
        }
        return nodes;

        void Push(List<int> siblings, int parent)
        {
            // the last first, as the stack turns them round
            foreach (var index in siblings.OrderBy(index => StartOf(spans[index])).Reverse())
                pending.Push((index, parent, false));
        }
    }
}
