using Cassandra;
using Tracing.Storage.Cassandra;

namespace Tracing.Tests;

/// <summary>The tables of a keyspace for tests.</summary>
static class CassandraTables
{
    /// <summary>Has them made if they are not there, and empties them.</summary>
    public static async Task EmptyAsync(string contactPoint, string keyspace)
    {
        using var cluster = Connect(contactPoint);
        using var session = await cluster.ConnectAsync();
        if (cluster.Metadata.GetKeyspace(keyspace) is null)
        {
            var options = new CassandraStoreOptions { ContactPoints = [contactPoint], Keyspace = keyspace };
            await (await CassandraSpanStore.OpenAsync(options, TimeProvider.System)).DisposeAsync();
        }
        var tables = cluster.Metadata.GetTables(keyspace).Where(table => table is not ("meta" or "block_data"));
        await Task.WhenAll(tables.Select(table =>
            session.ExecuteAsync(new SimpleStatement($"TRUNCATE {keyspace}.{table}"))));
    }

    public static Cluster Connect(string contactPoint) => Cluster.Builder()
        .AddContactPoint(contactPoint.Split(':')[0])
        .WithPort(contactPoint.Contains(':', StringComparison.Ordinal)
            ? int.Parse(contactPoint.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture)
            : 9042)
        .WithQueryTimeout(60_000)
        .WithSocketOptions(new SocketOptions().SetReadTimeoutMillis(60_000))
        .Build();
}
