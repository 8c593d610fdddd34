using System.Runtime.CompilerServices;
using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage.Cassandra;

/// <summary>Goes through the spans that a selection has, as OTLP says them, each with its trace's weight.</summary>
sealed class SpanScan(Blocks blocks)
{
    const int BlocksAtOnce = 16;
    const int TracesAtOnce = 128;

    /// <summary>For finding spans that are stored twice: 350,000, which are those of some minutes.</summary>
    const long MaxSeenBytes = 16 << 20;

    public async IAsyncEnumerable<(Span Span, double Weight)> ReadAsync(
        SpanSelection selection, [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (selection.EndUnixNano <= selection.StartUnixNano)
            yield break;
        var filter = new BlockFilter(selection.Filter);
        var traces = new HashSet<TraceId>();
        // of the reports of one span that are selected, the last one stored counts: it mostly is the most complete
        var seen = new SeenSpans(MaxSeenBytes);
        var gone = await blocks.ReadGoneAsync(cancellation);
        var heads = await blocks.ReadHeadsAsync(selection.StartUnixNano, selection.EndUnixNano - 1, cancellation);
        foreach (var chunk in heads.OrderByDescending(head => head.Id).Chunk(BlocksAtOnce))
        {
            foreach (var block in await blocks.ReadAsync([.. chunk.Select(head => head.Id)], cancellation))
            {
                if (block is null)
                    continue;
                seen.Publish();
                foreach (var i in filter.Find(block, selection.StartUnixNano, selection.EndUnixNano).Reverse())
                {
                    if (gone.Contains(block.Traces[block.TraceOf[i]].Low))
                        continue;
                    if (!filter.IsExact)
                        traces.Add(block.Traces[block.TraceOf[i]]);
                    else if (seen.TryAdd(block.KeyOf(i), block.IsZipkin(i)))
                        yield return (AsOtlp(block.ToSpan(i)), block.KeptOf(block.TraceOf[i]).Weight);
                }
            }
        }
        // whether a span fits depends on others of its trace
        foreach (var chunk in traces.Chunk(TracesAtOnce))
        {
            var lows = chunk.Select(id => id.Low).Distinct(SeededHash.Comparer).ToList();
            foreach (var stored in await blocks.ReadTracesAsync(lows, long.MaxValue, cancellation))
            {
                foreach (var id in chunk.Where(id => id.Low == stored.Low))
                {
                    var spans = stored.Of(id).Spans;
                    var facts = new TraceFacts(spans);
                    seen.Publish();
                    for (var i = spans.Count - 1; i >= 0; i--)
                    {
                        var span = facts.Spans[i];
                        if (span.StartUnixNano >= selection.StartUnixNano &&
                            span.StartUnixNano < selection.EndUnixNano && selection.Filter.Matches(span, facts) &&
                            seen.TryAdd(spans[i], spans[i].ServiceName.ToLowerInvariant()))
                            yield return (span, stored.Kept.Weight);
                    }
                }
            }
        }
    }

    public async Task<SpanLatencies> CountLatenciesAsync(SpanSelection selection, CancellationToken cancellation)
    {
        var latencies = new SpanLatencies();
        await foreach (var (span, weight) in ReadAsync(selection, cancellation))
        {
            var histogram = span.Status == StatusCode.Error ? latencies.Failed : latencies.Succeeded;
            histogram.Record(span.DurationNanos, AdjustedCount.Round(weight, span.TraceId, span.SpanId));
        }
        return latencies;
    }

    static Span AsOtlp(Span span) => span.Origin == SpanOrigin.Zipkin ? OtlpGroups.FromZipkin(span) : span;
}
