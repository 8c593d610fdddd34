namespace Tracing.Storage.Engine;

/// <summary>
/// What is counted and not in the rows yet: that of the groups after some marks up to others, in memory, until it is
/// flushed. Who reads or adds holds the gate of the counts.
/// </summary>
/// <param name="number">Of the flush that it becomes.</param>
/// <param name="from">Up to which group of each writer those before have counted.</param>
/// <param name="since">A timestamp.</param>
sealed class PendingCounts(long number, IReadOnlyDictionary<long, long> from, SpanStatistics counts, long since)
{
    /// <summary>It is looked again how much memory the counts take after so many spans.</summary>
    const int WeighEvery = 10_000;

    int _unweighed;

    public long Number => number;

    public IReadOnlyDictionary<long, long> From => from;

    public long Since => since;

    public SpanStatistics Counts => counts;

    /// <summary>Up to which group of each writer it counts.</summary>
    public Dictionary<long, long> To { get; } = new(from);

    /// <summary>The minutes of writers that it has groups of.</summary>
    public HashSet<(long Writer, long Slot)> Slots { get; } = [];

    /// <summary>Whether there is nothing to be flushed.</summary>
    public bool IsEmpty => Slots.Count == 0 && counts.IsEmpty;

    /// <summary>What it takes, roughly.</summary>
    public long Bytes { get; private set; }

    public void Counted(CommittedGroup group)
    {
        To[group.Writer] = group.Stored;
        Slots.Add((group.Writer, Rows.SlotOf(group.Stored)));
        if ((_unweighed += group.Spans.Count) < WeighEvery)
            return;
        _unweighed = 0;
        Bytes = counts.CountBytes();
    }
}
