namespace Tracing.Model;

/// <summary>
/// The side of an exchange that a span saw; the numbers are OTLP's. Unknown numbers are kept as they are.
/// </summary>
public enum SpanKind
{
    /// <summary>Not said; Zipkin's spans without a kind.</summary>
    Unspecified = 0,
    Internal = 1,
    Server = 2,
    Client = 3,
    Producer = 4,
    Consumer = 5,
}

/// <summary>Outcome of a span; the numbers are OTLP's.</summary>
public enum StatusCode
{
    Unset = 0,
    Ok = 1,
    Error = 2,
}

/// <summary>Which family of formats a span came in; it decides what "unchanged" means when it goes out again.</summary>
public enum SpanOrigin
{
    Otlp = 0,
    Zipkin = 1,
}

/// <summary>
/// One operation of one service within a trace: everything that an OTLP span and a Zipkin span can say. Immutable;
/// equality is by content. Arrays must not be changed after construction.
/// </summary>
public sealed record Span
{
    public required TraceId TraceId { get; init; }

    public required SpanId SpanId { get; init; }

    /// <summary>The span that caused this one; zero for a root.</summary>
    public SpanId ParentSpanId { get; init; }

    /// <summary>W3C tracestate, as received; empty when absent.</summary>
    public string TraceState { get; init; } = "";

    /// <summary>OTLP's flags: W3C trace flags in bits 0-7, "parent is remote" in bits 8-9; others are kept.</summary>
    public uint Flags { get; init; }

    public SpanOrigin Origin { get; init; }

    /// <summary>Name of the operation; empty when absent. Zipkin's are lower case, OTLP's as sent.</summary>
    public string Name { get; init; } = "";

    public SpanKind Kind { get; init; }

    /// <summary>Start in nanoseconds since 1970; 0 when absent.</summary>
    public ulong StartUnixNano { get; init; }

    /// <summary>
    /// End in nanoseconds since 1970, kept as sent, so it may lie before the start. A Zipkin span has start + duration
    /// here, and the bare duration when it has no start.
    /// </summary>
    public ulong EndUnixNano { get; init; }

    /// <summary>
    /// End minus start in nanoseconds, as they were sent: 0 when absent, negative when the end lies before the start,
    /// and meaningless when one of them is unknown. Who counts or compares durations takes
    /// <see cref="KnownDuration"/>.
    /// </summary>
    public long DurationNanos => unchecked((long)(EndUnixNano - StartUnixNano));

    /// <summary>
    /// How many nanoseconds the span took, at most 2^63 - 1; null when that is unknown. An OTLP span has to say when it
    /// started and when it ended (0 is no time); one that ended before it started took 0. A Zipkin span has to say its
    /// duration, also without a start; Zipkin has no duration of 0.
    /// </summary>
    public ulong? KnownDuration => KnownDurationOf(TimedAs ?? Origin, StartUnixNano, EndUnixNano);

    /// <inheritdoc cref="KnownDuration"/>
    public static ulong? KnownDurationOf(SpanOrigin origin, ulong start, ulong end) =>
        end > start && (start > 0 || origin == SpanOrigin.Zipkin) ? Math.Min(end - start, long.MaxValue)
        : start == 0 || end == 0 || origin == SpanOrigin.Zipkin ? null
        : 0;

    /// <summary>The family whose rules the times follow, when the span was translated from it; else null.</summary>
    internal SpanOrigin? TimedAs { get; init; }

    /// <summary>
    /// Whether the span says that it ended before it started: a clock was set, or an error of the sender.
    /// </summary>
    public bool IsInverted => EndUnixNano != 0 && EndUnixNano < StartUnixNano;

    /// <summary>Attributes or tags; each key once.</summary>
    public KeyValue[] Attributes { get; init; } = [];

    /// <summary>How many attributes the sender dropped.</summary>
    public uint DroppedAttributes { get; init; }

    /// <summary>Events or annotations; Zipkin's are sorted by time, then text.</summary>
    public SpanEvent[] Events { get; init; } = [];

    public uint DroppedEvents { get; init; }

    public SpanLink[] Links { get; init; } = [];

    public uint DroppedLinks { get; init; }

    /// <summary>Outcome. For a Zipkin span: Error when it has a tag "error", as Zipkin counts errors.</summary>
    public StatusCode Status { get; init; }

    public string StatusMessage { get; init; } = "";

    /// <summary>
    /// What produced the span. <see cref="Resource.Empty"/> for Zipkin's, which have an endpoint instead.
    /// </summary>
    public Resource Resource { get; init; } = Resource.Empty;

    public InstrumentationScope Scope { get; init; } = InstrumentationScope.Empty;

    /// <summary>Zipkin: this is the server's half of a span id that the client made.</summary>
    public bool Shared { get; init; }

    /// <summary>Zipkin: sampled on request; never sampled away.</summary>
    public bool Debug { get; init; }

    /// <summary>Zipkin: the host that recorded the span; null when absent and for OTLP spans.</summary>
    public Endpoint? LocalEndpoint { get; init; }

    /// <summary>Zipkin: the other side of the exchange; null when absent and for OTLP spans.</summary>
    public Endpoint? RemoteEndpoint { get; init; }

    /// <summary>The service that recorded the span, as sent; empty when unknown.</summary>
    public string ServiceName => Origin == SpanOrigin.Zipkin ? LocalEndpoint?.ServiceName ?? "" : Resource.ServiceName;

    public bool Equals(Span? other) =>
        other is not null &&
        TraceId == other.TraceId && SpanId == other.SpanId && ParentSpanId == other.ParentSpanId &&
        Origin == other.Origin && Kind == other.Kind && Name == other.Name &&
        StartUnixNano == other.StartUnixNano && EndUnixNano == other.EndUnixNano &&
        TraceState == other.TraceState && Flags == other.Flags &&
        Status == other.Status && StatusMessage == other.StatusMessage &&
        DroppedAttributes == other.DroppedAttributes && DroppedEvents == other.DroppedEvents &&
        DroppedLinks == other.DroppedLinks && Shared == other.Shared && Debug == other.Debug &&
        LocalEndpoint == other.LocalEndpoint && RemoteEndpoint == other.RemoteEndpoint &&
        Attributes.AsSpan().SequenceEqual(other.Attributes) && Events.AsSpan().SequenceEqual(other.Events) &&
        Links.AsSpan().SequenceEqual(other.Links) && Resource.Equals(other.Resource) && Scope.Equals(other.Scope);

    // with all that a sender could vary, or he could give any number of spans the same one
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(SeededHash.Of(StartUnixNano, EndUnixNano));
        hash.Add(TraceId);
        hash.Add(SpanId);
        hash.Add(ParentSpanId);
        hash.Add(Kind);
        hash.Add(Name);
        hash.Add(TraceState);
        hash.Add(Flags);
        hash.Add(StatusMessage);
        hash.Add(LocalEndpoint);
        hash.Add(RemoteEndpoint);
        hash.AddAll(Attributes);
        hash.AddAll(Events);
        hash.AddAll(Links);
        hash.Add(Resource);
        hash.Add(Scope);
        return hash.ToHashCode();
    }
}

/// <summary>Something that happened within a span at one moment; an annotation in Zipkin's words.</summary>
public sealed record SpanEvent
{
    /// <summary>Nanoseconds since 1970; 0 when absent.</summary>
    public ulong TimeUnixNano { get; init; }

    public string Name { get; init; } = "";

    public KeyValue[] Attributes { get; init; } = [];

    public uint DroppedAttributes { get; init; }

    public bool Equals(SpanEvent? other) =>
        other is not null && TimeUnixNano == other.TimeUnixNano && Name == other.Name &&
        DroppedAttributes == other.DroppedAttributes && Attributes.AsSpan().SequenceEqual(other.Attributes);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(SeededHash.Of(TimeUnixNano));
        hash.Add(Name);
        hash.AddAll(Attributes);
        return hash.ToHashCode();
    }
}

/// <summary>A relation to a span of this or another trace that is not this span's parent.</summary>
public sealed record SpanLink
{
    public TraceId TraceId { get; init; }

    public SpanId SpanId { get; init; }

    public string TraceState { get; init; } = "";

    public uint Flags { get; init; }

    public KeyValue[] Attributes { get; init; } = [];

    public uint DroppedAttributes { get; init; }

    public bool Equals(SpanLink? other) =>
        other is not null && TraceId == other.TraceId && SpanId == other.SpanId && TraceState == other.TraceState &&
        Flags == other.Flags && DroppedAttributes == other.DroppedAttributes &&
        Attributes.AsSpan().SequenceEqual(other.Attributes);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(TraceId);
        hash.Add(SpanId);
        hash.Add(TraceState);
        hash.AddAll(Attributes);
        return hash.ToHashCode();
    }
}

/// <summary>What produced spans: a process, host or function, by its attributes. Shared by many spans.</summary>
public sealed record Resource
{
    public static Resource Empty { get; } = new();

    readonly KeyValue[] _attributes = [];

    public KeyValue[] Attributes
    {
        get => _attributes;
        init
        {
            _attributes = value;
            foreach (var (key, content) in value)
            {
                if (key == "service.name")
                    ServiceName = content.AsString() ?? "";
            }
        }
    }

    public uint DroppedAttributes { get; init; }

    /// <summary>OTLP's references to entities (in development there); kept, not interpreted.</summary>
    public EntityRef[] EntityRefs { get; init; } = [];

    public string SchemaUrl { get; init; } = "";

    /// <summary>The attribute service.name when it is text, else empty.</summary>
    public string ServiceName { get; private init; } = "";

    public bool Equals(Resource? other) =>
        ReferenceEquals(this, other) || (other is not null && SchemaUrl == other.SchemaUrl &&
        DroppedAttributes == other.DroppedAttributes && Attributes.AsSpan().SequenceEqual(other.Attributes) &&
        EntityRefs.AsSpan().SequenceEqual(other.EntityRefs));

    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(SchemaUrl);
        hash.AddAll(Attributes);
        hash.AddAll(EntityRefs);
        return hash.ToHashCode();
    }
}

/// <summary>An entity that a resource describes, by the keys of its attributes.</summary>
public sealed record EntityRef
{
    public string SchemaUrl { get; init; } = "";

    public string Type { get; init; } = "";

    public string[] IdKeys { get; init; } = [];

    public string[] DescriptionKeys { get; init; } = [];

    public bool Equals(EntityRef? other) =>
        other is not null && SchemaUrl == other.SchemaUrl && Type == other.Type &&
        IdKeys.AsSpan().SequenceEqual(other.IdKeys) && DescriptionKeys.AsSpan().SequenceEqual(other.DescriptionKeys);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(SchemaUrl);
        hash.Add(Type);
        hash.AddAll(IdKeys);
        hash.AddAll(DescriptionKeys);
        return hash.ToHashCode();
    }
}

/// <summary>The library that recorded spans. Shared by many spans.</summary>
public sealed record InstrumentationScope
{
    public static InstrumentationScope Empty { get; } = new();

    public string Name { get; init; } = "";

    public string Version { get; init; } = "";

    public KeyValue[] Attributes { get; init; } = [];

    public uint DroppedAttributes { get; init; }

    public string SchemaUrl { get; init; } = "";

    public bool Equals(InstrumentationScope? other) =>
        ReferenceEquals(this, other) || (other is not null && Name == other.Name && Version == other.Version &&
        SchemaUrl == other.SchemaUrl && DroppedAttributes == other.DroppedAttributes &&
        Attributes.AsSpan().SequenceEqual(other.Attributes));

    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(Name);
        hash.Add(Version);
        hash.Add(SchemaUrl);
        hash.AddAll(Attributes);
        return hash.ToHashCode();
    }
}

/// <summary>A host of a service, in Zipkin's words. Empty text and port 0 mean absent.</summary>
public sealed record Endpoint
{
    /// <summary>Lower case, as Zipkin keeps it.</summary>
    public string ServiceName { get; init; } = "";

    /// <summary>Dotted decimal.</summary>
    public string Ipv4 { get; init; } = "";

    /// <summary>Canonical text, as Zipkin writes it: RFC 5952, but a single group of zeros is shortened too.</summary>
    public string Ipv6 { get; init; } = "";

    /// <summary>1 to 65535; 0 when absent.</summary>
    public ushort Port { get; init; }
}
