using Tracing.Model;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

public abstract partial class SpanStoreContract
{
    /// <summary>Against every span; filters that only whole traces decide are among the queries.</summary>
    [Fact]
    public async Task Latencies_of_any_query_are_counted_exactly()
    {
        var random = new Random(17);
        var spans = TraceQlGen.Spans(random, 400);
        var store = await OpenAsync();
        foreach (var chunk in spans.Chunk(90))
            await StoreAsync(store, chunk);
        for (var i = 0; i < 20; i++)
        {
            var selection = Selected(TraceQlGen.Query(random)) with
            {
                StartUnixNano = Micros(random.Next(-1_000, 20)),
                EndUnixNano = Micros(random.Next(20, 1_000)),
            };
            var (succeeded, failed) = (new LatencyHistogram(), new LatencyHistogram());
            foreach (var span in NaiveCounts.Select(spans, selection))
            {
                var latencies = span.Status == StatusCode.Error ? failed : succeeded;
                if (span.KnownDuration is { } nanos)
                    latencies.Record((long)nanos);
                else
                    latencies.RecordUnknown();
            }
            var counted = await store.CountLatenciesAsync(selection, Cancellation);
            Assert.Equal(succeeded.Encode(), counted.Succeeded.Encode());
            Assert.Equal(failed.Encode(), counted.Failed.Encode());
        }
        var none = await store.CountLatenciesAsync(new() { StartUnixNano = 0, EndUnixNano = 0 }, Cancellation);
        Assert.Equal(0UL, none.Count);
    }
}
