using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Tracing.Storage.Engine;

namespace Tracing.Storage.Cassandra;

/// <summary>Opens the distributed store: spans in blocks, in tables of Cassandra.</summary>
public static class CassandraSpanStore
{
    /// <summary>The tables, as they are made where that is left to others.</summary>
    public static string SchemaCql => Connection.SchemaCql();

    /// <summary>Waits for Cassandra, makes or checks the tables, and begins.</summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="StoreUnusableException">
    /// Cassandra refuses the user, or the tables are of another version.
    /// </exception>
    public static Task<BlockSpanStore> OpenAsync(CassandraStoreOptions options, TimeProvider time,
        ILogger? logger = null, CancellationToken cancellation = default) =>
        OpenAsync(options, time, logger ?? NullLogger.Instance, _ => { }, cancellation);

    /// <param name="absent">Called with the reason whenever Cassandra was not there.</param>
    internal static async Task<BlockSpanStore> OpenAsync(CassandraStoreOptions options, TimeProvider time,
        ILogger logger, Action<string> absent, CancellationToken cancellation)
    {
        options.Validate();
        var connection = await Connection.OpenAsync(options, logger, absent, cancellation);
        var place = $"the keyspace {options.Keyspace} of the Cassandra cluster " +
            connection.Session.Cluster.Metadata.ClusterName;
        return new BlockSpanStore(new CqlTables(connection), options, place, time, logger);
    }
}
