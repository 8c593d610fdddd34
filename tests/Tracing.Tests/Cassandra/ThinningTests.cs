using Cassandra;
using Tracing.Storage;
using Tracing.Storage.Cassandra;
using Tracing.Storage.Engine;
using Tracing.Storage.Tables;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>How slices are thinned out, whoever fails in between; what is kept is a matter of the contract.</summary>
[Collection("Cassandra")]
public sealed class ThinningTests : IAsyncLifetime
{
    const double Rate = 0.25;

    Cluster? _cluster;
    ISession? _session;
    TimeSpan _passed;

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await CassandraTables.EmptyAsync();
        _cluster = CassandraTables.Connect();
        _session = await _cluster.ConnectAsync(CassandraTables.Keyspace);
    }

    public ValueTask DisposeAsync()
    {
        _session?.Dispose();
        _cluster?.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task What_is_thinned_out_is_deleted_once_all_know()
    {
        await using var store = await OpenAsync();
        await StoreAsync(store, 1, 400);
        var kept = Drawn(1, 400);
        await ThinAsync(store, TimeSpan.FromHours(1.1));
        Assert.Equal(kept, await CountAsync(store));
        Assert.True(await RowsAsync("blocks") > 0);
        // who does not know of it yet still finds all
        await ThinAsync(store, TimeSpan.FromMinutes(9));
        Assert.True(await RowsAsync("blocks") > 0);
        await ThinAsync(store, TimeSpan.FromMinutes(2));
        Assert.Equal(0, await RowsAsync("blocks"));
        Assert.Equal(0, await RowsAsync("commits"));
        Assert.Equal(kept, await CountAsync(store));
        await using var other = await OpenAsync();
        Assert.Equal(kept, await CountAsync(other));
    }

    [Fact]
    public async Task What_somebody_left_that_died_before_he_decided_is_not_seen()
    {
        await using (var dead = await OpenAsync())
        {
            await StoreAsync(dead, 1, 400);
            await ThinAsync(dead, TimeSpan.FromHours(1.1));
        }
        await using (var tables = await CassandraTables.OpenAsync())
        {
            await tables.DeleteAsync(
                Table.State, Rows.Partition(StateKind.Slices), Keys.Empty, null, Cancellation);
        }
        await _session!.ExecuteAsync(new SimpleStatement("TRUNCATE claims"));
        await using var store = await OpenAsync();
        Assert.Equal(400, await CountAsync(store));
        await ThinAsync(store, TimeSpan.Zero);
        Assert.Equal(Drawn(1, 400), await CountAsync(store));
        await ThinAsync(store, TimeSpan.FromMinutes(11));
        Assert.Equal(Drawn(1, 400), await CountAsync(store));
    }

    [Fact]
    public async Task What_is_not_counted_yet_stays()
    {
        await using var store = await OpenAsync();
        await StoreAsync(store, 1, 400);
        _passed += TimeSpan.FromHours(2);
        await store.CompactNowAsync(Cancellation);
        await store.CompactNowAsync(Cancellation);
        Assert.Equal(400, await CountAsync(store));
        await ThinAsync(store, TimeSpan.Zero);
        Assert.Equal(Drawn(1, 400), await CountAsync(store));
    }

    [Fact]
    public async Task Slices_are_decided_on_one_after_the_other_and_those_without_spans_too()
    {
        await using var store = await OpenAsync();
        for (var first = 1; first <= 1200; first += 400)
        {
            await StoreAsync(store, first, 400);
            await store.CountNowAsync(Cancellation);
            _passed += TimeSpan.FromMinutes(10);
        }
        await ThinAsync(store, TimeSpan.FromMinutes(50));
        Assert.Equal(Drawn(1, 800) + 400, await CountAsync(store));
        await ThinAsync(store, TimeSpan.FromMinutes(11));
        Assert.Equal(Drawn(1, 1200), await CountAsync(store));
        await ThinAsync(store, TimeSpan.FromMinutes(11));
        Assert.Equal(Drawn(1, 1200), await CountAsync(store));
        Assert.Equal(0, await RowsAsync("blocks"));
    }

    [Fact]
    public async Task What_comes_with_a_time_that_is_decided_on_is_refused()
    {
        await using var store = await OpenAsync();
        await StoreAsync(store, 1, 400);
        await ThinAsync(store, TimeSpan.FromHours(1.1));
        _passed = TimeSpan.Zero;
        await using var late = await OpenAsync();
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => StoreAsync(late, 1000, 1));
        Assert.Contains("the clock of this server", error.Message, StringComparison.Ordinal);
        _passed = TimeSpan.FromHours(1.1);
        await StoreAsync(late, 1000, 1);
        Assert.Equal(Drawn(1, 400) + 1, await CountAsync(late));
    }

    [Fact]
    public async Task Exemplars_of_statistics_are_kept()
    {
        await using var store = await OpenAsync(keepsExemplars: true);
        await StoreAsync(store, 1, 400);
        await ThinAsync(store, TimeSpan.FromHours(1.1));
        var points = await store.GetSeriesAsync(new()
        {
            Level = SeriesLevel.Operation,
            StartMinute = (Today / 60_000) - 60,
            EndMinute = (Today / 60_000) + 60,
            StepMinutes = 60,
            WithExemplars = true,
        }, Cancellation);
        var exemplars = points.SelectMany(point => point.Exemplars!.Values).Select(each => each.Trace).ToHashSet();
        Assert.NotEmpty(exemplars);
        foreach (var trace in exemplars)
            Assert.Equal(new TraceKept(KeptReason.Exemplar, 1), await store.GetKeptAsync(trace, Cancellation));
    }

    Task<BlockSpanStore> OpenAsync(bool keepsExemplars = false) => CassandraSpanStore.OpenAsync(
        CassandraTables.Options with
        {
            KeepsExemplars = keepsExemplars,
            ClockError = () => _passed,
            GroupDelay = TimeSpan.Zero,
            BaselineRate = Rate,
            MinThinnedTraces = 1,
            BlockSpans = 50,
        }, new TestClock());

    /// <summary>Traces of one span, that nothing speaks for.</summary>
    static async Task StoreAsync(BlockSpanStore store, int first, int count) => await store.AppendAsync(
        Batch([.. Enumerable.Range(first, count).Select(id => Zipkin((ulong)id))]), Cancellation);

    static int Drawn(int first, int count) =>
        Enumerable.Range(first, count).Count(id => Tiers.IsDrawn((ulong)id, Rate));

    /// <summary>Lets time pass, and all be done that is due then.</summary>
    async Task ThinAsync(BlockSpanStore store, TimeSpan time)
    {
        _passed += time;
        await store.CountNowAsync(Cancellation);
        // nothing is done the first time
        await store.CompactNowAsync(Cancellation);
        await store.CompactNowAsync(Cancellation);
    }

    static async Task<int> CountAsync(BlockSpanStore store)
    {
        var found = await store.FindTracesAsync(AnyOfToday with { Limit = 10_000 }, Cancellation);
        var byId = await store.GetTracesAsync(
            [.. Enumerable.Range(1, 1200).Select(id => Trace((ulong)id))], true, Cancellation);
        Assert.Equal(byId.Count, found.Count);
        return found.Count;
    }

    /// <summary>Of what groups store; what is kept of slices left out.</summary>
    async Task<int> RowsAsync(string table) =>
        (await _session!.ExecuteAsync(new SimpleStatement($"SELECT key FROM {table}")))
        .Count(row => row.GetValue<byte[]>(0)[0] == (byte)Generation.Group);
}
