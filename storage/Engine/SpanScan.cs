using System.Runtime.CompilerServices;
using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage.Blocks;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage.Engine;

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
        heads = await blocks.AmongAsync(heads, filter.MayMatch, cancellation);
        foreach (var chunk in heads
            .OrderBy(head => isSample ? SeededHash.Of((ulong)head.Id.Stored, (ulong)head.Id.Number) : 0)
            .ThenByDescending(head => head.Id).Chunk(BlocksAtOnce))
        {
            foreach (var block in await blocks.ReadAsync([.. chunk.Select(head => head.Id)], cancellation))
            {
                if (block is null)
                    continue;
                seen.Publish();
                var found = filter.Find(block, selection.StartUnixNano, selection.EndUnixNano);
                if (gone.Count > 0)
                    RemoveGone(block, found, gone);
                if (!filter.IsExact)
                    traces.UnionWith(TracesOf(block, found));
                else
                {
                    var count = found.Count();
                    var every = isSample ? Math.Max(1, (count + ofBlock - 1) / ofBlock) : 1;
                    foreach (var span in Read(block, LastOnes(block, found, count, every, seen)))
                        yield return span;
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
                            seen.TryAdd(spans[i], SpanIdentity.ServiceOf(spans[i].ServiceName)))
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

    /// <summary>Of the rows every so many, from the last on; those that no later one of the same span follows.</summary>
    static List<int> LastOnes(SpanBlock block, RowSet found, int count, int every, SeenSpans seen)
    {
        var rows = new List<int>(count / every + 1);
        var left = count - 1;
        foreach (var row in found)
        {
            if (left-- % every == 0)
                rows.Add(row);
        }
        rows.Reverse();
        rows.RemoveAll(row => !seen.TryAdd(
            block.IdentityOf(row, block.Traces.Of(row)), block.TemplateOf(row).IsZipkin));
        rows.Reverse();
        return rows;
    }

    static IEnumerable<WeightedSpan> Read(SpanBlock block, List<int> rows)
    {
        var cursor = new SpanCursor(block);
        foreach (var row in rows)
        {
            yield return new(AsOtlp(cursor.Read(row)),
                block.Kept.Length == 0 ? TraceKept.Whole : block.Kept[block.Traces.Of(row)]);
        }
    }

    static void RemoveGone(SpanBlock block, RowSet found, IReadOnlySet<ulong> gone)
    {
        foreach (var row in found)
        {
            if (gone.Contains(block.Traces.Ids[block.Traces.Of(row)].Low))
                found.Remove(row);
        }
    }

    static IEnumerable<TraceId> TracesOf(SpanBlock block, RowSet found)
    {
        for (var row = found.Next(0); row >= 0;)
        {
            var trace = block.Traces.Of(row);
            yield return block.Traces.Ids[trace];
            row = found.Next(block.Traces.From[trace + 1]);
        }
    }

    static Span AsOtlp(Span span) => span.Origin == SpanOrigin.Zipkin ? OtlpGroups.FromZipkin(span) : span;
}
