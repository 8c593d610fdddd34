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

    public async IAsyncEnumerable<(Span Span, double Weight)> ReadAsync(
        SpanSelection selection, [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (selection.EndUnixNano <= selection.StartUnixNano)
            yield break;
        var filter = new BlockFilter(selection.Filter);
        var traces = new HashSet<TraceId>();
        var gone = await blocks.ReadGoneAsync(cancellation);
        var heads = await blocks.ReadHeadsAsync(selection.StartUnixNano, selection.EndUnixNano - 1, cancellation);
        foreach (var chunk in heads.Chunk(BlocksAtOnce))
        {
            foreach (var block in await blocks.ReadAsync([.. chunk.Select(head => head.Id)], cancellation))
            {
                if (block is null)
                    continue;
                foreach (var i in filter.Find(block, selection.StartUnixNano, selection.EndUnixNano))
                {
                    if (gone.Contains(block.Traces[block.TraceOf[i]].Low))
                        continue;
                    if (!filter.IsExact)
                        traces.Add(block.Traces[block.TraceOf[i]]);
                    else
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
                    var facts = new TraceFacts(stored.Of(id).Spans);
                    foreach (var span in facts.Spans.Where(span => span.StartUnixNano >= selection.StartUnixNano &&
                        span.StartUnixNano < selection.EndUnixNano && selection.Filter.Matches(span, facts)))
                        yield return (span, stored.Kept.Weight);
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
