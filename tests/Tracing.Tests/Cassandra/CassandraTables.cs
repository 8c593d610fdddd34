using Cassandra;
using Microsoft.Extensions.Logging.Abstractions;
using Tracing.Storage.Cassandra;
using Tracing.Storage.Tables;
using Xunit;

namespace Tracing.Tests;

/// <summary>
/// The tables for tests, which have them one after the other, in one keyspace, as making them takes seconds.
/// </summary>
static class CassandraTables
{
    public const string Keyspace = "tracing_tests";

    static readonly string? _node = Environment.GetEnvironmentVariable("TRACING_TEST_CASSANDRA");

    /// <summary>Of the node to test with, host or host:port; without one the test is skipped.</summary>
    public static string ContactPoint
    {
        get
        {
            Assert.SkipWhen(_node is null, "TRACING_TEST_CASSANDRA does not name a node");
            return _node!;
        }
    }

    public static CassandraStoreOptions Options => new() { ContactPoints = [ContactPoint], Keyspace = Keyspace };

    /// <summary>The tables themselves.</summary>
    internal static async Task<ITables> OpenAsync() => new CqlTables(
        await Connection.OpenAsync(Options, NullLogger.Instance, _ => { }, TestContext.Current.CancellationToken));

    /// <summary>Has them made if they are not there, and empties them.</summary>
    /// <param name="withData">Whether also of the data of blocks, which nobody finds without their other rows.</param>
    public static async Task EmptyAsync(bool withData = false)
    {
        using var cluster = Connect();
        using var session = await cluster.ConnectAsync();
        if (cluster.Metadata.GetKeyspace(Keyspace) is null)
        {
            await using var made = await OpenAsync();
        }
        var tables = cluster.Metadata.GetTables(Keyspace)
            .Where(table => table != "meta" && (withData || table is not ("block_data" or "kept_data")));
        await Task.WhenAll(tables.Select(table =>
            session.ExecuteAsync(new SimpleStatement($"TRUNCATE {Keyspace}.{table}"))));
    }

    public static Cluster Connect() => Cluster.Builder()
        .AddContactPoint(ContactPoint.Split(':')[0])
        .WithPort(ContactPoint.Contains(':', StringComparison.Ordinal)
            ? int.Parse(ContactPoint.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture)
            : 9042)
        .WithQueryTimeout(60_000)
        .WithSocketOptions(new SocketOptions().SetReadTimeoutMillis(60_000))
        .Build();
}
