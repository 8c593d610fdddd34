using Tracing.Model;

namespace Tracing.Storage;

/// <summary>
/// What <see cref="LatencyHistogram"/> holds, and exemplars as <see cref="ExemplarSet"/> has them, of the few spans
/// that a series has in a minute: a hash table of the buckets that count something, in one array, so that counting a
/// span touches little memory. Not thread-safe.
/// </summary>
sealed class LatencyCounts
{
    const int FirstCapacity = 4;

    // a power of two; never full, so that each search ends
    Slot[] _slots = new Slot[FirstCapacity];
    int _used;
    LatencyTotals _totals = LatencyTotals.None;

    // few, as an octave has one
    BucketExemplar[] _exemplars = [];

    /// <summary>Whether some spans stand for a number of spans that is not known.</summary>
    public bool IsEstimated { get; private set; }

    /// <summary>All but the buckets.</summary>
    public ref readonly LatencyTotals Totals => ref _totals;

    /// <summary>In no order.</summary>
    public ReadOnlySpan<BucketExemplar> Exemplars => _exemplars.AsSpan(0, ExemplarCount);

    public int ExemplarCount { get; private set; }

    /// <summary>What it takes, roughly, with what a dictionary has of it.</summary>
    public int Bytes => 240 + (16 * _slots.Length) + (24 * _exemplars.Length);

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
        var bucket = LatencyHistogram.IndexOf(nanos);
        AddToBucket(bucket, weight);
        if (!exemplar.Trace.IsZero)
            Choose(bucket, exemplar);
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
            AddToBucket(bucket.Index, bucket.Count);
    }

    /// <summary>Adds what was counted elsewhere.</summary>
    public void Add(LatencyCounts other)
    {
        foreach (ref readonly var exemplar in other.Exemplars)
            Choose(exemplar.Bucket, exemplar.Exemplar);
        if (other._totals.Count > _totals.Room)
        {
            var latencies = new LatencyHistogram();
            other.AddTo(latencies);
            Add(latencies, other.IsEstimated);
            return;
        }
        IsEstimated |= other.IsEstimated;
        _totals.Add(other._totals);
        if (_used == 0)
        {
            (_slots, _used) = (other._slots.AsSpan().ToArray(), other._used);
            return;
        }
        foreach (ref readonly var slot in other._slots.AsSpan())
        {
            if (slot.Count != 0)
                AddToBucket(slot.Bucket, slot.Count);
        }
    }

    /// <summary>Begins to take what was counted elsewhere, of which buckets and exemplars come one by one.</summary>
    public void Begin(in LatencyTotals totals, bool isEstimated) => (_totals, IsEstimated) = (totals, isEstimated);

    public void AddToBucket(int bucket, ulong count) => SlotOf(bucket).Count += count;

    public void Choose(int bucket, in TraceExemplar exemplar)
    {
        for (var i = 0; i < ExemplarCount; i++)
        {
            ref var known = ref _exemplars[i];
            if (ExemplarSet.OctaveOf(known.Bucket) != ExemplarSet.OctaveOf(bucket))
                continue;
            if (ExemplarSet.IsBefore(bucket, exemplar, known.Bucket, known.Exemplar))
                known = new BucketExemplar(bucket, exemplar);
            return;
        }
        if (ExemplarCount == _exemplars.Length)
            Array.Resize(ref _exemplars, Math.Max(1, 2 * ExemplarCount));
        _exemplars[ExemplarCount++] = new BucketExemplar(bucket, exemplar);
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
        foreach (ref readonly var exemplar in Exemplars)
            exemplars.Add(exemplar.Bucket, exemplar.Exemplar);
    }

    /// <summary>Fills a list with the buckets that count something, shortest durations first.</summary>
    public void CopyTo(List<(int Bucket, ulong Count)> buckets)
    {
        buckets.Clear();
        foreach (ref readonly var slot in _slots.AsSpan())
        {
            if (slot.Count != 0)
                buckets.Add((slot.Bucket, slot.Count));
        }
        buckets.Sort(static (one, other) => one.Bucket.CompareTo(other.Bucket));
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
        public int Bucket;

        /// <summary>0: the slot is empty.</summary>
        public ulong Count;
    }
}

/// <summary>The exemplar of an octave, and the bucket where it is counted. 24 bytes.</summary>
readonly struct BucketExemplar(int bucket, in TraceExemplar exemplar)
{
    // so that the numbers share 8 bytes
    readonly uint _seconds = exemplar.UnixSeconds;
    readonly TraceId _trace = exemplar.Trace;

    public int Bucket { get; } = bucket;

    public TraceExemplar Exemplar => new(_trace, _seconds);
}
