namespace Tracing.Model.Wire;

/// <summary>What senders are told.</summary>
static class Warnings
{
    // a name in a message; whoever sent a longer one knows it by its beginning
    const int LongestName = 100;

    /// <summary>All that there are of these, or null.</summary>
    public static string? Join(params ReadOnlySpan<string?> warnings)
    {
        string? joined = null;
        foreach (var warning in warnings)
            joined = joined is null || warning is null ? joined ?? warning : $"{joined}; {warning}";
        return joined;
    }

    /// <summary>A name of any length, as a message bears it.</summary>
    public static string Shorten(string name)
    {
        if (name.Length <= LongestName)
            return name;
        // half a surrogate pair is no text
        return name[..(char.IsHighSurrogate(name[LongestName - 1]) ? LongestName - 1 : LongestName)] + "...";
    }
}

/// <summary>
/// Why something was left out: the first few reasons, each in a sentence of bounded length, as an answer bears them.
/// </summary>
sealed class Reasons
{
    const int Most = 3;

    readonly List<string> _reasons = new(0);

    public bool HasRoom => _reasons.Count < Most;

    public void Add(string reason)
    {
        if (HasRoom)
            _reasons.Add(reason);
    }

    /// <summary>All of them, or null when there is none.</summary>
    public override string? ToString() => _reasons.Count == 0 ? null : string.Join("; ", _reasons);
}
