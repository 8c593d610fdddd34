using DuckDB.NET.Data;
using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.DuckDb;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>What happens when DuckDB cannot go on, and when a sealed file turns out to be damaged.</summary>
public sealed class ReopeningTests : IDisposable
{
    readonly TemporaryFolder _folder = new();
    readonly Messages _log = new();

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_store_that_cannot_go_on_is_opened_again_and_has_all_it_acknowledged()
    {
        await using var store = ReopeningSpanStore.Open(
            new() { Path = _folder.Path, SealSpans = 20 }, TimeProvider.System, _log);
        for (var n = 1ul; n <= 3; n++)
            await StoreAsync(store, n);
        await store.Current.WhenSealedAsync();
        var broken = store.Current;
        await BreakAsync(broken);
        await Assert.ThrowsAnyAsync<Exception>(() => store.GetTracesAsync([Trace(1)], true, Cancellation));
        await store.WhenOpenAsync();
        Assert.NotSame(broken, store.Current);
        Assert.Contains(_log.Errors, message => message.StartsWith(
            $"The store {_folder.Path} cannot go on and is opened again", StringComparison.Ordinal));
        await StoreAsync(store, 4);
        for (var n = 1ul; n <= 4; n++)
        {
            Assert.Equal(AppendOutcome.AlreadyStored, await store.AppendAsync(Batch(n, Zipkin(99)), Cancellation));
            Assert.Single(await store.GetTracesAsync([Trace(n)], true, Cancellation));
        }
        await store.CheckAsync(Cancellation);
    }

    [Fact]
    public async Task A_store_that_is_well_is_not_opened_again_for_a_bad_span()
    {
        await using var store = ReopeningSpanStore.Open(new() { Path = _folder.Path }, TimeProvider.System, _log);
        var before = store.Current;
        await Assert.ThrowsAnyAsync<Exception>(
            () => store.AppendAsync(Batch(Zipkin(1) with { Name = null! }), Cancellation));
        await store.WhenOpenAsync();
        Assert.Same(before, store.Current);
    }

    [Fact]
    public async Task A_block_that_goes_bad_fails_the_queries_that_need_it_and_names_the_file()
    {
        var options = new DuckDbStoreOptions { Path = _folder.Path, SealSpans = 1 };
        await using (var store = DuckDbSpanStore.Open(options, TimeProvider.System))
        {
            await store.AppendAsync(Batch(1, Many(1)), Cancellation);
            await store.AppendAsync(Batch(2, Many(2)), Cancellation);
            await store.WhenSealedAsync();
        }
        var file = PartitionFiles.SealedFile(_folder.Path, 1);
        await using (var store = ReopeningSpanStore.Open(options, TimeProvider.System, _log))
        {
            var current = store.Current;
            await current.WhenCountedAsync();
            DamageBlocks(file);
            using (var connection = current.Connect())
            {
                // the blocks that were read are forgotten, whether or not what is in use fits the limit
                Record.Exception(() => Execute(connection, "SET memory_limit = '1MB'"));
                Execute(connection, "SET memory_limit = '1GB'");
            }
            var failed = await Assert.ThrowsAsync<DamagedPartitionException>(
                () => store.GetTracesAsync([Trace(1)], true, Cancellation));
            Assert.StartsWith($"{file} is damaged: ", failed.Message, StringComparison.Ordinal);
            Assert.Equal(2000, (await store.GetTracesAsync([Trace(2)], true, Cancellation))[0].Count);
            await StoreAsync(store, 3);
            Assert.Same(current, store.Current);
        }
    }

    /// <summary>A log with an entry of an unknown kind is what makes DuckDB refuse all further work.</summary>
    static async Task BreakAsync(DuckDbSpanStore store)
    {
        using var other = new TemporaryFolder();
        var file = Path.Combine(other.Path, "other.duckdb");
        using (var made = new DuckDBConnection($"DataSource={file}"))
        {
            made.Open();
            Execute(made, "PRAGMA disable_checkpoint_on_shutdown; CREATE TABLE numbers (number INTEGER)");
        }
        var log = await File.ReadAllBytesAsync(file + ".wal", Cancellation);
        log[2] ^= 0xff;
        await File.WriteAllBytesAsync(file + ".wal", log, Cancellation);
        using var connection = store.Connect();
        Assert.ThrowsAny<DuckDBException>(() => Execute(connection, $"ATTACH '{file}' AS other"));
    }

    /// <summary>Changes bytes of every block, after the file's header.</summary>
    static void DamageBlocks(string file)
    {
        using var stream = File.Open(file, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        for (var at = 12_288 + 2000; at < stream.Length; at += 4096)
        {
            stream.Position = at;
            var value = stream.ReadByte();
            stream.Position = at;
            stream.WriteByte((byte)~value);
        }
    }

    static Span[] Many(int trace)
    {
        var (bytes, random) = (new byte[500], new Random(trace));
        return [.. Enumerable.Range(1, 2000).Select(id =>
        {
            random.NextBytes(bytes);
            return Zipkin((ulong)trace, id: (ulong)id).With(Tag("text", Convert.ToHexString(bytes)));
        })];
    }

    static async Task StoreAsync(ReopeningSpanStore store, ulong number) => Assert.Equal(
        AppendOutcome.Stored, await store.AppendAsync(Batch(number, Zipkin(number)), Cancellation));

    static void Execute(DuckDBConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
