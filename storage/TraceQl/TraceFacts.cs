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
    Span? _root;
    bool _isRootMissing;

    /// <param name="stored">All spans of the trace, in the order they were stored.</param>
    public TraceFacts(IReadOnlyList<Span> stored)
    {
        Spans = [.. stored.Select(span => span.Origin == SpanOrigin.Zipkin ? OtlpGroups.FromZipkin(span) : span)];
        Int128 end = 0;
        var longest = 0UL;
        foreach (var span in Spans)
        {
            var duration = span.KnownDuration;
            IsDurationKnown |= duration is not null;
            longest = Math.Max(longest, duration ?? 0);
            if (span.StartUnixNano == 0)
                continue;
            StartUnixNano = StartUnixNano == 0 ? span.StartUnixNano : Math.Min(StartUnixNano, span.StartUnixNano);
            end = Int128.Max(end, (Int128)span.StartUnixNano + (duration ?? 0));
        }
        DurationNanos = (long)Int128.Min(StartUnixNano == 0 ? longest : end - StartUnixNano, long.MaxValue);
    }

    /// <summary>The spans as OTLP says them, in the order given; filters are matched with these.</summary>
    public IReadOnlyList<Span> Spans { get; }

    /// <summary>See <see cref="SpanTree.RootOf"/>; null without spans.</summary>
    public Span? Root
    {
        get
        {
            _root ??= SpanTree.RootOf(Spans, out _isRootMissing);
            return _root;
        }
    }

    /// <summary>Whether no span without a parent is stored, and <see cref="Root"/> stands for it.</summary>
    public bool IsRootMissing => Root is null || _isRootMissing;

    /// <summary>The earliest start that is known; 0 when none is.</summary>
    public ulong StartUnixNano { get; }

    /// <summary>
    /// From the earliest start to the latest end of the spans whose start is known; without any the longest duration
    /// of a span. At least that, if not all durations are known; 0 when nothing is.
    /// </summary>
    public long DurationNanos { get; }

    /// <summary>Whether the duration of any span is known.</summary>
    public bool IsDurationKnown { get; }

    internal Span? ParentOf(Span span) =>
        SpanTree.IsRoot(span) ? null : ById.GetValueOrDefault(span.ParentSpanId);

    internal int ChildCountOf(Span span)
    {
        if (_childCounts is null)
        {
            _childCounts = [];
            foreach (var child in Spans)
            {
                if (!SpanTree.IsRoot(child))
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
        var children = Spans.ToLookup(span => SpanTree.IsRoot(span) ? default : span.ParentSpanId);
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
