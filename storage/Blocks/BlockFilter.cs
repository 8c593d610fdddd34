using Tracing.Storage.TraceQl;

namespace Tracing.Storage.Blocks;

/// <summary>
/// A filter of TraceQL over the columns of blocks. What can be decided for each template, source or value of a block is
/// decided once for each of these; what is left is asked of the spans one by one.
/// </summary>
sealed class BlockFilter(SpanFilter filter)
{
    /// <summary>Whether a span tells by itself whether it fits; else other spans of its trace do.</summary>
    public bool IsExact { get; } = (filter.Root.Reads & Sources.Trace) == 0;

    /// <summary>The rows of a block that start within a window and may fit; if exact, those that do.</summary>
    /// <param name="end">Excluded.</param>
    public RowSet Find(SpanBlock block, ulong start, ulong end)
    {
        var rows = new BlockRows(block);
        var found = rows.StartingWithin(start, end);
        if (found.IsEmpty)
            return found;
        var isDecided = rows.Narrow(found, filter.Root);
        if (!isDecided && IsExact)
            Decide(block, found);
        return found;
    }

    /// <summary>Whether a block with this summary may have a span that fits.</summary>
    public bool MayMatch(BlockSummary summary) => SummaryFilter.MayMatch(summary, filter.Root);

    void Decide(SpanBlock block, RowSet found)
    {
        var cursor = new SpanCursor(block);
        var noTrace = new TraceFacts([]);
        foreach (var row in found)
        {
            if (!filter.Matches(cursor.Read(row), noTrace))
                found.Remove(row);
        }
    }
}
