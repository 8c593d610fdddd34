using System.Globalization;
using System.IO.Hashing;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Remembers which files of partitions there are and what they hold, so that a start notices what is missing, cut or
/// exchanged. Written anew whenever partitions change: to another file first, which is synced and renamed. What a start
/// finds and this does not know is served all the same, as after a kill between two changes, or in a folder of before.
/// </summary>
/// <remarks>
/// Lines of text: what it is, one for each file, one for each loss that no file tells of, and a hash of all before.
/// </remarks>
sealed class Manifest(string? folder, TimeProvider time, ILogger logger)
{
    public const string Name = "manifest";

    const string FirstLine = "tracing partitions 1";
    const string LastWord = "hash";
    const string LossWord = "lost";

    /// <summary>Losses that are remembered; older ones go first.</summary>
    const int MaxLosses = 100;

    /// <summary>DuckDB's headers, which say where everything else of a file is.</summary>
    const int HashedBytes = 3 * 4096;

    readonly Lock _lock = new();

    // guarded by the lock
    List<PartitionEntry> _known = [];
    readonly List<PartitionEntry> _missing = [];
    readonly List<(long Millis, string Text)> _losses = [];
    Dictionary<Partition, PartitionEntry> _written = [];
    bool _isWritable = true;

    /// <summary>The highest number that a file has or had.</summary>
    public int LastNumber
    {
        get
        {
            lock (_lock)
                return _known.Concat(_missing).Concat(_written.Values).Select(entry => entry.Last).Append(0).Max();
        }
    }

    /// <summary>What is missing, for people; empty when all is well.</summary>
    public IReadOnlyList<string> Losses
    {
        get
        {
            lock (_lock)
                return [.. _missing.Select(TextOf), .. _losses.Select(loss => loss.Text)];
        }
    }

    string FileName => Path.Combine(folder!, Name);

    /// <summary>Reads what there was; a damaged file is as none.</summary>
    /// <param name="progress">Says how far the newest log had come since.</param>
    public void Read(Progress progress)
    {
        if (folder is null)
            return;
        lock (_lock)
        {
            try
            {
                if (File.Exists(FileName))
                    Parse(File.ReadAllText(FileName));
            }
            catch (InvalidDataException exception)
            {
                _known.Clear();
                _losses.Clear();
                AddLoss($"{FileName} was damaged ({exception.Message}), so that it is not known whether files were " +
                    "missing then.");
            }
            if (progress.Acknowledged == 0)
                return;
            var newest = _known.Find(entry => entry.IsOpen && entry.Last == progress.Number) ??
                new PartitionEntry(Path.GetFileName(PartitionFiles.OpenFile(folder, progress.Number)), progress.Number,
                    progress.Number, true, 0, 0, time.GetUtcNow().ToUnixTimeMilliseconds(), 0);
            _known.RemoveAll(entry => entry.File == newest.File);
            _known.Add(newest with { Bytes = Math.Max(newest.Bytes, progress.Acknowledged) });
        }
    }

    /// <summary>Bytes that a log had with its last transaction, as far as that is known; 0 else.</summary>
    public long AcknowledgedOf(int number)
    {
        lock (_lock)
            return _known.Find(entry => entry.IsOpen && entry.Last == number)?.Bytes ?? 0;
    }

    /// <summary>Notes that spans are gone which no missing file tells of; before <see cref="Check"/>.</summary>
    public void Lose(string text)
    {
        lock (_lock)
            AddLoss(text);
    }

    /// <summary>Names what is not there any more, or not as it was; called once, before the first change.</summary>
    public void Check(IReadOnlyList<Partition> found)
    {
        if (folder is null)
            return;
        lock (_lock)
        {
            foreach (var loss in Losses)
                logger.Lost(loss);
            foreach (var entry in _known)
            {
                if (found.FirstOrDefault(each => Path.GetFileName(each.File) == entry.File) is { } same)
                    Compare(entry, same);
                else if (!IsCovered(entry, found) && entry is not { IsOpen: true, Bytes: 0 } && !IsAside(entry))
                    AddMissing(entry);
            }
            _known = [];
        }
    }

    /// <summary>Writes what there is now.</summary>
    /// <param name="read">The partitions; called while nobody else writes, so that the last to write knows all.</param>
    public void Write(Func<IReadOnlyList<Partition>> read)
    {
        if (folder is null)
            return;
        lock (_lock)
        {
            var entries = new Dictionary<Partition, PartitionEntry>();
            try
            {
                foreach (var partition in read())
                    entries[partition] = EntryOf(partition);
                Write(entries.Values);
                _written = entries;
                _isWritable = true;
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // what it says meanwhile is old: it may name as missing what is dropped now
                if (_isWritable)
                    logger.ManifestNotWritten(exception, FileName);
                _isWritable = false;
            }
        }
    }

    /// <summary>Forgets losses of what would have been dropped by now.</summary>
    public void Forget(long oldestMillis)
    {
        lock (_lock)
        {
            _missing.RemoveAll(entry => entry.ClosedMillis <= oldestMillis);
            _losses.RemoveAll(loss => loss.Millis <= oldestMillis);
        }
    }

    // the start names what was set aside
    bool IsAside(PartitionEntry entry) =>
        File.Exists(PartitionFiles.AsideOf(Path.Combine(folder!, entry.File)));

    // within the lock
    void AddMissing(PartitionEntry entry)
    {
        _missing.Add(entry);
        logger.Lost(TextOf(entry));
    }

    void AddLoss(string text)
    {
        _losses.Add((time.GetUtcNow().ToUnixTimeMilliseconds(), text.ReplaceLineEndings(" ")));
        if (_losses.Count > MaxLosses)
            _losses.RemoveAt(0);
    }

    string TextOf(PartitionEntry entry) => string.Create(CultureInfo.InvariantCulture,
        $"{Path.Combine(folder!, entry.File)} is missing, and its {(entry.IsOpen ? "" : $"{entry.Spans} ")}spans " +
        $"with it. Stop the server and restore it from a copy, or delete {FileName} to have this forgotten.");

    void Compare(PartitionEntry entry, Partition found)
    {
        if (entry.IsOpen)
            return;
        var here = EntryOf(found);
        if ((here.Bytes, here.Spans, here.Hash) == (entry.Bytes, entry.Spans, entry.Hash))
            return;
        var text = string.Create(CultureInfo.InvariantCulture, $"{found.File} is not the file that was written: it " +
            $"has {here.Spans} spans in {here.Bytes} bytes (hash {here.Hash:x16}) instead of {entry.Spans} in " +
            $"{entry.Bytes} (hash {entry.Hash:x16}).");
        AddLoss(text);
        logger.Lost(text);
    }

    static bool IsCovered(PartitionEntry entry, IReadOnlyList<Partition> found)
    {
        for (var number = entry.First; number <= entry.Last; number++)
        {
            if (!found.Any(each => each.FirstNumber <= number && number <= each.Number))
                return false;
        }
        return true;
    }

    PartitionEntry EntryOf(Partition partition)
    {
        if (_written.TryGetValue(partition, out var known) && partition.IsSealed)
            return known;
        var name = Path.GetFileName(partition.File);
        var closed = partition.ClosedMillis ?? partition.CreatedMillis;
        return partition.Tables is { } tables
            ? new(name, partition.Number, partition.Number, true, tables.Acknowledged, partition.SpanCount, closed, 0)
            : new(name, partition.FirstNumber, partition.Number, false, PartitionFiles.LengthOf(partition.File),
                partition.SpanCount, closed, HashOf(partition.File));
    }

    static ulong HashOf(string file)
    {
        using var handle = File.OpenHandle(file);
        var bytes = new byte[HashedBytes];
        return XxHash3.HashToUInt64(bytes.AsSpan(0, RandomAccess.Read(handle, bytes, 0)));
    }

    void Write(IEnumerable<PartitionEntry> entries)
    {
        var text = new StringBuilder(FirstLine).Append('\n');
        foreach (var entry in entries.Concat(_missing))
            text.Append(entry).Append('\n');
        foreach (var (millis, loss) in _losses)
            text.Append(CultureInfo.InvariantCulture, $"{LossWord} {millis} {loss}\n");
        var hash = HashOfText(text.ToString());
        text.Append(CultureInfo.InvariantCulture, $"{LastWord} {hash:x16}\n");
        var temporary = FileName + ".tmp";
        File.WriteAllText(temporary, text.ToString());
        PartitionFiles.Sync(temporary);
        File.Move(temporary, FileName, overwrite: true);
        PartitionFiles.Sync(folder!);
    }

    void Parse(string text)
    {
        var end = text.LastIndexOf(LastWord + ' ', StringComparison.Ordinal);
        if (end < 0 || text[end..] !=
            string.Create(CultureInfo.InvariantCulture, $"{LastWord} {HashOfText(text[..end]):x16}\n"))
            throw new InvalidDataException("its hash is wrong");
        var lines = text[..end].Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (lines is not [FirstLine, ..])
            throw new InvalidDataException($"it begins with \"{lines.FirstOrDefault()}\"");
        foreach (var line in lines.Skip(1))
        {
            if (!line.StartsWith(LossWord + ' ', StringComparison.Ordinal))
            {
                _known.Add(PartitionEntry.Parse(line));
                continue;
            }
            var words = line.Split(' ', 3);
            _losses.Add((long.Parse(words[1], CultureInfo.InvariantCulture), words[2]));
        }
    }

    static ulong HashOfText(string text) => XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(text));
}

/// <summary>What is known of a partition's file.</summary>
/// <param name="File">Without the folder.</param>
/// <param name="Bytes">Of a log those that were synced.</param>
/// <param name="ClosedMillis">When it took its last span, or was begun; milliseconds since 1970.</param>
/// <param name="Hash">Of the beginning of a sealed file; 0 for a log, which grows.</param>
sealed record PartitionEntry(
    string File, int First, int Last, bool IsOpen, long Bytes, long Spans, long ClosedMillis, ulong Hash)
{
    public static PartitionEntry Parse(string line)
    {
        try
        {
            var words = line.Split(' ');
            return new(words[1], Int(words[2]), Int(words[3]), words[0] == "open", Long(words[4]), Long(words[5]),
                Long(words[6]), ulong.Parse(words[7], NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        }
        catch (Exception exception) when (exception is FormatException or OverflowException or
            IndexOutOfRangeException)
        {
            throw new InvalidDataException($"a line of it is \"{line}\"", exception);
        }

        static int Int(string word) => int.Parse(word, CultureInfo.InvariantCulture);

        static long Long(string word) => long.Parse(word, CultureInfo.InvariantCulture);
    }

    /// <summary>The line that <see cref="Parse"/> reads.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{(IsOpen ? "open" : "sealed")} {File} {First} {Last} {Bytes} {Spans} {ClosedMillis} {Hash:x16}");
}
