using Tracing.Model;

namespace Tracing.Storage;

// Spans that may be of one call, as CallLayers says. Of each one those around and within are looked at again when
// something about it changes: MaxLevels up, and MaxWithin within, of each of which as many again.
public sealed partial class EdgeLinker
{
    /// <summary>Learns that a span is within another one of the same service.</summary>
    /// <returns>Whether they may be of one call, until a server's half of the outer one's id comes.</returns>
    bool JoinLayers(int outerAt, int innerAt)
    {
        ref var outer = ref _table[outerAt];
        ref var inner = ref _table[innerAt];
        // a server's half is the callee of the id's other one
        if (outer.Is(EdgeFlags.ServerHalf) || inner.Is(EdgeFlags.ServerHalf | EdgeFlags.Link) ||
            !CallLayers.IsAround(outer.Kind) || !CallLayers.IsWithin(inner.Kind))
            return false;
        outer.Flags |= EdgeFlags.HasLayers;
        if (!inner.Is(EdgeFlags.Layer))
        {
            inner.Flags |= EdgeFlags.Layer;
            ReviewLayers(innerAt);
        }
        return true;
    }

    /// <summary>A span is not of the call that it seemed to be of.</summary>
    void LeaveLayers(int at)
    {
        if (!_table[at].Is(EdgeFlags.Layer))
            return;
        var outer = OuterOf(at);
        _table[at].Flags &= ~EdgeFlags.Layer;
        ReviewLayers(at);
        if (outer != EdgeTable.None)
            ReviewLayers(outer);
    }

    int OuterOf(int at)
    {
        ref var span = ref _table[at];
        return span.Is(EdgeFlags.Layer) ? _table.Find(span.Trace, span.Parent).Other : EdgeTable.None;
    }

    /// <summary>Something has changed about a span: looks again at it and at those of the same call.</summary>
    void ReviewLayers(int at)
    {
        ReviewPeer(at);
        var outer = OuterOf(at);
        for (var depth = 0; outer != EdgeTable.None && depth < CallLayers.MaxLevels; depth++, outer = OuterOf(outer))
            ReviewPeer(outer);
        var steps = CallLayers.MaxWithin;
        _ = AnyWithin(at, at, CallLayers.MaxLevels, ref steps, static (linker, _, inner) =>
        {
            linker.ReviewPeer(inner);
            return false;
        });
    }

    /// <summary>Counts a call to the name that the caller has for who it calls, or withdraws it.</summary>
    void ReviewPeer(int at)
    {
        ref var span = ref _table[at];
        if (span.Peer == 0)
            return;
        // who is called by name and may yet come has some time to do so; databases do not come
        if (span.HasCallee || IsCovered(at))
            WithdrawPeer(ref span);
        else if (at < _settled || span.Is(EdgeFlags.Database))
            CountPeer(ref span);
    }

    /// <summary>Whether another span of the same call, by a library around or within, tells whom it calls.</summary>
    bool IsCovered(int at)
    {
        var outer = OuterOf(at);
        for (var depth = 0; outer != EdgeTable.None && depth < CallLayers.MaxLevels; depth++, outer = OuterOf(outer))
        {
            if (CoveredOf(outer, at) == CoveredLayer.Inner)
                return true;
        }
        var steps = CallLayers.MaxWithin;
        return AnyWithin(at, at, CallLayers.MaxLevels, ref steps,
            static (linker, around, inner) => linker.CoveredOf(around, inner) == CoveredLayer.Outer);
    }

    /// <summary>Whether something holds for one of the spans within this one that may be of its call.</summary>
    bool AnyWithin(int at, int top, int depth, ref int steps, Func<EdgeLinker, int, int, bool> holds)
    {
        ref var outer = ref _table[at];
        if (depth == 0 || !outer.Is(EdgeFlags.HasLayers))
            return false;
        for (var next = _table.FirstChild(outer.Trace, outer.Id); next != 0 && steps > 0; steps--)
        {
            var innerAt = next - 1;
            ref var inner = ref _table[innerAt];
            next = inner.NextChild;
            if (inner.Is(EdgeFlags.Layer) && inner.Parent == outer.Id && inner.Trace == outer.Trace &&
                (holds(this, top, innerAt) || AnyWithin(innerAt, top, depth - 1, ref steps, holds)))
                return true;
        }
        return false;
    }

    CoveredLayer CoveredOf(int outer, int inner) =>
        CallLayers.CoveredOf(new Layer(this, outer), new Layer(this, inner));

    /// <summary>Whether a service that is called may be this one; so many callees are looked at.</summary>
    bool Reaches(int at, in Peer peer)
    {
        ref var caller = ref _table[at];
        var server = _table.Find(caller.Trace, caller.Id).Server;
        if (server != EdgeTable.None && IsCallee(server, at, peer))
            return true;
        var next = _table.FirstChild(caller.Trace, caller.Id);
        for (var steps = CallLayers.MaxWithin; next != 0 && steps > 0; steps--, next = _table[next - 1].NextChild)
        {
            if (IsCallee(next - 1, at, peer))
                return true;
        }
        return false;
    }

    bool IsCallee(int at, int caller, in Peer peer) =>
        _table[at].Caller == caller + 1 && peer.MayBeService(_names.ServiceOf(_table[at].Label).Name);

    void CountPeer(ref EdgeSpan caller)
    {
        if (caller.Is(EdgeFlags.CountedToPeer))
            return;
        caller.Flags |= EdgeFlags.CountedToPeer;
        CountPeer(ref caller, isWithdrawn: false);
    }

    void WithdrawPeer(ref EdgeSpan caller)
    {
        if (!caller.Is(EdgeFlags.CountedToPeer))
            return;
        caller.Flags &= ~EdgeFlags.CountedToPeer;
        CountPeer(ref caller, isWithdrawn: true);
    }

    void CountPeer(ref EdgeSpan caller, bool isWithdrawn)
    {
        if (_statistics is null)
            return;
        var peer = _names.LabelOfPeer(_peers.NameOf(caller.Peer));
        CountSide(_names.EdgeOf(caller.Label, peer, caller.Kind == SpanKind.Producer), EdgeSide.Caller, isWithdrawn,
            ref caller, _statistics.MinuteOf(caller.Second), caller.Weight, caller.Is(EdgeFlags.Estimated));
    }

    /// <summary>Forgets the names of peers that no span has any more.</summary>
    void KeepPeers()
    {
        var before = _peers;
        _peers = new EdgePeers();
        for (var i = 0; i < _table.Count; i++)
        {
            ref var span = ref _table[i];
            // of those beyond the bound nothing is known
            if (span.Peer > 1)
                span.Peer = _peers.NumberOf(before[span.Peer]);
        }
    }

    readonly struct Layer(EdgeLinker linker, int at) : ICallLayer
    {
        public SpanKind Kind => linker._table[at].Kind;

        public Peer Peer => linker._peers[linker._table[at].Peer];

        public bool HasCallee => linker._table[at].HasCallee;

        public bool Reaches(in Peer peer) => linker.Reaches(at, peer);
    }
}
