using System.Runtime.CompilerServices;
using Tracing.Model;
using Tracing.Storage.Blocks;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage.Engine;

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
        ReadAsync(selection, maxSpans, cancellation).SelectMany(part => part.All()).Take(maxSpans);

    public IAsyncEnumerable<ScanPart> ReadAsync(SpanSelection selection, CancellationToken cancellation) =>
        ReadAsync(selection, int.MaxValue, cancellation);

    async IAsyncEnumerable<ScanPart> ReadAsync(
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
                cancellation.ThrowIfCancellationRequested();
                if (block is null)
                    continue;
                var found = filter.Find(block, selection.StartUnixNano, selection.EndUnixNano);
                if (gone.Count > 0)
                    RemoveGone(block, found, gone);
                if (!filter.IsExact)
                {
                    traces.UnionWith(block.Traces.WithAny(found).Select(trace => block.Traces.Ids[trace]));
                    continue;
                }
                if (isSample)
                    Thin(found, ofBlock);
                seen.Publish();
                RemoveFollowed(block, found, seen);
                if (!found.IsEmpty)
                    yield return new ScanPart(block, found);
            }
        }
        // whether a span fits depends on others of its trace
        foreach (var chunk in traces.Chunk(TracesAtOnce))
        {
            var lows = chunk.Select(id => id.Low).Distinct(SeededHash.Comparer).ToList();
            foreach (var stored in await blocks.ReadTracesAsync(lows, long.MaxValue, cancellation))
            {
                seen.Publish();
                foreach (var id in chunk.Where(id => id.Low == stored.Low))
                    yield return new ScanPart(Select(stored.Of(id), selection, seen));
            }
        }
    }

    static List<WeightedSpan> Select(StoredTrace stored, SpanSelection selection, SeenSpans seen)
    {
        var spans = stored.Spans;
        var facts = new TraceFacts(spans);
        var selected = new List<WeightedSpan>();
        for (var i = spans.Count - 1; i >= 0; i--)
        {
            var span = facts.Spans[i];
            if (span.StartUnixNano >= selection.StartUnixNano && span.StartUnixNano < selection.EndUnixNano &&
                selection.Filter.Matches(span, facts) &&
                seen.TryAdd(spans[i], SpanIdentity.ServiceOf(spans[i].ServiceName)))
                selected.Add(new(span, stored.Kept.Weight));
        }
        return selected;
    }

    /// <summary>Leaves so many rows, from all over the block.</summary>
    static void Thin(RowSet rows, int max)
    {
        var every = (rows.Count() + max - 1) / max;
        var number = 0;
        foreach (var row in rows)
        {
            if (number++ % every != 0)
                rows.Remove(row);
        }
    }

    /// <summary>Removes the reports of spans that a later one follows, which was seen before.</summary>
    static void RemoveFollowed(SpanBlock block, RowSet rows, SeenSpans seen)
    {
        for (var trace = block.TraceCount - 1; trace >= 0; trace--)
        {
            for (var row = block.Traces.From[trace + 1] - 1; row >= block.Traces.From[trace]; row--)
            {
                if (rows[row] && !seen.TryAdd(block.IdentityOf(row, trace), block.TemplateOf(row).IsZipkin))
                    rows.Remove(row);
            }
        }
    }

    static void RemoveGone(SpanBlock block, RowSet found, IReadOnlySet<ulong> gone)
    {
        foreach (var trace in block.Traces.WithAny(found).Where(trace => gone.Contains(block.Traces.Ids[trace].Low)))
        {
            for (var row = block.Traces.From[trace]; row < block.Traces.From[trace + 1]; row++)
                found.Remove(row);
        }
    }
}
