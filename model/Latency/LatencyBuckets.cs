using System.Numerics;
using System.Runtime.CompilerServices;

namespace Tracing.Model;

/// <summary>
/// The borders of base-2 exponential histograms. At scale s the base is b = 2^(2^-s), and bucket i holds what is more
/// than b^i and at most b^(i + 1): "OpenTelemetry metrics data model", exponential histogram. A border of a coarser
/// scale is also one of each finer scale, so the tables of the finest serve all.
/// <para>
/// Two look-ups and one comparison of integers find the bucket, exactly and with the same result on every machine;
/// a logarithm in floating point is off by one near some borders, and not near the same ones everywhere.
/// </para>
/// </summary>
static class LatencyBuckets
{
    /// <summary>Buckets twice as wide as the one before: a relative error of up to 33 %.</summary>
    public const int MinScale = 0;

    /// <summary>A relative error of up to 0.54 %; the tables below are of this scale.</summary>
    public const int MaxScale = 6;

    /// <summary>The bucket of 1 ns at every scale; there is none for less.</summary>
    public const int FirstIndex = -1;

    /// <summary>Index of the bucket of <see cref="long.MaxValue"/>.</summary>
    public static int LastIndex(int scale) => (63 << scale) - 1;

    /// <summary>2^(63 + j/64) without its fraction, for j = 0 to 63; then one that nothing lies above.</summary>
    // an array, as a span of constants is made anew, with allocations, where code is not optimized
    static readonly ulong[] Borders =
    [
        0x8000000000000000, 0x8164d1f3bc030773, 0x82cd8698ac2ba1d7, 0x843a28c3acde4046, 0x85aac367cc487b14,
        0x871f61969e8d1010, 0x88980e8092da8527, 0x8a14d575496efd9a, 0x8b95c1e3ea8bd6e6, 0x8d1adf5b7e5ba9e5,
        0x8ea4398b45cd53c0, 0x9031dc431466b1dc, 0x91c3d373ab11c336, 0x935a2b2f13e6e92b, 0x94f4efa8fef70961,
        0x96942d3720185a00, 0x9837f0518db8a96f, 0x99e0459320b7fa64, 0x9b8d39b9d54e5538, 0x9d3ed9a72cffb750,
        0x9ef5326091a111ad, 0xa0b0510fb9714fc2, 0xa27043030c496818, 0xa43515ae09e6809e, 0xa5fed6a9b15138ea,
        0xa7cd93b4e9653569, 0xa9a15ab4ea7c0ef8, 0xab7a39b5a93ed337, 0xad583eea42a14ac6, 0xaf3b78ad690a4374,
        0xb123f581d2ac258f, 0xb311c412a9112489, 0xb504f333f9de6484, 0xb6fd91e328d17791, 0xb8fbaf4762fb9ee9,
        0xbaff5ab2133e45fb, 0xbd08a39f580c36be, 0xbf1799b67a731082, 0xc12c4cca66709456, 0xc346ccda24976407,
        0xc5672a115506dadd, 0xc78d74c8abb9b15c, 0xc9b9bd866e2f27a2, 0xcbec14fef2727c5c, 0xce248c151f8480e3,
        0xd06333daef2b2594, 0xd2a81d91f12ae45a, 0xd4f35aabcfedfa1f, 0xd744fccad69d6af4, 0xd99d15c278afd7b5,
        0xdbfbb797daf23755, 0xde60f4825e0e9123, 0xe0ccdeec2a94e111, 0xe33f8972be8a5a51, 0xe5b906e77c8348a8,
        0xe8396a503c4bdc68, 0xeac0c6e7dd24392e, 0xed4f301ed9942b84, 0xefe4b99bdcdaf5cb, 0xf281773c59ffb139,
        0xf5257d152486cc2c, 0xf7d0df730ad13bb8, 0xfa83b2db722a033a, 0xfd3e0c0cf486c174, ulong.MaxValue,
    ];

    /// <summary>
    /// How many borders lie below each 128th of an octave. As the borders are more than a 128th apart, at most one more
    /// lies within it.
    /// </summary>
    static ReadOnlySpan<byte> BordersBelow =>
    [
        0, 1, 2, 3, 3, 4, 5, 5, 6, 7, 7, 8, 9, 9, 10, 11, 11, 12, 13, 13, 14, 15, 15, 16, 16, 17,
        18, 18, 19, 19, 20, 21, 21, 22, 22, 23, 23, 24, 25, 25, 26, 26, 27, 27, 28, 28, 29, 29, 30, 30, 31, 31,
        32, 32, 33, 34, 34, 35, 35, 36, 36, 36, 37, 37, 38, 38, 39, 39, 40, 40, 41, 41, 42, 42, 43, 43, 44, 44,
        44, 45, 45, 46, 46, 47, 47, 48, 48, 48, 49, 49, 50, 50, 51, 51, 51, 52, 52, 53, 53, 53, 54, 54, 55, 55,
        55, 56, 56, 57, 57, 57, 58, 58, 59, 59, 59, 60, 60, 60, 61, 61, 62, 62, 62, 63, 63, 63, 64, 64,
    ];

    /// <summary>The bucket, at <see cref="MaxScale"/>, of a duration of at least 1 ns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int FinestIndexOf(long nanos)
    {
        var zeros = BitOperations.LeadingZeroCount((ulong)nanos);
        var mantissa = (ulong)nanos << zeros;
        int below = BordersBelow[(int)(mantissa >> 56) & 0x7f];
        below += mantissa > Borders[below] ? 1 : 0;
        return ((63 - zeros) << MaxScale) + below - 1;
    }

    /// <summary>The bucket of a duration of at least 1 ns; coarser buckets are unions of finer ones.</summary>
    public static int IndexOf(long nanos, int scale) => FinestIndexOf(nanos) >> (MaxScale - scale);

    /// <summary>The least whole number of nanoseconds above the lower border of a bucket.</summary>
    public static long LeastIn(int index, int scale) => (long)WholeBorder(index, scale) + 1;

    /// <summary>
    /// The greatest whole number of nanoseconds up to the upper border of a bucket. It is less than
    /// <see cref="LeastIn"/> where a narrow bucket below 100 ns holds none.
    /// </summary>
    public static long GreatestIn(int index, int scale) =>
        (long)Math.Min(WholeBorder(index + 1, scale), long.MaxValue);

    /// <summary>b^index in nanoseconds, to the last bit or two of a double; for index = -1 to 63 * 2^scale.</summary>
    public static double Border(int index, int scale)
    {
        var (octave, place) = Split(index, scale);
        return Math.ScaleB(Borders[place], octave - 63);
    }

    /// <summary>b^index without its fraction.</summary>
    static ulong WholeBorder(int index, int scale)
    {
        var (octave, place) = Split(index, scale);
        return octave < 0 ? 0 : Borders[place] >> (63 - octave);
    }

    static (int Octave, int Place) Split(int index, int scale)
    {
        var finest = index << (MaxScale - scale);
        return (finest >> MaxScale, finest & ((1 << MaxScale) - 1));
    }
}
