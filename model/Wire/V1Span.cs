namespace Tracing.Model.Wire;

/// <summary>A timed text with the host that said it; "cs", "sr" and the like mark the sides of an exchange.</summary>
readonly record struct V1Annotation(long Micros, string Value, Endpoint? Endpoint);

/// <summary>A tag with the host that said it; a null value marks an address ("sa", "ca", "ma").</summary>
readonly record struct V1Tag(string Key, string? Value, Endpoint? Endpoint)
{
    /// <summary>Whether the key is one of an address of the other side.</summary>
    public static bool IsAddress(string key) => key is "sa" or "ca" or "ma";
}

/// <summary>
/// A span of Zipkin's first format, in which both sides of an exchange may share one; used again after
/// <see cref="Clear"/>. Times are in microseconds, 0 when absent.
/// </summary>
sealed class V1Span(ZipkinSpanList limits)
{
    readonly List<V1Annotation> _annotations = [];
    readonly List<V1Tag> _tags = [];

    public TraceId TraceId { get; set; }

    public SpanId Id { get; set; }

    public SpanId ParentId { get; set; }

    public string? Name { get; set; }

    public long Timestamp { get; set; }

    public long Duration { get; set; }

    public bool Debug { get; set; }

    public IReadOnlyList<V1Annotation> Annotations => _annotations;

    public IReadOnlyList<V1Tag> Tags => _tags;

    public void Clear()
    {
        _annotations.Clear();
        _tags.Clear();
        TraceId = default;
        Id = ParentId = default;
        Name = null;
        Timestamp = Duration = 0;
        Debug = false;
    }

    public void Add(V1Annotation annotation)
    {
        if (limits.HasRoom(_annotations.Count, "annotations"))
            _annotations.Add(annotation);
    }

    public void Add(V1Tag tag)
    {
        if (limits.HasRoom(_tags.Count, "binary annotations"))
            _tags.Add(tag);
    }
}
