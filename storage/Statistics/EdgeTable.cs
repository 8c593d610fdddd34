namespace Tracing.Storage;

/// <summary>
/// The spans of three generations by their id, and by that of their parent: chains through one array, in
/// the order added, so that the oldest can be forgotten without a look at their chains. Takes 72 bytes a span and 8 for
/// its bucket, each up to twice that after growing: 290 MB at most for three generations of 600,000 spans.
/// </summary>
/// <param name="maxSpans">Of a generation, from 1.</param>
sealed class EdgeTable(int maxSpans)
{
    /// <summary>No position.</summary>
    public const int None = -1;

    // ids are the sender's choice: nobody shall be able to put all of them into one bucket
    readonly ulong _seed = (ulong)Random.Shared.NextInt64() | 1;
    EdgeSpan[] _spans = new EdgeSpan[1024];
    (int Span, int Child)[] _buckets = new (int, int)[1024];

    // of the generation before and of the current one; the oldest begins at 0
    int _middle;
    int _current;

    public int Count { get; private set; }

    public int CurrentCount => Count - _current;

    public bool IsFull => CurrentCount >= maxSpans;

    public ref EdgeSpan this[int position] => ref _spans[position];

    /// <summary>The two that can have an id; <see cref="None"/> for what is not there.</summary>
    public (int Other, int Server) Find(ulong trace, ulong id)
    {
        var (other, server) = (None, None);
        for (var next = _buckets[BucketOf(trace, id)].Span; next != 0; next = _spans[next - 1].Next)
        {
            ref var span = ref _spans[next - 1];
            if (span.Id != id || span.Trace != trace)
                continue;
            if (span.Is(EdgeFlags.ServerHalf))
                server = next - 1;
            else
                other = next - 1;
        }
        return (other, server);
    }

    /// <summary>The first in the bucket of this parent, as position + 1; 0: none.</summary>
    public int FirstChild(ulong trace, ulong id) => _buckets[BucketOf(trace, id)].Child;

    /// <summary>Its position, which holds until <see cref="MoveOn"/>; references to spans end.</summary>
    public int Add(in EdgeSpan span)
    {
        if (Count == _spans.Length)
            Grow();
        _spans[Count] = span;
        AddToBuckets(Count);
        return Count++;
    }

    /// <summary>Begins a generation and forgets the oldest.</summary>
    /// <returns>By how much positions are less than before.</returns>
    public int MoveOn()
    {
        var forgotten = _middle;
        Array.Copy(_spans, forgotten, _spans, 0, Count - forgotten);
        Count -= forgotten;
        (_middle, _current) = (_current - forgotten, Count);
        if (forgotten == 0)
            return 0;
        for (var i = 0; i < Count; i++)
        {
            ref var span = ref _spans[i];
            span.Next = Math.Max(0, span.Next - forgotten);
            span.NextChild = Math.Max(0, span.NextChild - forgotten);
            // what was counted with one that is forgotten cannot be withdrawn any more
            if (span.Caller != 0 && span.Caller <= forgotten)
                span.Flags |= EdgeFlags.Decided;
            span.Caller = Math.Max(0, span.Caller - forgotten);
        }
        foreach (ref var bucket in _buckets.AsSpan())
            bucket = (Math.Max(0, bucket.Span - forgotten), Math.Max(0, bucket.Child - forgotten));
        return forgotten;
    }

    void Grow()
    {
        Array.Resize(ref _spans, 2 * Count);
        _buckets = new (int, int)[_spans.Length];
        for (var i = 0; i < Count; i++)
            AddToBuckets(i);
    }

    void AddToBuckets(int position)
    {
        ref var span = ref _spans[position];
        if (!span.Is(EdgeFlags.Link))
        {
            ref var ofId = ref _buckets[BucketOf(span.Trace, span.Id)];
            span.Next = ofId.Span;
            ofId.Span = position + 1;
        }
        if (span.Parent == 0)
            return;
        ref var ofParent = ref _buckets[BucketOf(span.Trace, span.Parent)];
        span.NextChild = ofParent.Child;
        ofParent.Child = position + 1;
    }

    /// <summary>All bits of both count for the upper ones of the product, which are taken.</summary>
    int BucketOf(ulong trace, ulong id)
    {
        var hash = (trace ^ _seed) * 0x9e37_79b9_7f4a_7c15;
        hash = (hash ^ (hash >> 32) ^ id) * (_seed ^ 0xbf58_476d_1ce4_e5b8);
        return (int)((hash ^ (hash >> 29)) >> 20) & (_buckets.Length - 1);
    }
}
