namespace Tracing.Storage.Engine;

/// <summary>A group that is committed.</summary>
/// <param name="Stored">When it was begun, microseconds since 1970.</param>
/// <param name="Blocks">How many it has.</param>
sealed record Group(long Stored, long Writer, int Blocks, int Spans)
{
    public IEnumerable<BlockId> Ids =>
        Enumerable.Range(0, Blocks).Select(number => new BlockId(Stored, Writer, number));
}

/// <summary>The groups and blocks of a slice.</summary>
sealed class SliceBlocks(BlockTable table, Commits commits)
{
    /// <summary>The groups that were begun from a time on, in the order stored.</summary>
    /// <param name="from">Microseconds since 1970.</param>
    public async Task<List<Group>> ReadGroupsAsync(long number, long from,
        List<(long Writer, long First, long Last)> writers, CancellationToken cancellation)
    {
        var first = Math.Max(Rows.SlotOf(Slices.StartOf(number)), Rows.SlotOf(from));
        var last = Rows.SlotOf(Slices.StartOf(number + 1) - 1);
        var slots = writers.SelectMany(writer =>
        {
            var (begin, end) = (Math.Max(first, writer.First), Math.Min(last, writer.Last));
            return Enumerable.Range(0, (int)Math.Max(0, end - begin + 1)).Select(i => (writer.Writer, Slot: begin + i));
        }).ToList();
        var groups = await Rows.ForAllAsync(slots,
            slot => commits.ReadGroupsAsync(slot.Writer, slot.Slot, cancellation), cancellation);
        return [.. groups.SelectMany(some => some).Where(group => group.Stored >= from)
            .OrderBy(group => group.Stored).ThenBy(group => group.Writer)];
    }

    /// <summary>The blocks that have the spans of a slice, in the order stored.</summary>
    /// <param name="slice">Null where nothing of it was compacted.</param>
    public async Task<List<BlockId>> ReadAsync(long number, Slice? slice,
        List<(long Writer, long First, long Last)> writers, CancellationToken cancellation)
    {
        var ids = slice is null ? [] : await ReadAsync(slice, slice.Generation, cancellation);
        ids.RemoveAll(id => !slice!.Contains(id));
        ids.Sort();
        if (slice is { IsComplete: true })
            return ids;
        var groups = await ReadGroupsAsync(number, slice?.Upto ?? Slices.StartOf(number), writers, cancellation);
        return [.. ids, .. groups.SelectMany(group => group.Ids)];
    }

    /// <summary>All blocks of a generation, also of one that died in writing it.</summary>
    public async Task<List<BlockId>> ReadAsync(Slice slice, Generation generation, CancellationToken cancellation)
    {
        var heads = await Rows.ForAllAsync(slice.Hours, hour => table.ReadHeadsAsync(hour, generation,
            Slices.StartOf(slice.Number), Slices.StartOf(slice.Number + 1), cancellation), cancellation);
        return [.. heads.SelectMany(ofHour => ofHour).Select(head => head.Id)];
    }
}
