namespace Tracing.Server;

/// <summary>
/// What must not be shown of settings, in answers, logs and messages: passwords and tokens, and what addresses carry of
/// them.
/// </summary>
static class Secrets
{
    const string Hidden = "***";

    static readonly string[] Words = ["password", "secret", "token", "apikey", "credential"];

    /// <param name="name">Of the setting.</param>
    public static string Hide(string name, string value) => value.Length == 0
        ? value
        : Words.Any(word => name.Contains(word, StringComparison.OrdinalIgnoreCase)) ? Hidden : HideInAddress(value);

    /// <summary>An address without its user, its password and its query; other texts as they are.</summary>
    public static string HideInAddress(string value)
    {
        var scheme = value.IndexOf("://", StringComparison.Ordinal);
        if (scheme < 0)
            return value;
        // by hand, as what is no address may hold a password all the same
        var (start, at) = (scheme + 3, value.LastIndexOf('@'));
        var rest = value[(at < start ? start : at + 1)..];
        var query = rest.IndexOfAny(['?', '#']);
        return value[..start] + (at < start ? "" : Hidden + "@") + (query < 0 ? rest : $"{rest[..query]}?{Hidden}");
    }
}
