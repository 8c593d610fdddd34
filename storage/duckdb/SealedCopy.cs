using DuckDB.NET.Data;

namespace Tracing.Storage.DuckDb;

/// <summary>Writes the sealed form of a partition.</summary>
static class SealedCopy
{
    const string Database = "sealing";

    /// <summary>With 64 a file is an eighth smaller than with 256, as less is half empty; with 16 far larger.</summary>
    const int BlockKiB = 64;

    static readonly string[] CopiedTables =
    [
        "attribute_keys", "shapes", "resources", "scopes", "span_names", "remote_services",
        "tag_values", "counted",
    ];

    /// <summary>Writes a whole new file and closes it.</summary>
    public static void Write(DuckDBConnection connection, Partition open, string file) =>
        Write(connection, Database, file, () =>
        {
            Schema.Create(connection, Database, open.Layout, open.CreatedMillis, PartitionForm.Sealed);
            CopySpans(connection, open);
            foreach (var table in CopiedTables)
                connection.Execute($"INSERT INTO {Database}.{table} FROM {Sql.Quote(open.Database)}.{table}");
            RecentBodies.Copy(connection, open.Database, Database);
            Schema.WriteMeta(connection, Database, "closed_ms", open.ClosedMillis ?? open.CreatedMillis);
        });

    /// <summary>Writes a whole new file, its filter and the range of its spans after what is to be in it.</summary>
    /// <param name="write">Makes the tables and fills them.</param>
    public static void Write(DuckDBConnection connection, string database, string file, Action write)
    {
        // of an attempt that could not even be ended
        connection.Execute($"DETACH DATABASE IF EXISTS {database}");
        StoreFolder.Attach(connection, file, database, BlockKiB);
        try
        {
            write();
            WriteFilter(connection, database);
            WriteRange(connection, database);
            connection.Execute($"CHECKPOINT {database}");
        }
        finally
        {
            connection.Execute($"DETACH {database}");
        }
    }

    // First where each row goes, and how far from it its parent then is: that takes 1 byte a span, the parent's id 8.
    static void CopySpans(DuckDBConnection connection, Partition open)
    {
        connection.Execute($"""
            CREATE OR REPLACE TEMP TABLE places AS
            SELECT rowid AS source, trace_low, trace_high, span_id, parent_id,
                row_number() OVER (ORDER BY trace_low, trace_high, rowid) AS place
            FROM {open.Spans}
            """);
        connection.Execute($"""
            INSERT INTO {Database}.spans
            SELECT span.* REPLACE (CASE WHEN parent.place IS NULL THEN span.parent_id END AS parent_id),
                span.rowid::INTEGER AS seq,
                (own.place - parent.place)::INTEGER AS parent_distance
            FROM {open.Spans} AS span
            JOIN places AS own ON own.source = span.rowid
            LEFT JOIN (SELECT trace_low, trace_high, span_id, min(place) AS place FROM places GROUP BY ALL) AS parent
                ON parent.trace_low = own.trace_low AND parent.trace_high = own.trace_high AND
                    parent.span_id = own.parent_id
            ORDER BY own.place
            """);
        CopyValues(connection, open);
        connection.Execute("DROP TABLE places");
    }

    static void CopyValues(DuckDBConnection connection, Partition open)
    {
        List<int> keys = [], codes = [], rows = [];
        foreach (var key in open.Contents.Shapes.Keys.All().OfType<AttributeKey>())
        {
            foreach (var (code, rowsOfValue) in key.Rows.All().Index())
            {
                foreach (var row in rowsOfValue?.All() ?? [])
                {
                    keys.Add(key.Id);
                    codes.Add(code);
                    rows.Add(row);
                }
            }
        }
        connection.Execute($"""
            INSERT INTO {Database}.attribute_values
            SELECT known.* REPLACE (rare.rows AS rows)
            FROM {Sql.Quote(open.Database)}.attribute_values AS known LEFT JOIN (
                SELECT key_id, code, list((place - 1)::INTEGER) AS rows FROM (
                    SELECT unnest($1::INTEGER[]) AS key_id, unnest($2::INTEGER[]) AS code,
                        unnest($3::INTEGER[]) AS source)
                JOIN places USING (source) GROUP BY ALL) AS rare
                ON rare.key_id = known.key_id AND rare.code = known.code
            """, keys, codes, rows);
    }

    static void WriteFilter(DuckDBConnection connection, string database)
    {
        var traces = new List<ulong>();
        using (var command = connection.Command($"SELECT DISTINCT trace_low FROM {database}.spans"))
        using (var reader = command.ExecuteReader())
        {
            while (reader.Read())
                traces.Add(reader.GetFieldValue<ulong>(0));
        }
        var filter = TraceFilter.For(traces.Count);
        traces.ForEach(filter.Add);
        connection.Execute($"INSERT INTO {database}.trace_filter VALUES ($1)", filter.AsBytes().ToArray());
    }

    static void WriteRange(DuckDBConnection connection, string database)
    {
        var (spans, min, max) = Partition.ReadRange(connection, database);
        Schema.WriteMeta(connection, database, "spans", spans);
        Schema.WriteMeta(connection, database, "min_start_ns", min);
        Schema.WriteMeta(connection, database, "max_start_ns", max);
    }
}
