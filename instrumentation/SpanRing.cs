using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Tracing.Instrumentation;

/// <summary>
/// Ended spans on their way from any thread to the one that writes them: a bounded queue in an array, whose slots say
/// themselves whose turn it is (Vyukov, "Bounded MPMC queue"). Adding is one exchange and allocates nothing.
/// </summary>
sealed class SpanRing
{
    /// <summary>What ends while the writing thread is not scheduled, for some milliseconds.</summary>
    public const int Capacity = 4096;

    const int Mask = Capacity - 1;

    /// <summary>Of so many that were added, one calls the reader.</summary>
    const int CallEvery = Capacity / 4;

    readonly Slot[] _slots = new Slot[Capacity];
    readonly Action _call;
    Positions _positions;

    /// <param name="call">Calls the reader before the ring is full.</param>
    public SpanRing(Action call)
    {
        _call = call;
        for (var i = 0; i < Capacity; i++)
            _slots[i].Turn = i;
    }

    /// <summary>False when the ring is full.</summary>
    public bool TryAdd(Activity span)
    {
        while (true)
        {
            var position = Volatile.Read(ref _positions.Tail);
            ref var slot = ref _slots[position & Mask];
            var turn = Volatile.Read(ref slot.Turn);
            if (turn == position)
            {
                if (Interlocked.CompareExchange(ref _positions.Tail, position + 1, position) != position)
                    continue;
                slot.Span = span;
                Volatile.Write(ref slot.Turn, position + 1);
                if ((position & (CallEvery - 1)) == CallEvery - 1)
                    _call();
                return true;
            }
            if (turn < position)
                return false;
        }
    }

    /// <summary>Only for the one reader.</summary>
    public bool TryTake(out Activity span)
    {
        ref var slot = ref _slots[_positions.Head & Mask];
        if (Volatile.Read(ref slot.Turn) != _positions.Head + 1)
        {
            span = null!;
            return false;
        }
        span = slot.Span!;
        slot.Span = null;
        Volatile.Write(ref slot.Turn, _positions.Head + Capacity);
        _positions.Head++;
        return true;
    }

    struct Slot
    {
        public long Turn;
        public Activity? Span;
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
