using System.Globalization;
using DuckDB.NET.Data;
using Microsoft.Extensions.Logging;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// The folder of a store, locked against other servers, and DuckDB, to which its partitions are attached: one
/// database in memory, so that all share one buffer pool and its limit.
/// </summary>
sealed class StoreFolder : IDisposable
{
    /// <summary>What the store was before it had partitions; never released.</summary>
    const string SingleFile = "spans.duckdb";

    /// <summary>The header of a DuckDB file: three blocks of 4 KiB.</summary>
    const long HeaderBytes = 3 * 4096;

    /// <summary>What .NET says of a file that another process holds, on Linux, macOS and Windows.</summary>
    static readonly int[] InUse = [11, 35, unchecked((int)0x80070020)];

    readonly FileStream? _lock;
    readonly ILogger _logger;
    readonly DuckDBConnection _root;

    StoreFolder(string path, FileStream? folderLock, DuckDBConnection root, TimeProvider time, ILogger logger)
    {
        Path = path;
        _lock = folderLock;
        _root = root;
        _logger = logger;
        Progress = Progress.Open(IsInMemory ? null : path);
        Manifest = new Manifest(IsInMemory ? null : path, time, logger);
        Manifest.Read(Progress);
    }

    /// <summary>Full path of the folder, or <see cref="DuckDbStoreOptions.InMemory"/>.</summary>
    public string Path { get; }

    public bool IsInMemory => _lock is null;

    /// <summary>Which files there are to be.</summary>
    public Manifest Manifest { get; }

    /// <summary>How far the newest log has come.</summary>
    public Progress Progress { get; }

    public static StoreFolder Open(DuckDbStoreOptions options, TimeProvider time, ILogger logger)
    {
        if (options.IsInMemory)
            return new StoreFolder(DuckDbStoreOptions.InMemory, null, OpenRoot(options, ""), time, logger);
        var path = System.IO.Path.GetFullPath(options.Path);
        var folderLock = Lock(path);
        try
        {
            var old = System.IO.Path.Combine(path, SingleFile);
            if (File.Exists(old))
            {
                throw new StoreUnusableException($"{old} is of a format that was never released and that this server " +
                    "cannot read. Move it away, or choose another folder.");
            }
            return new StoreFolder(
                path, folderLock, OpenRoot(options, System.IO.Path.Combine(path, "tmp")), time, logger);
        }
        catch
        {
            folderLock.Dispose();
            throw;
        }
    }

    /// <summary>Opens a connection; to be disposed.</summary>
    public DuckDBConnection Connect()
    {
        var connection = _root.Duplicate();
        connection.Open();
        return connection;
    }

    /// <summary>
    /// Attaches what is in the folder, in whatever state a kill has left it. A damaged file is set aside; when the
    /// machine lacks something, files are left as they are.
    /// </summary>
    /// <param name="expectedTraces">For how many traces the filter of an open partition is made.</param>
    /// <returns>In the order of their numbers.</returns>
    /// <exception cref="StoreUnusableException">A file is of a newer version, or cannot be read now.</exception>
    public List<Partition> AttachAll(long expectedTraces)
    {
        if (IsInMemory)
            return [];
        PartitionFiles.DeleteTemporary(Path);
        var found = new List<Partition>();
        foreach (var (first, last) in PartitionFiles.MergedRanges(Path))
        {
            var file = PartitionFiles.MergedFile(Path, first, last);
            // killed between the publication of one and the deletion of what it was made of
            if (IsWithin(found, first, last))
                PartitionFiles.Delete(file);
            else if (TryOpen(file, () => AttachMerged(_root, first, last, file)) is { } partition)
                found.Add(partition);
        }
        foreach (var number in PartitionFiles.SealedNumbers(Path).Union(PartitionFiles.OpenNumbers(Path)))
        {
            if (!IsWithin(found, number, number))
                continue;
            PartitionFiles.Delete(PartitionFiles.SealedFile(Path, number));
            PartitionFiles.Delete(PartitionFiles.OpenFile(Path, number));
        }
        foreach (var number in PartitionFiles.SealedNumbers(Path))
        {
            var file = PartitionFiles.SealedFile(Path, number);
            if (TryOpen(file, () => AttachSealed(_root, number, file)) is not { } partition)
                continue;
            found.Add(partition);
            // killed between the two
            PartitionFiles.Delete(PartitionFiles.OpenFile(Path, number));
        }
        foreach (var number in PartitionFiles.OpenNumbers(Path))
        {
            var file = PartitionFiles.OpenFile(Path, number);
            if (Manifest.AcknowledgedOf(number) == 0 && PartitionLog.IsUnborn(file))
                PartitionFiles.Delete(file);
            else if (TryOpen(file, () => AttachOpen(number, file, expectedTraces)) is { } partition)
                found.Add(partition);
        }
        return [.. found.OrderBy(partition => partition.Number)];
    }

    /// <summary>Opens the latencies of what was stored; null in memory. A damaged file is set aside.</summary>
    public StatisticsFile? OpenStatistics()
    {
        if (IsInMemory)
            return null;
        var file = System.IO.Path.Combine(Path, "statistics.duckdb");
        return TryOpen(file, () => StatisticsFile.Open(Connect(), file)) ?? StatisticsFile.Open(Connect(), file);
    }

    /// <summary>Names of what was set aside, now or at an earlier start.</summary>
    public IReadOnlyList<string> DamagedFiles() => IsInMemory ? [] : PartitionFiles.DamagedFiles(Path);

    /// <summary>Begins an append partition with a number that no other has.</summary>
    public Partition Create(
        DuckDBConnection connection, int number, Layout layout, long expectedTraces, long nowMillis)
    {
        var file = IsInMemory ? DuckDbStoreOptions.InMemory : PartitionFiles.OpenFile(Path, number);
        var database = Partition.DatabaseOf(number, isSealed: false);
        OpenTables? tables = null;
        try
        {
            connection.Execute($"ATTACH ':memory:' AS {Sql.Quote(database)}");
            tables = OpenTables.Create(connection, database, IsInMemory ? null : file, layout, nowMillis);
            if (!IsInMemory)
                PartitionFiles.Sync(Path);
            return Partition.ReadOpen(connection, number, file, tables, expectedTraces);
        }
        catch
        {
            connection.Execute($"DETACH DATABASE IF EXISTS {Sql.Quote(database)}");
            tables?.Dispose();
            if (!IsInMemory)
                PartitionFiles.Delete(file);
            throw;
        }
    }

    /// <summary>Attaches a new file, or one that can be written.</summary>
    /// <param name="blockKiB">Of a new file; DuckDB's own choice is 256.</param>
    public static void Attach(DuckDBConnection connection, string file, string database, int blockKiB = 256) =>
        // the newest version of DuckDB's format compresses text better; older DuckDBs need not read our files
        connection.Execute(string.Create(CultureInfo.InvariantCulture, $"""
            ATTACH {Sql.Literal(file)} AS {Sql.Quote(database)}
            (STORAGE_VERSION 'v1.5.0', BLOCK_SIZE {blockKiB * 1024})
            """));

    /// <summary>Attaches a sealed file, which nobody writes any more.</summary>
    public Partition AttachSealed(DuckDBConnection connection, int number, string file) => Attach(
        connection, file, Partition.DatabaseOf(number, isSealed: true),
        () => Partition.ReadSealed(connection, null, number, file, Connect));

    /// <summary>Attaches a merged file.</summary>
    public Partition AttachMerged(DuckDBConnection connection, int first, int last, string file) => Attach(
        connection, file, Partition.DatabaseOf(first, last),
        () => Partition.ReadSealed(connection, first, last, file, Connect));

    static bool IsWithin(List<Partition> partitions, int first, int last) =>
        partitions.Exists(partition => partition.FirstNumber <= first && last <= partition.Number);

    static Partition Attach(DuckDBConnection connection, string file, string database, Func<Partition> read)
    {
        connection.Execute($"ATTACH {Sql.Literal(file)} AS {Sql.Quote(database)} (READ_ONLY)");
        try
        {
            Schema.CheckVersion(connection, database, file);
            CheckLength(connection, file, database);
            return read();
        }
        catch
        {
            connection.Execute($"DETACH {Sql.Quote(database)}");
            throw;
        }
    }

    /// <summary>Closes everything. Open partitions keep their logs, which the next start replays.</summary>
    public void Dispose()
    {
        _root.Dispose();
        Progress.Dispose();
        _lock?.Dispose();
    }

    Partition AttachOpen(int number, string file, long expectedTraces)
    {
        var database = Partition.DatabaseOf(number, isSealed: false);
        OpenTables? tables = null;
        _root.Execute($"ATTACH ':memory:' AS {Sql.Quote(database)}");
        try
        {
            var acknowledged = Manifest.AcknowledgedOf(number);
            tables = OpenTables.Open(_root, database, file, acknowledged);
            if (tables.Acknowledged < acknowledged)
            {
                Manifest.Lose($"{file} was cut: of the {acknowledged} bytes that were acknowledged, the spans beyond " +
                    $"byte {tables.Acknowledged} are lost.");
            }
            return Partition.ReadOpen(_root, number, file, tables, expectedTraces);
        }
        catch
        {
            _root.Execute($"DETACH {Sql.Quote(database)}");
            tables?.Dispose();
            throw;
        }
    }

    T? TryOpen<T>(string file, Func<T> attach) where T : class
    {
        try
        {
            return attach();
        }
        catch (DuckDBException exception) when (exception.Message.Contains("version number", StringComparison.Ordinal))
        {
            throw new StoreUnusableException($"{file} was written by a newer server: {exception.Message}", exception);
        }
        catch (ForeignFileException exception)
        {
            _logger.Foreign(exception.Message);
            return null;
        }
        catch (Exception exception) when (Damage.Is(exception))
        {
            _logger.Damaged(exception, file, PartitionFiles.SetAside(file));
            return null;
        }
        catch (Exception exception) when (!Damage.IsAftermath(exception) && exception is not StoreUnusableException)
        {
            throw new StoreUnusableException($"Cannot read {file}: {exception.Message} No file has been changed. " +
                "Start the server again when that is mended.", exception);
        }
    }

    // DuckDB itself would notice a cut file only when it reads what is missing
    static void CheckLength(DuckDBConnection connection, string file, string database)
    {
        using var command = connection.Command(
            "SELECT block_size * total_blocks FROM pragma_database_size() WHERE database_name = $1", database);
        var blocks = Convert.ToInt64(command.ExecuteScalar(), CultureInfo.InvariantCulture);
        var length = new FileInfo(file).Length;
        if (length < HeaderBytes + blocks)
            throw new InvalidDataException($"{file} has {length} bytes, but should have {HeaderBytes + blocks}.");
    }

    // DuckDB locks its files too, but only one by one
    static FileStream Lock(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new StoreUnusableException(
                $"Cannot make the store's folder {folder}: {exception.Message}", exception);
        }
        var file = System.IO.Path.Combine(folder, "lock");
        try
        {
            return new FileStream(file, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None);
        }
        catch (IOException exception) when (InUse.Contains(exception.HResult))
        {
            throw new StoreUnusableException($"Cannot lock the store's folder {folder}; is another server using it? " +
                exception.Message, exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw NotWritable(folder, exception);
        }
    }

    /// <summary>What to say of a folder in which files cannot be made.</summary>
    public static StoreUnusableException NotWritable(string folder, Exception exception) => new(
        $"Cannot write to the store's folder {folder}: {exception.Message} Make room, or let the server's user write " +
        "there, or choose another folder.", exception);

    static DuckDBConnection OpenRoot(DuckDbStoreOptions options, string temporary)
    {
        var connection = new DuckDBConnection(new DuckDBConnectionStringBuilder
        {
            DataSource = DuckDbStoreOptions.InMemory,
            ["memory_limit"] = string.Create(CultureInfo.InvariantCulture, $"{options.MemoryLimitMiB}MiB"),
            ["temp_directory"] = temporary,
            // a checkpoint of the statistics would hold up commits that wait for it: see StatisticsFile
            ["checkpoint_threshold"] = "1TB",
            // every query whose order matters says so
            ["preserve_insertion_order"] = "false",
            // A query that runs on several waits for the others without sleeping: on few cores that costs it, and those
            // who append, more than it gains.
            ["threads"] = string.Create(CultureInfo.InvariantCulture, $"{Math.Max(1, Environment.ProcessorCount / 2)}"),
            // nothing is fetched from the network
            ["autoinstall_known_extensions"] = "false",
            ["autoload_known_extensions"] = "false",
        }.ConnectionString);
        connection.Open();
        // the same when a partition is detached
        connection.Execute("PRAGMA disable_checkpoint_on_shutdown");
        // what would be chosen is dict_fsst, which has it within; to try both costs a twelfth of what sealing does
        connection.Execute("SET disabled_compression_methods = 'fsst'");
        MemoryScan.Register(connection);
        AdjustedCounts.Register(connection);
        return connection;
    }
}
