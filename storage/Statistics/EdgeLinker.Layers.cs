using Tracing.Model;

namespace Tracing.Storage;

// A call of which several libraries made spans, one within the other: a mapper and a driver, a client of a database and
// the HTTP that it speaks, what receives a message and what processes it. It counts once.
public sealed partial class EdgeLinker
{
    /// <summary>Spans of one call are compared with those up to so many levels around and within.</summary>
    const int MaxLayers = 8;

    /// <summary>Of those that wait for a caller, so many are looked at to find the spans within one.</summary>
    const int MaxWithin = 64;

    // a server's half is the callee of the id's other one
    static bool IsCaller(ref EdgeSpan span) =>
        span.Kind is SpanKind.Client or SpanKind.Producer && !span.Is(EdgeFlags.ServerHalf);

    /// <summary>Whether it says who is called better than what carries the call does.</summary>
    static bool NamesCallee(ref EdgeSpan span) => span.Is(EdgeFlags.Database) || span.Kind == SpanKind.Producer;

    /// <summary>Learns that a span is within another one of the same service.</summary>
    /// <returns>Whether they are of one call, until a server's half of the outer one's id comes.</returns>
    bool JoinLayers(int outerAt, int innerAt)
    {
        ref var outer = ref _table[outerAt];
        ref var inner = ref _table[innerAt];
        if (!IsCaller(ref outer) || !IsCaller(ref inner))
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
        for (var depth = 0; outer != EdgeTable.None && depth < MaxLayers; depth++, outer = OuterOf(outer))
            ReviewPeer(outer);
        var steps = MaxWithin;
        _ = AnyWithin(at, at, MaxLayers, ref steps, static (linker, _, inner) =>
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
        for (var depth = 0; outer != EdgeTable.None && depth < MaxLayers; depth++, outer = OuterOf(outer))
        {
            if (CoveredOf(outer, at) == at)
                return true;
        }
        var steps = MaxWithin;
        return AnyWithin(at, at, MaxLayers, ref steps,
            static (linker, around, inner) => linker.CoveredOf(around, inner) == around);
    }

    /// <summary>Whether something holds for one of the spans of the same call that are within this one.</summary>
    bool AnyWithin(int at, int top, int depth, ref int steps, Func<EdgeLinker, int, int, bool> holds)
    {
        ref var outer = ref _table[at];
        if (depth == 0 || !outer.Is(EdgeFlags.HasLayers))
            return false;
        for (var next = _table.WaitingFor(outer.Trace, outer.Id); next != 0 && steps > 0; steps--)
        {
            var innerAt = next - 1;
            ref var inner = ref _table[innerAt];
            next = inner.NextWaiting;
            if (inner.Is(EdgeFlags.Layer) && inner.Parent == outer.Id && inner.Trace == outer.Trace &&
                (holds(this, top, innerAt) || AnyWithin(innerAt, top, depth - 1, ref steps, holds)))
                return true;
        }
        return false;
    }

    /// <summary>The one of two spans of one call that does not count it; none if both may.</summary>
    int CoveredOf(int outerAt, int innerAt)
    {
        ref var outer = ref _table[outerAt];
        ref var inner = ref _table[innerAt];
        if (NamesCallee(ref outer) && !NamesCallee(ref inner))
            return inner.HasCallee ? outerAt : innerAt;
        if (outer.HasCallee && !inner.HasCallee && AreToOnePeer(ref outer, ref inner))
            return innerAt;
        return inner.HasCallee || inner.Peer != 0 ? outerAt : EdgeTable.None;
    }

    /// <summary>
    /// Whether one within a call that has reached its callee is the same call, and not another one that has to be made
    /// first, as for a token.
    /// </summary>
    static bool AreToOnePeer(ref EdgeSpan outer, ref EdgeSpan inner) =>
        outer.Is(EdgeFlags.Database) == inner.Is(EdgeFlags.Database) &&
        (outer.Is(EdgeFlags.Database) || outer.Peer == 0 || inner.Peer == 0 || outer.Peer == inner.Peer);

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
