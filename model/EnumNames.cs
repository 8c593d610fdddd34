namespace Tracing.Model;

/// <summary>Members of enumerations by their names.</summary>
public static class EnumNames
{
    /// <summary>
    /// The member of a name, whatever its case. Unlike <see cref="Enum.TryParse{T}(string, out T)"/> it takes no
    /// numbers, blanks and lists of names, which that adds up.
    /// </summary>
    public static bool TryParse<T>(string text, out T member) where T : struct, Enum
    {
        var at = Array.FindIndex(
            Enum.GetNames<T>(), name => name.Equals(text, StringComparison.OrdinalIgnoreCase));
        member = at < 0 ? default : Enum.GetValues<T>()[at];
        return at >= 0;
    }
}
