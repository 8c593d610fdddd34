namespace Tracing.Tests;

/// <summary>Data that lives beside the repository, where it is present.</summary>
static class SharedFolder
{
    /// <summary>Full path of a file or folder under "shared", beside the folder of Tracing.sln; null when absent.</summary>
    public static string? Path(string relative)
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (!File.Exists(System.IO.Path.Combine(folder.FullName, "Tracing.sln")))
                continue;
            var path = System.IO.Path.GetFullPath(System.IO.Path.Combine(folder.FullName, "..", "shared", relative));
            return File.Exists(path) || Directory.Exists(path) ? path : null;
        }
        return null;
    }
}
