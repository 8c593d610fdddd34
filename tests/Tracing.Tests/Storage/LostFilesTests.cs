using System.Text;
using DuckDB.NET.Data;
using Tracing.Storage;
using Tracing.Storage.DuckDb;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>What is missing in a store's folder is named at every start, and nothing else is.</summary>
public sealed class LostFilesTests : EmbeddedStoreTests
{
    /// <summary>Each partition takes one trace.</summary>
    static readonly DuckDbStoreOptions Options = new() { SealSpans = 1, SealAge = TimeSpan.FromDays(1) };

    [Theory]
    [InlineData("00000001.duckdb", "2 3", "00000001.duckdb is missing, and its 1 spans with it.")]
    [InlineData("00000003.open.log", "1 2", "00000003.open.log is missing, and its spans with it.")]
    public async Task A_file_that_was_deleted_is_named_until_it_is_back(string name, string left, string said)
    {
        await FillAsync(3);
        var aside = Path.Combine(Directory.CreateDirectory(FileOf("aside")).FullName, name);
        File.Move(FileOf(name), aside);
        for (var start = 1; start <= 2; start++)
        {
            await using var store = Open(Options);
            Assert.Equal(left, await IdsAsync(store));
            Assert.Contains(said, Assert.Single(await WarningsAsync(store)), StringComparison.Ordinal);
            Assert.Contains(said, Log.Errors.Last(), StringComparison.Ordinal);
            Assert.Equal(start, Log.Errors.Count);
            // its number is not used again
            Assert.True(PartitionFiles.LastNumber(Folder.Path) >= 3);
            Assert.False(File.Exists(FileOf(name)));
        }
        File.Move(aside, FileOf(name));
        await using var again = Open(Options);
        await again.WhenSealedAsync();
        Assert.Equal("1 2 3", await IdsAsync(again));
        Assert.Empty(await WarningsAsync(again));
        Assert.Equal(2, Log.Errors.Count);
    }

    [Fact]
    public async Task A_missing_file_is_forgotten_with_the_retention()
    {
        await FillAsync(3);
        File.Delete(FileOf("00000001.duckdb"));
        await using var store = Open(Options);
        Assert.Single(await WarningsAsync(store));
        Clock.Advance(TimeSpan.FromDays(7) + TimeSpan.FromMinutes(1));
        await store.WhenKeptUpAsync();
        Assert.Empty(await WarningsAsync(store));
    }

    [Fact]
    public async Task A_log_that_was_emptied_is_set_aside_and_named()
    {
        await FillAsync(3);
        await File.WriteAllBytesAsync(FileOf("00000003.open.log"), [], Cancellation);
        for (var start = 1; start <= 2; start++)
        {
            await using var store = Open(Options);
            Assert.Equal("1 2", await IdsAsync(store));
            Assert.Contains("00000003.open.damaged", Assert.Single(await WarningsAsync(store)),
                StringComparison.Ordinal);
        }
        Assert.Contains("It has 0 bytes, but had ", Assert.Single(Log.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_log_that_was_cut_between_two_transactions_is_named()
    {
        long length;
        await using (var store = Open(Options with { SealSpans = 1000 }))
        {
            await StoreAsync(store, 1);
            length = new FileInfo(FileOf("00000001.open.log")).Length;
            await StoreAsync(store, 2);
        }
        using (var log = File.OpenWrite(FileOf("00000001.open.log")))
            log.SetLength(length);
        for (var start = 1; start <= 2; start++)
        {
            await using var store = Open(Options with { SealSpans = 1000 });
            Assert.Equal("1", await IdsAsync(store));
            Assert.Contains("00000001.open.log was cut: of the ", Assert.Single(await WarningsAsync(store)),
                StringComparison.Ordinal);
            Assert.Equal(start, Log.Errors.Count);
        }
    }

    [Fact]
    public async Task A_sealed_file_that_was_exchanged_is_named()
    {
        await FillAsync(3);
        File.Copy(FileOf("00000002.duckdb"), FileOf("00000001.duckdb"), overwrite: true);
        await using var store = Open(Options);
        Assert.Contains("00000001.duckdb is not the file that was written: ",
            Assert.Single(await WarningsAsync(store)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_of_before_gets_a_manifest()
    {
        await FillAsync(3);
        File.Delete(FileOf(Manifest.Name));
        File.Delete(FileOf(Progress.Name));
        await using (var store = Open(Options))
        {
            Assert.Equal("1 2 3", await IdsAsync(store));
            Assert.Empty(await WarningsAsync(store));
        }
        File.Delete(FileOf("00000002.duckdb"));
        await using var again = Open(Options);
        Assert.Contains("00000002.duckdb is missing", Assert.Single(await WarningsAsync(again)),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_manifest_is_named_and_written_anew()
    {
        await FillAsync(3);
        await File.AppendAllTextAsync(FileOf(Manifest.Name), "x", Cancellation);
        for (var start = 1; start <= 2; start++)
        {
            await using var store = Open(Options);
            Assert.Equal("1 2 3", await IdsAsync(store));
            Assert.Contains($"{FileOf(Manifest.Name)} was damaged (its hash is wrong)",
                Assert.Single(await WarningsAsync(store)), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_kill_at_any_moment_loses_nothing_and_nothing_is_said()
    {
        using var killed = new TemporaryFolder();
        await using var store = Open(Options with { SealSpans = 3, MergeSpans = 6, BaselineRate = 1 });
        for (var n = 1; n <= 9; n++)
        {
            await StoreAsync(store, (ulong)n);
            await store.WhenSealedAsync();
            // as a kill would leave it: with what was written, and half of a transaction of nothing but markers
            foreach (var file in Directory.EnumerateFiles(killed.Path))
                File.Delete(file);
            foreach (var name in Files().Split(' ').Append(Manifest.Name).Append(Progress.Name))
                File.Copy(FileOf(name), Path.Combine(killed.Path, name));
            var torn = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("SPAN\0\u0001\0\0", 50_000)));
            var newest = Directory.EnumerateFiles(killed.Path, "*.open.log").Max(StringComparer.Ordinal)!;
            await using (var log = File.Open(newest, FileMode.Append))
                await log.WriteAsync(torn, Cancellation);
            await using var again = DuckDbSpanStore.Open(
                Options with { Path = killed.Path, SealSpans = 100 }, Clock, Log);
            Assert.Equal(string.Join(' ', Enumerable.Range(1, n)), await IdsAsync(again));
            Assert.Empty(await WarningsAsync(again));
            if (n == 5)
            {
                await store.WhenSealedAsync();
                Clock.Advance(TimeSpan.FromHours(2));
                await store.WhenKeptUpAsync();
            }
        }
        Assert.Empty(Log.Errors);
    }

    [Fact]
    public async Task What_was_dropped_is_not_missed()
    {
        await FillAsync(3);
        await using (var store = Open(Options))
        {
            Clock.Advance(TimeSpan.FromDays(9));
            await store.WhenKeptUpAsync();
        }
        await using var again = Open(Options);
        Assert.DoesNotContain("00000001", Files(), StringComparison.Ordinal);
        Assert.Empty(await WarningsAsync(again));
        Assert.Empty(Log.Errors);
    }

    [Theory]
    [InlineData("99999999999.duckdb")]
    [InlineData("2147483647.duckdb")]
    [InlineData("2147483647.open.log")]
    [InlineData("99999999999.open.log")]
    [InlineData("9999999999-9999999999.duckdb")]
    [InlineData("00000003-00000001.duckdb")]
    [InlineData("000000001.duckdb")]
    [InlineData("00000000.duckdb")]
    [InlineData("copy of 00000001.duckdb")]
    public async Task A_file_that_somebody_else_has_named_stays_and_changes_nothing(string name)
    {
        await FillAsync(2);
        await File.WriteAllTextAsync(FileOf(name), "not ours", Cancellation);
        await using (var store = Open(Options))
        {
            await StoreAsync(store, 3);
            await store.WhenSealedAsync();
            Assert.Equal("1 2 3", await IdsAsync(store));
        }
        Assert.Equal("not ours", await File.ReadAllTextAsync(FileOf(name), Cancellation));
        Assert.Empty(Log.Errors);
    }

    [Fact]
    public async Task A_database_that_is_not_of_a_store_is_left_alone()
    {
        await FillAsync(2);
        using (var connection = new DuckDBConnection($"DataSource={FileOf("00000007.duckdb")}"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "CREATE TABLE something (number INTEGER)";
            command.ExecuteNonQuery();
        }
        await using (var store = Open(Options))
        {
            await StoreAsync(store, 3);
            Assert.Equal("1 2 3", await IdsAsync(store));
        }
        Assert.Contains("00000007.duckdb", Files(), StringComparison.Ordinal);
        Assert.Empty(Log.Errors);
    }

    [Fact]
    public async Task A_log_longer_than_any_array_opens()
    {
        await FillAsync(1);
        using (var log = File.OpenWrite(FileOf("00000001.open.log")))
            log.SetLength(5L << 30);
        await using var store = Open(Options);
        Assert.Equal("1", await IdsAsync(store));
        Assert.Empty(await WarningsAsync(store));
        Assert.True(new FileInfo(FileOf("00000001.open.log")).Length < 1 << 20);
    }

    async Task FillAsync(ulong traces)
    {
        await using var store = Open(Options);
        for (var n = 1ul; n <= traces; n++)
        {
            await StoreAsync(store, n);
            await store.WhenSealedAsync();
        }
    }

    static async Task StoreAsync(DuckDbSpanStore store, ulong trace) =>
        Assert.Equal(AppendOutcome.Stored, await store.AppendAsync(Batch(Zipkin(trace)), Cancellation));

    static Task<IReadOnlyList<string>> WarningsAsync(DuckDbSpanStore store) => store.CheckAsync(Cancellation);

    static async Task<string> IdsAsync(DuckDbSpanStore store) => (await store.GetTracesAsync(
        [.. Enumerable.Range(1, 10).Select(n => Trace((ulong)n))], true, Cancellation)).Ids();

    string FileOf(string name) => Path.Combine(Folder.Path, name);
}
