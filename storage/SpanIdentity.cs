using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage;

/// <summary>
/// What makes two reports the same span: trace, id, kind, whether the id is shared with the client, and the service.
/// So client and server of a shared id are two spans, as are those of two services that chose the same id.
/// </summary>
readonly struct SpanIdentity : IEquatable<SpanIdentity>
{
    const ulong KindMask = 0x7f;
    const ulong SharedBit = 0x80;
    const int NotesShift = 8;
    const ulong NotesMask = 7 << NotesShift;
    const ulong LowestServiceBit = 1 << 11;
    const ulong ServiceMask = ~(LowestServiceBit - 1);

    // ids and names are the sender's choice: nobody shall be able to put all of them into one bucket
    static readonly ulong _seed = (ulong)Random.Shared.NextInt64() | 1;

    // spans of one resource mostly follow each other
    [ThreadStatic]
    static string? t_service;

    [ThreadStatic]
    static ulong t_serviceBits;

    readonly TraceId _trace;
    readonly SpanId _span;
    readonly ulong _side;

    SpanIdentity(TraceId trace, SpanId span, ulong side)
    {
        _trace = trace;
        _span = span;
        _side = side;
    }

    /// <summary>A service as it is in identities: in lower case, as Zipkin lists it.</summary>
    public static string ServiceOf(string service) => ZipkinText.ToLower(service);

    /// <param name="service">In lower case.</param>
    public SpanIdentity(TraceId trace, SpanId span, SpanKind kind, bool shared, string service)
        : this(trace, span, BitsOf(service) | (shared ? SharedBit : 0) | ((ulong)kind & KindMask))
    {
    }

    public static SpanIdentity Of(Span span, string service) =>
        new(span.TraceId, span.SpanId, span.Kind, span.Shared, service);

    public bool HasKind => (_side & KindMask) != 0;

    public bool HasService => (_side & ServiceMask) != 0;

    /// <summary>What <see cref="SeenSpans"/> keeps beside it; nothing of the identity.</summary>
    public SpanNotes Notes => (SpanNotes)((_side & NotesMask) >> NotesShift);

    /// <summary>Whether it is no span: neither of its ids is 0.</summary>
    public bool IsNone => _span.IsZero;

    public SpanIdentity With(SpanNotes notes) =>
        new(_trace, _span, (_side & ~NotesMask) | ((ulong)notes << NotesShift));

    /// <summary>
    /// Whether both are of one trace and id. Those of one hash need not be, those of one trace and id have one hash.
    /// </summary>
    public bool HasIdsOf(in SpanIdentity other) => _span == other._span && _trace == other._trace;

    /// <summary>Of the ids alone, so that all that may be one span are found together.</summary>
    public uint HashOfIds()
    {
        var hash = Mix(_trace.Low ^ _seed, 0x9e37_79b9_7f4a_7c15);
        hash = Mix(hash ^ _span.Value, _seed);
        return (uint)(Mix(hash ^ _trace.High, _seed) >> 32);
    }

    /// <summary>
    /// Whether they are one span where reports may leave out the kind and the service, as those of Zipkin may.
    /// </summary>
    public bool IsPartOf(in SpanIdentity other) => HasIdsOf(other) && ((_side ^ other._side) & SharedBit) == 0 &&
        IsSameOrAbsent(_side & KindMask, other._side & KindMask) &&
        IsSameOrAbsent(_side & ServiceMask, other._side & ServiceMask);

    /// <summary>With the kind and the service of the other where this one has none.</summary>
    public SpanIdentity FilledFrom(in SpanIdentity other) => new(_trace, _span, _side |
        (HasKind ? 0 : other._side & KindMask) | (HasService ? 0 : other._side & ServiceMask));

    static bool IsSameOrAbsent(ulong one, ulong other) => one == other || one == 0 || other == 0;

    public bool Equals(SpanIdentity other) => HasIdsOf(other) && ((_side ^ other._side) & ~NotesMask) == 0;

    public override bool Equals(object? obj) => obj is SpanIdentity other && Equals(other);

    public override int GetHashCode() => (int)Mix(HashOfIds() ^ (_side & ~NotesMask), _seed);

    static ulong Mix(ulong hash, ulong factor)
    {
        hash *= factor;
        return hash ^ (hash >> 32);
    }

    /// <summary>52 bits by chance: that two services of one span's id have the same ones is not to be feared.</summary>
    static ulong BitsOf(string service)
    {
        if (service.Length == 0)
            return 0;
        if (!ReferenceEquals(service, t_service))
        {
            var hash = _seed;
            foreach (var letter in service)
                hash = Mix(hash ^ letter, 0x9e37_79b9_7f4a_7c15);
            // never 0, which is no service
            t_serviceBits = (hash & ServiceMask) | LowestServiceBit;
            t_service = service;
        }
        return t_serviceBits;
    }
}

/// <summary>What is known of a span that came, from all its reports.</summary>
[Flags]
enum SpanNotes
{
    None = 0,

    /// <summary>Counted in statistics, at the minute of its start.</summary>
    Counted = 1,

    /// <summary>Counted with its duration, so that nothing is left to be counted.</summary>
    Whole = 2,

    /// <summary>It failed.</summary>
    Failed = 4,
}
