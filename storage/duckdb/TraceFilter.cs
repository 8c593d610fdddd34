using System.Runtime.InteropServices;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Which traces a partition may have spans of, by the low half of their id: a Bloom filter, which is wrong for one
/// other trace in a hundred. One thread adds, any thread asks; what was added before a commit is seen by all who see
/// that commit.
/// </summary>
sealed class TraceFilter
{
    /// <summary>10 bits a trace and 7 probes: 0.8 % wrong.</summary>
    const int BitsPerTrace = 10;
    const int Probes = 7;

    readonly ulong[] _words;

    TraceFilter(ulong[] words) => _words = words;

    /// <summary>A filter for so many traces; more make it wrong more often.</summary>
    public static TraceFilter For(long traces) =>
        new(new ulong[Math.Clamp(((traces * BitsPerTrace) + 63) / 64, 16, 1 << 24)]);

    public static TraceFilter FromBytes(ReadOnlySpan<byte> bytes) =>
        new(MemoryMarshal.Cast<byte, ulong>(bytes).ToArray());

    /// <summary>For how many traces it was made, about.</summary>
    public long Traces => _words.Length * 64L / BitsPerTrace;

    public ReadOnlySpan<byte> AsBytes() => MemoryMarshal.AsBytes<ulong>(_words);

    public void Add(ulong traceLow)
    {
        var hash = Mix(traceLow);
        for (var i = 0; i < Probes; i++, hash = Next(hash))
        {
            var bit = BitOf(hash);
            _words[bit >> 6] |= 1UL << (int)(bit & 63);
        }
    }

    public bool MayHave(ulong traceLow)
    {
        var hash = Mix(traceLow);
        for (var i = 0; i < Probes; i++, hash = Next(hash))
        {
            var bit = BitOf(hash);
            if ((_words[bit >> 6] & (1UL << (int)(bit & 63))) == 0)
                return false;
        }
        return true;
    }

    // the high half of the product: a number below the count of bits, without a division
    ulong BitOf(ulong hash) => Math.BigMul(hash, (ulong)_words.Length * 64, out _);

    static ulong Next(ulong hash) => unchecked((hash * 0x9e37_79b9_7f4a_7c15) + 0x632b_e59b_d9b4_e019);

    // MurmurHash3's finalizer, since not every sender draws ids at random
    static ulong Mix(ulong id)
    {
        unchecked
        {
            id = (id ^ (id >> 33)) * 0xff51_afd7_ed55_8ccd;
            id = (id ^ (id >> 33)) * 0xc4ce_b9fe_1a85_ec53;
            return id ^ (id >> 33);
        }
    }
}
