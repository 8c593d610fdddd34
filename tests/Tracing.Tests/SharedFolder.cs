using Xunit;

namespace Tracing.Tests;

/// <summary>Recorded traces and cases that lie beside the repository, in ../shared; tests skip where they are absent.</summary>
static class SharedFolder
{
    /// <summary>Path of a file or folder in it; skips the running test when there is none.</summary>
    public static string Path(string relative)
    {
        var path = Find(relative);
        if (path is null)
            Assert.Skip($"There is no ../shared/{relative} beside the repository.");
        return path;
    }

    static string? Find(string relative)
    {
        if (RepositoryParent() is not { } parent)
            return null;
        var path = System.IO.Path.Combine(parent, "shared", relative);
        return Directory.Exists(path) || File.Exists(path) ? path : null;
    }

    static string? RepositoryParent()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(System.IO.Path.Combine(folder.FullName, "Tracing.sln")))
            folder = folder.Parent;
        return folder?.Parent?.FullName;
    }
}
