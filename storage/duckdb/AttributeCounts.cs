using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Chooses the columns of the next partition by how often each attribute comes in the spans of the present one.
/// </summary>
static class AttributeCounts
{
    /// <summary>
    /// An attribute that so many of a hundred spans have gets a column. The load generator's spans, of 97 keys: with
    /// columns from 9 or 3 % on they take more bytes sealed and up to 40 % more CPU time than with 35 %, since a column
    /// takes some 4 bits of every row, and a code less than twice that of the rows that have it.
    /// </summary>
    const int MinPercent = 30;

    /// <summary>One that has a column loses it below this, so that layouts do not change with every whim.</summary>
    const int MinPercentToStay = 20;

    /// <summary>
    /// The layout for spans like those: the present one while its columns are still worth it and no other is. The
    /// columns of another come in the order in which spans mostly have their attributes.
    /// </summary>
    public static Layout Choose(Shapes shapes, Layout layout)
    {
        var counts = new Dictionary<(string Key, AttributeType Type), (long Spans, long Positions)>();
        long spans = 0;
        foreach (var shape in shapes.All.All().OfType<Shape>())
        {
            spans += shape.Spans;
            foreach (var (position, key) in shape.Keys.Index())
            {
                var (sum, positions) = counts.GetValueOrDefault((key.Key, key.Type));
                counts[(key.Key, key.Type)] = (sum + shape.Spans, positions + (position * shape.Spans));
            }
        }
        var wanted = counts
            .Where(each => each.Value.Spans > 0 && Layout.IsPossible(each.Key.Key, each.Key.Type) &&
                each.Value.Spans * 100 >= spans *
                    (layout.IndexOf(each.Key.Key, each.Key.Type) < 0 ? MinPercent : MinPercentToStay))
            .OrderByDescending(each => each.Value.Spans)
            .Take(Layout.MaxColumns)
            .ToList();
        return wanted.Count == layout.Columns.Length &&
            wanted.TrueForAll(each => layout.IndexOf(each.Key.Key, each.Key.Type) >= 0)
            ? layout
            : Layout.Of(wanted
                .OrderBy(each => (double)each.Value.Positions / each.Value.Spans)
                .ThenBy(each => each.Key.Key, StringComparer.Ordinal)
                .Select(each => each.Key));
    }
}
