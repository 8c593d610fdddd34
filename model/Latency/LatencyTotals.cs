using System.Runtime.CompilerServices;

namespace Tracing.Model;

/// <summary>
/// What a histogram of latencies holds besides its buckets: integers that add up, and the extremes. They are changed
/// one by one where buckets say what they can be.
/// </summary>
struct LatencyTotals
{
    /// <summary>At most 2^64 - 1; what would be beyond is not counted, here as in the buckets.</summary>
    public ulong Count;

    /// <summary>Of them, those that took no time or less.</summary>
    public ulong ZeroCount;

    // two halves of 64 bits: a UInt128 is read back as 16 bytes just after it was written as twice 8, which stalls
    ulong _sumHigh;
    ulong _sumLow;

    /// <summary>Sum of w * (w - 1) over the weights w of all spans, so that spans of weight 1 leave it alone.</summary>
    public UInt128 Excess;

    /// <summary>Besides: how many took a time that is not known; at most 2^64 - 1.</summary>
    public ulong UnknownCount;

    /// <summary>As <see cref="Excess"/>, of those that took a time that is not known.</summary>
    public UInt128 UnknownExcess;

    /// <summary>long.MaxValue while nothing is counted; else in the first non-empty bucket.</summary>
    public long Min;

    /// <summary>In the last non-empty bucket.</summary>
    public long Max;

    public static readonly LatencyTotals None = new() { Min = long.MaxValue };

    /// <summary>Of all durations in nanoseconds, negative ones as zero.</summary>
    public UInt128 Sum
    {
        readonly get => new(_sumHigh, _sumLow);
        set => (_sumHigh, _sumLow) = ((ulong)(value >> 64), (ulong)value);
    }

    /// <summary>Counts a span that stands for itself; there must be room for it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(long nanos)
    {
        Count++;
        if (nanos > 0)
        {
            AddToSum(0, (ulong)nanos);
        }
        else
        {
            nanos = 0;
            ZeroCount++;
        }
        Widen(nanos, nanos);
    }

    /// <summary>How many more can be counted.</summary>
    public readonly ulong Room => ulong.MaxValue - Count;

    /// <summary>
    /// Counts a span that stands for <paramref name="count"/> spans, from 1; there must be room for them.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(long nanos, ulong count)
    {
        Count += count;
        if (nanos > 0)
        {
            AddToSum(Math.BigMul((ulong)nanos, count, out var low), low);
        }
        else
        {
            nanos = 0;
            ZeroCount += count;
        }
        // with the sum of all weights below 2^64, that of their squares is below 2^128
        if (count > 1)
            Excess += LatencyHistogram.Product(count, count - 1);
        Widen(nanos, nanos);
    }

    /// <summary>Counts spans that took a time that is not known.</summary>
    public void AddUnknown(ulong count, UInt128 excess)
    {
        var most = Math.Min(count, ulong.MaxValue - UnknownCount);
        UnknownCount += most;
        UnknownExcess = most == count
            ? UnknownExcess + excess
            : LatencyHistogram.Product(UnknownCount, UnknownCount - 1);
    }

    /// <summary>Adds what was counted elsewhere; there must be room for it.</summary>
    public void Add(in LatencyTotals other)
    {
        Count += other.Count;
        if (other.UnknownCount > 0)
            AddUnknown(other.UnknownCount, other.UnknownExcess);
        ZeroCount += other.ZeroCount;
        AddToSum(other._sumHigh, other._sumLow);
        Excess += other.Excess;
        Widen(other.Min, other.Max);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    void AddToSum(ulong high, ulong low)
    {
        _sumLow += low;
        _sumHigh += high + (_sumLow < low ? 1UL : 0);
    }

    // seldom true, so that nothing is written
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    void Widen(long min, long max)
    {
        if (min < Min)
            Min = min;
        if (max > Max)
            Max = max;
    }
}
