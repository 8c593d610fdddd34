using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Tracing.Instrumentation;

/// <summary>
/// Ended spans on their way from any thread to the one that writes them: a bounded queue in an array. Adding is one
/// exchange and allocates nothing. Where the reader has taken something out it leaves null, and says so to the others
/// only now and then: what one core writes for another to read costs more than all the rest.
/// </summary>
sealed class SpanRing
{
    /// <summary>What ends while the writing thread is not scheduled, for some milliseconds.</summary>
    public const int Capacity = 4096;

    const int Mask = Capacity - 1;

    /// <summary>Of so many that were added, one calls the reader.</summary>
    const int CallEvery = Capacity / 4;

    /// <summary>Of so many that were taken, one gives the room back.</summary>
    const int FreeEvery = Capacity / 16;

    readonly Slot[] _slots = new Slot[Capacity];

    // apart, as those of activities are not touched
    readonly Timing[] _timings = new Timing[Capacity];
    readonly Action _call;
    Positions _positions;
    long _next;

    /// <param name="call">Calls the reader before the ring is full.</param>
    public SpanRing(Action call) => _call = call;

    /// <summary>False when the ring is full.</summary>
    public bool TryAdd(Activity span)
    {
        if (!TryClaim(out var position))
            return false;
        Publish(position, span);
        return true;
    }

    /// <summary>A span that is no activity, only counted.</summary>
    public bool TryAdd(string name, in Timing timing)
    {
        if (!TryClaim(out var position))
            return false;
        _timings[position & Mask] = timing;
        Publish(position, name);
        return true;
    }

    /// <summary>
    /// Only for the one reader. Gives an activity, or the name of a span that has a timing instead.
    /// </summary>
    public bool TryTake(out object span, out Timing timing)
    {
        ref var slot = ref _slots[_next & Mask];
        span = Volatile.Read(ref slot.Span)!;
        timing = span is string ? _timings[_next & Mask] : default;
        if (span is not null)
        {
            slot.Span = null;
            if ((++_next & (FreeEvery - 1)) != 0)
                return true;
        }
        Volatile.Write(ref _positions.Head, _next);
        return span is not null;
    }

    bool TryClaim(out long position)
    {
        do
        {
            position = Volatile.Read(ref _positions.Tail);
            if (position - Volatile.Read(ref _positions.Head) >= Capacity)
                return false;
        }
        while (Interlocked.CompareExchange(ref _positions.Tail, position + 1, position) != position);
        return true;
    }

    void Publish(long position, object span)
    {
        Volatile.Write(ref _slots[position & Mask].Span, span);
        if ((position & (CallEvery - 1)) == CallEvery - 1)
            _call();
    }

    /// <summary>Spares the check of an array of references for what may be put in.</summary>
    struct Slot
    {
        public object? Span;
    }

    /// <summary>Apart by more than a line of the cache, as different threads write them.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 192)]
    struct Positions
    {
        [FieldOffset(0)]
        public long Head;

        [FieldOffset(128)]
        public long Tail;
    }
}

/// <summary>What is known of an unsampled span that is no activity, but its name.</summary>
readonly record struct Timing(TimeSpan Duration, ActivityKind Kind, bool IsError);
