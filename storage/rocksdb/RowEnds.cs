using Tracing.Storage.Tables;

namespace Tracing.Storage.RocksDb;

/// <summary>How much room spans may take, and how long they live if that is enough.</summary>
/// <param name="MaxBytes">Of the folder; 0 for no bound.</param>
/// <param name="Retention">Of the rows of spans, from when they were written on.</param>
/// <param name="CommitRetention">Of the rows that say which of them are stored.</param>
readonly record struct SizeBound(long MaxBytes, TimeSpan Retention, TimeSpan CommitRetention);

/// <summary>
/// When rows are over: at their end, or before, where spans take too much room. All that belongs to spans that were
/// stored at one time goes at one time: data, heads, pointers and commits.
/// </summary>
sealed class RowEnds(SizeBound bound) : IDisposable
{
    readonly ExpiryFilter _spans = new();
    readonly ExpiryFilter _commits = new();
    readonly ExpiryFilter _others = new();
    uint _cut;

    /// <summary>Rows of spans that end by then are over; 0 for none.</summary>
    public uint Cut
    {
        get => Volatile.Read(ref _cut);
        set => Volatile.Write(ref _cut, value);
    }

    /// <summary>Of compaction, which leaves out what is over.</summary>
    public ExpiryFilter FilterOf(Table table) => table switch
    {
        Table.BlockData or Table.KeptData or Table.Blocks or Table.Summaries or Table.Traces => _spans,
        Table.Commits => _commits,
        _ => _others,
    };

    /// <summary>Rows of a table that end by this time are over.</summary>
    /// <param name="now">As <see cref="ExpiryFilter.SecondsOf"/> has it.</param>
    public uint Of(Table table, uint now)
    {
        var cut = Cut;
        if (cut == 0)
            return now;
        return table switch
        {
            Table.BlockData or Table.KeptData or Table.Blocks or Table.Summaries or Table.Traces => Math.Max(now, cut),
            Table.Commits => Math.Max(
                now, cut + (uint)Math.Ceiling((bound.CommitRetention - bound.Retention).TotalSeconds)),
            _ => now,
        };
    }

    /// <summary>Tells compaction what is over by now.</summary>
    public void Set(uint now)
    {
        foreach (var table in (ReadOnlySpan<Table>)[Table.Blocks, Table.Commits, Table.State])
            FilterOf(table).Now = Of(table, now);
    }

    public void Dispose()
    {
        _spans.Dispose();
        _commits.Dispose();
        _others.Dispose();
    }
}
