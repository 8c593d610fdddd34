using Tracing.Model;
using Tracing.Storage.Blocks;

namespace Tracing.Storage.Engine;

/// <summary>What was stored of late, by all collectors.</summary>
static class StoredSpans
{
    /// <summary>Incomplete spans recalled: more than <see cref="SeenSpans"/> remembers.</summary>
    const int MaxHalves = 30_000;

    const long MicrosPerMilli = 1000;

    /// <summary>
    /// Has the spans of committed groups remembered, the last ones first, as far back as they may be sent again and as
    /// there is room for.
    /// </summary>
    /// <param name="marks">Only groups up to these, by writer; null for all.</param>
    public static async Task RecallAsync(Commits commits, Slices slices, SliceBlocks sliceBlocks, Blocks blocks,
        IReadOnlyDictionary<long, long>? marks, SeenSpans seen, CancellationToken cancellation)
    {
        var writers = await commits.ReadWritersAsync(cancellation);
        if (writers.Count == 0)
            return;
        var known = await slices.ReadAsync(cancellation);
        var newest = writers.Max(writer => writer.Last);
        var oldest = newest - (int)SeenSpans.ResentFor.TotalMinutes - 1;
        var left = seen.Capacity;
        var halves = new List<(SpanPlace Place, Span Span)>();
        // the last first
        for (var number = newest / Slices.Minutes; number >= oldest / Slices.Minutes && left > 0; number--)
        {
            var ids = await sliceBlocks.ReadAsync(number, known.GetValueOrDefault(number), writers, cancellation);
            for (var i = ids.Count - 1; i >= 0 && left > 0; i--)
            {
                if (await blocks.ReadOnceAsync(ids[i], cancellation) is { } block)
                {
                    Recall(ids[i], block, marks, seen, halves);
                    left -= block.Count;
                }
            }
        }
        halves.Sort((one, other) => one.Place.CompareTo(other.Place));
        foreach (var (place, span) in halves)
            seen.Add(span, SpanIdentity.ServiceOf(span.ServiceName), place.Commit.Stored / MicrosPerMilli);
        seen.Publish();
    }

    static void Recall(BlockId id, SpanBlock block, IReadOnlyDictionary<long, long>? marks, SeenSpans seen,
        List<(SpanPlace Place, Span Span)> halves)
    {
        var places = Array.ConvertAll(block.CommitNames, CommitPlace.Of);
        var isCounted = Array.ConvertAll(places, place =>
            marks is null || place.Stored <= marks.GetValueOrDefault(place.Writer, -1));
        var ofBlock = new List<int>();
        for (var trace = block.TraceCount - 1; trace >= 0; trace--)
        {
            for (var i = block.Traces.From[trace + 1] - 1; i >= block.Traces.From[trace]; i--)
            {
                if (!isCounted[block.CommitCodes[i]])
                    continue;
                if (block.Starts[i] > 0 && block.KnownDurationOf(i) is not null)
                {
                    seen.Recall(block.IdentityOf(i, trace), block.TemplateOf(i).IsZipkin, block.Starts[i],
                        block.TemplateOf(i).Status == StatusCode.Error,
                        places[block.CommitCodes[i]].Stored / MicrosPerMilli);
                }
                else if (halves.Count + ofBlock.Count < MaxHalves)
                    ofBlock.Add(i);
            }
        }
        ofBlock.Reverse();
        var cursor = new SpanCursor(block);
        foreach (var i in ofBlock)
            halves.Add((SpanPlace.Of(id, block, i), cursor.Read(i)));
    }
}
