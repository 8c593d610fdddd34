using Tracing.Model;

namespace Tracing.Storage;

/// <summary>A span in its trace's tree.</summary>
sealed class TraceNode(Span? span)
{
    static readonly List<TraceNode> NoChildren = [];

    /// <summary>Null only for the stand-in of a root that was not reported.</summary>
    public Span? Span { get; } = span;

    /// <summary>Null for the root.</summary>
    public TraceNode? Parent { get; private set; }

    /// <summary>By start; those without one first.</summary>
    public IReadOnlyList<TraceNode> Children => _children;

    List<TraceNode> _children = NoChildren;

    public void Adopt(TraceNode child)
    {
        if (_children == NoChildren)
            _children = [];
        _children.Add(child);
        child.Parent = this;
    }

    public void SortChildren()
    {
        // List.Sort is not stable, and most nodes have one child at most
        if (_children.Count > 1)
            _children = [.. _children.OrderBy(child => child.Span?.StartUnixNano ?? 0)];
    }
}

/// <summary>
/// Arranges the spans of one trace as Zipkin does. The first span without a parent is the root; whatever names no
/// parent, or one that was not reported, becomes a child of it. Spans that are each other's ancestors belong to no
/// tree and are left out, as are all but the last of several that claim the same place. Nothing here recurses.
/// </summary>
sealed class TraceTree
{
    /// <summary>
    /// What a child can call its parent. The id alone, or, for a server that shares its client's id, the id and the
    /// server's endpoint: then the client's and the server's own children can be told apart.
    /// </summary>
    readonly record struct Place(SpanId Id, bool Shared, Endpoint? Endpoint);

    readonly List<Span> _spans;
    readonly Endpoint?[] _endpoints;
    readonly Dictionary<Place, TraceNode> _nodes;

    // Places in the order of their spans, with the place of the parent; null: below the root.
    readonly OrderedDictionary<Place, Place?> _parents;
    TraceNode? _root;

    TraceTree(List<Span> spans)
    {
        _spans = spans;
        _endpoints = new Endpoint?[spans.Count];
        _nodes = new Dictionary<Place, TraceNode>(spans.Count);
        _parents = new OrderedDictionary<Place, Place?>(spans.Count);
    }

    /// <param name="trace">Spans of one trace as reported; they are merged first.</param>
    /// <returns>The root.</returns>
    public static TraceNode Build(IReadOnlyList<Span> trace)
    {
        var tree = new TraceTree(TraceMerger.Merge(trace));
        tree.RegisterParents();
        for (var i = 0; i < tree._spans.Count; i++)
            tree.PlaceSpan(tree._spans[i], tree._endpoints[i]);
        return tree.Connect();
    }

    /// <summary>The nodes of a tree, each level by start; the stand-in of a missing root is left out.</summary>
    public static IEnumerable<TraceNode> BreadthFirst(TraceNode root)
    {
        var waiting = new Queue<TraceNode>([root]);
        while (waiting.TryDequeue(out var node))
        {
            if (node.Span is not null)
                yield return node;
            foreach (var child in node.Children)
                waiting.Enqueue(child);
        }
    }

    void RegisterParents()
    {
        for (var i = 0; i < _spans.Count; i++)
        {
            var span = _spans[i];
            _endpoints[i] = TraceMerger.LocalEndpoint(span);
            if (span.Shared)
                _parents[SharedPlace(span.SpanId, _endpoints[i])] = OwnPlace(span.SpanId);
            else
                _parents[OwnPlace(span.SpanId)] = HasParent(span) ? OwnPlace(span.ParentSpanId) : null;
        }
    }

    void PlaceSpan(Span span, Endpoint? endpoint)
    {
        var node = new TraceNode(span);
        if (span.Shared)
        {
            _nodes[SharedPlace(span.SpanId, endpoint)] = node;
            _nodes[SharedPlace(span.SpanId, null)] = node; // for children that do not say where they ran
            return;
        }
        var place = OwnPlace(span.SpanId);
        if (HasParent(span))
        {
            // a server of this very host that shares the parent's id is closer than the client which made the id
            var server = SharedPlace(span.ParentSpanId, endpoint);
            if (_parents.ContainsKey(server))
                _parents[place] = server;
        }
        else if (_root is null)
        {
            _root = node;
            _parents.Remove(place); // O(n), but once
            return;
        }
        _nodes[place] = node;
    }

    TraceNode Connect()
    {
        var root = _root ?? new TraceNode(null);
        foreach (var (place, parentPlace) in _parents)
        {
            var parent = parentPlace is { } known ? _nodes.GetValueOrDefault(known, root) : root;
            parent.Adopt(_nodes[place]);
        }
        root.SortChildren();
        foreach (var node in _nodes.Values)
            node.SortChildren();
        return root;
    }

    static Place OwnPlace(SpanId id) => new(id, Shared: false, Endpoint: null);

    static Place SharedPlace(SpanId id, Endpoint? endpoint) => new(id, Shared: true, endpoint);

    // an OTLP span may name itself as its parent; Zipkin's reader drops that
    static bool HasParent(Span span) => !span.ParentSpanId.IsZero && span.ParentSpanId != span.SpanId;
}
