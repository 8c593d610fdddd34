using Cassandra;
using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.Cassandra;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>What several processes do to each other, and what a start finds; as the contract, on a node.</summary>
[Collection("Cassandra")]
public sealed class CassandraSpanStoreTests : IAsyncLifetime
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => await CassandraTables.EmptyAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    static Task<CassandraSpanStore> OpenAsync(TimeSpan clockError = default) => OpenAsync(new CassandraStoreOptions
    {
        ClockError = () => clockError,
        ContactPoints = [CassandraTables.ContactPoint],
        Keyspace = CassandraTables.Keyspace,
        GroupDelay = TimeSpan.Zero,
    });

    static Task<CassandraSpanStore> OpenAsync(CassandraStoreOptions options) =>
        CassandraSpanStore.OpenAsync(options, new TestClock());

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
        using var cluster = CassandraTables.Connect();
        using var session = await cluster.ConnectAsync(CassandraTables.Keyspace);
        await session.ExecuteAsync(new SimpleStatement(
            "INSERT INTO bodies (hash, writer, stored) VALUES (0x00000000000000000000000000000005, 7, 8)"));
        if (isAlive)
            await session.ExecuteAsync(new SimpleStatement("INSERT INTO alive (writer, since) VALUES (7, 0)"));
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
        await using (var dead = await OpenAsync())
            await dead.AppendAsync(batch, Cancellation);
        using var cluster = CassandraTables.Connect();
        using var session = await cluster.ConnectAsync(CassandraTables.Keyspace);
        foreach (var table in new[] { "commits", "alive" })
            await session.ExecuteAsync(new SimpleStatement($"TRUNCATE {table}"));
        await using var store = await OpenAsync();
        Assert.Equal(0UL, (await store.CountLatenciesAsync(Selection, Cancellation)).Succeeded.Count);
        Assert.Equal(AppendOutcome.Stored, await store.AppendAsync(batch, Cancellation));
        Assert.Equal(2UL, (await store.CountLatenciesAsync(Selection, Cancellation)).Succeeded.Count);
        Assert.Equal(2, await CountAsync(store));
    }

    [Fact]
    public async Task Tables_of_the_version_before_are_brought_up_to_date()
    {
        await using (var before = await OpenAsync())
        {
            await before.AppendAsync(Batch(Zipkin(1), Otlp(2)), Cancellation);
            await before.CountNowAsync(Cancellation);
        }
        using var cluster = CassandraTables.Connect();
        using var session = await cluster.ConnectAsync(CassandraTables.Keyspace);
        await ToVersionBeforeAsync(session);
        await using var store = await OpenAsync();
        Assert.Equal(2, await CountAsync(store));
        Assert.Equal(2, (await store.FindTracesAsync(AnyOfToday, Cancellation)).Count);
        await store.AppendAsync(Batch(Zipkin(3)), Cancellation);
        await store.CountNowAsync(Cancellation);
        Assert.Equal(3, await CountAsync(store));
    }

    /// <summary>Has the tables be as they were without slices, and with latencies in one blob.</summary>
    static async Task ToVersionBeforeAsync(ISession session)
    {
        await session.ExecuteAsync(new SimpleStatement("CREATE TABLE IF NOT EXISTS points (level int, part bigint, " +
            "time bigint, version bigint, data blob, marks map<bigint, bigint>, PRIMARY KEY ((level, part), time))"));
        var insert = await session.PrepareAsync(
            "INSERT INTO points (level, part, time, version, data, marks) VALUES (?, ?, ?, 1, ?, ?) USING TTL 1000");
        foreach (var row in await session.ExecuteAsync(
            new SimpleStatement("SELECT level, part, time, sections, marks FROM latencies")))
        {
            var points = row.GetValue<IDictionary<string, byte[]>>(3).Values
                .SelectMany(section => PointsCodec.Decode(section, _ => true, true)).ToList();
            await session.ExecuteAsync(insert.Bind(row.GetValue<int>(0), row.GetValue<long>(1), row.GetValue<long>(2),
                PointsCodec.Encode(points), row.GetValue<IDictionary<long, long>>(4)));
        }
        foreach (var table in new[] { "slices", "gone", "latencies", "kept_data", "kept_blocks", "kept_traces" })
            await session.ExecuteAsync(new SimpleStatement($"DROP TABLE {table}"));
        await session.ExecuteAsync(new SimpleStatement("UPDATE meta SET value = '1' WHERE key = 'version'"));
    }

    [Fact]
    public async Task Tables_of_another_version_are_refused()
    {
        await (await OpenAsync()).DisposeAsync();
        using var cluster = CassandraTables.Connect();
        using var session = await cluster.ConnectAsync(CassandraTables.Keyspace);
        await session.ExecuteAsync(new SimpleStatement("UPDATE meta SET value = '9' WHERE key = 'version'"));
        try
        {
            var error = await Assert.ThrowsAsync<StoreUnusableException>(() => OpenAsync());
            Assert.Contains("version 9", error.Message, StringComparison.Ordinal);
        }
        finally
        {
            await session.ExecuteAsync(new SimpleStatement("UPDATE meta SET value = '2' WHERE key = 'version'"));
        }
    }

    static SpanSelection Selection { get; } = new() { StartUnixNano = Micros(0), EndUnixNano = Micros(1_000_000) };

    static async Task<int> CountAsync(CassandraSpanStore store) =>
        (await store.GetSeriesAsync(All(SeriesLevel.Service), Cancellation)).Sum(point => (int)point.Latencies.Count);

    static SeriesQuery All(SeriesLevel level) => new()
    {
        Level = level,
        StartMinute = (Today / 60_000) - 60,
        EndMinute = (Today / 60_000) + 60,
    };
}
