using System.Runtime.CompilerServices;

namespace Tracing.Model.Wire;

/// <summary>
/// What the decoders of both of OTLP's encodings share: the span in work, the limits, and who is to be refused. What is
/// wrong within a span rejects that span alone; what is wrong with a resource or a scope refuses the body.
/// </summary>
abstract partial class OtlpDecoder(WireLimits limits)
{
    bool _inSpan;
    int _firstAttribute;

    protected WireLimits Limits => limits;

    /// <summary>The good spans so far.</summary>
    protected OtlpSpanList Spans { get; } = new(limits);

    /// <summary>The span in work.</summary>
    protected OtlpSpanBuilder Current { get; } = new();

    /// <summary>Attributes and map entries in work, of all levels.</summary>
    protected ElementStack<KeyValue> Attributes { get; } = new();

    /// <summary>Array elements in work, of all levels.</summary>
    protected ElementStack<AttributeValue> Values { get; } = new();

    /// <summary>For keys and names.</summary>
    protected StringCache NameCache { get; } = StringCache.Names;

    /// <summary>For values.</summary>
    protected StringCache ValueCache { get; } = StringCache.Values;

    protected void BeginSpan()
    {
        _inSpan = true;
        _firstAttribute = Attributes.Mark;
        Current.Reset();
    }

    /// <param name="offset">Where the span begins.</param>
    protected void EndSpan(long offset, Resource resource, InstrumentationScope scope)
    {
        if (Current.TraceId.IsZero)
            Current.AddProblem("trace id is missing or all zeros", offset);
        if (Current.SpanId.IsZero)
            Current.AddProblem("span id is missing or all zeros", offset);
        if (Current.Problem is null)
            Spans.Add(Current.Build(UniqueKeys.Of(Attributes.From(_firstAttribute)), resource, scope));
        else
            Spans.Reject(Current);
        Attributes.Drop(_firstAttribute);
        _inSpan = false;
    }

    protected void Add(SpanEvent happened, long offset)
    {
        if (HasRoom(Current.Events.Count, "events", offset))
            Current.Events.Add(happened);
    }

    protected void Add(SpanLink link, long offset)
    {
        if (HasRoom(Current.Links.Count, "links", offset))
            Current.Links.Add(link);
    }

    /// <summary>A link, of which the attributes from the mark on are. Without either id its span is rejected.</summary>
    protected SpanLink Link(LinkFields fields, int mark, long offset)
    {
        if (fields.TraceId is null || fields.SpanId is null)
            AddProblem("a link has no trace id or no span id", offset);
        return new SpanLink
        {
            TraceId = fields.TraceId ?? default,
            SpanId = fields.SpanId ?? default,
            TraceState = fields.TraceState,
            Flags = fields.Flags,
            Attributes = Attributes.Take(mark),
            DroppedAttributes = fields.Dropped,
        };
    }

    /// <summary>Fields of a link while they are read; an id is null until it came.</summary>
    protected record struct LinkFields()
    {
        public TraceId? TraceId { get; set; }

        public SpanId? SpanId { get; set; }

        public string TraceState { get; set; } = "";

        public uint Flags { get; set; }

        public uint Dropped { get; set; }
    }

    /// <summary>Whether a list that has so many elements may have one more.</summary>
    protected bool HasRoom(int before, string what, long offset)
    {
        if (before < limits.MaxAttributes)
            return true;
        AddProblem($"more than {limits.MaxAttributes} {what}", offset);
        return false;
    }

    /// <summary>Whether a text or bytes value may be as long as this.</summary>
    protected bool IsShortEnough(int length, long offset)
    {
        if (length <= limits.MaxStringBytes)
            return true;
        AddProblem($"a text or bytes value of {length} bytes, more than {limits.MaxStringBytes}", offset);
        return false;
    }

    /// <summary>Refuses the body when a value is nested deeper than allowed, or than the stack can bear.</summary>
    protected void CheckDepth(int depth, long offset)
    {
        if (depth > limits.MaxNesting || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw new WireException($"TooLarge: a value is nested more than {depth - 1} deep", offset);
    }

    protected void AddProblem(string problem, long offset)
    {
        if (!_inSpan)
            throw new WireException("Malformed: " + problem, offset);
        Current.AddProblem(problem, offset);
    }
}
