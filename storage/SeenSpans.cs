using Tracing.Model;

namespace Tracing.Storage;

/// <summary>
/// What makes two reports the same span: trace, id, kind, whether the id is shared with the client, and the service.
/// So client and server of a shared id are two spans, as are those of two services that chose the same id.
/// </summary>
readonly struct SpanIdentity : IEquatable<SpanIdentity>
{
    const ulong KindMask = 0x7f;
    const ulong SharedBit = 0x80;
    const ulong ServiceMask = ~0xffUL;

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

    /// <param name="service">In lower case.</param>
    public SpanIdentity(TraceId trace, SpanId span, SpanKind kind, bool shared, string service)
        : this(trace, span, BitsOf(service) | (shared ? SharedBit : 0) | ((ulong)kind & KindMask))
    {
    }

    public static SpanIdentity Of(Span span, string service) =>
        new(span.TraceId, span.SpanId, span.Kind, span.Shared, service);

    public bool HasKind => (_side & KindMask) != 0;

    public bool HasService => (_side & ServiceMask) != 0;

    public SpanIdentity WithKind(SpanKind kind) => new(_trace, _span, (_side & ~KindMask) | (ulong)kind);

    public SpanIdentity WithoutService() => new(_trace, _span, _side & ~ServiceMask);

    public bool Equals(SpanIdentity other) => _span == other._span && _trace == other._trace && _side == other._side;

    public override bool Equals(object? obj) => obj is SpanIdentity other && Equals(other);

    public override int GetHashCode()
    {
        var hash = Mix(_trace.Low ^ _seed, 0x9e37_79b9_7f4a_7c15);
        hash = Mix(hash ^ _span.Value, _seed);
        return (int)(Mix(hash ^ _trace.High ^ _side, _seed) >> 32);
    }

    static ulong Mix(ulong hash, ulong factor)
    {
        hash *= factor;
        return hash ^ (hash >> 32);
    }

    /// <summary>55 bits by chance: that two services of one span's id have the same ones is not to be feared.</summary>
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
            t_serviceBits = (hash & ServiceMask) | (SharedBit << 1);
            t_service = service;
        }
        return t_serviceBits;
    }
}

/// <summary>
/// The spans that came last, by <see cref="SpanIdentity"/>: tells which of those that come now came before, in whatever
/// body. As many as fit into a bound of bytes: 48 for each. Not thread-safe.
/// </summary>
/// <remarks>
/// Two sets, of which the older is forgotten when the newer is full. What is forgotten counts as new.
/// </remarks>
sealed class SeenSpans(long maxBytes = SeenSpans.DefaultBytes)
{
    /// <summary>1.4 million spans: ten minutes of 2,000 a second.</summary>
    public const long DefaultBytes = 64 << 20;

    /// <summary>So long may senders come again with what they sent.</summary>
    public static readonly TimeSpan ResentFor = TimeSpan.FromMinutes(10);

    const int EntryBytes = 48;

    readonly List<SpanIdentity> _added = [];
    HashSet<SpanIdentity> _newer = [];
    HashSet<SpanIdentity> _older = [];

    /// <summary>So many are remembered at least, once there were more.</summary>
    public int Capacity { get; } = (int)Math.Clamp(maxBytes / EntryBytes / 2, 1, 1 << 27);

    /// <summary>Whether it is a span that did not come before; if so it is remembered.</summary>
    /// <param name="isZipkin">
    /// Zipkin's reports of a span may leave out kind and service, and are one with those that do not.
    /// </param>
    public bool TryAdd(in SpanIdentity key, bool isZipkin)
    {
        if (IsKnown(key) || (isZipkin && IsKnownInPart(key)))
            return false;
        Add(key);
        _added.Add(key);
        return true;
    }

    public bool TryAdd(Span span, string service) =>
        TryAdd(SpanIdentity.Of(span, service), span.Origin == SpanOrigin.Zipkin);

    /// <summary>Remembers a span that is stored already.</summary>
    public void Add(in SpanIdentity key)
    {
        if (_newer.Count >= Capacity)
        {
            (_newer, _older) = (_older, _newer);
            _newer.Clear();
        }
        else if (_newer.Count == Capacity / 2)
        {
            // rather than twice as many at some later time
            _newer.EnsureCapacity(Capacity);
        }
        _newer.Add(key);
    }

    /// <summary>What was added since is stored.</summary>
    public void Publish() => _added.Clear();

    /// <summary>What was added since is not stored.</summary>
    public void Discard()
    {
        foreach (var key in _added)
        {
            if (!_newer.Remove(key))
                _older.Remove(key);
        }
        _added.Clear();
    }

    bool IsKnown(in SpanIdentity key) => _newer.Contains(key) || _older.Contains(key);

    bool IsKnownInPart(in SpanIdentity key)
    {
        if (key.HasService)
        {
            var withoutService = key.WithoutService();
            if (IsKnown(withoutService) || (key.HasKind && IsKnown(withoutService.WithKind(SpanKind.Unspecified))))
                return true;
        }
        if (key.HasKind)
            return IsKnown(key.WithKind(SpanKind.Unspecified));
        for (var kind = SpanKind.Server; kind <= SpanKind.Consumer; kind++)
        {
            if (IsKnown(key.WithKind(kind)))
                return true;
        }
        return false;
    }
}
