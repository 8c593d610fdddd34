using System.Runtime.InteropServices;

namespace Tracing.Model.Wire;

/// <summary>Fields of the span that is being decoded; used again for each span of a body.</summary>
sealed class OtlpSpanBuilder
{
    /// <summary>Zero when absent or of a wrong length.</summary>
    public TraceId TraceId { get; set; }

    public SpanId SpanId { get; set; }

    public SpanId ParentSpanId { get; set; }

    public string TraceState { get; set; } = "";

    public uint Flags { get; set; }

    public string Name { get; set; } = "";

    public int Kind { get; set; }

    public ulong StartUnixNano { get; set; }

    public ulong EndUnixNano { get; set; }

    public uint DroppedAttributes { get; set; }

    public uint DroppedEvents { get; set; }

    public uint DroppedLinks { get; set; }

    public int Status { get; set; }

    public string StatusMessage { get; set; } = "";

    public List<SpanEvent> Events { get; } = [];

    public List<SpanLink> Links { get; } = [];

    /// <summary>The first thing that is wrong with this span; null when nothing is.</summary>
    public string? Problem { get; private set; }

    /// <summary>Where in the body it stands, in bytes.</summary>
    public long ProblemOffset { get; private set; }

    public void AddProblem(string problem, long offset)
    {
        if (Problem is not null)
            return;
        Problem = problem;
        ProblemOffset = offset;
    }

    public void Reset()
    {
        TraceId = default;
        SpanId = default;
        ParentSpanId = default;
        TraceState = Name = StatusMessage = "";
        Flags = DroppedAttributes = DroppedEvents = DroppedLinks = 0;
        Kind = Status = 0;
        StartUnixNano = EndUnixNano = 0;
        Events.Clear();
        Links.Clear();
        Problem = null;
    }

    public Span Build(KeyValue[] attributes, Resource resource, InstrumentationScope scope) => new()
    {
        TraceId = TraceId,
        SpanId = SpanId,
        ParentSpanId = ParentSpanId,
        TraceState = TraceState,
        Flags = Flags,
        Name = Name,
        Kind = (SpanKind)Kind,
        StartUnixNano = StartUnixNano,
        EndUnixNano = EndUnixNano,
        Attributes = attributes,
        DroppedAttributes = DroppedAttributes,
        Events = Events.Count == 0 ? [] : [.. Events],
        DroppedEvents = DroppedEvents,
        Links = Links.Count == 0 ? [] : [.. Links],
        DroppedLinks = DroppedLinks,
        Status = (StatusCode)Status,
        StatusMessage = StatusMessage,
        Resource = resource,
        Scope = scope,
    };
}

/// <summary>
/// Elements of the lists that are being decoded, the inner ones on top of the outer: each list takes its own from the
/// mark at which it began.
/// </summary>
sealed class ElementStack<T>
{
    readonly List<T> _elements = [];

    public int Mark => _elements.Count;

    public void Push(T element) => _elements.Add(element);

    public ReadOnlySpan<T> From(int mark) => CollectionsMarshal.AsSpan(_elements)[mark..];

    public T[] Take(int mark)
    {
        var taken = From(mark).ToArray();
        Drop(mark);
        return taken;
    }

    public void Drop(int mark) => CollectionsMarshal.SetCount(_elements, mark);
}
