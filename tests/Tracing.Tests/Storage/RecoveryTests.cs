using System.IO.Hashing;
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
        Assert.Equal("00000001.duckdb 00000002.duckdb 00000003.open.log", Files());
    }

    [Fact]
    public async Task A_partition_both_open_and_sealed_is_served_once()
    {
        await FillAsync(unsealed: true);
        File.Copy(FileOf("00000001.open.log"), FileOf("copy"));
        await CheckAsync("1 2 3");
        File.Move(FileOf("copy"), FileOf("00000001.open.log"));
        await CheckAsync("1 2 3");
        Assert.Equal("00000001.duckdb 00000002.duckdb 00000003.open.log", Files());
    }

    [Fact]
    public async Task Open_partitions_but_for_the_newest_are_sealed()
    {
        await FillAsync(unsealed: true);
        Assert.Equal(3, Files().Split(' ').Length);
        await CheckAsync("1 2 3");
        Assert.Equal("00000001.duckdb 00000002.duckdb 00000003.open.log", Files());
    }

    [Fact]
    public async Task An_open_partition_older_than_a_sealed_one_takes_no_more()
    {
        await FillAsync();
        PartitionFiles.Delete(FileOf("00000003.open.log"));
        await CheckAsync("1 2");
        Assert.Equal("00000001.duckdb 00000002.duckdb 00000004.open.log", Files());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5_000)]
    [InlineData(12_288)]
    [InlineData(200_000)]
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
    public async Task A_log_full_of_nonsense_is_set_aside()
    {
        await FillAsync();
        await File.WriteAllTextAsync(FileOf("00000003.open.log"), new string('x', 500_000), Cancellation);
        await CheckAsync("1 2");
        Assert.Contains("00000003.open.damaged", Files(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(12_288)]
    public async Task A_partition_that_was_only_just_begun_goes(int length)
    {
        await FillAsync();
        await File.WriteAllBytesAsync(FileOf("00000004.open.log"), new byte[length], Cancellation);
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
        using (var log = File.OpenWrite(FileOf("00000001.open.log")))
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
        // as if the disk had it later than what was noted of it
        File.Delete(FileOf(Progress.Name));
        File.Delete(FileOf(Manifest.Name));
        using (var log = File.OpenWrite(FileOf("00000001.open.log")))
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
    // the header: what it is, version, random number, hash
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(12)]
    [InlineData(23)]
    // the first frame, before any transaction: marker, length, hash, content
    [InlineData(24)]
    [InlineData(28)]
    [InlineData(32)]
    [InlineData(41)]
    public async Task A_log_damaged_at_its_beginning_is_set_aside(int at)
    {
        await FillAsync();
        DamageLog("00000003.open.log", _ => at);
        await CheckAsync("1 2");
        Assert.Contains("00000003.open.damaged", Files(), StringComparison.Ordinal);
        var said = $"{FileOf("00000003.open.log")} is damaged; it is now {FileOf("00000003.open.damaged")}";
        Assert.Contains(_log.Errors, message => message.StartsWith(said, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(16)]
    [InlineData(40)]
    public async Task A_log_damaged_before_its_last_transaction_is_not_taken_for_a_cut_one(int offset)
    {
        await using (var store = Open(1000))
        {
            for (var trace = 1ul; trace <= 5; trace++)
                await StoreAsync(store, trace);
        }
        // the frame of the second transaction; the first frame has none
        DamageLog("00000001.open.log", bytes =>
        {
            var at = 0;
            for (var frames = 0; frames < 3; frames++)
                at += bytes.AsSpan(at + 1).IndexOf("SPAN"u8) + 1;
            return at + offset;
        });
        await using (var store = Open(1000))
            Assert.Empty(await store.FindTracesAsync(AnyOfToday, Cancellation));
        Assert.Contains("00000001.open.damaged", Files(), StringComparison.Ordinal);
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
        // nothing of it was acknowledged yet
        File.Delete(FileOf(Progress.Name));
        File.Delete(FileOf(Manifest.Name));
        using (var file = File.OpenWrite(FileOf("00000005.open.log")))
            file.SetLength(30);
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
        MemoryScan.Register(connection);
        var (file, database) = (FileOf("00000003.open.log"), Partition.DatabaseOf(3, isSealed: false));
        using (var attach = connection.CreateCommand())
        {
            attach.CommandText = $"ATTACH ':memory:' AS {database}";
            attach.ExecuteNonQuery();
        }
        using var tables = OpenTables.Open(connection, database, file, acknowledged: 0);
        var open = Partition.ReadOpen(connection, 3, file, tables, expectedTraces: 1);
        var exception = Assert.Throws<InvalidDataException>(
            () => SealedCheck.Compare(connection, open, FileOf("00000001.duckdb")));
        Assert.StartsWith($"{FileOf("00000001.duckdb")} is not what was to be sealed: 1 spans", exception.Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("00000001.duckdb")]
    [InlineData("00000003.open.log")]
    public async Task A_newer_format_is_refused(string name)
    {
        await FillAsync();
        if (name.EndsWith(".log", StringComparison.Ordinal))
        {
            var log = await File.ReadAllBytesAsync(FileOf(name), Cancellation);
            log[8] = 99;
            BitConverter.GetBytes((uint)XxHash3.HashToUInt64(log.AsSpan(0, 20))).CopyTo(log, 20);
            await File.WriteAllBytesAsync(FileOf(name), log, Cancellation);
        }
        else
        {
            using var connection = new DuckDBConnection($"DataSource={FileOf(name)}");
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
            foreach (var file in Directory.EnumerateFiles(_folder.Path, "*.open.log"))
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
