namespace Tracing.Tests;

/// <summary>Material that lies beside the repository, in ../shared: recorded cases and real traces.</summary>
static class SharedFolder
{
    /// <summary>The full path of a file or folder in ../shared; null when it is not there.</summary>
    public static string? Path(string relative)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(System.IO.Path.Combine(folder.FullName, "Tracing.sln")))
            folder = folder.Parent;
        if (folder?.Parent is null)
            return null;
        var path = System.IO.Path.Combine(folder.Parent.FullName, "shared", relative);
        return System.IO.Path.Exists(path) ? path : null;
    }
}
