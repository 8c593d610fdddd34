using System.Collections.Concurrent;
using Tracing.Storage.Tables;
using Xunit;

namespace Tracing.Tests;

/// <summary>What all tables must do that the engine is to stand on.</summary>
public abstract class TablesContract : IAsyncLifetime
{
    static readonly TimeSpan _forEver = TimeSpan.Zero;

    readonly List<ITables> _opened = [];

    private protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public abstract ValueTask InitializeAsync();

    public virtual async ValueTask DisposeAsync()
    {
        foreach (var tables in _opened)
            await tables.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Opens the tables of this test, with what an earlier one of it has left.</summary>
    private protected abstract ValueTask<ITables> OpenTablesAsync();

    /// <summary>Returns when a time has passed by which rows end.</summary>
    private protected abstract Task PassAsync(TimeSpan time);

    private protected async Task<ITables> OpenAsync()
    {
        var tables = await OpenTablesAsync();
        _opened.Add(tables);
        return tables;
    }

    [Fact]
    public async Task Rows_come_in_the_order_of_their_keys()
    {
        var tables = await OpenAsync();
        var random = new Random(1);
        foreach (var table in Enum.GetValues<Table>())
        {
            // partitions that begin alike, and keys that are beginnings of each other
            byte[][] partitions = [[1], [1, 0], [1, 0, 0], [2], [255], [255, 255], [1, 2, 3, 4, 5, 6, 7, 8]];
            var rows = Enumerable.Range(0, 300).Select(i => new Row(table, partitions[random.Next(partitions.Length)],
                Bytes(random, random.Next(1, 4)), Bytes(random, random.Next(20)), _forEver))
                .DistinctBy(row => (Convert.ToHexString(row.Partition), Convert.ToHexString(row.Key))).ToList();
            await tables.PutAsync(rows, cancellation: Cancellation);
            for (var i = 0; i < 30; i++)
            {
                var partition = partitions[i % partitions.Length];
                var (from, to) = (Bytes(random, random.Next(4)), i % 3 == 0 ? null : Bytes(random, random.Next(4)));
                var isDescending = i % 2 == 0;
                var limit = i % 5 == 0 ? 3 : int.MaxValue;
                var expected = rows.Where(row => row.Partition.AsSpan().SequenceEqual(partition) &&
                    row.Key.AsSpan().SequenceCompareTo(from) >= 0 &&
                    (to is null || row.Key.AsSpan().SequenceCompareTo(to) < 0))
                    .OrderBy(row => Convert.ToHexString(row.Key), StringComparer.Ordinal).ToList();
                if (isDescending)
                    expected.Reverse();
                var found = await tables.ScanAsync(table, partition, from, to, isDescending, limit, Cancellation);
                Assert.Equal(expected.Take(limit).Select(row => Text(row.Key, row.Value)),
                    found.Select(row => Text(row.Key, row.Value)));
            }
        }
    }

    [Fact]
    public async Task The_last_value_counts_and_what_is_not_there_is_null()
    {
        var tables = await OpenAsync();
        await tables.PutAsync(
            [RowOf([1], [7]), RowOf([], []), new(Table.Traces, [1], [], [], _forEver)], cancellation: Cancellation);
        await tables.PutAsync([RowOf([1], [8])], cancellation: Cancellation);
        Assert.Equal([8], await ValueAsync(tables, [1]));
        Assert.Empty((await ValueAsync(tables, []))!);
        Assert.Null(await ValueAsync(tables, [2]));
        Assert.Null(await ValueAsync(tables, [1, 0]));
        Assert.Single(await tables.ScanAsync(Table.Traces, [1], [], null, cancellation: Cancellation));
        Assert.Empty(await tables.ScanAsync(Table.Commits, [1], [], null, cancellation: Cancellation));
    }

    [Fact]
    public async Task All_is_there_after_reopening()
    {
        var tables = await OpenAsync();
        // more than goes into one message or write buffer
        var rows = Enumerable.Range(1, 300).Select(i => new Row(i % 2 == 0 ? Table.BlockData : Table.KeptData,
            Keys.Of(i % 7), Keys.Of(i), Bytes(new Random(i), 100_000), TimeSpan.FromDays(7))).ToList();
        rows.AddRange(Enumerable.Range(1, 3000).Select(i => new Row(
            Table.Traces, Keys.Of(i % 1000), Keys.OfKind((byte)3, i), [], TimeSpan.FromDays(7))));
        await tables.PutAsync(rows, RowOf([9], [9]), cancellation: Cancellation);
        await CheckAsync();
        await tables.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await tables.GetAsync(Table.State, [1], [9]));
        tables = await OpenAsync();
        await CheckAsync();

        async Task CheckAsync()
        {
            Assert.Equal([9], await ValueAsync(tables, [9]));
            foreach (var row in rows.Take(300))
            {
                var found = await tables.GetAsync(row.Table, row.Partition, row.Key, Cancellation);
                Assert.Equal(row.Value, found!.Value.Value);
            }
            for (var low = 0; low < 1000; low++)
            {
                Assert.Equal(3, (await tables.ScanAsync(
                    Table.Traces, Keys.Of(low), [3], [4], cancellation: Cancellation)).Count);
            }
        }
    }

    [Fact]
    public async Task The_last_row_is_not_written_when_what_it_waits_for_fails()
    {
        var tables = await OpenAsync();
        await Assert.ThrowsAsync<InvalidDataException>(() => tables.PutAsync([RowOf([1], [1])], RowOf([2], [2]),
            () => throw new InvalidDataException(), Cancellation));
        Assert.Null(await ValueAsync(tables, [2]));
        await tables.PutAsync([RowOf([1], [1])], RowOf([2], [2]), async () =>
        {
            await Task.Yield();
            Assert.Null(await ValueAsync(tables, [2]));
        }, Cancellation);
        Assert.Equal([2], await ValueAsync(tables, [2]));
    }

    [Fact]
    public async Task A_range_is_deleted_and_its_neighbours_stay()
    {
        var tables = await OpenAsync();
        await tables.PutAsync([.. Enumerable.Range(0, 10).Select(i => RowOf([(byte)i], [1])),
            new(Table.State, [1, 0], [5], [1], _forEver)], cancellation: Cancellation);
        await tables.DeleteAsync(Table.State, [1], [3], [5], Cancellation);
        Assert.Equal([0, 1, 2, 5, 6, 7, 8, 9], await KeysAsync());
        await tables.DeleteAsync(Table.State, [1], [8], null, Cancellation);
        Assert.Equal([0, 1, 2, 5, 6, 7], await KeysAsync());
        await tables.PutAsync([RowOf([4], [1])], cancellation: Cancellation);
        Assert.Equal([0, 1, 2, 4, 5, 6, 7], await KeysAsync());
        await tables.DeleteAsync(Table.State, [1], [], null, Cancellation);
        Assert.Empty(await KeysAsync());
        Assert.Single(await tables.ScanAsync(Table.State, [1, 0], [], null, cancellation: Cancellation));

        async Task<IEnumerable<byte>> KeysAsync() =>
            (await tables.ScanAsync(Table.State, [1], [], null, cancellation: Cancellation)).Select(row => row.Key[0]);
    }

    [Fact]
    public async Task What_is_forbidden_is_gone()
    {
        var tables = await OpenAsync();
        Row row = new(Table.Commits, [1], [1], [1], _forEver);
        await tables.PutAsync([row, row with { Key = [2] }], cancellation: Cancellation);
        await tables.ForbidAsync(
            Table.Commits, [1], [1], TimeProvider.System.GetUtcNow() + TimeSpan.FromDays(365), Cancellation);
        // one that was under way
        if (tables.IsShared)
            await tables.PutAsync([row], cancellation: Cancellation);
        Assert.Null(await tables.GetAsync(Table.Commits, [1], [1], Cancellation));
        Assert.NotNull(await tables.GetAsync(Table.Commits, [1], [2], Cancellation));
    }

    [Fact]
    public async Task Only_what_was_read_is_replaced()
    {
        var tables = await OpenAsync();
        var first = await SetAsync(0, 1, [RowOf([5], [50])]);
        Assert.True(first.IsSet);
        Assert.NotEqual(0, first.Found!.Value.Version);
        var again = await SetAsync(0, 2, [RowOf([5], [51])]);
        Assert.False(again.IsSet);
        Assert.Equal([1], again.Found!.Value.Value);
        Assert.Equal(first.Found.Value.Version, again.Found.Value.Version);
        Assert.Equal([50], await ValueAsync(tables, [5]));
        var second = await SetAsync(first.Found.Value.Version, 3, [RowOf([5], [52]), RowOf([6], [60])]);
        Assert.True(second.IsSet);
        Assert.False((await SetAsync(first.Found.Value.Version, 4, [])).IsSet);
        var read = await tables.GetAsync(Table.State, [1], [0], Cancellation);
        Assert.Equal([3], read!.Value.Value);
        Assert.Equal(second.Found!.Value.Version, read.Value.Version);
        Assert.Equal([52], await ValueAsync(tables, [5]));
        Assert.Equal([60], await ValueAsync(tables, [6]));
        // nor is what is not there any more
        var gone = await tables.CompareAndSetAsync(RowOf([7], [1]), second.Found.Value.Version, [], Cancellation);
        Assert.False(gone.IsSet);
        Assert.Null(gone.Found);

        ValueTask<CasResult> SetAsync(long expected, byte value, IReadOnlyList<Row> others) =>
            tables.CompareAndSetAsync(RowOf([0], [value]), expected, others, Cancellation);
    }

    [Fact]
    public async Task Large_rows_are_set_together()
    {
        var tables = await OpenAsync();
        var others = Enumerable.Range(1, 100)
            .Select(i => new Row(Table.Latencies, [1], Keys.Of(i), Bytes(new Random(i), 10_000), _forEver)).ToList();
        Row row = new(Table.Latencies, [1], [0], [1], _forEver);
        Assert.True((await tables.CompareAndSetAsync(row, 0, others, Cancellation)).IsSet);
        Assert.Equal(101, (await tables.ScanAsync(Table.Latencies, [1], [], null, cancellation: Cancellation)).Count);
    }

    [Fact]
    public async Task Of_many_who_set_at_once_one_does_at_a_time()
    {
        var tables = await OpenAsync();
        var seen = new ConcurrentBag<int>();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < 10; i++)
            {
                var found = await tables.GetAsync(Table.Claims, [1], [1], Cancellation);
                while (true)
                {
                    var next = (found?.Value[0] ?? 0) + 1;
                    var result = await tables.CompareAndSetAsync(new(Table.Claims, [1], [1], [(byte)next], _forEver),
                        found?.Version ?? 0, [], Cancellation);
                    found = result.Found;
                    if (result.IsSet)
                    {
                        seen.Add(next);
                        break;
                    }
                }
            }
        })));
        Assert.Equal(Enumerable.Range(1, 80), seen.Order());
    }

    [Fact]
    public async Task Rows_end()
    {
        var tables = await OpenAsync();
        foreach (var table in Enum.GetValues<Table>())
        {
            await tables.PutAsync([new(table, [1], [1], [], TimeSpan.FromSeconds(2)),
                new(table, [1], [2], [2], TimeSpan.FromSeconds(2)), new(table, [1], [3], [3], TimeSpan.FromDays(7)),
                new(table, [1], [4], [4], TimeSpan.FromDays(90_000)), new(table, [1], [5], [5], _forEver)],
                cancellation: Cancellation);
        }
        var set = await tables.CompareAndSetAsync(
            new(Table.State, [2], [1], [1], TimeSpan.FromSeconds(2)), 0, [], Cancellation);
        await PassAsync(TimeSpan.FromSeconds(3));
        foreach (var table in Enum.GetValues<Table>())
        {
            Assert.Equal([3, 4, 5], (await tables.ScanAsync(table, [1], [], null, cancellation: Cancellation))
                .Select(row => (int)row.Key[0]));
            Assert.Null(await tables.GetAsync(table, [1], [2], Cancellation));
        }
        // one that ended is as one that never was
        Row again = new(Table.State, [2], [1], [2], TimeSpan.FromDays(1));
        var late = await tables.CompareAndSetAsync(again, set.Found!.Value.Version, [], Cancellation);
        Assert.Equal((false, null), (late.IsSet, late.Found));
        Assert.True((await tables.CompareAndSetAsync(again, 0, [], Cancellation)).IsSet);
        await tables.CheckAsync(Cancellation);
    }

    private protected static Row RowOf(byte[] key, byte[] value) => new(Table.State, [1], key, value, _forEver);

    private protected static async Task<byte[]?> ValueAsync(ITables tables, byte[] key) =>
        (await tables.GetAsync(Table.State, [1], key, Cancellation))?.Value;

    private protected static byte[] Bytes(Random random, int length)
    {
        var bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }

    static string Text(byte[] key, byte[] value) => $"{Convert.ToHexString(key)}={Convert.ToHexString(value)}";
}
