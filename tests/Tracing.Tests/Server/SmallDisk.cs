using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace Tracing.Tests;

/// <summary>A file system in memory that a test can fill; where none may be mounted, the test is skipped.</summary>
sealed class SmallDisk : IDisposable
{
    readonly TemporaryFolder _folder = new();
    public string Path => _folder.Path;

    string Filler => System.IO.Path.Combine(Path, "filler");

    public static SmallDisk Mount(int mebibytes)
    {
        var disk = new SmallDisk();
        var size = string.Create(CultureInfo.InvariantCulture, $"size={mebibytes}m");
        if (OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess &&
            TryRun("mount", "-t", "tmpfs", "-o", size, "none", disk.Path))
            return disk;
        disk._folder.Dispose();
        const string Reason = "a small file system cannot be mounted here: that takes Linux and root";
        Assert.False(Environment.GetEnvironmentVariable("CI") == "true", Reason);
        Assert.Skip(Reason);
        return disk;
    }

    /// <summary>Takes the room away, all but so much.</summary>
    public void Fill(int leaveMebibytes)
    {
        using var filler = File.Create(Filler);
        var block = new byte[1 << 20];
        while (new DriveInfo(Path).AvailableFreeSpace > (long)leaveMebibytes << 20)
            filler.Write(block);
    }

    /// <summary>Gives back what <see cref="Fill"/> took.</summary>
    public void MakeRoom() => File.Delete(Filler);

    public void MakeReadOnly() => Assert.True(TryRun("mount", "-o", "remount,ro", Path));

    public void MakeWritable() => Assert.True(TryRun("mount", "-o", "remount,rw", Path));

    public void Dispose()
    {
        Assert.True(TryRun("umount", Path));
        _folder.Dispose();
    }

    static bool TryRun(string command, params string[] args)
    {
        using var process = Process.Start(command, args);
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
