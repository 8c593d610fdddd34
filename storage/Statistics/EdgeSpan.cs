using Tracing.Model;

namespace Tracing.Storage;

/// <summary>What <see cref="EdgeLinker"/> remembers of a span, or of a link of one. 72 bytes, no references.</summary>
struct EdgeSpan
{
    /// <summary>Low half of the trace's id, as some only pass on that; of a link, of the trace it names.</summary>
    public ulong Trace;

    /// <summary>High half of the id of the trace that the span, or the linking span, is in.</summary>
    public ulong TraceHigh;

    /// <summary>Of the span; of a link, the low half of the trace that the linking span is in.</summary>
    public ulong Id;

    /// <summary>The span's parent, 0 for none; of a link, the span it names.</summary>
    public ulong Parent;

    /// <summary>-1 when it is not known.</summary>
    public long Nanos;

    /// <summary>As <see cref="EdgeNames.LabelOf"/> numbers service and operation.</summary>
    public int Label;

    /// <summary>Of the start, since 1970 as sent.</summary>
    public uint Second;

    /// <summary>
    /// The next one of the same bucket, as position + 1, always an older one; 0: none. Of a link, the span that has it.
    /// </summary>
    public int Next;

    /// <summary>As <see cref="Next"/>, among those with a parent in the bucket, or a link there.</summary>
    public int NextChild;

    /// <summary>
    /// With whom its call was counted, as position + 1; 0: not counted, or whoever it was is forgotten.
    /// </summary>
    public int Caller;

    /// <summary>How many calls are counted with it as the caller.</summary>
    public int Callees;

    /// <summary>How many spans it stands for, at most <see cref="AdjustedCount.Max"/>.</summary>
    public uint Weight;

    /// <summary>The name it has for its peer, a number of <see cref="EdgePeers"/>; 0: none.</summary>
    public ushort Peer;

    public EdgeFlags Flags;

    public readonly SpanKind Kind => (SpanKind)(Flags & EdgeFlags.Kind);

    /// <summary>Who was called has spans of its own.</summary>
    public readonly bool HasCallee => Callees != 0;

    public readonly long? KnownNanos => Nanos < 0 ? null : Nanos;

    public readonly TraceExemplar Exemplar =>
        new(new TraceId(TraceHigh, Is(EdgeFlags.Link) ? Id : Trace), Second);

    public readonly bool Is(EdgeFlags flag) => (Flags & flag) != 0;
}

[Flags]
enum EdgeFlags : ushort
{
    None = 0,

    /// <summary>These bits are the number of the kind.</summary>
    Kind = 7,
    Error = 1 << 3,
    Estimated = 1 << 4,
    Zipkin = 1 << 5,

    /// <summary>Its id is that of a client's span, by its own word.</summary>
    Shared = 1 << 6,

    /// <summary>A server's span, which may have the id of the client's: of these two an id has one each.</summary>
    ServerHalf = 1 << 7,

    /// <summary>Not a span, but a consumer's link to a producer.</summary>
    Link = 1 << 8,

    /// <summary>Its caller is known for good, or that it has none.</summary>
    Decided = 1 << 9,

    /// <summary>There are spans within it that may be of the same call.</summary>
    HasLayers = 1 << 10,

    /// <summary>As a caller it was counted to the peer that it names.</summary>
    CountedToPeer = 1 << 11,

    /// <summary>The peer that it names is a database, which has no spans of its own.</summary>
    Database = 1 << 12,

    /// <summary>It is in its parent, in one service, and may be of the same call.</summary>
    Layer = 1 << 13,
}
