using System.Runtime.CompilerServices;
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
        var halves = new List<(SpanPlace Place, Span Span)>();
        await foreach (var (id, block) in ReadLastAsync(
            commits, slices, sliceBlocks, blocks, seen.Capacity, cancellation))
            Recall(id, block, marks, seen, halves);
        halves.Sort((one, other) => one.Place.CompareTo(other.Place));
        foreach (var (place, span) in halves)
            seen.Add(span, SpanIdentity.ServiceOf(span.ServiceName), place.Commit.Stored / MicrosPerMilli);
        seen.Publish();
    }

    /// <summary>The last spans of groups up to marks, as many as blocks of so many have, in the order stored.</summary>
    public static async Task<List<Span>> ReadAsync(Commits commits, Slices slices, SliceBlocks sliceBlocks,
        Blocks blocks, IReadOnlyDictionary<long, long> marks, int count, CancellationToken cancellation)
    {
        var spans = new List<(SpanPlace Place, Span Span)>();
        await foreach (var (id, block) in ReadLastAsync(commits, slices, sliceBlocks, blocks, count, cancellation))
        {
            var all = block.ReadAll();
            for (var i = 0; i < all.Length; i++)
            {
                var place = SpanPlace.Of(id, block, i);
                if (place.Commit.Stored <= marks.GetValueOrDefault(place.Commit.Writer, -1))
                    spans.Add((place, all[i]));
            }
        }
        return [.. spans.OrderBy(each => each.Place).Select(each => each.Span)];
    }

    /// <summary>Blocks of the last minutes, the last ones first, until they have so many spans.</summary>
    static async IAsyncEnumerable<(BlockId Id, SpanBlock Block)> ReadLastAsync(Commits commits, Slices slices,
        SliceBlocks sliceBlocks, Blocks blocks, int count, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var writers = await commits.ReadWritersAsync(cancellation);
        if (writers.Count == 0)
            yield break;
        var known = await slices.ReadAsync(cancellation);
        var newest = writers.Max(writer => writer.Last);
        var oldest = newest - (int)SeenSpans.ResentFor.TotalMinutes - 1;
        for (var number = newest / Slices.Minutes; number >= oldest / Slices.Minutes && count > 0; number--)
        {
            var ids = await sliceBlocks.ReadAsync(number, known.GetValueOrDefault(number), writers, cancellation);
            for (var i = ids.Count - 1; i >= 0 && count > 0; i--)
            {
                if (await blocks.ReadOnceAsync(ids[i], cancellation) is { } block)
                {
                    count -= block.Count;
                    yield return (ids[i], block);
                }
            }
        }
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
