using Cassandra;
using Tracing.Storage.Tables;
using Xunit;

namespace Tracing.Tests;

/// <summary>Thinning out in Cassandra's tables.</summary>
[Collection("Cassandra")]
public sealed class CassandraThinningTests : ThinningTests
{
    public override async ValueTask InitializeAsync() => await CassandraTables.EmptyAsync();

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private protected override Task<ITables> OpenTablesAsync() => CassandraTables.OpenAsync();

    private protected override async Task EndLeasesAsync()
    {
        using var cluster = CassandraTables.Connect();
        using var session = await cluster.ConnectAsync();
        await session.ExecuteAsync(new SimpleStatement($"TRUNCATE {CassandraTables.Keyspace}.claims"));
    }
}
