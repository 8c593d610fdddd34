namespace Tracing.Tests;

/// <summary>The checkout that the tests were built from.</summary>
static class Repository
{
    /// <summary>The folder that holds Tracing.sln.</summary>
    public static string Root { get; } = Find();

    static string Find()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Tracing.sln")))
            folder = folder.Parent;
        return folder?.FullName ??
            throw new DirectoryNotFoundException($"no Tracing.sln above {AppContext.BaseDirectory}");
    }
}
