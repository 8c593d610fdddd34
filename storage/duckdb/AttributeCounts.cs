using System.Runtime.InteropServices;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// How often each attribute comes in the spans of the append partition, from which the layout of the next is chosen.
/// Used by the writer thread only.
/// </summary>
sealed class AttributeCounts(Layout layout)
{
    /// <summary>
    /// An attribute that so many of a hundred spans have gets a column. The load generator's spans, of 97 keys: with
    /// columns from 9 or 3 % on they take 26 or 36 % more bytes sealed and up to 40 % more CPU time than with 35 %,
    /// since a column takes some 4 bits of every row, and an entry of the MAP some 18 bits of those that have it.
    /// </summary>
    const int MinPercent = 30;

    /// <summary>One that has a column loses it below this, so that layouts do not change with every whim.</summary>
    const int MinPercentToStay = 20;

    /// <summary>Distinct attributes that are counted; keys made up for each span must not fill the memory.</summary>
    const int MaxCounted = 10_000;

    readonly Dictionary<(string Key, AttributeType Type), Counted> _counts = [];

    /// <summary>Spans counted.</summary>
    public long Spans { get; set; }

    /// <summary>Counts an attribute; the index of its column in the layout, -1 for none.</summary>
    /// <param name="position">Its place among the span's attributes.</param>
    public int Add(string key, AttributeType type, int position)
    {
        // one look-up for both purposes
        ref var counted = ref CollectionsMarshal.GetValueRefOrNullRef(_counts, (key, type));
        if (System.Runtime.CompilerServices.Unsafe.IsNullRef(ref counted))
        {
            var column = layout.IndexOf(key, type);
            if (_counts.Count < MaxCounted)
                _counts.Add((key, type), new Counted { Column = column, Spans = 1, Positions = position });
            return column;
        }
        counted.Spans++;
        counted.Positions += position;
        return counted.Column;
    }

    /// <summary>
    /// The layout for spans like those counted: the present one while its columns are still worth it and no other is,
    /// as partitions of one layout are merged at less cost. The columns of another come in the order in which spans
    /// mostly have their attributes, so that few rows need to note theirs.
    /// </summary>
    public Layout Choose()
    {
        var wanted = _counts
            .Where(each => Layout.IsPossible(each.Key.Key, each.Key.Type) && each.Value.Spans * 100 >= Spans *
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

    struct Counted
    {
        public int Column;
        public long Spans;
        public long Positions;
    }
}
