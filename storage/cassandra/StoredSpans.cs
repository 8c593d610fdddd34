using Tracing.Model;

namespace Tracing.Storage.Cassandra;

/// <summary>What was stored of late, by all collectors.</summary>
static class StoredSpans
{
    /// <summary>Incomplete spans recalled: more than <see cref="SeenSpans"/> remembers.</summary>
    const int MaxHalves = 30_000;

    /// <summary>
    /// Has the spans of committed groups remembered, the last ones first, as far back as they may be sent again and as
    /// there is room for.
    /// </summary>
    /// <param name="marks">Only groups up to these, by writer; null for all.</param>
    public static async Task RecallAsync(Commits commits, Blocks blocks, IReadOnlyDictionary<long, long>? marks,
        SeenSpans seen, CancellationToken cancellation)
    {
        var writers = await commits.ReadWritersAsync(cancellation);
        if (writers.Count == 0)
            return;
        var newest = writers.Max(writer => writer.Last);
        var slots = (int)SeenSpans.ResentFor.TotalMinutes + 1;
        var groups = new List<(long Writer, long Stored, int Blocks)>();
        foreach (var (writer, first, last) in writers)
        {
            var mark = marks is null ? long.MaxValue : marks.GetValueOrDefault(writer, -1);
            for (var slot = Math.Max(first, newest - slots); slot <= last; slot++)
            {
                groups.AddRange((await commits.ReadGroupsAsync(writer, slot, cancellation))
                    .Where(group => group.Stored <= mark)
                    .Select(group => (writer, group.Stored, group.Blocks)));
            }
        }
        var left = seen.Capacity;
        // the last first
        var halves = new List<(Span Span, long Millis)>();
        foreach (var (writer, stored, count) in groups.OrderByDescending(group => group.Stored))
        {
            for (var number = count - 1; number >= 0 && left > 0; number--)
            {
                if (await blocks.ReadOnceAsync(new BlockId(stored, writer, number), cancellation) is { } block)
                {
                    Recall(block, stored / 1000, seen, halves);
                    left -= block.Count;
                }
            }
        }
        for (var i = halves.Count - 1; i >= 0; i--)
            seen.Add(halves[i].Span, halves[i].Span.ServiceName.ToLowerInvariant(), halves[i].Millis);
        seen.Publish();
    }

    static void Recall(SpanBlock block, long millis, SeenSpans seen, List<(Span Span, long Millis)> halves)
    {
        for (var i = block.Count - 1; i >= 0; i--)
        {
            if (block.Starts[i] > 0 && block.KnownDurationOf(i) is not null)
            {
                seen.Recall(block.KeyOf(i), block.IsZipkin(i), block.Starts[i],
                    block.Statuses[i] == StatusCode.Error, millis);
            }
            else if (halves.Count < MaxHalves)
                halves.Add((block.ToSpan(i), millis));
        }
    }
}
