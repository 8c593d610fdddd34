using Tracing.Storage;
using Tracing.Storage.DuckDb;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>What a start makes of the states that a kill during a merge can leave, and of merges that fail.</summary>
public sealed class MergeCrashTests : EmbeddedStoreTests
{
    /// <summary>Each partition takes one trace; two are merged.</summary>
    static readonly DuckDbStoreOptions Options = new() { SealSpans = 1, MergeSpans = 2, BaselineRate = 1 };

    readonly TemporaryFolder _aside = new();

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _aside.Dispose();
    }

    [Fact]
    public async Task A_merge_that_was_interrupted_leaves_nothing()
    {
        await FillAsync();
        var before = CopyFiles();
        await MergeAsync();
        // killed before the renaming
        var merged = await File.ReadAllBytesAsync(FileOf("00000001-00000002.duckdb"), Cancellation);
        Restore(before);
        await File.WriteAllBytesAsync(FileOf("00000001-00000002.tmp.duckdb"), merged, Cancellation);
        await File.WriteAllTextAsync(FileOf("00000001-00000002.tmp.duckdb.wal"), "half", Cancellation);
        await CheckAsync();
        Assert.Equal("00000001.duckdb 00000002.duckdb 00000003.open.log", Files());
        await MergeAsync();
        Assert.Equal("00000001-00000002.duckdb 00000003.open.log", Files());
        await CheckAsync();
    }

    [Theory]
    [InlineData("00000001.duckdb", "00000002.duckdb")]
    [InlineData("00000002.duckdb")]
    public async Task What_was_merged_goes_when_it_was_not_deleted(params string[] left)
    {
        await FillAsync();
        var before = CopyFiles();
        await MergeAsync();
        // a file that somebody still read when the store was closed is there yet
        foreach (var name in left)
            File.Copy(Path.Combine(before, name), FileOf(name), overwrite: true);
        await CheckAsync();
        Assert.Equal("00000001-00000002.duckdb 00000003.open.log", Files());
    }

    [Fact]
    public async Task A_partition_that_was_rewritten_alone_goes_when_it_was_not_deleted()
    {
        await FillAsync();
        var before = CopyFiles();
        await MergeAsync(Options with { MergeSpans = 1, BaselineRate = 0.5 });
        Assert.Equal("00000001-00000001.duckdb 00000002-00000002.duckdb 00000003.open.log",
            Files());
        File.Copy(Path.Combine(before, "00000001.duckdb"), FileOf("00000001.duckdb"), overwrite: true);
        await CheckAsync();
        Assert.DoesNotContain("00000001.duckdb", Files().Split(' '));
    }

    [Fact]
    public async Task A_merged_file_within_another_goes()
    {
        var store = Open(Options);
        for (var n = 1ul; n <= 17; n++)
        {
            await StoreAsync(store, n);
            await store.WhenSealedAsync();
        }
        await store.DisposeAsync();
        var before = CopyFiles();
        await MergeAsync();
        Assert.Equal("00000001-00000016.duckdb 00000017.open.log", Files());
        // as if it had been killed just when all were merged: all inputs, and a merged one among them
        for (var n = 1; n <= 16; n++)
            File.Copy(PartitionFiles.SealedFile(before, n), PartitionFiles.SealedFile(Folder.Path, n));
        File.Copy(FileOf("00000001-00000016.duckdb"), FileOf("00000003-00000004.duckdb"));
        await CheckAsync(17);
        Assert.Equal("00000001-00000016.duckdb 00000017.open.log", Files());
    }

    [Fact]
    public async Task A_damaged_merged_file_gives_way_to_what_it_was_made_of()
    {
        await FillAsync();
        var before = CopyFiles();
        await MergeAsync();
        Restore(before);
        await File.WriteAllTextAsync(FileOf("00000001-00000002.duckdb"), new string('x', 500_000), Cancellation);
        await CheckAsync();
        Assert.Equal("00000001-00000002.damaged 00000001.duckdb 00000002.duckdb 00000003.open.log",
            Files());
        Assert.Single(Log.Errors);
    }

    [Fact]
    public async Task A_merge_that_fails_is_tried_again()
    {
        await FillAsync();
        // a folder where the file should go
        Directory.CreateDirectory(FileOf("00000001-00000002.tmp.duckdb"));
        await MergeAsync();
        Assert.StartsWith("Dropping and merging old partitions failed; it is tried again in a minute",
            Assert.Single(Log.Errors), StringComparison.Ordinal);
        Assert.Contains("00000001.duckdb 00000002.duckdb", Files(), StringComparison.Ordinal);
        Directory.Delete(FileOf("00000001-00000002.tmp.duckdb"));
        await CheckAsync();
        await MergeAsync();
        Assert.Equal("00000001-00000002.duckdb 00000003.open.log", Files());
        await CheckAsync();
    }

    [Fact]
    public async Task Closing_gives_up_a_merge()
    {
        var options = Options with { SealSpans = 5000, MergeSpans = 10_000 };
        var store = Open(options);
        for (var n = 0; n < 3; n++)
        {
            await store.AppendAsync(Batch([.. Enumerable.Range((n * 5000) + 1, 5000).Select(id => Zipkin((ulong)id))]),
                Cancellation);
        }
        await store.WhenSealedAsync();
        for (var i = 0; i < 3; i++)
        {
            Clock.Advance(TimeSpan.FromHours(1));
            await store.DisposeAsync();
            Assert.DoesNotContain("tmp", Directory.EnumerateFiles(Folder.Path, "*.wal"));
            store = Open(options);
            var found = await store.FindTracesAsync(AnyOfToday with { Limit = 100_000 }, Cancellation);
            Assert.Equal(15_000, found.Count);
        }
        Assert.Empty(Log.Errors);
    }

    /// <summary>Three partitions of a trace each, of which the last is open.</summary>
    async Task FillAsync()
    {
        await using var store = Open(Options);
        for (var n = 1ul; n <= 3; n++)
            await StoreAsync(store, n);
        await store.WhenSealedAsync();
    }

    async Task MergeAsync(DuckDbStoreOptions? options = null)
    {
        await using var store = Open((options ?? Options) with { SealSpans = 1000, SealAge = TimeSpan.FromDays(1) });
        Clock.Advance(TimeSpan.FromHours(1));
        await store.WhenKeptUpAsync();
    }

    async Task CheckAsync(int traces = 3)
    {
        await using var store = Open(Options with { SealSpans = 1000, SealAge = TimeSpan.FromDays(1) });
        await store.WhenSealedAsync();
        var found = await store.FindTracesAsync(AnyOfToday, Cancellation);
        Assert.Equal(Enumerable.Range(1, traces).Select(n => Zipkin((ulong)n)).ToHashSet(),
            found.Select(Assert.Single).ToHashSet());
        Assert.Equal(traces, found.Count);
    }

    static async Task StoreAsync(DuckDbSpanStore store, ulong trace) =>
        Assert.Equal(AppendOutcome.Stored, await store.AppendAsync(Batch(Zipkin(trace)), Cancellation));

    string CopyFiles()
    {
        foreach (var file in Directory.EnumerateFiles(Folder.Path))
            File.Copy(file, Path.Combine(_aside.Path, Path.GetFileName(file)), overwrite: true);
        return _aside.Path;
    }

    void Restore(string from)
    {
        foreach (var file in Directory.EnumerateFiles(Folder.Path))
            File.Delete(file);
        foreach (var file in Directory.EnumerateFiles(from))
            File.Copy(file, FileOf(Path.GetFileName(file)));
    }

    string FileOf(string name) => Path.Combine(Folder.Path, name);
}
