using System.Runtime.CompilerServices;
using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage.Cassandra;

/// <summary>A span, as OTLP says it.</summary>
/// <param name="Kept">How many stored spans it stands for; see <see cref="TraceKept"/>.</param>
/// <param name="Adjusted">How many spans it stands for by its client's sampling; null if that is not known.</param>
readonly record struct WeightedSpan(Span Span, double Kept, double? Adjusted)
{
    public WeightedSpan(Span span, TraceKept kept)
        : this(span, kept.Weight, SamplingThreshold.AdjustedCount(span.TraceState))
    {
    }

    /// <summary>How many spans it stands for; what every count is a sum of.</summary>
    public double Weight => Kept * Math.Min(Adjusted ?? 1, AdjustedCount.Max);
}

/// <summary>Goes through the spans that a selection has.</summary>
sealed class SpanScan(Blocks blocks)
{
    const int BlocksAtOnce = 16;
    const int TracesAtOnce = 128;

    /// <summary>So that a sample does not need more blocks than a few hundred.</summary>
    const int MinSampledOfBlock = 64;

    /// <summary>For finding spans that are stored twice: 350,000, which are those of some minutes.</summary>
    const long MaxSeenBytes = 16 << 20;

    /// <summary>
    /// About so many of the spans, from all over the window: of each block some, and of the blocks, when there are
    /// very many, those that come first by a hash.
    /// </summary>
    public IAsyncEnumerable<WeightedSpan> SampleAsync(
        SpanSelection selection, int maxSpans, CancellationToken cancellation) =>
        ReadAsync(selection, maxSpans, cancellation).Take(maxSpans);

    public IAsyncEnumerable<WeightedSpan> ReadAsync(SpanSelection selection, CancellationToken cancellation) =>
        ReadAsync(selection, int.MaxValue, cancellation);

    async IAsyncEnumerable<WeightedSpan> ReadAsync(
        SpanSelection selection, int maxSpans, [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (selection.EndUnixNano <= selection.StartUnixNano)
            yield break;
        var filter = new BlockFilter(selection.Filter);
        var traces = new HashSet<TraceId>();
        // of the reports of one span that are selected, the last one stored counts: it mostly is the most complete
        var seen = new SeenSpans(MaxSeenBytes);
        var gone = await blocks.ReadGoneAsync(cancellation);
        var heads = await blocks.ReadHeadsAsync(selection.StartUnixNano, selection.EndUnixNano - 1, cancellation);
        var isSample = maxSpans < int.MaxValue;
        var ofBlock = Math.Max(MinSampledOfBlock, maxSpans / Math.Max(1, heads.Count));
        foreach (var chunk in heads
            .OrderBy(head => isSample ? SeededHash.Of((ulong)head.Id.Stored, (ulong)head.Id.Number) : 0)
            .ThenByDescending(head => head.Id).Chunk(BlocksAtOnce))
        {
            foreach (var block in await blocks.ReadAsync([.. chunk.Select(head => head.Id)], cancellation))
            {
                if (block is null)
                    continue;
                seen.Publish();
                var found = filter.Find(block, selection.StartUnixNano, selection.EndUnixNano).Reverse().ToList();
                var every = isSample ? Math.Max(1, (found.Count + ofBlock - 1) / ofBlock) : 1;
                for (var at = 0; at < found.Count; at += every)
                {
                    var i = found[at];
                    if (gone.Contains(block.Traces[block.TraceOf[i]].Low))
                        continue;
                    if (!filter.IsExact)
                        traces.Add(block.Traces[block.TraceOf[i]]);
                    else if (seen.TryAdd(block.KeyOf(i), block.IsZipkin(i)))
                        yield return new(AsOtlp(block.ToSpan(i)), block.KeptOf(block.TraceOf[i]));
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
                            yield return new(span, stored.Kept);
                    }
                }
            }
        }
    }

    public async Task<SpanLatencies> CountLatenciesAsync(SpanSelection selection, CancellationToken cancellation)
    {
        var latencies = new SpanLatencies();
        await foreach (var one in ReadAsync(selection, cancellation))
        {
            latencies.IsEstimated |= !(one.Adjusted <= AdjustedCount.Max);
            latencies.Record(one.Span.KnownDuration, one.Span.Status == StatusCode.Error,
                AdjustedCount.Round(one.Weight, one.Span.TraceId, one.Span.SpanId));
        }
        return latencies;
    }

    static Span AsOtlp(Span span) => span.Origin == SpanOrigin.Zipkin ? OtlpGroups.FromZipkin(span) : span;
}
