using Tracing.Storage.Tables;

namespace Tracing.Storage.Engine;

/// <summary>
/// The rows that blocks have: their data, by group; what is known of each, by the hour in which its spans start; and
/// pointers from traces, by the low halves of their ids. Blocks of what is kept of slices are beside the whole ones.
/// </summary>
sealed class BlockRows(ITables tables, EngineOptions options)
{
    /// <summary>All rows of blocks, which may be written in any order.</summary>
    public static IEnumerable<Row> Of(IReadOnlyList<EncodedBlock> blocks, TimeSpan timeToLive)
    {
        foreach (var (hour, head, data, lows) in blocks)
        {
            var key = head.Id.ToKey();
            yield return new(DataTable(head.Id.IsKept), head.Id.Group, head.Id.NumberKey, data, timeToLive);
            yield return new(Table.Blocks, Keys.Of(hour), key, head.ToValue(), timeToLive);
            foreach (var low in lows)
                yield return new(Table.Traces, Keys.Of((long)low), key, [], timeToLive);
        }
    }

    // it names the blocks of a day, the last of which stays a day longer than the first
    public Row OfHour(long hour) => new(
        Table.State, Rows.Partition(StateKind.Hours), Keys.Of(hour), [], options.Retention + Rows.Day);

    public async Task<byte[]?> ReadDataAsync(BlockId id, CancellationToken cancellation) =>
        (await tables.GetAsync(DataTable(id.IsKept), id.Group, id.NumberKey, cancellation))?.Value;

    /// <summary>The blocks that have spans which start within a range of nanoseconds, both ends included.</summary>
    /// <param name="withKept">Whether also those that are kept of slices.</param>
    public async Task<List<BlockHead>> ReadHeadsAsync(
        ulong first, ulong last, bool withKept, CancellationToken cancellation)
    {
        if (first > last)
            return [];
        var hours = await tables.ScanAsync(Table.State, Rows.Partition(StateKind.Hours),
            Keys.Of(Rows.HourOf(first)), Keys.Of(Rows.HourOf(last) + 1), true, cancellation: cancellation);
        var prefix = withKept ? null : Keys.After([BlockId.PrefixOf(false)]);
        var all = await Rows.ForAllAsync(hours,
            hour => ReadHeadsAsync(hour.Key, Keys.Empty, prefix, cancellation), cancellation);
        return [.. all.SelectMany(heads => heads).Where(head => head.MaxStart >= first && head.MinStart <= last)];
    }

    /// <summary>The blocks of what is kept of slices whose spans start in an hour.</summary>
    public Task<List<BlockHead>> ReadKeptHeadsAsync(long hour, CancellationToken cancellation) =>
        ReadHeadsAsync(Keys.Of(hour), [BlockId.PrefixOf(true)], null, cancellation);

    /// <summary>The blocks that have spans of traces with a low half of an id, in the order stored.</summary>
    public async Task<List<BlockId>> ReadTraceAsync(ulong low, CancellationToken cancellation)
    {
        var rows = await tables.ScanAsync(
            Table.Traces, Keys.Of((long)low), Keys.Empty, null, cancellation: cancellation);
        var ids = rows.ConvertAll(row => BlockId.Of(row.Key));
        // those that are kept come last
        ids.Sort();
        return ids;
    }

    /// <summary>Deletes the data of the whole blocks of a group.</summary>
    public Task DeleteDataAsync(BlockId ofGroup) =>
        tables.DeleteAsync(DataTable(isKept: false), ofGroup.Group, Keys.Empty, null);

    /// <summary>Forgets the whole blocks of an hour whose groups were begun within a time, its end excluded.</summary>
    public Task DeleteHeadsAsync(long hour, long fromStored, long toStored) => tables.DeleteAsync(
        Table.Blocks, Keys.Of(hour), Keys.OfKind(BlockId.PrefixOf(false), fromStored),
        Keys.OfKind(BlockId.PrefixOf(false), toStored));

    async Task<List<BlockHead>> ReadHeadsAsync(
        byte[] hour, byte[] from, byte[]? to, CancellationToken cancellation) =>
        (await tables.ScanAsync(Table.Blocks, hour, from, to, cancellation: cancellation)).ConvertAll(BlockHead.Of);

    static Table DataTable(bool isKept) => isKept ? Table.KeptData : Table.BlockData;
}
