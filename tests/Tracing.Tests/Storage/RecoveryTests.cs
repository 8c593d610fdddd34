using System.Collections.Concurrent;
using DuckDB.NET.Data;
using Microsoft.Extensions.Logging;
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
        .Select(Path.GetFileName).Where(name => name != "lock").Order(StringComparer.Ordinal));

    sealed class Messages : ILogger
    {
        public ConcurrentQueue<string> Errors { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            if (logLevel >= LogLevel.Error)
                Errors.Enqueue(formatter(state, exception));
        }
    }
}
