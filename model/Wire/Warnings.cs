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

    public static string Shorten(string name)
    {
        if (name.Length <= LongestName)
            return name;
        // half a surrogate pair is no text
        return name[..(char.IsHighSurrogate(name[LongestName - 1]) ? LongestName - 1 : LongestName)] + "...";
    }
}
