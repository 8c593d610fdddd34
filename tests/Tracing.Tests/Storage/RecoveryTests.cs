using DuckDB.NET.Data;
using Tracing.Storage;
using Tracing.Storage.DuckDb;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>What a start makes of the states that a kill, or a disk, can leave a store's folder in.</summary>
public sealed class RecoveryTests : IDisposable
{
    readonly TemporaryFolder _folder = new();
    readonly TestClock _clock = new();
    readonly Messages _log = new();

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_sealing_that_was_interrupted_leaves_nothing()
    {
        await FillAsync();
        await File.WriteAllTextAsync(FileOf("00000002.tmp.duckdb"), "half", Cancellation);
        await File.WriteAllTextAsync(FileOf("00000002.tmp.duckdb.wal"), "half", Cancellation);
        await CheckAsync("1 2 3");
        Assert.Equal("00000001.duckdb 00000002.duckdb 00000003.open.duckdb 00000003.open.duckdb.wal", Files());
    }

    [Fact]
    public async Task A_partition_both_open_and_sealed_is_served_once()
    {
        await FillAsync(unsealed: true);
        File.Copy(FileOf("00000001.open.duckdb"), FileOf("copy"));
        File.Copy(FileOf("00000001.open.duckdb.wal"), FileOf("copy.wal"));
        await CheckAsync("1 2 3");
        File.Move(FileOf("copy"), FileOf("00000001.open.duckdb"));
        File.Move(FileOf("copy.wal"), FileOf("00000001.open.duckdb.wal"));
        await CheckAsync("1 2 3");
        Assert.Equal("00000001.duckdb 00000002.duckdb 00000003.open.duckdb 00000003.open.duckdb.wal", Files());
    }

    [Fact]
    public async Task Open_partitions_but_for_the_newest_are_sealed()
    {
        await FillAsync(unsealed: true);
        Assert.Equal(6, Files().Split(' ').Length);
        await CheckAsync("1 2 3");
        Assert.Equal("00000001.duckdb 00000002.duckdb 00000003.open.duckdb 00000003.open.duckdb.wal", Files());
    }

    [Fact]
    public async Task An_open_partition_older_than_a_sealed_one_takes_no_more()
    {
        await FillAsync();
        PartitionFiles.Delete(FileOf("00000003.open.duckdb"));
        await CheckAsync("1 2");
        Assert.Equal("00000001.duckdb 00000002.duckdb 00000003.open.duckdb 00000003.open.duckdb.wal", Files());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5_000)]
    [InlineData(12_288)]
    [InlineData(300_000)]
    public async Task A_cut_sealed_file_is_set_aside_and_the_rest_is_served(int length)
    {
        await FillAsync();
        using (var file = File.OpenWrite(FileOf("00000001.duckdb")))
            file.SetLength(length);
        await CheckAsync("2 3");
        Assert.Contains("00000001.damaged", Files(), StringComparison.Ordinal);
        var said = $"{FileOf("00000001.duckdb")} is damaged; it is now {FileOf("00000001.damaged")}";
        Assert.Contains(_log.Errors, message => message.StartsWith(said, StringComparison.Ordinal));
        // its number is not used again
        await CheckAsync("2 3");
    }

    [Fact]
    public async Task A_sealed_file_full_of_nonsense_is_set_aside()
    {
        await FillAsync();
        await File.WriteAllTextAsync(FileOf("00000002.duckdb"), new string('x', 500_000), Cancellation);
        await CheckAsync("1 3");
        Assert.Contains("00000002.damaged", Files(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_sealed_file_is_made_again_while_the_open_one_is_there()
    {
        await FillAsync(unsealed: true);
        await File.WriteAllTextAsync(FileOf("00000001.duckdb"), new string('x', 500_000), Cancellation);
        await CheckAsync("1 2 3");
    }

    [Fact]
    public async Task A_damaged_open_file_is_set_aside_with_its_log()
    {
        await FillAsync();
        await File.WriteAllTextAsync(FileOf("00000003.open.duckdb"), new string('x', 500_000), Cancellation);
        await CheckAsync("1 2");
        Assert.Contains("00000003.open.damaged 00000003.open.damaged.wal", Files(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(12_288)]
    public async Task A_partition_that_was_only_just_begun_goes(int length)
    {
        await FillAsync();
        await File.WriteAllBytesAsync(FileOf("00000004.open.duckdb"), new byte[length], Cancellation);
        await CheckAsync("1 2 3");
        Assert.DoesNotContain("damaged", Files(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_log_cut_within_its_last_transaction_loses_only_that()
    {
        await using (var store = Open(1000))
        {
            await StoreAsync(store, 1);
            await StoreAsync(store, 2);
        }
        using (var log = File.OpenWrite(FileOf("00000001.open.duckdb.wal")))
            log.SetLength(log.Length - 10);
        await CheckAsync("1");
    }

    [Fact]
    public async Task What_is_stored_after_a_cut_log_is_kept()
    {
        await using (var store = Open(1000))
        {
            await StoreAsync(store, 1);
            await StoreAsync(store, 2);
        }
        using (var log = File.OpenWrite(FileOf("00000001.open.duckdb.wal")))
            log.SetLength(log.Length - 10);
        await using (var store = Open(1000))
        {
            await StoreAsync(store, 3);
            await StoreAsync(store, 4);
        }
        await CheckAsync("1 3 4");
        Assert.Empty(_log.Errors);
    }

    [Theory]
    // the header: kind, version, the file's id, its end
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(8)]
    [InlineData(12)]
    [InlineData(30)]
    // the first entry, somewhere between header and tables: its length, its content
    [InlineData(60)]
    [InlineData(200)]
    public async Task A_log_damaged_at_its_beginning_is_set_aside(int at)
    {
        await FillAsync();
        DamageLog("00000003.open.duckdb.wal", _ => at);
        await CheckAsync("1 2");
        Assert.Contains("00000003.open.damaged 00000003.open.damaged.wal", Files(), StringComparison.Ordinal);
        var said = $"{FileOf("00000003.open.duckdb")} is damaged; it is now {FileOf("00000003.open.damaged")}";
        Assert.Contains(_log.Errors, message => message.StartsWith(said, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(-16)]
    [InlineData(-12)]
    [InlineData(-8)]
    [InlineData(0)]
    public async Task A_log_damaged_before_its_last_transaction_is_not_taken_for_a_cut_one(int offset)
    {
        await using (var store = Open(1000))
        {
            for (var trace = 1ul; trace <= 5; trace++)
                await StoreAsync(store, trace);
        }
        // the entry that ends the second transaction; the first made the tables
        DamageLog("00000001.open.duckdb.wal", bytes =>
        {
            ReadOnlySpan<byte> commit = [100, 0, 100, 0xff, 0xff];
            var first = bytes.AsSpan().IndexOf(commit) + commit.Length;
            return first + bytes.AsSpan(first).IndexOf(commit) + offset;
        });
        await using (var store = Open(1000))
            Assert.Empty(await store.FindTracesAsync(AnyOfToday, Cancellation));
        Assert.Contains("00000001.open.damaged 00000001.open.damaged.wal", Files(), StringComparison.Ordinal);
        Assert.Contains(_log.Errors, message => message.Contains("is damaged", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_partition_killed_while_its_tables_were_made_goes()
    {
        await FillAsync();
        await using (var store = Open(1))
        {
            await StoreAsync(store, 4);
            await StoreAsync(store, 5);
            await store.WhenSealedAsync();
        }
        var log = FileOf("00000005.open.duckdb.wal");
        using (var file = File.OpenWrite(log))
            file.SetLength(1000);
        await CheckAsync("1 2 3 4");
        Assert.DoesNotContain("damaged", Files(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_sealed_file_that_is_not_what_was_to_be_sealed_is_noticed()
    {
        await FillAsync(unsealed: true);
        await CheckAsync("1 2 3");
        using var connection = new DuckDBConnection("DataSource=:memory:");
        connection.Open();
        StoreFolder.Attach(connection, FileOf("00000003.open.duckdb"), Partition.DatabaseOf(3, isSealed: false));
        var open = Partition.ReadOpen(connection, 3, FileOf("00000003.open.duckdb"), expectedTraces: 1);
        var exception = Assert.Throws<InvalidDataException>(
            () => SealedCheck.Compare(connection, open, FileOf("00000001.duckdb")));
        Assert.StartsWith($"{FileOf("00000001.duckdb")} is not what was to be sealed: 1 spans", exception.Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("00000001.duckdb")]
    [InlineData("00000003.open.duckdb")]
    public async Task A_newer_format_is_refused(string name)
    {
        await FillAsync();
        using (var connection = new DuckDBConnection($"DataSource={FileOf(name)}"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "UPDATE meta SET value = '99' WHERE key = 'format_version'";
            command.ExecuteNonQuery();
        }
        for (var i = 0; i < 2; i++)
        {
            var exception = Assert.Throws<StoreUnusableException>(() => Open(1));
            Assert.Equal($"{FileOf(name)} has format version 99, but this server supports up to {Schema.Version}. " +
                "Start the newer server that wrote it, or choose another folder.", exception.Message);
        }
        Assert.Contains(name, Files(), StringComparison.Ordinal);
    }

    void DamageLog(string name, Func<byte[], int> place)
    {
        var bytes = File.ReadAllBytes(FileOf(name));
        // of a length a digit that makes it go beyond the end of the file
        bytes[place(bytes)] ^= 0x5a;
        File.WriteAllBytes(FileOf(name), bytes);
    }

    /// <summary>Three partitions of a trace each, of which the last is open.</summary>
    /// <param name="unsealed">All of them are open, as if nothing had had the time to be sealed.</param>
    async Task FillAsync(bool unsealed = false)
    {
        var kept = Directory.CreateDirectory(FileOf("kept"));
        for (var trace = 1ul; trace <= 3; trace++)
        {
            await using (var store = Open(1))
            {
                await StoreAsync(store, trace);
                await store.WhenSealedAsync();
            }
            foreach (var file in Directory.EnumerateFiles(_folder.Path, "*.open.duckdb*"))
                File.Copy(file, Path.Combine(kept.FullName, Path.GetFileName(file)));
        }
        if (unsealed)
        {
            File.Delete(FileOf("00000001.duckdb"));
            File.Delete(FileOf("00000002.duckdb"));
            foreach (var file in kept.EnumerateFiles())
                file.CopyTo(FileOf(file.Name), overwrite: true);
        }
        kept.Delete(recursive: true);
    }

    /// <summary>Seals what is to be sealed, checks which traces there are, and that bodies are known.</summary>
    async Task CheckAsync(string ids)
    {
        await using var store = Open(1000);
        await store.WhenSealedAsync();
        var found = await store.FindTracesAsync(AnyOfToday, Cancellation);
        Assert.Equal(ids, string.Join(' ', found.Ids().Split(' ').Order(StringComparer.Ordinal)));
        Assert.All(found, trace => Assert.Single(trace));
        Assert.Equal(AppendOutcome.AlreadyStored, await store.AppendAsync(Batch(
            ulong.Parse(ids[^1..], null), Zipkin(77)), Cancellation));
        await store.CheckAsync(Cancellation);
    }

    DuckDbSpanStore Open(int sealSpans) =>
        DuckDbSpanStore.Open(new() { Path = _folder.Path, SealSpans = sealSpans }, _clock, _log);

    static async Task StoreAsync(DuckDbSpanStore store, ulong trace) => Assert.Equal(
        AppendOutcome.Stored, await store.AppendAsync(Batch(trace, Zipkin(trace, $"service{trace}")), Cancellation));

    string FileOf(string name) => Path.Combine(_folder.Path, name);

    string Files() => string.Join(' ', Directory.EnumerateFiles(_folder.Path)
        .Select(Path.GetFileName).Where(name => char.IsAsciiDigit(name![0])).Order(StringComparer.Ordinal));
}
