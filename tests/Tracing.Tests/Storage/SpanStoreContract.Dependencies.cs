using Tracing.Model;
using Tracing.Storage;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>Calls between services as Zipkin counts them, against those of all traces read.</summary>
public abstract partial class SpanStoreContract
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 1)]
    // what is kept then stands for itself
    [InlineData(4, 0)]
    public async Task Any_window_has_the_calls_of_its_traces(int seed, double baselineRate)
    {
        var random = new Random(seed);
        var setup = new StoreSetup { HotWindow = TimeSpan.FromMinutes(20), BaselineRate = baselineRate };
        var store = await OpenWithAsync(setup);
        var traces = new List<Span[]>();
        var waiting = new List<(int Round, Span Span)>();
        for (var round = 0; round < 16; round++)
        {
            for (var i = 0; i < 20; i++)
            {
                var trace = SomeTrace(random, (ulong)traces.Count + 1, round * 600_000_000L);
                traces.Add(trace);
                // some come late, and some of these much later
                waiting.AddRange(trace.Select(span => (round + (random.Next(4) > 0 ? 0 : random.Next(12)), span)));
            }
            foreach (var span in waiting.Where(each => each.Round == round).Chunk(17))
                await store.AppendAsync(Batch([.. span.Select(each => each.Span)]), Cancellation);
            if (random.Next(3) > 0)
                await CheckLinksAsync(store, random, round);
            await PassAsync(store, TimeSpan.FromMinutes(10));
            if (round == 10 && seed == 3)
            {
                await store.DisposeAsync();
                store = await OpenWithAsync(setup);
            }
            await CheckLinksAsync(store, random, round);
        }
    }

    [Fact]
    public async Task Traces_as_long_as_the_day_are_found_by_any_of_their_spans()
    {
        var store = await OpenAsync();
        var spans = Enumerable.Range(1, 2000).SelectMany(n => (Span[])
        [
            Call((ulong)n, 1, 0, "web", n * 1000L),
            Call((ulong)n, 2, 1, "shop", 36_000_000_000 + (n * 1000L)),
            Call((ulong)n, 3, 1, "bank", 72_000_000_000 + (n * 1000L)),
        ]).ToArray();
        await store.AppendAsync(Batch(spans), Cancellation);
        foreach (var (start, end, traces) in new (long, long, long)[]
            { (36_000_500, 36_001_000, 500), (1_000, 35_999_999, 1001), (3000, 35_999_999, 0), (0, 80_000_000, 2000) })
        {
            var links = (await store.GetDependenciesAsync(
                Today + start, Today + end, Timeout.InfiniteTimeSpan, Cancellation)).Links;
            Assert.Equal(await ReadLinksAsync(store, Today + start, Today + end), Sorted(links));
            Assert.All(links, link => Assert.InRange(link.CallCount, traces, traces + 1));
            Assert.Equal(traces == 0 ? 0 : 2, links.Count);
        }
    }

    [Fact]
    public async Task What_is_counted_in_time_is_answered_and_said_to_be_partial()
    {
        var store = await OpenAsync();
        var spans = Enumerable.Range(1, 6000).SelectMany(n => (Span[])
            [Call((ulong)n, 1, 0, "web", n * 1000L), Call((ulong)n, 2, 1, "shop", n * 1000L)]);
        foreach (var chunk in spans.Chunk(4000))
            await store.AppendAsync(Batch(chunk), Cancellation);
        var first = await store.GetDependenciesAsync(0, Today * 2, TimeSpan.Zero, Cancellation);
        Assert.True(first.IsPartial);
        Assert.InRange(first.Links.Sum(link => link.CallCount), 0, 5999);
        var whole = await store.GetDependenciesAsync(0, Today * 2, Timeout.InfiniteTimeSpan, Cancellation);
        Assert.False(whole.IsPartial);
        Assert.Equal(6000, Assert.Single(whole.Links).CallCount);
    }

    static async Task CheckLinksAsync(ISpanStore store, Random random, int round)
    {
        var (low, high) = (Today - 1000, Today + (round * 600_000) + 700_000);
        for (var i = 0; i < 6; i++)
        {
            var start = i == 0 ? 0 : random.NextInt64(low, high);
            var end = i == 0 ? Today * 2 : start + random.NextInt64(i > 3 ? 1000 : high - start);
            var expected = await ReadLinksAsync(store, start, end);
            Assert.Equal(expected, Sorted((await store.GetDependenciesAsync(
                start, end, Timeout.InfiniteTimeSpan, Cancellation)).Links));
        }
    }

    static async Task<List<DependencyLink>> ReadLinksAsync(ISpanStore store, long start, long end) =>
        Sorted((await DependencyLinker.CountAsync(
            store.ReadTracesAsync(start, end, Cancellation).Select(spans => (spans, 1.0)),
            Timeout.InfiniteTimeSpan, TimeProvider.System)).Links);

    static List<DependencyLink> Sorted(IReadOnlyList<DependencyLink> links) =>
        [.. links.OrderBy(link => (link.Parent, link.Child))];

    /// <summary>A trace of up to 8 spans, mostly short, that starts within ten minutes from a time on.</summary>
    static Span[] SomeTrace(Random random, ulong id, long micros)
    {
        micros += random.NextInt64(600_000_000);
        var step = random.Next(10) switch { 0 => 900_000_000L, 1 => 20_000_000, _ => 30_000 };
        return [.. Enumerable.Range(1, random.Next(1, 9)).Select(n =>
        {
            var start = n == 1 ? micros : micros + random.NextInt64(step);
            var span = Call(id, (ulong)n, (ulong)random.Next(n), $"service{random.Next(5)}", start);
            if (random.Next(8) == 0)
                span = span with { Status = StatusCode.Error };
            // a client that shares its id with the server, and a span at no time
            return random.Next(12) switch
            {
                0 => span with { Kind = SpanKind.Client, RemoteEndpoint = new() { ServiceName = "db" } },
                1 => span with { StartUnixNano = 0, EndUnixNano = 0 },
                2 => span with { Shared = true },
                _ => span,
            };
        })];
    }

    static Span Call(ulong trace, ulong id, ulong parent, string service, long micros) =>
        Zipkin(trace, service, "get", id).At(micros) with { ParentSpanId = new SpanId(parent) };
}
