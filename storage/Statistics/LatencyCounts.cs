using Tracing.Model;

namespace Tracing.Storage;

/// <summary>
/// What <see cref="LatencyHistogram"/> holds, and an exemplar for each bucket, of the few spans that a series has in a
/// minute: a hash table of the buckets that count something, in one array, so that counting a span touches little
/// memory. Not thread-safe.
/// </summary>
sealed class LatencyCounts
{
    const int FirstCapacity = 4;

    // a power of two; never full, so that each search ends
    Slot[] _slots = new Slot[FirstCapacity];
    int _used;
    LatencyTotals _totals = LatencyTotals.None;

    /// <summary>Whether some spans stand for a number of spans that is not known.</summary>
    public bool IsEstimated { get; private set; }

    /// <param name="nanos">Null when it is not known how long the span took.</param>
    /// <param name="exemplar">Of no trace: there is none.</param>
    public void Add(long? nanos, ulong weight, bool isEstimated, in TraceExemplar exemplar)
    {
        IsEstimated |= isEstimated && weight > 0;
        if (nanos is { } known)
            Add(known, Math.Min(weight, _totals.Room), exemplar);
        else
            _totals.AddUnknown(weight, LatencyHistogram.Product(weight, weight - Math.Min(weight, 1)));
    }

    void Add(long nanos, ulong weight, in TraceExemplar exemplar)
    {
        if (weight == 0)
            return;
        _totals.Add(nanos, weight);
        if (nanos <= 0)
            return;
        ref var slot = ref SlotOf(LatencyHistogram.IndexOf(nanos));
        slot.Count += weight;
        slot.Choose(exemplar);
    }

    /// <summary>Adds what was counted elsewhere, at the same scale.</summary>
    public void Add(LatencyHistogram latencies, bool isEstimated)
    {
        IsEstimated |= isEstimated;
        if (latencies.Totals.Count > _totals.Room)
        {
            // what does not fit is left out by the histogram
            var all = new LatencyHistogram();
            AddTo(all);
            all.Merge(latencies);
            (_slots, _used, _totals) = (new Slot[FirstCapacity], 0, LatencyTotals.None);
            latencies = all;
        }
        _totals.Add(latencies.Totals);
        foreach (var bucket in latencies.Buckets())
            SlotOf(bucket.Index).Count += bucket.Count;
    }

    public void AddTo(LatencyHistogram latencies)
    {
        if (!latencies.TryAdd(_totals))
        {
            var own = new LatencyHistogram();
            AddTo(own);
            latencies.Merge(own);
            return;
        }
        foreach (ref readonly var slot in _slots.AsSpan())
        {
            if (slot.Count != 0)
                latencies.AddToBucket(slot.Bucket, slot.Count);
        }
    }

    public void AddTo(ExemplarSet exemplars)
    {
        foreach (ref readonly var slot in _slots.AsSpan())
        {
            if (slot.Count != 0 && !slot.Exemplar.Trace.IsZero)
                exemplars.Add(slot.Bucket, slot.Exemplar);
        }
    }

    ref Slot SlotOf(int bucket)
    {
        var slots = _slots;
        for (var at = Start(bucket, slots.Length); ; at = (at + 1) & (slots.Length - 1))
        {
            ref var slot = ref slots[at];
            if (slot.Count != 0)
            {
                if (slot.Bucket == bucket)
                    return ref slot;
                continue;
            }
            if (4 * (_used + 1) > 3 * slots.Length)
            {
                Grow();
                return ref SlotOf(bucket);
            }
            _used++;
            slot.Bucket = bucket;
            return ref slot;
        }
    }

    void Grow()
    {
        var before = _slots;
        _slots = new Slot[2 * before.Length];
        foreach (ref readonly var slot in before.AsSpan())
        {
            if (slot.Count == 0)
                continue;
            var at = Start(slot.Bucket, _slots.Length);
            while (_slots[at].Count != 0)
                at = (at + 1) & (_slots.Length - 1);
            _slots[at] = slot;
        }
    }

    // neighbouring buckets are spread over the table
    static int Start(int bucket, int capacity) => (int)(((uint)bucket * 0x9e37_79b1u) >> 16) & (capacity - 1);

    struct Slot
    {
        /// <summary>Comes before the rest of the exemplar, so that a slot is 32 bytes.</summary>
        uint _exemplarSeconds;

        public int Bucket;

        /// <summary>0: the slot is empty.</summary>
        public ulong Count;

        TraceId _exemplarTrace;

        public readonly TraceExemplar Exemplar => new(_exemplarTrace, _exemplarSeconds);

        public void Choose(in TraceExemplar exemplar)
        {
            if (!exemplar.Trace.IsZero && (_exemplarTrace.IsZero || exemplar.IsBefore(Exemplar)))
                (_exemplarTrace, _exemplarSeconds) = (exemplar.Trace, exemplar.UnixSeconds);
        }
    }
}
