using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace Tracing.Model.Wire;

/// <summary>
/// Texts that repeat within and between bodies, such as attribute keys, by their UTF-8 bytes: one string for all of
/// them. Each thread has its own, so none waits. Each text has one slot, where the latest comer stays: texts made to
/// collide are only decoded anew, and what is kept is bounded by slots x longest text.
/// </summary>
sealed class StringCache
{
    const int Slots = 1024;
    // as long as a user agent; 1024 slots of it are 256 KiB, twice for each thread that decodes
    const int LongestBytes = 128;

    [ThreadStatic]
    static StringCache? t_names;

    [ThreadStatic]
    static StringCache? t_values;

    readonly string?[] _slots = new string?[Slots];

    /// <summary>Of this thread, for keys and names, of which there are few.</summary>
    public static StringCache Names => t_names ??= new StringCache();

    /// <summary>Of this thread, for values, of which there are many: they must not drive out the names.</summary>
    public static StringCache Values => t_values ??= new StringCache();

    /// <summary>The text if it is known; null when it has to be decoded.</summary>
    public string? Find(ReadOnlySpan<byte> utf8)
    {
        if (utf8.IsEmpty)
            return "";
        // texts with other characters than ASCII's are never found here
        return utf8.Length <= LongestBytes && _slots[Hash(utf8) % Slots] is { } known && Ascii.Equals(utf8, known)
            ? known
            : null;
    }

    /// <summary>Decodes a text that is not known, and remembers it; what is not UTF-8 becomes U+FFFD.</summary>
    public string Add(ReadOnlySpan<byte> utf8, out bool isRepaired)
    {
        var text = Decode(utf8, out isRepaired);
        // what was repaired has other bytes than those that it is found by
        if (utf8.Length <= LongestBytes && !isRepaired)
            _slots[Hash(utf8) % Slots] = text;
        return text;
    }

    /// <summary>A text that hardly repeats; what is not UTF-8 becomes U+FFFD.</summary>
    public static string Decode(ReadOnlySpan<byte> utf8, out bool isRepaired)
    {
        isRepaired = !Utf8.IsValid(utf8);
        return Encoding.UTF8.GetString(utf8);
    }

    /// <summary>Of length, beginning, middle and end: enough to tell names apart that differ in a part.</summary>
    static uint Hash(ReadOnlySpan<byte> utf8)
    {
        ulong hash;
        if (utf8.Length >= 8)
        {
            hash = BinaryPrimitives.ReadUInt64LittleEndian(utf8) ^
                ulong.RotateLeft(BinaryPrimitives.ReadUInt64LittleEndian(utf8[((utf8.Length - 8) / 2)..]), 23) ^
                ulong.RotateLeft(BinaryPrimitives.ReadUInt64LittleEndian(utf8[^8..]), 43);
        }
        else
        {
            hash = 0;
            foreach (var each in utf8)
                hash = (hash << 8) | each;
        }
        return (uint)(((hash + (uint)utf8.Length) * 0x9E3779B97F4A7C15) >> 40);
    }
}
