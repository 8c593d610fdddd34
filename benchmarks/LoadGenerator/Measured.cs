using System.Globalization;

namespace Tracing.LoadGenerator;

/// <summary>What the server has used up to a moment, as far as it was asked for and can be read.</summary>
/// <param name="CpuSeconds">Of all its threads, in user and kernel mode, since it started.</param>
/// <param name="PeakRssBytes">Most memory that it ever held at once.</param>
/// <param name="DiskBytes">Sum of the lengths of the files in its folder.</param>
sealed record Measured(double? CpuSeconds, long? PeakRssBytes, long? DiskBytes)
{
    // Linux gives times to programs in these, whatever the kernel itself counts in
    const double TicksPerSecond = 100;

    public static Measured Now(LoadOptions options)
    {
        var (cpu, memory) = options.ServerPid is { } pid ? OfProcess(pid) : (null, null);
        return new Measured(cpu, memory, options.DataDirectory is { } folder ? SizeOf(folder) : null);
    }

    static (double? CpuSeconds, long? PeakRssBytes) OfProcess(int pid)
    {
        if (!Directory.Exists($"/proc/{pid}"))
            return (null, null);
        // the second field, the program's name in brackets, may hold blanks; user and system time are 14th and 15th
        var stat = File.ReadAllText($"/proc/{pid}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        var ticks = Parse(fields[11]) + Parse(fields[12]);
        var peak = File.ReadLines($"/proc/{pid}/status")
            .FirstOrDefault(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
        return (ticks / TicksPerSecond, peak is null ? null : Parse(peak.Split(':', 'k')[1]) * 1024);
    }

    static long Parse(string text) => long.Parse(text, NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite,
        CultureInfo.InvariantCulture);

    static long SizeOf(string folder)
    {
        long total = 0;
        foreach (var file in new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories))
        {
            // a file may be deleted between listing and asking
            file.Refresh();
            total += file.Exists ? file.Length : 0;
        }
        return total;
    }
}
