using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage;

/// <summary>
/// Which spans of a trace are of a call or of a message that another one counts, by <see cref="CallLayers"/> as for the
/// edges. Only of spans in OTLP: those in Zipkin's format are counted as Zipkin counts them.
/// </summary>
sealed class TraceLayers
{
    // the messages that a service has taken so far
    readonly HashSet<(string Service, ulong Trace, ulong Producer)> _messages = [];

    /// <summary>Whether another span counts the call that this one makes.</summary>
    public static bool IsCovered(TraceNode node)
    {
        var layer = new Layer(node);
        if (node.Span!.Kind == SpanKind.Client && layer.HasCallee)
            return true;
        var outer = OuterOf(node);
        for (var level = 0; outer is not null && level < CallLayers.MaxLevels; level++, outer = OuterOf(outer))
        {
            if (CallLayers.CoveredOf(new Layer(outer), layer) == CoveredLayer.Inner)
                return true;
        }
        var steps = CallLayers.MaxWithin;
        return IsCoveredWithin(layer, node, CallLayers.MaxLevels, ref steps);
    }

    /// <summary>Whether a consumer has a message that none before it in the trace has; parents come first.</summary>
    public bool TakesMessage(TraceNode node)
    {
        var span = node.Span!;
        var broker = ZipkinMapping.RemoteServiceName(span);
        // it counts nothing
        if (broker.Length == 0)
            return true;
        var around = ParentOf(node);
        for (var level = 0; around is not null && level < CallLayers.MaxLevels; level++, around = ParentOf(around))
        {
            var outer = around.Span!;
            if (AreOfTwoServices(outer, span))
                break;
            if (outer.Kind == SpanKind.Consumer && ZipkinMapping.RemoteServiceName(outer) == broker)
            {
                _ = AddMessages(node);
                return false;
            }
            if (!CallLayers.IsAround(outer.Kind))
                break;
        }
        return AddMessages(node);
    }

    bool AddMessages(TraceNode node)
    {
        var (span, isNew) = (node.Span!, false);
        if (ParentOf(node)?.Span is { Kind: SpanKind.Producer } producer)
            isNew |= _messages.Add((span.ServiceName, producer.TraceId.Low, producer.SpanId.Value));
        else if (span.Links.Length == 0)
            return true;
        foreach (var link in span.Links)
            isNew |= _messages.Add((span.ServiceName, link.TraceId.Low, link.SpanId.Value));
        return isNew;
    }

    static bool IsCoveredWithin(in Layer outer, TraceNode around, int levels, ref int steps)
    {
        if (levels == 0 || !CallLayers.IsAround(around.Span!.Kind))
            return false;
        foreach (var child in around.Children)
        {
            if (steps-- <= 0)
                return false;
            if (OuterOf(child) == around &&
                (CallLayers.CoveredOf(outer, new Layer(child)) == CoveredLayer.Outer ||
                IsCoveredWithin(outer, child, levels - 1, ref steps)))
                return true;
        }
        return false;
    }

    /// <summary>The parent, if both may be of one call.</summary>
    static TraceNode? OuterOf(TraceNode node) =>
        ParentOf(node) is { } parent && CallLayers.IsAround(parent.Span!.Kind) &&
        CallLayers.IsWithin(node.Span!.Kind) && !IsCallee(node) ? parent : null;

    /// <summary>The parent that a span names; in the tree, the root is also that of all others.</summary>
    static TraceNode? ParentOf(TraceNode node) =>
        node.Parent is { Span: { } outer } parent && node.Span is { } span &&
        (span.ParentSpanId == outer.SpanId || (span.Shared && span.SpanId == outer.SpanId)) ? parent : null;

    /// <summary>Whether its parent called it.</summary>
    static bool IsCallee(TraceNode node) => ParentOf(node)?.Span is { } parent && node.Span is { } child &&
        (child.Kind == SpanKind.Server || child.Shared ||
        (child.Kind == SpanKind.Consumer && parent.Kind == SpanKind.Producer) || AreOfTwoServices(parent, child));

    // in lower case they are one, as the answer has them
    static bool AreOfTwoServices(Span one, Span other) => one.ServiceName.Length > 0 && other.ServiceName.Length > 0 &&
        ZipkinText.ToLower(one.ServiceName) != ZipkinText.ToLower(other.ServiceName);

    readonly struct Layer(TraceNode node) : ICallLayer
    {
        public SpanKind Kind => node.Span!.Kind;

        // who has no name in Zipkin's terms is not counted by one
        public Peer Peer { get; } =
            CallLayers.IsCaller(node.Span!.Kind) && ZipkinMapping.RemoteServiceName(node.Span).Length > 0
                ? Peer.Of(node.Span)
                : default;

        public bool HasCallee => AnyCallee(null);

        public bool Reaches(in Peer peer) => AnyCallee(peer);

        bool AnyCallee(Peer? peer)
        {
            for (var i = 0; i < Math.Min(node.Children.Count, CallLayers.MaxWithin); i++)
            {
                var child = node.Children[i];
                if (IsCallee(child) && (peer is not { } named || named.MayBeService(child.Span!.ServiceName)))
                    return true;
            }
            return false;
        }
    }
}
