<<<<<<< HEAD
namespace Tracing.Tests;

/// <summary>Material that lies beside the repository, in ../shared: recorded cases and real traces.</summary>
static class SharedFolder
{
    /// <summary>The full path of a file or folder in ../shared; null when it is not there.</summary>
    public static string? Path(string relative)
=======
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
>>>>>>> 10bcacc32f98718133ba5cdfb55bc61437e37eed
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(System.IO.Path.Combine(folder.FullName, "Tracing.sln")))
            folder = folder.Parent;
<<<<<<< HEAD
        if (folder?.Parent is null)
            return null;
        var path = System.IO.Path.Combine(folder.Parent.FullName, "shared", relative);
        return System.IO.Path.Exists(path) ? path : null;
=======
        return folder?.Parent?.FullName;
>>>>>>> 10bcacc32f98718133ba5cdfb55bc61437e37eed
    }
}
