using Microsoft.Extensions.Logging.Abstractions;
using Tracing.Storage;
using Tracing.Storage.Blocks;
using Tracing.Storage.Engine;
using Tracing.Storage.RocksDb;
using Tracing.Storage.Tables;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>How slices are thinned out, whoever fails in between; what is kept is a matter of the contract.</summary>
public abstract class ThinningTests : IAsyncLifetime
{
    const double Rate = 0.25;

    TimeSpan _passed;

    private protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public abstract ValueTask InitializeAsync();

    public abstract ValueTask DisposeAsync();

    /// <summary>The tables of this test, with what an earlier store in them has left.</summary>
    private protected abstract Task<ITables> OpenTablesAsync();

    /// <summary>Has those leases end that an earlier store of this test holds, if there are any.</summary>
    private protected virtual Task EndLeasesAsync() => Task.CompletedTask;

    [Fact]
    public async Task What_is_thinned_out_is_deleted_once_all_know()
    {
        var kept = Drawn(1, 400);
        await using (var store = await OpenAsync())
        {
            await StoreAsync(store, 1, 400);
            await ThinAsync(store, TimeSpan.FromHours(1.1));
            Assert.Equal(kept, await CountAsync(store));
            // who does not know of it yet still finds all
            await ThinAsync(store, TimeSpan.FromSeconds(30));
        }
        Assert.True(await HasWholeBlocksAsync());
        await using (var store = await OpenAsync())
        {
            await ThinAsync(store, TimeSpan.FromMinutes(11));
            Assert.Equal(kept, await CountAsync(store));
        }
        Assert.False(await HasWholeBlocksAsync());
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
        await using (var tables = await OpenTablesAsync())
        {
            await tables.DeleteAsync(
                Table.State, Rows.Partition(StateKind.Slices), Keys.Empty, null, Cancellation);
        }
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
        await using (var store = await OpenAsync())
        {
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
        }
        Assert.False(await HasWholeBlocksAsync());
    }

    [Fact]
    public async Task What_comes_with_a_time_that_is_decided_on_is_refused()
    {
        await using (var store = await OpenAsync())
        {
            await StoreAsync(store, 1, 400);
            await ThinAsync(store, TimeSpan.FromHours(1.1));
        }
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

    async Task<BlockSpanStore> OpenAsync(bool keepsExemplars = false)
    {
        await EndLeasesAsync();
        var options = new EngineOptions
        {
            KeepsExemplars = keepsExemplars,
            ClockError = () => _passed,
            GroupDelay = TimeSpan.Zero,
            BaselineRate = Rate,
            MinThinnedTraces = 1,
            BlockSpans = 50,
        };
        return new(await OpenTablesAsync(), options, "the tables of a test", new TestClock(), NullLogger.Instance);
    }

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

    /// <summary>Whether there are rows of what groups stored; what is kept of slices left out.</summary>
    async Task<bool> HasWholeBlocksAsync()
    {
        await using var tables = await OpenTablesAsync();
        var heads = await tables.ScanAsync(Table.Blocks, Keys.Of(BlockBuilder.HourOf(Micros(0))), Keys.Empty,
            [(byte)Generation.Thinned], cancellation: Cancellation);
        var commits = new List<Entry>();
        foreach (var writer in await tables.ReadAsync(StateKind.Writers, Cancellation))
        {
            var (first, last) = (Keys.NumberAt(writer.Value, 0), Keys.NumberAt(writer.Value, sizeof(long)));
            for (var slot = first; slot <= last; slot++)
            {
                commits.AddRange(await tables.ScanAsync(Table.Commits, Keys.Of(slot, Keys.NumberAt(writer.Key, 0)),
                    Keys.Empty, null, cancellation: Cancellation));
            }
        }
        return heads.Count + commits.Count > 0;
    }
}

/// <summary>The same in a folder.</summary>
public sealed class RocksDbThinningTests : ThinningTests
{
    readonly TemporaryFolder _folder = new();

    public override ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public override ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    private protected override Task<ITables> OpenTablesAsync() =>
        Task.FromResult<ITables>(RocksDbTables.Open(_folder.Path, TimeProvider.System));
}
