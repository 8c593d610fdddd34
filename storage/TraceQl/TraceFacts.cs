using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage.TraceQl;

/// <summary>
/// What a filter may ask of a trace as a whole; each is computed when it is first asked for. Not for many threads.
/// </summary>
public sealed class TraceFacts
{
    Dictionary<SpanId, Span>? _byId;
    Dictionary<SpanId, int>? _childCounts;
    Dictionary<SpanId, (int, int, int)>? _nestedSets;

    /// <param name="stored">All spans of the trace, in the order they were stored.</param>
    public TraceFacts(IReadOnlyList<Span> stored)
    {
        Spans = [.. stored.Select(span => span.Origin == SpanOrigin.Zipkin ? OtlpGroups.FromZipkin(span) : span)];
        foreach (var span in Spans)
        {
            if (span.ParentSpanId.IsZero && (Root is null || span.StartUnixNano < Root.StartUnixNano))
                Root = span;
            if (span.StartUnixNano == 0)
                continue;
            StartUnixNano = StartUnixNano == 0 ? span.StartUnixNano : Math.Min(StartUnixNano, span.StartUnixNano);
            End = Int128.Max(End, (Int128)span.StartUnixNano + Math.Max(0, span.DurationNanos));
        }
    }

    /// <summary>The spans as OTLP says them, in the order given; filters are matched with these.</summary>
    public IReadOnlyList<Span> Spans { get; }

    /// <summary>The span without a parent that starts first, of equals the first stored; null without one.</summary>
    public Span? Root { get; }

    /// <summary>The earliest start that is known; 0 when none is.</summary>
    public ulong StartUnixNano { get; }

    /// <summary>From the earliest start to the latest end of the spans whose start is known.</summary>
    public long DurationNanos => (long)Int128.Min(Int128.Max(0, End - StartUnixNano), long.MaxValue);

    Int128 End { get; }

    internal Span? ParentOf(Span span) =>
        span.ParentSpanId.IsZero ? null : ById.GetValueOrDefault(span.ParentSpanId);

    internal int ChildCountOf(Span span)
    {
        if (_childCounts is null)
        {
            _childCounts = [];
            foreach (var child in Spans)
            {
                if (!child.ParentSpanId.IsZero)
                    _childCounts[child.ParentSpanId] = _childCounts.GetValueOrDefault(child.ParentSpanId) + 1;
            }
        }
        return _childCounts.GetValueOrDefault(span.SpanId);
    }

    /// <summary>
    /// Numbers in the order of a walk from the roots, siblings by start; the parent's is its left one, -1 for a root.
    /// All are 0 for a span that no root leads to.
    /// </summary>
    internal (int Left, int Right, int Parent) NestedSetOf(Span span) =>
        (_nestedSets ??= NumberNestedSets()).GetValueOrDefault(span.SpanId);

    Dictionary<SpanId, Span> ById
    {
        get
        {
            if (_byId is null)
            {
                _byId = [];
                foreach (var span in Spans)
                {
                    // two halves of an exchange may share an id: children are the server's
                    if (!_byId.TryAdd(span.SpanId, span) && span.Kind == SpanKind.Server)
                        _byId[span.SpanId] = span;
                }
            }
            return _byId;
        }
    }

    Dictionary<SpanId, (int, int, int)> NumberNestedSets()
    {
        var children = Spans.Where(span => span.SpanId != span.ParentSpanId).ToLookup(span => span.ParentSpanId);
        var numbers = new Dictionary<SpanId, (int, int, int)>();
        var next = 1;
        // without recursion, as traces may be deep; a span is met again when its children are done
        var pending = new Stack<(SpanId Id, int Parent, bool IsDone)>();
        Push(default, -1);
        while (pending.TryPop(out var step))
        {
            if (step.IsDone)
            {
                var (left, _, parent) = numbers[step.Id];
                numbers[step.Id] = (left, next++, parent);
            }
            else if (numbers.TryAdd(step.Id, (next, 0, step.Parent)))
            {
                pending.Push((step.Id, 0, true));
                Push(step.Id, next++);
            }
        }
        return numbers;

        void Push(SpanId parent, int left)
        {
            foreach (var child in children[parent].OrderByDescending(span => span.StartUnixNano))
                pending.Push((child.SpanId, left, false));
        }
    }
}
