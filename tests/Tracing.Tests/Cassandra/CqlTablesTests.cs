using Tracing.Storage.Tables;
using Xunit;

namespace Tracing.Tests;

/// <summary>The tables in Cassandra; as the contract of the store, on a node.</summary>
[Collection("Cassandra")]
public sealed class CqlTablesTests : TablesContract
{
    public override async ValueTask InitializeAsync() => await CassandraTables.EmptyAsync(withData: true);

    private protected override async ValueTask<ITables> OpenTablesAsync() => await CassandraTables.OpenAsync();

    private protected override Task PassAsync(TimeSpan time) => Task.Delay(time, Cancellation);
}
