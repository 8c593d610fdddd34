using System.Runtime.CompilerServices;

namespace Tracing.Model.Wire;

/// <summary>
/// What the decoders of both of OTLP's encodings share: the span in work, the limits, and who is to be refused. What is
/// wrong within a span rejects that span alone, what is wrong with a resource or a scope all spans that have it, and a
/// text that is badly encoded is repaired. A body is refused only for what is wrong outside of all resources: where it
/// is cut, is no JSON, or has something else at its top; and one that is malformed and holds nothing good.
/// </summary>
abstract partial class OtlpDecoder(WireLimits limits, DecodedMemory? memory)
{
    // bytes of a text that is still decoded of what will be rejected
    const int LongestOfLost = 1024;

    bool _inSpan;
    int _firstAttribute, _repaired;
    long _firstRepaired, _memoryBefore, _values;
    string? _problem;

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

    protected void BeginSpan(long offset)
    {
        _inSpan = true;
        _firstAttribute = Attributes.Mark;
        _memoryBefore = memory?.Mark ?? 0;
        _values = 0;
        Current.Reset();
        HasMemory(DecodedMemory.Span, offset);
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
        LeaveSpan();
    }

    void LeaveSpan()
    {
        Attributes.Drop(_firstAttribute);
        if (Current.Problem is not null)
            memory?.ReturnTo(_memoryBefore);
        _values = 0;
        _inSpan = false;
    }

    /// <summary>What was wrong since the last call, outside of any span; null when nothing was.</summary>
    protected string? TakeProblem()
    {
        _values = 0;
        var problem = _problem;
        _problem = null;
        return problem;
    }

    /// <summary>As <see cref="TakeProblem()"/>, but a problem of before stays the one to tell.</summary>
    protected void TakeProblem(ref string? problem)
    {
        var next = TakeProblem();
        problem ??= next;
    }

    /// <summary>What the sender is to be told of what is stored otherwise than it was sent; else null.</summary>
    protected string? Warning() => _repaired == 0 ? null
        : $"Texts that are not valid Unicode, repaired with U+FFFD: {_repaired}, the first at byte {_firstRepaired}";

    protected void Add(SpanEvent happened, long offset)
    {
        if (HasRoom(Current.Events.Count, "events", offset, DecodedMemory.Event))
            Current.Events.Add(happened);
    }

    protected void Add(SpanLink link, long offset)
    {
        if (HasRoom(Current.Links.Count, "links", offset, DecodedMemory.Event))
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

    /// <summary>Whether a list that has so many elements may have one more, of so many bytes.</summary>
    protected bool HasRoom(int before, string what, long offset, int bytes)
    {
        // after the first problem nothing more is kept, nor are messages made
        if (IsLost)
            return false;
        if (before >= limits.MaxAttributes)
            AddProblem($"more than {limits.MaxAttributes} {what}", offset);
        else if (++_values > limits.MaxValues)
            AddProblem($"more than {limits.MaxValues} attributes, elements and entries in all", offset);
        else
            return HasMemory(bytes, offset);
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

    /// <summary>Whether the request may take so many bytes of memory more.</summary>
    protected bool HasMemory(long bytes, long offset)
    {
        if (IsLost)
            return false;
        if (memory is null || memory.TryTake(bytes))
            return true;
        AddProblem($"the request takes more than {memory.MaxBytes} bytes when decoded", offset);
        return false;
    }

    /// <summary>Whether a value may be nested so deep: as allowed, and as the stack can bear.</summary>
    protected bool IsShallowEnough(int depth, long offset)
    {
        if (depth <= limits.MaxNesting && RuntimeHelpers.TryEnsureSufficientExecutionStack())
            return true;
        AddProblem($"a value is nested more than {depth - 1} deep", offset);
        return false;
    }

    /// <param name="cache">For a text that may repeat.</param>
    /// <param name="isRepaired">Whether a part of it was replaced already.</param>
    protected string Text(ReadOnlySpan<byte> utf8, StringCache? cache, long offset, bool isRepaired = false)
    {
        if (utf8.IsEmpty || !IsShortEnough(utf8.Length, offset))
            return "";
        if (cache?.Find(utf8) is { } known)
            return known;
        // the message about a span names it, whatever was wrong before its name came
        if (IsLost ? utf8.Length > LongestOfLost : !HasMemory(DecodedMemory.Object + 2L * utf8.Length, offset))
            return "";
        var text = cache is null ? StringCache.Decode(utf8, out var isInvalid) : cache.Add(utf8, out isInvalid);
        if ((isRepaired || isInvalid) && _repaired++ == 0)
            _firstRepaired = offset;
        return text;
    }

    /// <summary>Whether what is in work has a problem, which rejects it whatever else it holds.</summary>
    protected bool IsLost => (_inSpan ? Current.Problem : _problem) is not null;

    protected void AddProblem(string problem, long offset)
    {
        if (_inSpan)
            Current.AddProblem(problem, offset);
        else
            _problem ??= $"{problem} at byte {offset}";
    }
}
