using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Tracing.Model;

/// <summary>A bucket that counts something.</summary>
/// <param name="Index">i of OpenTelemetry's definition; Prometheus' is i + 1.</param>
/// <param name="LowerNanos">b^i; the bucket holds what is more.</param>
/// <param name="UpperNanos">b^(i + 1); the bucket holds what is at most that.</param>
public readonly record struct LatencyBucket(int Index, double LowerNanos, double UpperNanos, ulong Count)
{
    /// <summary>Equally far, as a part of it, from both borders.</summary>
    public double MiddleNanos => 2 * LowerNanos * UpperNanos / (LowerNanos + UpperNanos);
}

/// <summary>
/// How long spans took, counted in buckets of a fixed relative width: any quantile is answered with a relative error of
/// at most <see cref="RelativeError"/>, 1.09 % at scale 5.
/// <para>
/// It is an exponential histogram of base b = 2^(2^-scale) ("OpenTelemetry metrics data model"), which is a DDSketch of
/// gamma = b and has its guarantee (Masson, Rim, Lee: "DDSketch", VLDB 2019). All it holds are integers that add up, so
/// merging is associative and commutative, and no result depends on who saw which span first.
/// </para>
/// <para>
/// Durations are whole nanoseconds, 1 to 2^63 - 1 in buckets; zero and negative ones (a clock was set) count as zero,
/// in a bucket of their own. Spans whose duration is not known are counted apart: they are calls, and say nothing of
/// latencies. Counts end at 2^64 - 1: what would be beyond is left out. Not safe for use by several threads at once.
/// </para>
/// </summary>
public sealed partial class LatencyHistogram
{
    /// <summary>A relative error of 1.09 %; 32 buckets an octave, some 320 for three decades of durations.</summary>
    public const int DefaultScale = 5;

    /// <summary>Buckets by which the window grows beyond what is asked for, at least.</summary>
    const int Slack = 16;

    readonly int _shift;

    // the counts of buckets _first, _first + 1 and so on; all others are zero
    ulong[] _counts = [];
    int _first;

    LatencyTotals _totals = LatencyTotals.None;

    /// <param name="scale">0 to 6: the relative error is 33, 17, 8.6, 4.3, 2.2, 1.09 or 0.54 %.</param>
    public LatencyHistogram(int scale = DefaultScale)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(scale, LatencyBuckets.MinScale);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(scale, LatencyBuckets.MaxScale);
        Scale = scale;
        _shift = LatencyBuckets.MaxScale - scale;
    }

    /// <summary>There are 2^scale buckets between a duration and its double.</summary>
    public int Scale { get; }

    /// <summary>
    /// (b - 1) / (b + 1), b = 2^(2^-scale): how far a quantile's estimate may be from the true value, as a part of it.
    /// </summary>
    public double RelativeError
    {
        get
        {
            var b = LatencyBuckets.Border(1, Scale);
            return (b - 1) / (b + 1);
        }
    }

    /// <summary>
    /// How many spans of a known duration were recorded, or stand behind those recorded, whatever they took.
    /// </summary>
    public ulong Count => _totals.Count;

    /// <summary>
    /// How many spans took a time that is not known; they are neither in <see cref="Count"/> nor in any bucket.
    /// </summary>
    public ulong UnknownCount => _totals.UnknownCount;

    /// <summary>
    /// How many spans there were, whether it is known how long they took or not: for rates and shares.
    /// </summary>
    public ulong Calls => SaturatingSum(Count, UnknownCount);

    /// <summary>Of them, those that took no time or less.</summary>
    public ulong ZeroCount => _totals.ZeroCount;

    /// <summary>
    /// Sum of all durations in nanoseconds, negative ones as zero. An integer, as sums of doubles depend on their
    /// order; 128 bits, as 2^64 - 1 durations below 2^63 cannot exceed them.
    /// </summary>
    public UInt128 Sum => _totals.Sum;

    /// <summary>
    /// The shortest duration in nanoseconds, negative ones as zero; 0 if none is counted. After
    /// <see cref="Subtract"/>, or for data of others that did not say, only a lower bound, as far from it as a bucket
    /// is wide at most.
    /// </summary>
    public long Min => Count == 0 ? 0 : _totals.Min;

    /// <summary>The longest duration in nanoseconds; an upper bound where <see cref="Min"/> is a lower one.</summary>
    public long Max => _totals.Max;

    /// <summary>
    /// How many spans of equal weight would say as much as those recorded, (sum of w)^2 / sum of w^2 (Kish, "Survey
    /// Sampling", 1965): <see cref="Count"/> where each span stands for itself.
    /// </summary>
    public double EffectiveCount =>
        Count == 0 ? 0 : (double)Count * Count / (double)(Count + _totals.Excess);

    /// <summary>The same of <see cref="Calls"/>.</summary>
    public double EffectiveCalls => UnknownCount == 0 ? EffectiveCount
        : ((double)Count + UnknownCount) * ((double)Count + UnknownCount) /
            ((double)Count + UnknownCount + (double)_totals.Excess + (double)_totals.UnknownExcess);

    /// <summary>The non-empty buckets but that of <see cref="ZeroCount"/>, shortest durations first.</summary>
    public IEnumerable<LatencyBucket> Buckets()
    {
        for (var i = 0; i < _counts.Length; i++)
        {
            if (_counts[i] != 0)
                yield return BucketAt(_first + i, _counts[i]);
        }
    }

    /// <summary>Counts a span that took so many nanoseconds and stands for itself.</summary>
    public void Record(long nanos)
    {
        if (_totals.Room == 0)
            return;
        _totals.Add(nanos);
        if (nanos > 0)
            CountOf(LatencyBuckets.FinestIndexOf(nanos) >> _shift)++;
    }

    /// <summary>Counts a span that took so many nanoseconds and stands for <paramref name="count"/> spans.</summary>
    /// <param name="count">
    /// Its adjusted count, made whole by <see cref="AdjustedCount.Round"/>. For 0 nothing happens.
    /// </param>
    public void Record(long nanos, ulong count)
    {
        count = Math.Min(count, _totals.Room);
        if (count == 0)
            return;
        _totals.Add(nanos, count);
        if (nanos > 0)
            CountOf(LatencyBuckets.FinestIndexOf(nanos) >> _shift) += count;
    }

    /// <summary>Counts a span that took a time that is not known and stands for <paramref name="count"/>.</summary>
    public void RecordUnknown(ulong count = 1) =>
        _totals.AddUnknown(count, Product(count, count - Math.Min(count, 1)));

    /// <summary>
    /// Counts what <paramref name="other"/> counts as well. One of a finer scale is coarsened on the way, which is
    /// exact: each of its buckets lies within one of these.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// The other is coarser. Its buckets cannot be divided; merge this one into it, or both into a new one of its
    /// scale.
    /// </exception>
    public void Merge(LatencyHistogram other)
    {
        ArgumentNullException.ThrowIfNull(other);
        var occupied = AtThisScale(other).Occupied(out var first);
        Add(other._totals, first, occupied);
    }

    void Add(in LatencyTotals totals, int first, ReadOnlySpan<ulong> occupied)
    {
        if (totals.Count > _totals.Room)
        {
            AddWhatFits(totals, first, occupied);
            return;
        }
        _totals.Add(totals);
        if (occupied.Length == 0)
            return;
        Cover(first, first + occupied.Length - 1);
        Add(_counts.AsSpan(first - _first, occupied.Length), occupied);
    }

    /// <summary>
    /// Adds the shortest, as many as there is room for; all agrees with the buckets then, as it has to.
    /// </summary>
    void AddWhatFits(in LatencyTotals totals, int first, ReadOnlySpan<ulong> occupied)
    {
        if (_totals.Room == 0)
        {
            _totals.AddUnknown(totals.UnknownCount, totals.UnknownExcess);
            return;
        }
        var zeros = Math.Min(totals.ZeroCount, _totals.Room);
        _totals.Count += zeros;
        _totals.ZeroCount += zeros;
        for (var i = 0; i < occupied.Length && _totals.Room > 0; i++)
        {
            var count = Math.Min(occupied[i], _totals.Room);
            if (count == 0)
                continue;
            CountOf(first + i) += count;
            _totals.Count += count;
        }
        _totals.AddUnknown(totals.UnknownCount, totals.UnknownExcess);
        SetExtremes(Math.Min(_totals.Min, totals.Min), Math.Max(_totals.Max, totals.Max));
        BoundSumAndExcess(_totals.Sum + totals.Sum, totals.Excess > UInt128.MaxValue - _totals.Excess
            ? UInt128.MaxValue
            : _totals.Excess + totals.Excess);
    }

    /// <summary>Sets both as near to these as the buckets allow.</summary>
    void BoundSumAndExcess(UInt128 sum, UInt128 excess)
    {
        var (least, greatest) = SumBounds();
        _totals.Sum = UInt128.Clamp(sum, least, greatest);
        _totals.Excess = UInt128.Min(excess, Product(Count, Count - Math.Min(Count, 1)));
        _totals.UnknownExcess = UInt128.Min(
            _totals.UnknownExcess, Product(UnknownCount, UnknownCount - Math.Min(UnknownCount, 1)));
    }

    /// <summary>All but the buckets.</summary>
    internal LatencyTotals Totals => _totals;

    /// <summary>
    /// Adds what was counted elsewhere, at the same scale; false if there is no room for it. The buckets come one by
    /// one then.
    /// </summary>
    internal bool TryAdd(in LatencyTotals totals)
    {
        if (totals.Count > _totals.Room)
            return false;
        _totals.Add(totals);
        return true;
    }

    internal void AddToBucket(int bucket, ulong count) => CountOf(bucket) += count;

    /// <summary>Counts nothing any more; the memory stays.</summary>
    internal void Clear()
    {
        _counts.AsSpan().Clear();
        _totals = LatencyTotals.None;
    }

    /// <summary>
    /// Takes away what was merged in before. Counts, sum and weights are then as without it. <see cref="Min"/> and
    /// <see cref="Max"/> cannot be known again: they become bounds, within the first and last non-empty bucket.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// The other is coarser, or cannot have been merged in, as it counts more somewhere. Nothing is taken away.
    /// </exception>
    public void Subtract(LatencyHistogram other)
    {
        ArgumentNullException.ThrowIfNull(other);
        var rest = new LatencyHistogram(Scale);
        rest.Merge(this);
        var occupied = AtThisScale(other).Occupied(out var first);
        if (!rest.TryTakeAway(occupied, first, other))
            throw new ArgumentException("The histogram to subtract was not merged into this one.", nameof(other));
        (_counts, _first, _totals) = (rest._counts, rest._first, rest._totals);
    }

    /// <summary>Takes away what was merged in before as far as it is there; all as in <see cref="Subtract"/>.</summary>
    public void SubtractWhatIsThere(LatencyHistogram other)
    {
        ArgumentNullException.ThrowIfNull(other);
        var occupied = AtThisScale(other).Occupied(out var first);
        var zeros = Math.Min(ZeroCount, other.ZeroCount);
        _totals.ZeroCount -= zeros;
        _totals.Count -= zeros;
        for (var i = 0; i < occupied.Length; i++)
        {
            var slot = first + i - _first;
            if ((uint)slot >= (uint)_counts.Length)
                continue;
            var count = Math.Min(_counts[slot], occupied[i]);
            _counts[slot] -= count;
            _totals.Count -= count;
        }
        _totals.UnknownCount -= Math.Min(UnknownCount, other.UnknownCount);
        _totals.UnknownExcess -= UInt128.Min(_totals.UnknownExcess, other._totals.UnknownExcess);
        SetExtremes(_totals.Min, _totals.Max);
        BoundSumAndExcess(
            Sum - UInt128.Min(Sum, other.Sum), _totals.Excess - UInt128.Min(_totals.Excess, other._totals.Excess));
    }

    bool TryTakeAway(ReadOnlySpan<ulong> occupied, int first, LatencyHistogram other)
    {
        if (ZeroCount < other._totals.ZeroCount || Sum < other.Sum || _totals.Excess < other._totals.Excess ||
            UnknownCount < other.UnknownCount || _totals.UnknownExcess < other._totals.UnknownExcess)
            return false;
        for (var i = 0; i < occupied.Length; i++)
        {
            if (occupied[i] == 0)
                continue;
            var slot = first + i - _first;
            if ((uint)slot >= (uint)_counts.Length || _counts[slot] < occupied[i])
                return false;
            _counts[slot] -= occupied[i];
        }
        _totals.ZeroCount -= other._totals.ZeroCount;
        _totals.Count -= other._totals.Count;
        _totals.Sum -= other.Sum;
        _totals.Excess -= other._totals.Excess;
        _totals.UnknownCount -= other.UnknownCount;
        _totals.UnknownExcess -= other._totals.UnknownExcess;
        SetExtremes(_totals.Min, _totals.Max);
        var (least, greatest) = SumBounds();
        return Sum >= least && Sum <= greatest &&
            _totals.Excess <= Product(Count, Count - Math.Min(Count, 1));
    }

    /// <summary>Sets min and max as near to these as the non-empty buckets allow.</summary>
    void SetExtremes(long min, long max)
    {
        var occupied = Occupied(out var first);
        if (occupied.Length == 0)
        {
            (_totals.Min, _totals.Max) = (ZeroCount > 0 ? 0 : long.MaxValue, 0);
            return;
        }
        var last = first + occupied.Length - 1;
        _totals.Min = ZeroCount > 0
            ? 0
            : Math.Clamp(min, LatencyBuckets.LeastIn(first, Scale), LatencyBuckets.GreatestIn(first, Scale));
        _totals.Max = Math.Clamp(max, LatencyBuckets.LeastIn(last, Scale), LatencyBuckets.GreatestIn(last, Scale));
    }

    /// <summary>What the durations may add up to, from the buckets alone.</summary>
    (UInt128 Least, UInt128 Greatest) SumBounds()
    {
        var (least, greatest) = (UInt128.Zero, UInt128.Zero);
        for (var i = 0; i < _counts.Length; i++)
        {
            if (_counts[i] == 0)
                continue;
            least += Product((ulong)LatencyBuckets.LeastIn(_first + i, Scale), _counts[i]);
            greatest += Product((ulong)LatencyBuckets.GreatestIn(_first + i, Scale), _counts[i]);
        }
        return (least, greatest);
    }

    LatencyHistogram AtThisScale(LatencyHistogram other)
    {
        if (other.Scale == Scale)
            return other;
        if (other.Scale < Scale)
        {
            throw new ArgumentException(
                $"A histogram of scale {other.Scale} cannot be made one of {Scale}.", nameof(other));
        }
        var coarse = new LatencyHistogram(Scale);
        for (var i = 0; i < other._counts.Length; i++)
        {
            if (other._counts[i] != 0)
                coarse.CountOf((other._first + i) >> (other.Scale - Scale)) += other._counts[i];
        }
        return coarse;
    }

    /// <summary>The counts from the first non-empty bucket to the last.</summary>
    ReadOnlySpan<ulong> Occupied(out int first)
    {
        var start = _counts.AsSpan().IndexOfAnyExcept(0UL);
        first = _first + start;
        return start < 0 ? [] : _counts.AsSpan(start, _counts.AsSpan().LastIndexOfAnyExcept(0UL) + 1 - start);
    }

    LatencyBucket BucketAt(int index, ulong count) =>
        new(index, LatencyBuckets.Border(index, Scale), LatencyBuckets.Border(index + 1, Scale), count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    ref ulong CountOf(int index)
    {
        var (counts, slot) = (_counts, index - _first);
        if ((uint)slot < (uint)counts.Length)
            return ref counts[slot];
        Cover(index, index);
        return ref _counts[index - _first];
    }

    /// <summary>
    /// Widens the window to these buckets, where it grows by a quarter of its length beyond them: the next durations
    /// are likely near.
    /// </summary>
    void Cover(int first, int last)
    {
        var end = _first + _counts.Length - 1;
        if (_counts.Length > 0 && first >= _first && last <= end)
            return;
        if (_counts.Length == 0)
            (_first, end) = (first, last);
        var slack = Math.Max(Slack, (Math.Max(last, end) - Math.Min(first, _first)) / 4);
        var newFirst = first < _first || _counts.Length == 0 ? first - slack : _first;
        var newEnd = last > end || _counts.Length == 0 ? last + slack : end;
        newFirst = Math.Max(newFirst, LatencyBuckets.FirstIndex);
        newEnd = Math.Min(newEnd, LatencyBuckets.LastIndex(Scale));
        var counts = new ulong[newEnd - newFirst + 1];
        _counts.CopyTo(counts.AsSpan(_first - newFirst));
        (_counts, _first) = (counts, newFirst);
    }

    /// <summary>The sum, at most 2^64 - 1.</summary>
    public static ulong SaturatingSum(ulong one, ulong other) =>
        other > ulong.MaxValue - one ? ulong.MaxValue : one + other;

    /// <summary>Adds the counts; none can overflow, since their total does not.</summary>
    static void Add(Span<ulong> counts, ReadOnlySpan<ulong> others)
    {
        var vectors = MemoryMarshal.Cast<ulong, Vector<ulong>>(counts);
        var otherVectors = MemoryMarshal.Cast<ulong, Vector<ulong>>(others)[..vectors.Length];
        for (var i = 0; i < vectors.Length; i++)
            vectors[i] += otherVectors[i];
        for (var i = vectors.Length * Vector<ulong>.Count; i < counts.Length; i++)
            counts[i] += others[i];
    }

    internal static UInt128 Product(ulong a, ulong b)
    {
        var high = Math.BigMul(a, b, out var low);
        return new UInt128(high, low);
    }
}
