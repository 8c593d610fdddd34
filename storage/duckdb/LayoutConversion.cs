using System.Globalization;
using DuckDB.NET.Data;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Gives the spans of a sealed partition another layout, shapes and codes: reads them as spans, which is slow but
/// exact, and appends them to a temporary table. Ids of resources and scopes stay those of the partition.
/// </summary>
sealed class LayoutConversion(
    DuckDBConnection connection, Partition partition, AttributeWriter attributes, int source, bool isThinned)
{
    /// <summary>Rows that are read at once: they are objects in memory.</summary>
    public const int RangeRows = 20_000;

    readonly string _table = string.Create(CultureInfo.InvariantCulture, $"converted_{source}");
    readonly string _rows = string.Create(CultureInfo.InvariantCulture, $"converted_rows_{source}");

    /// <param name="like">A table of spans of a merged partition in the new layout.</param>
    public void Create(string like) => connection.Execute($"""
        CREATE TEMP TABLE {_table} AS SELECT * EXCLUDE (seq, parent_distance, kept, weight) FROM {like} LIMIT 0;
        CREATE TEMP TABLE {_rows} (source_row BIGINT);
        """);

    /// <summary>Converts the spans of a range that are kept.</summary>
    /// <param name="range">Condition on trace_low; each is above the one before.</param>
    public void Convert(string range)
    {
        var kept = isThinned ? $"AND trace_low IN (SELECT trace_low FROM {TraceJudge.Kept})" : "";
        using var table = new TableAppender(connection, "temp", _table);
        using var rows = new TableAppender(connection, "temp", _rows);
        // parents are left to the merge, which looks at the partition for them
        using (var command = connection.Command($"""
            SELECT rowid, resource_id, scope_id, {SpanTable.Marks}, {SpanTable.Columns(partition.Layout)}
            FROM {partition.Spans} WHERE {range} {kept} ORDER BY rowid
            """))
        using (var reader = command.ExecuteReader())
        {
            var row = new RowReader(reader);
            while (row.Read())
            {
                rows.Append(row.Next<long>());
                rows.EndRow();
                var (resource, scope, marks) = (row.Next<int>(), row.Next<int>(), (SpanMarks)row.Next<byte>());
                var span = SpanTable.Read(row, partition.Layout, partition.Contents);
                SpanTable.Append(table, 0, span, SearchNames.Of(span), resource, scope, attributes, marks);
            }
        }
        table.Flush();
        rows.Flush();
    }

    /// <summary>The converted spans, with the row of the partition as source_row.</summary>
    public string Relation =>
        // both tables have one row for each span, in the same order
        $"(SELECT rows.source_row, spans.* FROM {_table} AS spans JOIN {_rows} AS rows ON rows.rowid = spans.rowid)";
}
