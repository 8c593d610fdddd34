using System.Buffers;
using System.Text;

namespace Tracing.Instrumentation;

/// <summary>The header <c>baggage</c> ("W3C Baggage"): what a request carries along for all that serve it.</summary>
static class Baggage
{
    public const string Header = "baggage";

    /// <summary>What the specification asks all to carry, and nobody to exceed: bytes and entries.</summary>
    const int MaxLength = 8192;

    const int MaxEntries = 180;

    /// <summary>Characters of a key: those of HTTP's tokens. Others break the request that they go with.</summary>
    static readonly SearchValues<char> KeyLetters = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>
    /// The entries, in the order written; those that are not well formed are left out, and all properties.
    /// </summary>
    public static List<KeyValuePair<string, string?>>? Read(string? header)
    {
        if (string.IsNullOrEmpty(header) || header.Length > MaxLength)
            return null;
        var entries = new List<KeyValuePair<string, string?>>();
        foreach (var range in header.AsSpan().Split(','))
        {
            var entry = header.AsSpan()[range];
            var end = entry.IndexOf(';');
            var pair = end < 0 ? entry : entry[..end];
            var equals = pair.IndexOf('=');
            if (equals < 1 || entries.Count == MaxEntries)
                continue;
            var key = pair[..equals].Trim(" \t");
            if (IsKey(key))
                entries.Add(new(key.ToString(), Uri.UnescapeDataString(pair[(equals + 1)..].Trim(" \t"))));
        }
        return entries;
    }

    /// <summary>
    /// Null if there is nothing to write. Left out are entries beyond the bounds, and those whose key no header can
    /// carry, wherever they came from.
    /// </summary>
    public static string? Write(IEnumerable<KeyValuePair<string, string?>> entries)
    {
        StringBuilder? text = null;
        var count = 0;
        foreach (var (key, value) in entries)
        {
            if (!IsKey(key) || value?.Length > MaxLength)
                continue;
            var escaped = Uri.EscapeDataString(value ?? "");
            if ((text?.Length ?? 0) + key.Length + escaped.Length + 2 > MaxLength)
                continue;
            if (++count > MaxEntries)
                break;
            text = text is null ? new StringBuilder() : text.Append(',');
            text.Append(key).Append('=').Append(escaped);
        }
        return text?.ToString();
    }

    static bool IsKey(ReadOnlySpan<char> key) => key.Length > 0 && !key.ContainsAnyExcept(KeyLetters);
}
