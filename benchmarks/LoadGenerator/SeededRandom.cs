namespace Tracing.LoadGenerator;

/// <summary>
/// SplitMix64: 64 random bits for about a nanosecond, the same on every machine and version for the same seed.
/// </summary>
sealed class SeededRandom(ulong seed)
{
    ulong _state = seed;

    public ulong Next()
    {
        var z = _state += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

    /// <summary>For ids, which must not be zero.</summary>
    public ulong NextNonZero()
    {
        var value = Next();
        return value != 0 ? value : 1;
    }

    /// <summary>0 to <paramref name="bound"/> - 1, each as likely.</summary>
    public int Below(int bound) => (int)Math.BigMul(Next(), (ulong)bound, out _);

    /// <summary>0 to <paramref name="bound"/> - 1; the first tenth comes up in a third of all draws.</summary>
    public int SkewedBelow(int bound)
    {
        var u = Unit();
        return (int)(u * u * bound);
    }

    /// <summary>0 to 1, 1 excluded.</summary>
    public double Unit() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>True once in so many times.</summary>
    public bool OneIn(int bound) => Below(bound) == 0;
}
