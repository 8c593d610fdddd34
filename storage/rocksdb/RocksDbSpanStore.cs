using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Tracing.Storage.Engine;

namespace Tracing.Storage.RocksDb;

/// <summary>How the embedded store is set up. Checked when it is opened.</summary>
public sealed record RocksDbStoreOptions : EngineOptions
{
    // beside RocksDB's own memory
    public RocksDbStoreOptions() => CacheMiB = 128;

    /// <summary>The folder, made if it is not there. Default: data, in the working directory.</summary>
    public string Path { get; init; } = "data";

    /// <summary>By which rows end; null for that of the store.</summary>
    internal TimeProvider? TablesTime { get; init; }
}

/// <summary>Opens the embedded store: spans in blocks, in a folder of RocksDB, for one process at a time.</summary>
public static class RocksDbSpanStore
{
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="StoreUnusableException">The folder cannot be used; the message says why.</exception>
    public static BlockSpanStore Open(RocksDbStoreOptions options, TimeProvider time, ILogger? logger = null)
    {
        options.Validate();
        return new BlockSpanStore(RocksDbTables.Open(options.Path, options.TablesTime ?? time), options,
            $"the folder {Path.GetFullPath(options.Path)}", time, logger ?? NullLogger.Instance);
    }
}
