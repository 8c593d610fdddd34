using Tracing.Storage.Blocks;
using Tracing.Storage.Tables;

namespace Tracing.Storage.Engine;

/// <summary>
/// The rows that blocks have: their data, by group; what is known of each, by the hour in which its spans start;
/// pointers from traces, by the low halves of their ids; and, but of groups, a summary.
/// </summary>
sealed class BlockTable(ITables tables, EngineOptions options)
{
    /// <summary>All rows of the blocks of a group, which may be written in any order.</summary>
    public static IEnumerable<Row> Of(IReadOnlyList<BuiltBlock> blocks, BlockId ofGroup, TimeSpan timeToLive)
    {
        for (var number = 0; number < blocks.Count; number++)
        {
            var (block, id) = (blocks[number], ofGroup with { Number = number });
            var key = id.ToKey();
            yield return new(DataTable(id.Generation), id.Group, id.NumberKey, block.Bytes, timeToLive);
            yield return new(Table.Blocks, Keys.Of(block.Hour), key, BlockHead.Of(id, block).ToValue(), timeToLive);
            foreach (var low in block.Lows)
                yield return new(Table.Traces, Keys.Of((long)low), key, [], timeToLive);
            if (id.Generation != Generation.Group)
            {
                yield return new(Table.Summaries, id.Group, id.NumberKey,
                    BlockSummary.Of(new SpanBlock(block.Bytes)).ToBytes(), timeToLive);
            }
        }
    }

    // it names the blocks of a day, the last of which stays a day longer than the first
    public Row OfHour(long hour) => new(
        Table.State, Rows.Partition(StateKind.Hours), Keys.Of(hour), [], options.Retention + Rows.Day);

    public async Task<byte[]?> ReadDataAsync(BlockId id, CancellationToken cancellation) =>
        (await tables.GetAsync(DataTable(id.Generation), id.Group, id.NumberKey, cancellation))?.Value;

    /// <summary>Null where the block has none.</summary>
    public async Task<byte[]?> ReadSummaryAsync(BlockId id, CancellationToken cancellation) =>
        (await tables.GetAsync(Table.Summaries, id.Group, id.NumberKey, cancellation))?.Value;

    /// <summary>
    /// The blocks of all generations that have spans which start within a range of nanoseconds, both ends included.
    /// </summary>
    public async Task<List<BlockHead>> ReadHeadsAsync(ulong first, ulong last, CancellationToken cancellation)
    {
        if (first > last)
            return [];
        var hours = await tables.ScanAsync(Table.State, Rows.Partition(StateKind.Hours),
            Keys.Of(BlockBuilder.HourOf(first)), Keys.Of(BlockBuilder.HourOf(last) + 1), true,
            cancellation: cancellation);
        var all = await Rows.ForAllAsync(
            hours, hour => ReadHeadsAsync(hour.Key, Keys.Empty, null, cancellation), cancellation);
        return [.. all.SelectMany(heads => heads).Where(head => head.MaxStart >= first && head.MinStart <= last)];
    }

    /// <summary>The blocks of a generation whose spans start in an hour, and that were stored within a time.</summary>
    /// <param name="to">Excluded.</param>
    public Task<List<BlockHead>> ReadHeadsAsync(
        long hour, Generation generation, long from, long to, CancellationToken cancellation) => ReadHeadsAsync(
            Keys.Of(hour), Keys.OfKind((byte)generation, from), Keys.OfKind((byte)generation, to), cancellation);

    /// <summary>The blocks that have spans of traces with a low half of an id, in the order stored.</summary>
    public async Task<List<BlockId>> ReadTraceAsync(ulong low, CancellationToken cancellation)
    {
        var rows = await tables.ScanAsync(
            Table.Traces, Keys.Of((long)low), Keys.Empty, null, cancellation: cancellation);
        var ids = rows.ConvertAll(row => BlockId.Of(row.Key));
        ids.Sort();
        return ids;
    }

    /// <summary>Deletes the data of a block, its summary, and the pointers to it.</summary>
    public Task DeleteAsync(BlockId id, IEnumerable<ulong> lows, CancellationToken cancellation)
    {
        var key = id.ToKey();
        List<RowKey> rows = [new(DataTable(id.Generation), id.Group, id.NumberKey)];
        if (id.Generation != Generation.Group)
            rows.Add(new(Table.Summaries, id.Group, id.NumberKey));
        rows.AddRange(lows.Distinct().Select(low => new RowKey(Table.Traces, Keys.Of((long)low), key)));
        return tables.DeleteAsync(rows, cancellation);
    }

    /// <summary>Forgets the blocks of a generation in an hour that were stored within a time.</summary>
    /// <param name="to">Excluded.</param>
    public Task DeleteHeadsAsync(
        long hour, Generation generation, long from, long to, CancellationToken cancellation) => tables.DeleteAsync(
            Table.Blocks, Keys.Of(hour), Keys.OfKind((byte)generation, from), Keys.OfKind((byte)generation, to),
            cancellation);

    async Task<List<BlockHead>> ReadHeadsAsync(
        byte[] hour, byte[] from, byte[]? to, CancellationToken cancellation) =>
        (await tables.ScanAsync(Table.Blocks, hour, from, to, cancellation: cancellation)).ConvertAll(BlockHead.Of);

    // what groups write goes within the hour
    static Table DataTable(Generation generation) =>
        generation == Generation.Group ? Table.BlockData : Table.KeptData;
}
