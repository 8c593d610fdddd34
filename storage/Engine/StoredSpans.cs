namespace Tracing.Storage.Engine;

/// <summary>What was stored of late, by all collectors.</summary>
static class StoredSpans
{
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
        foreach (var (writer, stored, count) in groups.OrderByDescending(group => group.Stored))
        {
            for (var number = 0; number < count && left > 0; number++)
            {
                if (await blocks.ReadOnceAsync(new BlockId(stored, writer, number), cancellation) is not { } block)
                    continue;
                for (var i = 0; i < block.Count; i++)
                    seen.Add(block.KeyOf(i));
                left -= block.Count;
            }
        }
    }
}
