using System.Globalization;
using DuckDB.NET.Data;

namespace Tracing.Storage.DuckDb;

/// <summary>The file of a store, open, prepared and locked against other servers; or a database in memory.</summary>
sealed class StoreFile : IDisposable
{
    readonly FileStream? _lock;

    StoreFile(string name, FileStream? folderLock, DuckDBConnection connection)
    {
        Name = name;
        _lock = folderLock;
        Connection = connection;
    }

    /// <summary>Path of the file, for messages.</summary>
    public string Name { get; }

    /// <summary>The writer's connection.</summary>
    public DuckDBConnection Connection { get; }

    public static StoreFile Open(DuckDbStoreOptions options)
    {
        if (options.IsInMemory)
            return Open(options, DuckDbStoreOptions.InMemory, null);
        var folder = Path.GetFullPath(options.Path);
        var folderLock = Lock(folder);
        try
        {
            return Open(options, Path.Combine(folder, "spans.duckdb"), folderLock);
        }
        catch
        {
            folderLock.Dispose();
            throw;
        }
    }

    /// <summary>Opens one more connection; to be disposed.</summary>
    public DuckDBConnection Connect()
    {
        var connection = _lock is null ? Connection.Duplicate() : new DuckDBConnection(Connection.ConnectionString);
        connection.Open();
        return connection;
    }

    /// <summary>Closes the file; with the last connection DuckDB writes a checkpoint.</summary>
    public void Dispose()
    {
        Connection.Dispose();
        _lock?.Dispose();
    }

    // DuckDB locks its file too, but a second store of this process would quietly share the first one's database
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
        var file = Path.Combine(folder, "lock");
        try
        {
            return new FileStream(file, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new StoreUnusableException(
                $"Cannot write to the store's folder {folder}: {exception.Message}", exception);
        }
        catch (IOException exception)
        {
            throw new StoreUnusableException($"Cannot lock the store's folder {folder}; is another server using it? " +
                exception.Message, exception);
        }
    }

    static StoreFile Open(DuckDbStoreOptions options, string name, FileStream? folderLock)
    {
        var connection = new DuckDBConnection(ConnectionString(options, name));
        try
        {
            connection.Open();
            Schema.Prepare(connection, name);
            return new StoreFile(name, folderLock, connection);
        }
        catch (DuckDBException exception)
        {
            connection.Dispose();
            throw new StoreUnusableException($"Cannot open {name}: {exception.Message}", exception);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    static string ConnectionString(DuckDbStoreOptions options, string name) => new DuckDBConnectionStringBuilder
    {
        DataSource = name,
        ["memory_limit"] = string.Create(CultureInfo.InvariantCulture, $"{options.MemoryLimitMiB}MiB"),
        // By default a checkpoint comes with every 16 MiB of log, some 100,000 spans, and commits wait for it. Higher
        // makes it rarer, but what is not checkpointed is in memory uncompressed, and is replayed after a crash.
        ["checkpoint_threshold"] = "256MiB",
        // newer files compress text better; older DuckDBs need not read ours
        ["storage_compatibility_version"] = "v1.5.0",
        // every query whose order matters says so
        ["preserve_insertion_order"] = "false",
        // nothing is fetched from the network
        ["autoinstall_known_extensions"] = "false",
        ["autoload_known_extensions"] = "false",
    }.ConnectionString;
}
