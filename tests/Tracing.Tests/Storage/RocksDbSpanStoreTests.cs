using Microsoft.Extensions.Logging.Abstractions;
using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.Engine;
using Tracing.Storage.RocksDb;
using Tracing.Storage.Tables;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>The contract on the engine in a folder.</summary>
public abstract class RocksDbSpanStoreContract : BlockSpanStoreContract
{
    private protected TemporaryFolder Folder { get; } = new();

    public override ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Folder.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected override ValueTask<ISpanStore> OpenAsync(StoreSetup setup) => new(RocksDbSpanStore.Open(
        With(new RocksDbStoreOptions { Path = Folder.Path, TablesTime = TimeProvider.System }, setup), Clock));
}

/// <summary>The contract with blocks as they mostly are, and what a process that died has left.</summary>
public sealed class RocksDbSpanStoreTests : RocksDbSpanStoreContract
{
    [Fact]
    public async Task A_body_of_a_process_that_died_is_stored_without_waiting()
    {
        const long Dead = 7;
        const long Group = 8;
        await using (var tables = RocksDbTables.Open(Folder.Path, TimeProvider.System))
        {
            byte[] body = [(byte)ClaimKind.Body, .. new byte[15], 5];
            await tables.CompareAndSetAsync(new(Table.Claims, body, Keys.Empty, Keys.Of(Dead, Group),
                TimeSpan.FromMinutes(1)), 0, [], Cancellation);
            await tables.PutAsync([new(Table.Claims, [(byte)ClaimKind.Alive], Keys.Of(Dead), [],
                TimeSpan.FromMinutes(1))], cancellation: Cancellation);
        }
        var store = await OpenAsync();
        Assert.Equal(AppendOutcome.Stored, await store.AppendAsync(Batch(5, Zipkin(1)), Cancellation));
        Assert.Equal(AppendOutcome.AlreadyStored, await store.AppendAsync(Batch(5, Zipkin(1)), Cancellation));
    }

    [Fact]
    public async Task What_is_acknowledged_is_there_once_after_a_kill()
    {
        var store = await OpenAsync();
        for (var n = 1UL; n <= 50; n++)
            await store.AppendAsync(Batch(n, Otlp(n)), Cancellation);
        await ((BlockSpanStore)store).CountNowAsync(Cancellation);
        for (var n = 51UL; n <= 60; n++)
            await store.AppendAsync(Batch(n, Otlp(n)), Cancellation);
        // what a kill would leave
        using var copy = new TemporaryFolder();
        foreach (var file in Directory.EnumerateFiles(Folder.Path))
            File.Copy(file, Path.Combine(copy.Path, Path.GetFileName(file)));
        await using var other = RocksDbSpanStore.Open(With(new RocksDbStoreOptions { Path = copy.Path }, new()), Clock);
        Assert.Equal(60, (await other.GetTracesAsync(
            [.. Enumerable.Range(1, 60).Select(n => Trace((ulong)n))], true, Cancellation)).Count);
        for (var n = 1UL; n <= 60; n++)
            Assert.Equal(AppendOutcome.AlreadyStored, await other.AppendAsync(Batch(n, Otlp(n)), Cancellation));
        var points = await other.GetSeriesAsync(new()
        {
            Level = SeriesLevel.Service,
            StartMinute = (Today / 60_000) - 60,
            EndMinute = (Today / 60_000) + 60,
        }, Cancellation);
        Assert.Equal(60UL, points.Aggregate(0UL, (sum, point) => sum + point.Latencies.Count));
    }
}

/// <summary>What statistics are when the process dies while it flushes them.</summary>
public sealed class InterruptedFlushTests
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(5)]
    public async Task What_was_half_flushed_counts_once_after_the_next_start(int rows)
    {
        using var folder = new TemporaryFolder();
        var clock = new TestClock();
        var options = new RocksDbStoreOptions { Path = folder.Path, GroupDelay = TimeSpan.Zero };
        var tables = new DyingTables(RocksDbTables.Open(folder.Path, clock));
        await using (var store = new BlockSpanStore(tables, options, "a folder", clock, NullLogger.Instance))
        {
            await StoreAsync(store, 1);
            await store.CountNowAsync(Cancellation);
            await StoreAsync(store, 11);
            tables.RowsLeft = rows;
            await Assert.ThrowsAsync<IOException>(() => store.CountNowAsync(Cancellation));
            await AssertCountedAsync(store, 20);
            await StoreAsync(store, 21);
            await AssertCountedAsync(store, 30);
        }
        await using var next = RocksDbSpanStore.Open(options, clock);
        await AssertCountedAsync(next, 30);
        await next.CountNowAsync(Cancellation);
        await AssertCountedAsync(next, 30);
        Assert.Equal(2UL * 30, await CountAsync(next, SeriesLevel.ServiceEdge));
    }

    static async Task StoreAsync(BlockSpanStore store, ulong first)
    {
        for (var n = first; n < first + 10; n++)
        {
            var start = Micros((long)n * 20_000_000);
            await store.AppendAsync(Batch(n,
                Otlp(n, "web", "call") with { Kind = SpanKind.Client, StartUnixNano = start, EndUnixNano = start + 5 },
                Otlp(n, "cart", "serve", 2) with
                {
                    Kind = SpanKind.Server,
                    ParentSpanId = new SpanId(1),
                    StartUnixNano = start,
                    EndUnixNano = start + 5,
                }), Cancellation);
        }
    }

    static async Task AssertCountedAsync(BlockSpanStore store, int traces)
    {
        Assert.Equal(2UL * (ulong)traces, await CountAsync(store, SeriesLevel.Service));
        Assert.Equal(2UL * (ulong)traces, await CountAsync(store, SeriesLevel.Operation));
    }

    static async Task<ulong> CountAsync(BlockSpanStore store, SeriesLevel level)
    {
        var counts = new List<ulong>();
        foreach (var step in new[] { 1, 60, 1440 })
        {
            counts.Add((await store.GetSeriesAsync(new()
            {
                Level = level,
                StartMinute = 0,
                EndMinute = int.MaxValue,
                StepMinutes = step,
            }, Cancellation)).Aggregate(0UL, (sum, point) => sum + point.Latencies.Count));
        }
        return Assert.Single(counts.Distinct());
    }

    /// <summary>Tables that take so many more rows of latencies, and then none until they are opened again.</summary>
    sealed class DyingTables(ITables tables) : ITables
    {
        public int RowsLeft { get; set; } = int.MaxValue;

        public bool IsShared => tables.IsShared;

        public Task PutAsync(IReadOnlyList<Row> rows, Row? last, Func<Task>? beforeLast,
            CancellationToken cancellation) => tables.PutAsync(rows, last, beforeLast, cancellation);

        public ValueTask<Entry?> GetAsync(
            Table table, byte[] partition, byte[] key, CancellationToken cancellation) =>
            tables.GetAsync(table, partition, key, cancellation);

        public ValueTask<List<Entry>> ScanAsync(Table table, byte[] partition, byte[] from, byte[]? to,
            bool isDescending, int limit, CancellationToken cancellation) =>
            tables.ScanAsync(table, partition, from, to, isDescending, limit, cancellation);

        public Task DeleteAsync(Table table, byte[] partition, byte[] from, byte[]? to,
            CancellationToken cancellation) => tables.DeleteAsync(table, partition, from, to, cancellation);

        public Task DeleteAsync(IReadOnlyList<RowKey> rows, CancellationToken cancellation) =>
            tables.DeleteAsync(rows, cancellation);

        public Task ForbidAsync(Table table, byte[] partition, byte[] key, DateTimeOffset until,
            CancellationToken cancellation) => tables.ForbidAsync(table, partition, key, until, cancellation);

        public ValueTask<CasResult> CompareAndSetAsync(Row row, long expectedVersion, IReadOnlyList<Row> others,
            CancellationToken cancellation)
        {
            if (row.Table == Table.Latencies && RowsLeft-- <= 0)
                throw new IOException("The process died.");
            return tables.CompareAndSetAsync(row, expectedVersion, others, cancellation);
        }

        public bool IsTransient(Exception exception) => tables.IsTransient(exception);

        public Task<DateTimeOffset> ReadClockAsync(CancellationToken cancellation) =>
            tables.ReadClockAsync(cancellation);

        public Task<IReadOnlyList<string>> CheckAsync(CancellationToken cancellation) =>
            tables.CheckAsync(cancellation);

        public ValueTask DisposeAsync() => tables.DisposeAsync();
    }
}

/// <summary>The contract where traces lie in many blocks, few of which fit into memory.</summary>
public sealed class RocksDbSmallBlocksTests : RocksDbSpanStoreContract
{
    private protected override EngineOptions Adapt(EngineOptions options) =>
        options with { BlockSpans = 10, CacheMiB = 1 };
}
