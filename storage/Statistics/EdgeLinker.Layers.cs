using Tracing.Model;

namespace Tracing.Storage;

// A call of which several libraries made spans, one within the other: a mapper and a driver, a client of a database and
// the HTTP that it speaks, what receives a message and what processes it. It counts once.
public sealed partial class EdgeLinker
{
    static bool IsCaller(ref EdgeSpan span) => span.Kind is SpanKind.Client or SpanKind.Producer;

    /// <summary>Whether it says who is called better than what carries the call does.</summary>
    static bool NamesCallee(ref EdgeSpan span) => span.Is(EdgeFlags.Database) || span.Kind == SpanKind.Producer;

    /// <summary>Learns that a span is within another one of the same service.</summary>
    void JoinLayers(int outerAt, int innerAt)
    {
        ref var outer = ref _table[outerAt];
        ref var inner = ref _table[innerAt];
        if (!IsCaller(ref outer) || !IsCaller(ref inner))
            return;
        if (NamesCallee(ref outer) && !NamesCallee(ref inner))
        {
            Cover(ref inner);
            if (inner.Is(EdgeFlags.HasCallee))
                CoverAround(innerAt);
            return;
        }
        outer.Inner = innerAt + 1;
        if (outer.Is(EdgeFlags.HasCallee) && !inner.Is(EdgeFlags.HasCallee) && AreToOnePeer(ref outer, ref inner))
            Cover(ref inner);
        else if (inner.Peer != 0 || inner.Is(EdgeFlags.HasCallee) || inner.Inner != 0)
            CoverAround(innerAt);
    }

    /// <summary>A caller's callee has shown up, with spans of its own.</summary>
    void SetCallee(int at)
    {
        ref var caller = ref _table[at];
        if (caller.Is(EdgeFlags.HasCallee))
            return;
        caller.Flags |= EdgeFlags.HasCallee;
        WithdrawPeer(ref caller);
        if (!IsCaller(ref caller))
            return;
        if (caller.Inner != 0)
        {
            ref var inner = ref _table[caller.Inner - 1];
            if (!inner.Is(EdgeFlags.HasCallee) && AreToOnePeer(ref caller, ref inner))
                Cover(ref inner);
        }
        CoverAround(at);
    }

    /// <summary>The spans of the same call around one that tells of it.</summary>
    void CoverAround(int at)
    {
        while (true)
        {
            ref var inner = ref _table[at];
            if (inner.Parent == 0 || inner.Is(EdgeFlags.ServerHalf))
                return;
            at = _table.Find(inner.Trace, inner.Parent).Other;
            if (at == EdgeTable.None)
                return;
            ref var outer = ref _table[at];
            if (!IsCaller(ref outer) || AreOfTwoServices(ref outer, ref inner) || outer.Is(EdgeFlags.Covered))
                return;
            Cover(ref outer);
        }
    }

    void Cover(ref EdgeSpan span)
    {
        span.Flags |= EdgeFlags.Covered;
        WithdrawPeer(ref span);
    }

    /// <summary>
    /// Whether one within a call that has reached its callee is the same call, and not another one that has to be made
    /// first, as for a token.
    /// </summary>
    static bool AreToOnePeer(ref EdgeSpan outer, ref EdgeSpan inner) =>
        outer.Is(EdgeFlags.Database) == inner.Is(EdgeFlags.Database) &&
        (outer.Is(EdgeFlags.Database) || outer.Peer == 0 || inner.Peer == 0 || outer.Peer == inner.Peer);

    /// <summary>Counts a call to the name that the caller has for who it calls.</summary>
    void CountPeer(ref EdgeSpan caller)
    {
        if (caller.Peer == 0 || caller.Is(EdgeFlags.HasCallee | EdgeFlags.Covered | EdgeFlags.CountedToPeer))
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
        var peer = _names.LabelOfPeer(_peers[caller.Peer]);
        CountSide(_names.EdgeOf(caller.Label, peer, caller.Kind == SpanKind.Producer), EdgeSide.Caller, isWithdrawn,
            ref caller, _statistics.MinuteOf(caller.Second), caller.Weight, caller.Is(EdgeFlags.Estimated));
    }

    /// <summary>Whether one of them receives messages, and the other within processes what it received.</summary>
    bool AreLayersOfConsumer(int outerAt, int innerAt)
    {
        ref var outer = ref _table[outerAt];
        ref var inner = ref _table[innerAt];
        return outer.Kind == SpanKind.Consumer && inner.Kind == SpanKind.Consumer && !inner.Is(EdgeFlags.Link) &&
            !AreOfTwoServices(ref outer, ref inner);
    }

    /// <summary>Remembers the messages that a span within the one at hand has told of.</summary>
    void AddLinkedWithin(int position)
    {
        for (var i = position + 1; IsLinkOf(position, i) && _linkedWithin.Count < MaxNestedLinks; i++)
            _linkedWithin.Add((_table[i].Trace, _table[i].Parent));
    }

    /// <summary>Whether a consumer's message is that of a producer.</summary>
    bool IsOf(int consumer, ulong trace, ulong producer)
    {
        if (_table[consumer].Trace == trace && _table[consumer].Parent == producer)
            return true;
        for (var i = consumer + 1; IsLinkOf(consumer, i); i++)
        {
            if (_table[i].Trace == trace && _table[i].Parent == producer)
                return true;
        }
        return false;
    }

    // links follow their span
    bool IsLinkOf(int position, int at) =>
        at < _table.Count && at - position <= MaxNestedLinks && _table[at].Is(EdgeFlags.Link);
}
