using Tracing.Storage;
using Tracing.Storage.RocksDb;
using Tracing.Storage.Tables;
using Xunit;

namespace Tracing.Tests;

/// <summary>The tables in a folder, and what becomes of them when something is wrong with it.</summary>
public sealed class RocksDbTablesTests : TablesContract
{
    readonly TemporaryFolder _folder = new();
    readonly TestClock _clock = new();

    public override ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Dispose();
    }

    private protected override ValueTask<ITables> OpenTablesAsync() => new(Open());

    private protected override Task PassAsync(TimeSpan time)
    {
        _clock.Advance(time);
        return Task.CompletedTask;
    }

    RocksDbTables Open(string? folder = null) => RocksDbTables.Open(folder ?? _folder.Path, _clock);

    [Fact]
    public async Task A_folder_is_for_one_process()
    {
        await OpenAsync();
        var error = Assert.Throws<StoreUnusableException>(() => Open());
        Assert.StartsWith($"The folder {_folder.Path} is used by another process", error.Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("00000001.duckdb")]
    [InlineData("00000001.open.log")]
    [InlineData("manifest")]
    public void A_folder_of_another_store_is_refused(string file)
    {
        File.WriteAllText(Path.Combine(_folder.Path, file), "");
        var error = Assert.Throws<StoreUnusableException>(() => Open());
        Assert.Contains($"{_folder.Path} has the files of a store in DuckDB", error.Message, StringComparison.Ordinal);
        Assert.Single(Directory.EnumerateFiles(_folder.Path));
    }

    [Fact]
    public void A_folder_that_cannot_be_made_is_named()
    {
        var file = Path.Combine(_folder.Path, "file");
        File.WriteAllText(file, "");
        var error = Assert.Throws<StoreUnusableException>(() => Open(file));
        Assert.Contains($"The store in {file} cannot be opened", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_put_is_there_after_a_kill()
    {
        var tables = await OpenAsync();
        await tables.PutAsync([RowOf([1], [1]), new(Table.BlockData, [1], [1], new byte[10_000], TimeSpan.Zero)],
            cancellation: Cancellation);
        await tables.CompareAndSetAsync(RowOf([2], [2]), 0, [], Cancellation);
        await tables.PutAsync([RowOf([3], [3])], cancellation: Cancellation);
        // what a kill would leave
        using var copy = new TemporaryFolder();
        foreach (var file in Directory.EnumerateFiles(_folder.Path))
            File.Copy(file, Path.Combine(copy.Path, Path.GetFileName(file)));
        await using var other = Open(copy.Path);
        for (byte n = 1; n <= 3; n++)
            Assert.Equal<byte[]>([n], await ValueAsync(other, [n]));
        Assert.Equal(10_000, (await other.GetAsync(Table.BlockData, [1], [1], Cancellation))!.Value.Value.Length);
    }

    [Fact]
    public async Task What_has_ended_leaves_the_disk()
    {
        var tables = (RocksDbTables)await OpenAsync();
        var random = new Random(1);
        var live = TimeSpan.FromHours(2);
        for (var i = 0; i < 200; i++)
        {
            await tables.PutAsync([new(Table.BlockData, Keys.Of(i), [1], Bytes(random, 100_000), live),
                new(Table.Latencies, Keys.Of(i), [1], Bytes(random, 100_000), live)], cancellation: Cancellation);
        }
        Assert.True(Size() > 35_000_000);
        Assert.Equal(0, tables.Sweep());
        _clock.Advance(TimeSpan.FromHours(3));
        // and the timer has swept, too
        Assert.Equal(0, tables.Sweep());
        foreach (var table in Enum.GetValues<Table>())
            tables.Compact(table);
        await tables.DisposeAsync();
        await OpenAsync();
        Assert.InRange(Size(), 0, 5_000_000);
    }

    [Theory]
    [InlineData(24)]
    [InlineData(24 * 365 * 60)]
    public async Task Nothing_ends_because_the_clock_is_set(int hours)
    {
        var tables = await OpenAsync();
        await tables.PutAsync([RowOf([1], [1]) with { TimeToLive = TimeSpan.FromHours(2) }],
            cancellation: Cancellation);
        _clock.Set(TimeSpan.FromHours(hours));
        Assert.Equal([1], await ValueAsync(tables, [1]));
        await tables.DisposeAsync();
        tables = await OpenAsync();
        Assert.Equal([1], await ValueAsync(tables, [1]));
        // the time that passes counts
        _clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal([1], await ValueAsync(tables, [1]));
        _clock.Advance(TimeSpan.FromHours(1.1));
        Assert.Null(await ValueAsync(tables, [1]));
    }

    [Theory]
    [InlineData("*.blob")]
    [InlineData("*.sst")]
    public async Task Damage_fails_what_needs_it_and_is_named(string files)
    {
        var table = files == "*.blob" ? Table.BlockData : Table.Commits;
        var tables = await OpenAsync();
        await tables.PutAsync([new(table, [1], [1], Bytes(new Random(1), 100_000), TimeSpan.Zero), RowOf([1], [1])],
            cancellation: Cancellation);
        await tables.DisposeAsync();
        var file = Directory.EnumerateFiles(_folder.Path, files).MaxBy(file => new FileInfo(file).Length)!;
        using (var handle = File.OpenHandle(file, FileMode.Open, FileAccess.ReadWrite))
            RandomAccess.Write(handle, "damage"u8, 50_000);
        tables = await OpenAsync();
        var error = await Assert.ThrowsAsync<RocksDbException>(
            async () => await tables.GetAsync(table, [1], [1], Cancellation));
        Assert.Contains("Corruption", error.Message, StringComparison.Ordinal);
        Assert.Contains(files == "*.sst" ? file : _folder.Path, error.Message, StringComparison.Ordinal);
        Assert.Equal<byte[]>([1], await ValueAsync(tables, [1]));
    }

    [Fact]
    public async Task A_damaged_log_is_noticed()
    {
        var tables = await OpenAsync();
        for (byte n = 1; n <= 100; n++)
            await tables.PutAsync([RowOf([n], new byte[1000])], cancellation: Cancellation);
        Assert.Empty(await tables.CheckAsync(Cancellation));
        using var copy = new TemporaryFolder();
        foreach (var file in Directory.EnumerateFiles(_folder.Path))
            File.Copy(file, Path.Combine(copy.Path, Path.GetFileName(file)));
        using (var log = File.OpenHandle(
            Directory.EnumerateFiles(copy.Path, "*.log").Single(), FileMode.Open, FileAccess.ReadWrite))
            RandomAccess.Write(log, "damage"u8, 50_000);
        await using (var damaged = Open(copy.Path))
        {
            Assert.NotNull(await ValueAsync(damaged, [1]));
            Assert.Null(await ValueAsync(damaged, [100]));
            Assert.Contains("are lost: the log", Assert.Single(await damaged.CheckAsync(Cancellation)),
                StringComparison.Ordinal);
        }
        // what is lost is said once, and what is written from then on is not
        await using var again = Open(copy.Path);
        Assert.Empty(await again.CheckAsync(Cancellation));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_log_that_is_gone_or_was_emptied_is_noticed(bool isDeleted)
    {
        var tables = await OpenAsync();
        for (byte n = 1; n <= 100; n++)
            await tables.PutAsync([RowOf([n], new byte[1000])], cancellation: Cancellation);
        using var copy = new TemporaryFolder();
        foreach (var file in Directory.EnumerateFiles(_folder.Path))
            File.Copy(file, Path.Combine(copy.Path, Path.GetFileName(file)));
        var log = Directory.EnumerateFiles(copy.Path, "*.log").Single();
        if (isDeleted)
            File.Delete(log);
        else
            await File.WriteAllBytesAsync(log, [], Cancellation);
        await using var opened = Open(copy.Path);
        Assert.Contains("are lost: the log", Assert.Single(await opened.CheckAsync(Cancellation)),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_newer_format_is_refused()
    {
        using (var ends = new RowEnds(default))
        using (var db = Database.Open(_folder.Path, ends.FilterOf))
        using (var batch = db.NewBatch())
        {
            batch.Put(Family.Meta, "version"u8, [0, 0, 0, 0, 0, 0, 0, 99]);
            db.Write(batch, isSynced: true);
        }
        var error = Assert.Throws<StoreUnusableException>(() => Open());
        Assert.Contains($"{_folder.Path} has format version 99", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Files_of_others_stay_and_change_nothing()
    {
        var tables = await OpenAsync();
        await tables.PutAsync([RowOf([1], [1])], cancellation: Cancellation);
        await tables.DisposeAsync();
        foreach (var name in new[] { "notes.txt", "copy of 000009.sst", "lost+found" })
            await File.WriteAllTextAsync(Path.Combine(_folder.Path, name), "x", Cancellation);
        tables = await OpenAsync();
        Assert.Equal<byte[]>([1], await ValueAsync(tables, [1]));
        await tables.DisposeAsync();
        Assert.All(["notes.txt", "copy of 000009.sst", "lost+found"],
            name => Assert.True(File.Exists(Path.Combine(_folder.Path, name))));
    }

    [Fact]
    public async Task A_file_that_is_gone_ends_the_start()
    {
        var tables = await OpenAsync();
        await tables.PutAsync([RowOf([1], [1])], cancellation: Cancellation);
        await tables.DisposeAsync();
        var file = Directory.EnumerateFiles(_folder.Path, "*.sst").First();
        File.Delete(file);
        var error = Assert.Throws<StoreUnusableException>(() => Open());
        Assert.Contains(Path.GetFileName(file), error.Message, StringComparison.Ordinal);
    }

    long Size() => Directory.EnumerateFiles(_folder.Path).Sum(file => new FileInfo(file).Length);
}
