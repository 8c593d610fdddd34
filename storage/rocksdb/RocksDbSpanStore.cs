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

    /// <summary>
    /// Bytes of all files in the folder above which the oldest spans are dropped; 0 for no bound. Default: 0.
    /// </summary>
    public long MaxBytes { get; init; }

    /// <summary>By which rows end; null for that of the store.</summary>
    internal TimeProvider? TablesTime { get; init; }

    /// <exception cref="ArgumentException">A value is out of its range; the message names it and the value.</exception>
    public override void Validate()
    {
        base.Validate();
        if (MaxBytes < 0)
            throw new ArgumentException($"MaxBytes must be at least 0, but it is {MaxBytes}.");
    }
}

/// <summary>Opens the embedded store: spans in blocks, in a folder of RocksDB, for one process at a time.</summary>
public static class RocksDbSpanStore
{
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="StoreUnusableException">The folder cannot be used; the message says why.</exception>
    public static BlockSpanStore Open(RocksDbStoreOptions options, TimeProvider time, ILogger? logger = null)
    {
        options.Validate();
        logger ??= NullLogger.Instance;
        var tables = RocksDbTables.Open(options.Path, options.TablesTime ?? time,
            new SizeBound(options.MaxBytes, options.Retention, options.CommitRetention), logger);
        return new BlockSpanStore(
            tables, options, $"the folder {Path.GetFullPath(options.Path)}", time, logger);
    }
}
