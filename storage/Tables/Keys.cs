using System.Buffers.Binary;
using System.Text;

namespace Tracing.Storage.Tables;

/// <summary>Makes keys whose bytes are in the order of what they are made of, and reads them.</summary>
static class Keys
{
    const int NumberBytes = sizeof(long);

    public static byte[] Empty { get; } = [];

    /// <summary>Each takes 8 bytes, negative ones first.</summary>
    public static byte[] Of(params ReadOnlySpan<long> numbers)
    {
        var key = new byte[NumberBytes * numbers.Length];
        Write(key, numbers);
        return key;
    }

    /// <summary>A byte, then numbers.</summary>
    public static byte[] OfKind(byte kind, params ReadOnlySpan<long> numbers)
    {
        var key = new byte[1 + (NumberBytes * numbers.Length)];
        key[0] = kind;
        Write(key.AsSpan(1), numbers);
        return key;
    }

    /// <summary>A byte, then UTF-8.</summary>
    public static byte[] OfKind(byte kind, string text)
    {
        var key = new byte[1 + Encoding.UTF8.GetByteCount(text)];
        key[0] = kind;
        Encoding.UTF8.GetBytes(text, key.AsSpan(1));
        return key;
    }

    /// <param name="at">Of its first byte.</param>
    public static long NumberAt(byte[] key, int at) =>
        BinaryPrimitives.ReadInt64BigEndian(key.AsSpan(at)) ^ long.MinValue;

    /// <summary>The first key after all that begin with a prefix; null when there is none.</summary>
    public static byte[]? After(ReadOnlySpan<byte> prefix)
    {
        var length = prefix.Length;
        while (length > 0 && prefix[length - 1] == byte.MaxValue)
            length--;
        if (length == 0)
            return null;
        var after = prefix[..length].ToArray();
        after[^1]++;
        return after;
    }

    static void Write(Span<byte> key, ReadOnlySpan<long> numbers)
    {
        for (var i = 0; i < numbers.Length; i++)
            BinaryPrimitives.WriteInt64BigEndian(key[(NumberBytes * i)..], numbers[i] ^ long.MinValue);
    }
}
