using System.Security.Cryptography;

namespace Tracing.Model;

/// <summary>
/// Hashes of numbers that senders choose, such as ids and times. Those of .NET are the number's own bits, so that a
/// sender could put all of his into one bucket of a dictionary; these depend on numbers drawn at the start.
/// </summary>
/// <remarks>Multiply-shift: two numbers have the same hash with a probability of 2^-31, whoever chose them.</remarks>
sealed class SeededHash : IEqualityComparer<ulong>
{
    static readonly ulong First = Odd();
    static readonly ulong Second = Odd();

    SeededHash()
    {
    }

    /// <summary>Compares the low halves of trace ids, and other numbers from outside.</summary>
    public static SeededHash Comparer { get; } = new();

    public static int Of(ulong number) => (int)((number * First) >> 32);

    public static int Of(ulong one, ulong other) => (int)(((one * Second) + (other * First)) >> 32);

    public bool Equals(ulong x, ulong y) => x == y;

    public int GetHashCode(ulong number) => Of(number);

    static ulong Odd() => BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))) | 1;
}

static class HashCodeExtensions
{
    public static void AddAll<T>(this ref HashCode hash, T[] items)
    {
        foreach (var item in items)
            hash.Add(item);
    }
}
