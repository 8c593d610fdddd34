using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// The files of partitions. Their names are the list of what there is: NNNNNNNN.open.log for one that takes or took
/// appends, NNNNNNNN.duckdb for a sealed one, NNNNNNNN-NNNNNNNN.duckdb for one that took the place of
/// those from the first to the last number; with .tmp before .duckdb while it is being written. Numbers grow by one and
/// are never used again while a file bears them.
/// </summary>
static partial class PartitionFiles
{
    /// <summary>Far more than partitions are begun in the life of a store; with room for those to come.</summary>
    const int MaxNumber = 999_999_999;

    const string Open = ".open.log";
    const string Temporary = ".tmp.duckdb";
    const string Sealed = ".duckdb";
    const string Damaged = ".damaged";

    /// <summary>What DuckDB appends to the name of a file for that of its log.</summary>
    const string Log = ".wal";

    public static string OpenFile(string folder, int number) => FileOf(folder, number, Open);

    public static string SealedFile(string folder, int number) => FileOf(folder, number, Sealed);

    public static string TemporaryFile(string folder, int number) => FileOf(folder, number, Temporary);

    public static string MergedFile(string folder, int first, int last) =>
        Path.Combine(folder, $"{Digits(first)}-{Digits(last)}{Sealed}");

    public static string TemporaryMergedFile(string folder, int first, int last) =>
        Path.Combine(folder, $"{Digits(first)}-{Digits(last)}{Temporary}");

    public static string LogOf(string file) => file + Log;

    public static SortedSet<int> OpenNumbers(string folder) => Numbers(folder, Open);

    public static SortedSet<int> SealedNumbers(string folder) => Numbers(folder, Sealed);

    /// <summary>Names of the files that were set aside.</summary>
    public static List<string> DamagedFiles(string folder) =>
        [.. Directory.EnumerateFiles(folder, "*" + Damaged).Order(StringComparer.Ordinal)];

    /// <summary>The merged files; where one is within another, that comes first.</summary>
    public static List<(int First, int Last)> MergedRanges(string folder) => [.. Directory.EnumerateFiles(folder)
        .Select(file => MergedName().Match(Path.GetFileName(file)))
        .Select(match => (First: NumberOf(match.Groups[1].Value) ?? 0, Last: NumberOf(match.Groups[2].Value) ?? 0))
        .Where(range => range.First > 0 && range.Last >= range.First)
        .OrderBy(range => range.First).ThenByDescending(range => range.Last)];

    /// <summary>The highest number of any file, so that none is used twice; 0 when there are none.</summary>
    public static int LastNumber(string folder) => Directory.EnumerateFileSystemEntries(folder)
        .Select(file => NumberOf(Path.GetFileName(file).Split('.')[0].Split('-')[^1]) ?? 0)
        .Append(0).Max();

    /// <summary>Removes what an interrupted sealing left.</summary>
    public static void DeleteTemporary(string folder)
    {
        foreach (var file in Directory.EnumerateFiles(folder, "*" + Temporary + "*").ToList())
            File.Delete(file);
    }

    /// <summary>Deletes a file and its log.</summary>
    public static void Delete(string file)
    {
        File.Delete(LogOf(file));
        File.Delete(file);
    }

    /// <summary>Bytes of a file and its log; 0 when there is none.</summary>
    public static long LengthOf(string file) => Length(new FileInfo(file)) + Length(new FileInfo(LogOf(file)));

    static long Length(FileInfo info) => info.Exists ? info.Length : 0;

    /// <summary>What a file is called when it is put out of the way.</summary>
    public static string AsideOf(string file) => Path.ChangeExtension(file, null) + Damaged;

    /// <summary>Puts a file and its log out of the way, for people to look at; the new name of the file.</summary>
    public static string SetAside(string file)
    {
        var aside = AsideOf(file);
        if (File.Exists(LogOf(file)))
            File.Move(LogOf(file), aside + Log, overwrite: true);
        File.Move(file, aside, overwrite: true);
        return aside;
    }

    /// <summary>Makes the content of a file, or the names in a folder, survive a failure of power.</summary>
    public static void Sync(string path)
    {
        // Windows keeps names by itself, and what DuckDB writes it syncs too
        if (OperatingSystem.IsWindows())
            return;
        var descriptor = OpenPath(path, 0);
        if (descriptor < 0)
            throw new IOException($"Cannot open {path} to sync it: error {Marshal.GetLastPInvokeError()}.");
        var result = SyncDescriptor(descriptor);
        var error = Marshal.GetLastPInvokeError();
        _ = CloseDescriptor(descriptor);
        if (result != 0)
            throw new IOException($"Cannot sync {path}: error {error}.");
    }

    static string FileOf(string folder, int number, string suffix) =>
        Path.Combine(folder, Digits(number) + suffix);

    static string Digits(int number) => number.ToString("d8", CultureInfo.InvariantCulture);

    /// <summary>Null for what is not as <see cref="Digits"/> writes it: somebody else has named the file.</summary>
    static int? NumberOf(string digits) =>
        int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) &&
        number is > 0 and <= MaxNumber && digits == Digits(number) ? number : null;

    [GeneratedRegex(@"^([0-9]{8,10})-([0-9]{8,10})\.duckdb$")]
    private static partial Regex MergedName();

    static SortedSet<int> Numbers(string folder, string suffix) => [.. Directory.EnumerateFiles(folder)
        .Select(file => Path.GetFileName(file))
        .Where(name => name.EndsWith(suffix, StringComparison.Ordinal))
        .Select(name => NumberOf(name[..^suffix.Length])).OfType<int>()];

    // .NET opens no folders
    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenPath(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int SyncDescriptor(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int CloseDescriptor(int descriptor);
}
