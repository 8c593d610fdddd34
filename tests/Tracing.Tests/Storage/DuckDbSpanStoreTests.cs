using Tracing.Storage;
using Tracing.Storage.DuckDb;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

public sealed class DuckDbSpanStoreTests() : DuckDbSpanStoreContract(sealSpans: 500_000)
{
    [Fact]
    public async Task In_memory_nothing_is_kept()
    {
        var options = new DuckDbStoreOptions { Path = DuckDbStoreOptions.InMemory, SealSpans = 1 };
        await using (var store = Open(options))
        await using (var other = Open(options))
        {
            await StoreAsync(store, Zipkin(1));
            await StoreAsync(store, Zipkin(2));
            Assert.Equal(2, (await store.FindTracesAsync(AnyOfToday, Cancellation)).Count);
            Assert.Empty(await other.FindTracesAsync(AnyOfToday, Cancellation));
        }
        await using var again = Open(options);
        Assert.Empty(await again.FindTracesAsync(AnyOfToday, Cancellation));
    }

    [Fact]
    public async Task A_folder_in_use_is_refused()
    {
        await OpenAsync();
        var exception = await Assert.ThrowsAsync<StoreUnusableException>(() => OpenAsync());
        Assert.StartsWith($"Cannot lock the store's folder {Folder.Path}; is another server using it?",
            exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_cannot_be_made_is_refused()
    {
        var path = Path.Combine(Folder.Path, "file");
        await File.WriteAllTextAsync(path, "", Cancellation);
        var exception = Assert.Throws<StoreUnusableException>(() => Open(new() { Path = path }));
        Assert.StartsWith($"Cannot make the store's folder {path}: ", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_store_of_one_file_is_refused()
    {
        var file = Path.Combine(Folder.Path, "spans.duckdb");
        await File.WriteAllTextAsync(file, "", Cancellation);
        var exception = await Assert.ThrowsAsync<StoreUnusableException>(() => OpenAsync());
        Assert.Equal($"{file} is of a format that was never released and that this server cannot read. Move it away, " +
            "or choose another folder.", exception.Message);
    }

    [Fact]
    public void Options_out_of_range_are_refused()
    {
        var exception = Assert.Throws<ArgumentException>(() => Open(new() { Path = Folder.Path, MaxQueuedSpans = 0 }));
        Assert.Equal("MaxQueuedSpans must be at least 1, but it is 0.", exception.Message);
        exception = Assert.Throws<ArgumentException>(() => Open(new() { Path = Folder.Path, SealAge = TimeSpan.Zero }));
        Assert.Equal("SealAge must be more than 0, but it is 00:00:00.", exception.Message);
    }
}
