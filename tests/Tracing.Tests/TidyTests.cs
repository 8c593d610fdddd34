using System.Diagnostics;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Xunit;

namespace Tracing.Tests;

/// <summary>Rules of the code base that a program can check; each failure says where, and what to do instead.</summary>
public sealed partial class TidyTests
{
    /// <summary>The rooms in the order of references: each may refer to those before it.</summary>
    static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Tracing.Model"] = [],
        ["Tracing.Storage"] = ["Tracing.Model"],
        ["Tracing.Storage.RocksDb"] = ["Tracing.Storage"],
        ["Tracing.Storage.Cassandra"] = ["Tracing.Storage"],
        ["Tracing.Collector"] = ["Tracing.Storage"],
        ["Tracing.Query"] = ["Tracing.Storage"],
        ["Tracing.Instrumentation"] = ["Tracing.Model"],
        ["Tracing.Server"] =
        [
            "Tracing.Collector", "Tracing.Query", "Tracing.Storage.RocksDb", "Tracing.Storage.Cassandra",
        ],
    };

    static readonly (string Pattern, string Instead)[] Banned =
    [
        (@"DateTime(Offset)?\.(Utc)?Now", "take a TimeProvider"),
        (@"Thread\.Sleep|Task\.Delay\(\d", "wait for a condition"),
        (@"#region", "split the file"),
        (@"#pragma warning disable", "mend the cause, or say why in .editorconfig"),
        (@"async void", "return a Task"),
        (@"\bTODO\b|\bFIXME\b|\bHACK\b", "do it, or write an issue"),
        (@"NotImplementedException", "implement it"),
        (@"Console\.(Write|Error|Out)", "log through Log.cs"),
    ];

    /// <summary>Lines of a file; beyond it, it is seldom one thing.</summary>
    const int MaxFileLines = 500;

    const int MaxLineLength = 120;

    /// <summary>Bytes of a file in the repository.</summary>
    const int MaxFileBytes = 300_000;

    [Fact]
    public void Files_and_lines_are_short() => AssertNone(SourceLines()
        .Where(l => l.Text.Length > MaxLineLength || l.Number > MaxFileLines)
        .Select(l => $"{l.File}:{l.Number}: over {MaxLineLength} columns or {MaxFileLines} lines"));

    [Fact]
    public void Nothing_banned_is_used() => AssertNone(
        from line in SourceLines()
        where !line.File.EndsWith("TidyTests.cs", StringComparison.Ordinal)
        from rule in Banned
        where Regex.IsMatch(line.Text, rule.Pattern)
        // programs for people write to the console
        where !(rule.Pattern.Contains("Console", StringComparison.Ordinal) &&
            (line.File.EndsWith("Program.cs", StringComparison.Ordinal) ||
            line.File.StartsWith("benchmarks", StringComparison.Ordinal) ||
            line.File.StartsWith("demo", StringComparison.Ordinal)))
        select $"{line.File}:{line.Number}: {rule.Instead}: {line.Text.Trim()}");

    [Fact]
    public void References_go_down_the_list_of_rooms() => AssertNone(
        from file in Tracked("*.csproj")
        let name = Path.GetFileNameWithoutExtension(file)
        where Allowed.ContainsKey(name)
        from reference in XDocument.Load(Path.Combine(Repository.Root, file)).Descendants("ProjectReference")
        let target = Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value)
        where !Allowed[name].Contains(target)
        select $"{file}: must not refer to {target}");

    [Fact]
    public void Files_named_in_ARCHITECTURE_exist()
    {
        var files = Tracked("*").Select(Path.GetFileName).ToHashSet();
        var text = File.ReadAllText(Path.Combine(Repository.Root, "ARCHITECTURE.md"));
        AssertNone(FileName().Matches(text).Select(m => Path.GetFileName(m.Groups[1].Value))
            .Where(name => !files.Contains(name)).Select(name => $"ARCHITECTURE.md: there is no {name}"));
    }

    [Fact]
    public void Every_package_of_a_room_has_its_reason_in_ARCHITECTURE()
    {
        var text = File.ReadAllText(Path.Combine(Repository.Root, "ARCHITECTURE.md"));
        AssertNone(
            from file in Tracked("*.csproj")
            where Allowed.ContainsKey(Path.GetFileNameWithoutExtension(file))
            from package in XDocument.Load(Path.Combine(Repository.Root, file)).Descendants("PackageReference")
            let name = package.Attribute("Include")!.Value
            where !text.Contains($"`{name}`", StringComparison.Ordinal)
            select $"{file}: say in ARCHITECTURE.md why {name} is needed");
    }

    [Fact]
    public void No_file_is_large() => AssertNone(Tracked("*")
        .Where(f => new FileInfo(Path.Combine(Repository.Root, f)).Length > MaxFileBytes)
        .Select(f => $"{f}: over {MaxFileBytes} bytes; tests read large data from ../shared"));

    static void AssertNone(IEnumerable<string> problems) => Assert.Equal("", string.Join('\n', problems));

    static IEnumerable<(string File, int Number, string Text)> SourceLines() => Tracked("*.cs").SelectMany(file =>
        File.ReadLines(Path.Combine(Repository.Root, file)).Select((text, i) => (file, i + 1, text)));

    /// <summary>Files that git tracks, relative to the root; those deleted but not yet committed left out.</summary>
    static List<string> Tracked(string pattern)
    {
        var start = new ProcessStartInfo("git", ["ls-files", "--", pattern])
        {
            WorkingDirectory = Repository.Root,
            RedirectStandardOutput = true,
        };
        using var git = Process.Start(start)!;
        var files = git.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        git.WaitForExit();
        Assert.Equal(0, git.ExitCode);
        return [.. files.Where(f => File.Exists(Path.Combine(Repository.Root, f)))];
    }

    [GeneratedRegex(@"`([A-Za-z0-9_./-]+\.(cs|proto|csproj|html))`")]
    private static partial Regex FileName();
}
