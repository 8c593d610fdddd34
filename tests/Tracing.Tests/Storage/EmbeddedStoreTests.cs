using Tracing.Storage.DuckDb;
using Xunit;

namespace Tracing.Tests;

/// <summary>Tests of the embedded store in a folder of their own, under a clock that they set.</summary>
public abstract class EmbeddedStoreTests : IAsyncDisposable
{
    readonly List<DuckDbSpanStore> _opened = [];

    private protected TemporaryFolder Folder { get; } = new();

    private protected TestClock Clock { get; } = new();

    private protected ErrorLog Log { get; } = new();

    private protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public virtual async ValueTask DisposeAsync()
    {
        foreach (var store in _opened)
            await store.DisposeAsync();
        Folder.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>A store in the folder, which is closed with the test if not before.</summary>
    private protected DuckDbSpanStore Open(DuckDbStoreOptions options)
    {
        var store = DuckDbSpanStore.Open(options with { Path = Folder.Path }, Clock, Log);
        _opened.Add(store);
        return store;
    }

    /// <summary>Names of the partitions' files.</summary>
    private protected string Files() => string.Join(' ', Directory.EnumerateFiles(Folder.Path)
        .Select(Path.GetFileName).Where(name => char.IsAsciiDigit(name![0])).Order(StringComparer.Ordinal));
}
