using DuckDB.NET.Data;
using Tracing.Storage;
using Tracing.Storage.DuckDb;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

public sealed class DuckDbSpanStoreTests : SpanStoreContract
{
    readonly string _folder = Directory.CreateTempSubdirectory("tracing-").FullName;

    public override ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private protected override ValueTask<ISpanStore> OpenAsync(StoreSetup setup)
    {
        var options = new DuckDbStoreOptions
        {
            Path = _folder,
            AutocompleteKeys = setup.AutocompleteKeys,
            MaxQueuedSpans = setup.MaxQueuedSpans,
        };
        return ValueTask.FromResult<ISpanStore>(DuckDbSpanStore.Open(options, Clock));
    }

    [Fact]
    public async Task In_memory_nothing_is_kept()
    {
        var options = new DuckDbStoreOptions { Path = DuckDbStoreOptions.InMemory };
        await using (var store = DuckDbSpanStore.Open(options, Clock))
        await using (var other = DuckDbSpanStore.Open(options, Clock))
        {
            await StoreAsync(store, Zipkin(1));
            Assert.Single(await store.FindTracesAsync(AnyOfToday, Cancellation));
            Assert.Empty(await other.FindTracesAsync(AnyOfToday, Cancellation));
        }
        await using var again = DuckDbSpanStore.Open(options, Clock);
        Assert.Empty(await again.FindTracesAsync(AnyOfToday, Cancellation));
    }

    [Fact]
    public async Task A_newer_format_is_refused()
    {
        var store = await OpenAsync();
        await store.DisposeAsync();
        var file = Path.Combine(_folder, "spans.duckdb");
        Execute(file, "UPDATE meta SET value = '99' WHERE key = 'format_version'");
        var exception = await Assert.ThrowsAsync<StoreUnusableException>(() => OpenAsync());
        Assert.Equal($"{file} has format version 99, but this server supports up to 1. Start the newer server that " +
            "wrote it, or choose another folder.", exception.Message);
    }

    [Fact]
    public async Task A_folder_in_use_is_refused()
    {
        await OpenAsync();
        var exception = await Assert.ThrowsAsync<StoreUnusableException>(() => OpenAsync());
        Assert.StartsWith($"Cannot lock the store's folder {_folder}; is another server using it?", exception.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_cannot_be_made_is_refused()
    {
        var path = Path.Combine(_folder, "file");
        await File.WriteAllTextAsync(path, "", Cancellation);
        var exception = Assert.Throws<StoreUnusableException>(() => DuckDbSpanStore.Open(new() { Path = path }, Clock));
        Assert.StartsWith($"Cannot make the store's folder {path}: ", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_is_no_database_is_refused()
    {
        var file = Path.Combine(_folder, "spans.duckdb");
        await File.WriteAllTextAsync(file, new string('x', 20_000), Cancellation);
        var exception = await Assert.ThrowsAsync<StoreUnusableException>(() => OpenAsync());
        Assert.StartsWith($"Cannot open {file}: ", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_out_of_range_are_refused()
    {
        var exception = Assert.Throws<ArgumentException>(
            () => DuckDbSpanStore.Open(new() { Path = _folder, MaxQueuedSpans = 0 }, Clock));
        Assert.Equal("MaxQueuedSpans must be at least 1, but it is 0.", exception.Message);
    }

    [Fact]
    public async Task Old_bodies_are_pruned()
    {
        var store = await OpenAsync();
        await store.AppendAsync(Batch(1, Zipkin(1)), Cancellation);
        Clock.Advance(TimeSpan.FromMinutes(11));
        await store.AppendAsync(Batch(2, Zipkin(2)), Cancellation);
        await store.DisposeAsync();
        Assert.Equal(1L, Execute(Path.Combine(_folder, "spans.duckdb"), "SELECT count(*) FROM bodies"));
    }

    static object? Execute(string file, string sql)
    {
        using var connection = new DuckDBConnection($"DataSource={file}");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }
}
