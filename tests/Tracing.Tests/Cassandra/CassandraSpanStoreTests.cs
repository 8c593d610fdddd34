using Cassandra;
using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.Cassandra;
using Tracing.Storage.Engine;
using Tracing.Storage.Tables;
using Xunit;
using static Tracing.Tests.SomeSpans;
using Row = Tracing.Storage.Tables.Row;

namespace Tracing.Tests;

/// <summary>What several processes do to each other, and what a start finds; as the contract, on a node.</summary>
[Collection("Cassandra")]
public sealed class CassandraSpanStoreTests : IAsyncLifetime
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => await CassandraTables.EmptyAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    static Task<BlockSpanStore> OpenAsync(TimeSpan clockError = default) => CassandraSpanStore.OpenAsync(
        CassandraTables.Options with { ClockError = () => clockError, GroupDelay = TimeSpan.Zero }, new TestClock());

    [Fact]
    public async Task A_body_that_two_processes_get_at_once_is_stored_by_one()
    {
        await using var one = await OpenAsync();
        await using var other = await OpenAsync();
        for (var n = 1UL; n <= 20; n++)
        {
            var batch = Batch((UInt128)n, Zipkin(n));
            var outcomes = await Task.WhenAll(
                Task.Run(() => one.AppendAsync(batch, Cancellation)),
                Task.Run(() => other.AppendAsync(batch, Cancellation)));
            Assert.Single(outcomes, AppendOutcome.Stored);
            // who is told to come again hears then that it is stored
            Assert.Equal(AppendOutcome.AlreadyStored, await one.AppendAsync(batch, Cancellation));
            Assert.Equal(AppendOutcome.AlreadyStored, await other.AppendAsync(batch, Cancellation));
        }
        Assert.Equal(20, await CountAsync(one));
        Assert.Equal(20, await CountAsync(other));
    }

    [Theory]
    [InlineData(false, AppendOutcome.Stored)]
    [InlineData(true, AppendOutcome.Overloaded)]
    public async Task A_body_of_a_writer_that_died_is_taken_over(bool isAlive, AppendOutcome expected)
    {
        await using var store = await OpenAsync();
        await using var tables = await CassandraTables.OpenAsync();
        byte[] body = [(byte)ClaimKind.Body, .. new byte[15], 5];
        Row claim = new(Table.Claims, body, Keys.Empty, Keys.Of(7, 8), TimeSpan.FromMinutes(1));
        Assert.True((await tables.CompareAndSetAsync(claim, 0, [], Cancellation)).IsSet);
        if (isAlive)
        {
            await tables.PutAsync([new(Table.Claims, [(byte)ClaimKind.Alive], Keys.Of(7), [], TimeSpan.FromMinutes(1))],
                cancellation: Cancellation);
        }
        Assert.Equal(expected, await store.AppendAsync(Batch(5, Zipkin(1)), Cancellation));
        Assert.Equal(isAlive ? 0 : 1, await CountAsync(store));
    }

    [Fact]
    public async Task Who_may_not_add_up_calls_says_that_some_are_left()
    {
        await using var one = await OpenAsync();
        await using var other = await OpenAsync();
        // who counts first is the one that does
        await one.CountNowAsync(Cancellation);
        await one.AppendAsync(Batch(Otlp(1, "web", "call") with { Kind = SpanKind.Client }), Cancellation);
        Assert.False(await other.AddUpCallsAsync(Cancellation));
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => one.AddUpCallsAsync(Cancellation)));
        Assert.True(await other.AddUpCallsAsync(Cancellation));
    }

    [Fact]
    public async Task Calls_between_services_are_counted_once_whoever_took_the_spans()
    {
        await using var one = await OpenAsync();
        await using var other = await OpenAsync();
        for (var n = 1UL; n <= 50; n++)
        {
            var caller = Otlp(n, "web", "call") with { Kind = SpanKind.Client };
            var callee = Otlp(n, "cart", "serve", 2) with { Kind = SpanKind.Server, ParentSpanId = new SpanId(1) };
            await one.AppendAsync(Batch(n % 2 == 0 ? caller : callee), Cancellation);
            await other.AppendAsync(Batch(n % 2 == 0 ? callee : caller), Cancellation);
            if (n % 10 == 0)
                await Task.WhenAll(one.CountNowAsync(Cancellation), other.CountNowAsync(Cancellation));
        }
        foreach (var store in new[] { one, other })
        {
            var edges = await store.GetSeriesAsync(All(SeriesLevel.ServiceEdge), Cancellation);
            Assert.Equal([50UL, 50UL], edges.Select(edge => edge.Latencies.Count));
            Assert.Equal([EdgeSide.Caller, EdgeSide.Callee], edges.Select(edge => edge.Series.Side));
            Assert.Equal(100, await CountAsync(store));
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(-2)]
    public async Task Nothing_is_lost_or_counted_twice_when_clocks_differ(int seconds)
    {
        await using var one = await OpenAsync(TimeSpan.FromSeconds(seconds));
        await using var other = await OpenAsync();
        for (var n = 1UL; n <= 10; n++)
        {
            var callee = Otlp(n, "cart", "serve", 2) with { Kind = SpanKind.Server, ParentSpanId = new SpanId(1) };
            await one.AppendAsync(Batch(Otlp(n, "web", "call") with { Kind = SpanKind.Client }), Cancellation);
            await one.CountNowAsync(Cancellation);
            await other.AppendAsync(Batch(callee), Cancellation);
            await one.CountNowAsync(Cancellation);
            foreach (var store in new[] { one, other })
            {
                var page = await store.SearchAsync(new SpanSearch
                {
                    StartUnixNano = Selection.StartUnixNano,
                    EndUnixNano = Selection.EndUnixNano,
                }, Cancellation);
                Assert.Equal((int)n, page.Traces.Count);
                Assert.All(page.Traces, trace => Assert.Equal(2, trace.SpanCount));
            }
        }
        var edges = await other.GetSeriesAsync(All(SeriesLevel.ServiceEdge), Cancellation);
        Assert.Equal([10UL, 10UL], edges.Select(edge => edge.Latencies.Count));
        Assert.Equal(20, await CountAsync(other));
    }

    [Fact]
    public async Task What_a_writer_left_that_died_before_its_commit_counts_once()
    {
        var batch = Batch(5, Otlp(1), Otlp(2));
        // not closed before, as that would count what was stored
        await using var dead = await OpenAsync();
        await dead.AppendAsync(batch, Cancellation);
        using var cluster = CassandraTables.Connect();
        using var session = await cluster.ConnectAsync(CassandraTables.Keyspace);
        await session.ExecuteAsync(new SimpleStatement("TRUNCATE commits"));
        await using var tables = await CassandraTables.OpenAsync();
        await tables.DeleteAsync(Table.Claims, [(byte)ClaimKind.Alive], Keys.Empty, null, Cancellation);
        await using var store = await OpenAsync();
        Assert.Equal(0UL, (await store.CountLatenciesAsync(Selection, Cancellation)).Succeeded.Count);
        Assert.Equal(AppendOutcome.Stored, await store.AppendAsync(batch, Cancellation));
        Assert.Equal(2UL, (await store.CountLatenciesAsync(Selection, Cancellation)).Succeeded.Count);
        Assert.Equal(2, await CountAsync(store));
    }

    [Theory]
    [InlineData("2", "the last server that reads them")]
    [InlineData("9", "Use the server of that version")]
    public async Task Tables_of_another_version_are_refused(string version, string expected)
    {
        await (await OpenAsync()).DisposeAsync();
        using var cluster = CassandraTables.Connect();
        using var session = await cluster.ConnectAsync(CassandraTables.Keyspace);
        await session.ExecuteAsync(new SimpleStatement($"UPDATE meta SET value = '{version}' WHERE key = 'version'"));
        try
        {
            var error = await Assert.ThrowsAsync<StoreUnusableException>(() => OpenAsync());
            Assert.Contains($"version {version}", error.Message, StringComparison.Ordinal);
            Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        }
        finally
        {
            await session.ExecuteAsync(new SimpleStatement("UPDATE meta SET value = '3' WHERE key = 'version'"));
        }
    }

    static SpanSelection Selection { get; } = new() { StartUnixNano = Micros(0), EndUnixNano = Micros(1_000_000) };

    static async Task<int> CountAsync(BlockSpanStore store) =>
        (await store.GetSeriesAsync(All(SeriesLevel.Service), Cancellation)).Sum(point => (int)point.Latencies.Count);

    static SeriesQuery All(SeriesLevel level) => new()
    {
        Level = level,
        StartMinute = (Today / 60_000) - 60,
        EndMinute = (Today / 60_000) + 60,
    };
}
