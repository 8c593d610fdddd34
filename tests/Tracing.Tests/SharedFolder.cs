using Xunit;

namespace Tracing.Tests;

/// <summary>Recorded traces and cases beside the repository, in ../shared; tests skip where they are absent.</summary>
static class SharedFolder
{
    /// <summary>
    /// Path of a file or folder in it. Where there is none, skips the running test; in CI, where it has to be, fails
    /// it.
    /// </summary>
    public static string Path(string relative)
    {
        var path = System.IO.Path.GetFullPath(System.IO.Path.Combine(Repository.Root, "..", "shared", relative));
        if (Directory.Exists(path) || File.Exists(path))
            return path;
        var message = $"There is no ../shared/{relative} beside the repository.";
        if (Environment.GetEnvironmentVariable("CI") == "true")
            Assert.Fail(message);
        Assert.Skip(message);
        return path;
    }
}
