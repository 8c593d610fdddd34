using System.Collections.Concurrent;
using Tracing.Model;
using Tracing.Storage;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

public abstract partial class SpanStoreContract
{
    [Fact]
    public async Task A_resent_body_is_stored_once()
    {
        var store = await OpenAsync();
        Assert.Equal(AppendOutcome.Stored, await store.AppendAsync(Batch(5, Zipkin(1)), Cancellation));
        Assert.Equal(AppendOutcome.AlreadyStored, await store.AppendAsync(Batch(5, Zipkin(2)), Cancellation));
        Assert.Equal(AppendOutcome.Stored, await store.AppendAsync(
            Batch(UInt128.One << 64, Zipkin(3)), Cancellation));
        Assert.Equal(AppendOutcome.Stored, await store.AppendAsync(Batch(1, Zipkin(4)), Cancellation));
        Assert.Empty(await GetAsync(store, Trace(2)));
        Assert.Equal(3, (await store.FindTracesAsync(AnyOfToday, Cancellation)).Count);
    }

    [Fact]
    public async Task A_body_without_hash_is_never_known()
    {
        var store = await OpenAsync();
        for (var i = 0; i < 3; i++)
            await StoreAsync(store, Zipkin(1, id: (ulong)i + 1));
        Assert.Equal(3, (await GetAsync(store, Trace(1))).Count);
    }

    [Fact]
    public async Task Bodies_sent_at_once_are_stored_once()
    {
        var store = await OpenAsync();
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 100).Select(i => Task.Run(
            () => store.AppendAsync(Batch((UInt128)(i % 10) + 1, Zipkin((ulong)i + 1)), Cancellation))));
        Assert.Equal(10, outcomes.Count(outcome => outcome == AppendOutcome.Stored));
        Assert.Equal(90, outcomes.Count(outcome => outcome == AppendOutcome.AlreadyStored));
        Assert.Equal(10, (await store.FindTracesAsync(AnyOfToday, Cancellation)).Count);
    }

    [Fact]
    public async Task A_body_is_known_after_reopening()
    {
        var store = await OpenAsync();
        await store.AppendAsync(Batch(UInt128.MaxValue, Zipkin(1)), Cancellation);
        Clock.Advance(TimeSpan.FromMinutes(9));
        store = await ReopenAsync(store);
        Assert.Equal(AppendOutcome.AlreadyStored,
            await store.AppendAsync(Batch(UInt128.MaxValue, Zipkin(1)), Cancellation));
    }

    [Theory]
    [InlineData(599, AppendOutcome.AlreadyStored)]
    [InlineData(601, AppendOutcome.Stored)]
    public async Task A_body_is_known_for_ten_minutes(int seconds, AppendOutcome expected)
    {
        var store = await OpenAsync();
        await store.AppendAsync(Batch(5, Zipkin(1)), Cancellation);
        // something else in between, so that old bodies are pruned
        Clock.Advance(TimeSpan.FromSeconds(seconds));
        await store.AppendAsync(Batch(6, Zipkin(2)), Cancellation);
        Assert.Equal(expected, await store.AppendAsync(Batch(5, Zipkin(1, id: 2)), Cancellation));
        store = await ReopenAsync(store);
        Assert.Equal(AppendOutcome.AlreadyStored, await store.AppendAsync(Batch(5, Zipkin(1)), Cancellation));
    }

    [Fact]
    public async Task A_bad_batch_does_not_harm_its_neighbours()
    {
        var store = await OpenAsync("key");
        var bad = Zipkin(1, "bad").With(Tag("key", "bad")) with { Name = null!, Scope = new() { Name = "bad" } };
        var appends = Enumerable.Range(1, 50).Select(n => Task.Run(() => store.AppendAsync(
            n % 10 == 0 ? Batch((UInt128)n, Zipkin((ulong)n), bad) : Batch((UInt128)n, Zipkin((ulong)n)),
            Cancellation))).ToList();
        for (var i = 0; i < appends.Count; i++)
        {
            if (i % 10 == 9)
                await Assert.ThrowsAnyAsync<Exception>(() => appends[i]);
            else
                Assert.Equal(AppendOutcome.Stored, await appends[i]);
        }
        Assert.Equal(45, (await store.FindTracesAsync(AnyOfToday, Cancellation)).Count);
        Assert.Equal(["frontend"], await store.GetServiceNamesAsync(Cancellation));
        Assert.Empty(await store.GetTagValuesAsync("key", Cancellation));
        // what failed was not stored, so it is not known either
        Assert.Equal(AppendOutcome.Stored, await store.AppendAsync(
            Batch(10, Zipkin(10) with { Scope = new() { Name = "bad" } }), Cancellation));
        await store.CheckAsync(Cancellation);
        store = await ReopenAsync(store);
        Assert.Equal("bad", Assert.Single(await GetAsync(store, Trace(10))).Scope.Name);
    }

    [Fact]
    public async Task What_exceeds_the_queue_is_refused_and_not_stored()
    {
        var store = await OpenWithAsync(new StoreSetup { MaxQueuedSpans = 10 });
        var stored = new List<ulong>();
        var refused = new List<ulong>();
        var id = 0ul;
        while (refused.Count == 0 || stored.Count < 3)
        {
            var appends = Enumerable.Range(0, 100).Select(_ => Append(++id)).ToList();
            foreach (var (trace, outcome) in await Task.WhenAll(appends))
                (outcome == AppendOutcome.Stored ? stored : refused).Add(trace);
        }
        var traces = await store.FindTracesAsync(AnyOfToday with { Limit = int.MaxValue }, Cancellation);
        Assert.All(traces, trace => Assert.Equal(8, trace.Count));
        Assert.Equal(stored.Order(), traces.Select(trace => trace[0].TraceId.Low).Order());

        async Task<(ulong, AppendOutcome)> Append(ulong trace)
        {
            Span[] spans = [.. Enumerable.Range(1, 8).Select(n => Zipkin(trace, id: (ulong)n))];
            var outcome = await store.AppendAsync(Batch(spans), Cancellation);
            Assert.True(outcome is AppendOutcome.Stored or AppendOutcome.Overloaded);
            return (trace, outcome);
        }
    }

    [Fact]
    public async Task A_batch_bigger_than_the_queue_is_taken_alone()
    {
        var store = await OpenWithAsync(new StoreSetup { MaxQueuedSpans = 10 });
        await StoreAsync(store, [.. Enumerable.Range(1, 100).Select(n => Zipkin(1, id: (ulong)n))]);
        Assert.Equal(100, (await GetAsync(store, Trace(1))).Count);
    }

    [Fact]
    public async Task Appends_and_reads_run_together()
    {
        var store = await OpenAsync();
        var acknowledged = new ConcurrentQueue<ulong>();
        var writers = Task.WhenAll(Enumerable.Range(0, 4).Select(w => Task.Run(async () =>
        {
            for (var i = 0; i < 50; i++)
            {
                var trace = (ulong)((w * 1000) + i + 1);
                await StoreAsync(store, Zipkin(trace), Zipkin(trace, id: 2));
                acknowledged.Enqueue(trace);
            }
        })));
        var readers = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            do
            {
                var known = acknowledged.ToArray();
                var all = await store.FindTracesAsync(AnyOfToday with { Limit = 1000 }, Cancellation);
                Assert.All(all, trace => Assert.Equal(2, trace.Count));
                Assert.Subset(all.Select(trace => trace[0].TraceId.Low).ToHashSet(), known.ToHashSet());
            }
            while (!writers.IsCompleted);
        }));
        await Task.WhenAll([writers, .. readers]);
        Assert.Equal(200, (await store.FindTracesAsync(AnyOfToday with { Limit = 1000 }, Cancellation)).Count);
    }

    [Fact]
    public async Task Closing_stores_what_was_taken()
    {
        var store = await OpenAsync();
        var appends = Enumerable.Range(1, 100).Select(
            n => store.AppendAsync(Batch(Zipkin((ulong)n)), Cancellation)).ToList();
        await store.DisposeAsync();
        Assert.All(await Task.WhenAll(appends), outcome => Assert.Equal(AppendOutcome.Stored, outcome));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => store.AppendAsync(Batch(Zipkin(1)), Cancellation));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => store.GetTracesAsync([Trace(1)], true, Cancellation));
        await store.DisposeAsync();
        store = await OpenAsync();
        Assert.Equal(100, (await store.FindTracesAsync(AnyOfToday, Cancellation)).Count);
    }

    [Fact]
    public async Task Cancelling_ends_the_wait_but_not_the_write()
    {
        var store = await OpenAsync();
        using var cancelling = new CancellationTokenSource();
        await cancelling.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => store.AppendAsync(Batch(Zipkin(1)), cancelling.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => store.FindTracesAsync(AnyOfToday, cancelling.Token));
        store = await ReopenAsync(store);
        Assert.Single(await GetAsync(store, Trace(1)));
    }
}
