using DuckDB.NET.Data;
using Microsoft.Extensions.Logging.Abstractions;
using Tracing.Storage.DuckDb;
using Xunit;

namespace Tracing.Tests;

/// <summary>Queries that do not end when they should.</summary>
public sealed class ReadersTests : IAsyncDisposable
{
    readonly Partitions _partitions = new(
        Connect(), new Manifest(null, TimeProvider.System, NullLogger.Instance), NullLogger.Instance);
    readonly Readers _readers;
    readonly ManualResetEventSlim _release = new();

    public ReadersTests() => _readers = new Readers(Connect, _partitions, maxConcurrent: 1);

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        _release.Set();
        await _readers.DisposeAsync();
        _partitions.Dispose();
        _release.Dispose();
    }

    [Fact]
    public async Task A_caller_that_cancels_does_not_wait_for_a_query_that_goes_on_and_keeps_its_place()
    {
        using var cancelling = new CancellationTokenSource();
        var (stuck, goesOn) = Begin(cancelling.Token);
        await goesOn;
        await cancelling.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stuck);

        var next = _readers.RunAsync((_, _) => 1, Cancellation);
        Assert.False(next.IsCompleted);
        _release.Set();
        Assert.Equal(1, await next);
    }

    [Fact]
    public async Task Searches_that_take_all_their_places_leave_those_of_traces_statistics_and_checks()
    {
        var (stuck, goesOn) = Begin(Cancellation);
        await goesOn;
        foreach (var kind in new[] { ReadKind.Trace, ReadKind.Statistics, ReadKind.Check })
            Assert.Equal(1, await _readers.RunAsync((_, _) => 1, Cancellation, kind));
        _release.Set();
        Assert.Equal(2, await stuck);
    }

    [Fact]
    public async Task A_statement_is_interrupted_also_when_it_begins_after_the_cancelling()
    {
        using var cancelling = new CancellationTokenSource();
        var begun = new TaskCompletionSource();
        var query = _readers.RunAsync((connection, _) =>
        {
            begun.SetResult();
            _release.Wait(Cancellation);
            using var command = connection.CreateCommand();
            command.CommandText = "SELECT count(*) FROM range(100000000) AS a, range(100000000) AS b WHERE a <> b";
            return command.ExecuteScalar();
        }, cancelling.Token);
        await begun.Task;
        await cancelling.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => query);
        _release.Set();
        // its place is free again only when the statement has ended, which by itself would take days
        Assert.Equal(1, await _readers.RunAsync((_, _) => 1, Cancellation));
    }

    (Task<int> Query, Task GoesOn) Begin(CancellationToken cancellation)
    {
        var begun = new TaskCompletionSource();
        var query = _readers.RunAsync((_, _) =>
        {
            begun.SetResult();
            _release.Wait(Cancellation);
            return 2;
        }, cancellation);
        return (query, begun.Task);
    }

    static DuckDBConnection Connect()
    {
        var connection = new DuckDBConnection("DataSource=:memory:");
        connection.Open();
        return connection;
    }
}
