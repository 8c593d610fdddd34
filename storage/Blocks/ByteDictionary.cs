using System.IO.Hashing;

namespace Tracing.Storage.Blocks;

/// <summary>
/// Dictionary encoding: a number for each distinct byte string, in the order of first use. Open addressing over 64-bit
/// hashes; contents lie end to end in one array, so that an entry costs its bytes and some 20 more. Not thread-safe.
/// </summary>
/// <remarks>The hash is seeded at random for each process, so that no sender can choose colliding strings.</remarks>
sealed class ByteDictionary
{
    const int MinSlots = 16;
    const ulong TagMask = 0xffffffff_00000000;

    static readonly long _seed = Random.Shared.NextInt64();

    // the upper half of the hash, and the number + 1; 0 for a free slot
    ulong[] _slots = new ulong[MinSlots];
    int[] _ends = new int[8];
    byte[] _bytes = new byte[64];

    public int Count { get; private set; }

    /// <summary>Bytes of all contents.</summary>
    public int Length => Count == 0 ? 0 : _ends[Count - 1];

    public ReadOnlySpan<byte> this[int code] => _bytes.AsSpan(StartOf(code), _ends[code] - StartOf(code));

    public int LengthOf(int code) => _ends[code] - StartOf(code);

    /// <summary>The number of a string, which is a new one if it was not there.</summary>
    public int Add(ReadOnlySpan<byte> bytes)
    {
        var hash = XxHash3.HashToUInt64(bytes, _seed);
        var mask = _slots.Length - 1;
        for (var at = (int)hash & mask; ; at = (at + 1) & mask)
        {
            var slot = _slots[at];
            if (slot == 0)
            {
                var code = Insert(bytes);
                _slots[at] = (hash & TagMask) | (uint)(code + 1);
                if (2 * Count > _slots.Length)
                    Grow();
                return code;
            }
            var known = (int)(uint)slot - 1;
            if (((slot ^ hash) & TagMask) == 0 && this[known].SequenceEqual(bytes))
                return known;
        }
    }

    public void Clear()
    {
        if (Count == 0)
            return;
        Count = 0;
        Array.Clear(_slots);
    }

    int StartOf(int code) => code == 0 ? 0 : _ends[code - 1];

    int Insert(ReadOnlySpan<byte> bytes)
    {
        var from = Length;
        if (_bytes.Length - from < bytes.Length)
            Array.Resize(ref _bytes, Math.Max(2 * _bytes.Length, checked(from + bytes.Length)));
        bytes.CopyTo(_bytes.AsSpan(from));
        if (Count == _ends.Length)
            Array.Resize(ref _ends, 2 * Count);
        _ends[Count] = from + bytes.Length;
        return Count++;
    }

    void Grow()
    {
        var mask = (2 * _slots.Length) - 1;
        _slots = new ulong[mask + 1];
        for (var code = 0; code < Count; code++)
        {
            var hash = XxHash3.HashToUInt64(this[code], _seed);
            var at = (int)hash & mask;
            while (_slots[at] != 0)
                at = (at + 1) & mask;
            _slots[at] = (hash & TagMask) | (uint)(code + 1);
        }
    }
}
