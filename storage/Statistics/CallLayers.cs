using Tracing.Model;

namespace Tracing.Storage;

/// <summary>A span that may be one of several of one call.</summary>
interface ICallLayer
{
    SpanKind Kind { get; }

    /// <summary>Whom it says that it calls.</summary>
    Peer Peer { get; }

    /// <summary>Whether who was called has spans of its own.</summary>
    bool HasCallee { get; }

    /// <summary>Whether one of the services called, by spans of theirs, may be this one.</summary>
    bool Reaches(in Peer peer);
}

/// <summary>Of two spans of one call, the one that does not count.</summary>
enum CoveredLayer
{
    None,
    Outer,
    Inner,
}

/// <summary>
/// A call of which several libraries made spans, one within the other in one service: a mapper and a driver, a client
/// of a database and the HTTP that it speaks, a client that tries again. It counts once: where its callee's spans are,
/// else to the best name that one of them has. What stands between, neither call nor received, is seen through. Two are
/// different calls if both tell whom they call, and these are not the same.
/// </summary>
static class CallLayers
{
    /// <summary>Levels around and within a span, those seen through included, with others of its call.</summary>
    public const int MaxLevels = 8;

    /// <summary>Of the spans within one, so many are looked at.</summary>
    public const int MaxWithin = 64;

    /// <summary>Whether spans within may be of the same call.</summary>
    public static bool IsAround(SpanKind kind) => IsCaller(kind) || IsSeenThrough(kind);

    /// <summary>Whether a span may be of the same call as one around it.</summary>
    public static bool IsWithin(SpanKind kind) => IsAround(kind) || kind == SpanKind.Consumer;

    public static bool IsCaller(SpanKind kind) => kind is SpanKind.Client or SpanKind.Producer;

    static bool IsSeenThrough(SpanKind kind) => kind is SpanKind.Internal or SpanKind.Unspecified;

    /// <summary>Which of two spans in one service does not count, as the other one counts the same call.</summary>
    public static CoveredLayer CoveredOf<T>(in T outer, in T inner)
        where T : struct, ICallLayer
    {
        if (!IsCaller(outer.Kind))
            return CoveredLayer.None;
        // to receive a message is no call, if it is known what was done with it
        if (inner.Kind == SpanKind.Consumer)
            return outer.Kind == SpanKind.Client && outer.Peer.IsBroker ? CoveredLayer.Outer : CoveredLayer.None;
        if ((!IsCaller(inner.Kind) && !inner.HasCallee) || (!IsCarriedBy(outer, inner) && !MayBeOne(outer, inner)))
            return CoveredLayer.None;
        if (outer.HasCallee != inner.HasCallee)
            return outer.HasCallee ? CoveredLayer.Inner : CoveredLayer.Outer;
        if (outer.Peer.Rank > inner.Peer.Rank)
            return CoveredLayer.Inner;
        return inner.Peer.IsKnown ? CoveredLayer.Outer : CoveredLayer.None;
    }

    /// <summary>Whether what speaks to a database or a broker is within a client of it.</summary>
    static bool IsCarriedBy<T>(in T outer, in T inner)
        where T : struct, ICallLayer =>
        NamesSystem(outer) && !NamesSystem(inner);

    static bool NamesSystem<T>(in T span)
        where T : struct, ICallLayer =>
        span.Kind == SpanKind.Producer || span.Peer.System is not null;

    static bool MayBeOne<T>(in T outer, in T inner)
        where T : struct, ICallLayer
    {
        var (one, other) = (outer.Peer, inner.Peer);
        if ((!one.IsKnown && !outer.HasCallee) || (!other.IsKnown && !inner.HasCallee) ||
            (!one.IsKnown && !other.IsKnown))
            return true;
        return (one.IsKnown && other.IsKnown && one.MayBe(other)) ||
            (outer.HasCallee && other.IsKnown && outer.Reaches(other)) ||
            (inner.HasCallee && one.IsKnown && inner.Reaches(one));
    }
}
