using System.Buffers;
using System.Diagnostics;

namespace Tracing.Instrumentation;

/// <summary>The headers <c>traceparent</c> and <c>tracestate</c> ("W3C Trace Context", level 2).</summary>
static class W3CTraceContext
{
    public const string TraceParent = "traceparent";
    public const string TraceState = "tracestate";

    /// <summary>"00-" 32 digits "-" 16 digits "-" 2 digits.</summary>
    const int Length = 55;

    const int MaxStateMembers = 32;

    static readonly SearchValues<char> Hex = SearchValues.Create("0123456789abcdef");
    static readonly SearchValues<char> KeyLetters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789_-*/");

    /// <summary>
    /// The header in the form of version 00, in which later versions are read as far as it goes; null if it is not well
    /// formed.
    /// </summary>
    public static string? Normalize(string? header)
    {
        if (header is null || header.Length < Length)
            return null;
        var text = header.AsSpan();
        if (text[2] != '-' || text[35] != '-' || text[52] != '-' ||
            !IsHex(text[..2]) || !IsHex(text[3..35]) || !IsHex(text[36..52]) || !IsHex(text[53..Length]) ||
            text.StartsWith("ff", StringComparison.Ordinal) ||
            !text[3..35].ContainsAnyExcept('0') || !text[36..52].ContainsAnyExcept('0'))
            return null;
        if (text.StartsWith("00", StringComparison.Ordinal))
            return header.Length == Length ? header : null;
        return header.Length > Length && header[Length] != '-' ? null : string.Concat("00", text[2..Length]);
    }

    /// <summary>A context of which the header is in the form of version 00. Of the flags one has a meaning.</summary>
    public static ActivityContext ToContext(string normalized, string? traceState)
    {
        var text = normalized.AsSpan();
        return new ActivityContext(ActivityTraceId.CreateFromString(text[3..35]),
            ActivitySpanId.CreateFromString(text[36..52]), (ActivityTraceFlags)(Digit(text[54]) & 1), traceState,
            isRemote: true);
    }

    /// <summary>The header of a context whose flags are known ones.</summary>
    public static string Write(in ActivityContext context) =>
        $"00-{context.TraceId.ToHexString()}-{context.SpanId.ToHexString()}-0{(int)context.TraceFlags}";

    /// <summary>
    /// The members without blanks around them; null if there are none, or one is not well formed, comes twice, or there
    /// are more than 32. Then only the state is left out: the trace goes on.
    /// </summary>
    public static string? NormalizeState(string? header)
    {
        if (string.IsNullOrEmpty(header))
            return null;
        // nearly always there is one, and it is ours
        if (!header.Contains(',', StringComparison.Ordinal) && IsMember(header))
            return header;
        var (members, isTidy) = (0, true);
        foreach (var range in header.AsSpan().Split(','))
        {
            var member = header.AsSpan()[range];
            var trimmed = member.Trim(" \t");
            isTidy &= trimmed.Length == member.Length && trimmed.Length > 0;
            if (trimmed.Length == 0)
                continue;
            if (++members > MaxStateMembers || !IsMember(trimmed) || IsRepeated(header, range.Start.Value, trimmed))
                return null;
        }
        return members == 0 ? null : isTidy ? header : Tidy(header);
    }

    /// <summary>
    /// What of a state that this process has set may be sent: its well-formed members, as a header that is not ASCII
    /// would break the request it goes with. Null if there are none.
    /// </summary>
    public static string? Sendable(string? state)
    {
        if (string.IsNullOrEmpty(state))
            return null;
        if (NormalizeState(state) is { } normalized)
            return normalized;
        var members = new Dictionary<string, string>();
        foreach (var member in state.Split(',', StringSplitOptions.TrimEntries))
        {
            if (members.Count < MaxStateMembers && IsMember(member))
                members.TryAdd(member[..member.IndexOf('=')], member);
        }
        return members.Count == 0 ? null : string.Join(',', members.Values);
    }

    /// <summary>Whether a member before it has the same key.</summary>
    static bool IsRepeated(ReadOnlySpan<char> header, int end, ReadOnlySpan<char> member)
    {
        var key = member[..(member.IndexOf('=') + 1)];
        foreach (var range in header[..end].Split(','))
        {
            if (header[range].TrimStart(" \t").StartsWith(key, StringComparison.Ordinal))
                return true;
        }
        return false;
    }

    static string Tidy(string header) => string.Join(',',
        header.Split(',').Select(member => member.Trim(' ', '\t')).Where(member => member.Length > 0));

    static bool IsMember(ReadOnlySpan<char> member)
    {
        var equals = member.IndexOf('=');
        if (equals < 1)
            return false;
        var key = member[..equals];
        var value = member[(equals + 1)..];
        return key.Length <= 256 && IsKey(key) && value.Length is > 0 and <= 256 &&
            !value.ContainsAnyExceptInRange(' ', '~') && !value.Contains('=');
    }

    /// <summary>"tenant@vendor" or one word; level 2 lets both begin with a digit.</summary>
    static bool IsKey(ReadOnlySpan<char> key)
    {
        var at = key.IndexOf('@');
        return at < 0
            ? IsWord(key)
            : at <= 241 && key.Length - at <= 15 && IsWord(key[..at]) && IsWord(key[(at + 1)..]);
    }

    static bool IsWord(ReadOnlySpan<char> word) =>
        word.Length > 0 && (char.IsAsciiLetterLower(word[0]) || char.IsAsciiDigit(word[0])) &&
        !word.ContainsAnyExcept(KeyLetters);

    public static bool IsHex(ReadOnlySpan<char> text) => !text.ContainsAnyExcept(Hex);

    static int Digit(char c) => c <= '9' ? c - '0' : c - 'a' + 10;
}
