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
            // one transaction, so that DuckDB writes what is full to the file at once, and none of it to a log
            connection.Execute("BEGIN TRANSACTION");
            try
            {
                var order = new SealedOrder(open.Tables!.Spans);
                CopySpans(connection, open.Tables.Spans, order);
                CopyValues(connection, open, order);
                foreach (var table in CopiedTables)
                {
                    connection.Execute($"""
                        INSERT INTO {Database}.{table}
                        SELECT * EXCLUDE (rowid) FROM {Sql.Quote(open.Database)}.{table}
                        """);
                }
                RecentBodies.Copy(connection, open.Database, Database);
                Schema.WriteMeta(connection, Database, "closed_ms", open.ClosedMillis ?? open.CreatedMillis);
                connection.Execute("COMMIT");
            }
            catch
            {
                connection.TryRollback();
                throw;
            }
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
            Schema.Fold(connection, database);
            connection.Execute($"CHECKPOINT {database}");
        }
        finally
        {
            connection.Execute($"DETACH {database}");
        }
    }

    static void CopySpans(DuckDBConnection connection, MemoryTable spans, SealedOrder order)
    {
        using var inOrder = new SealedSpans(spans, order);
        var scan = MemoryScan.Add(inOrder);
        try
        {
            // one thread reads them, so that they come in their order
            connection.Execute(
                $"INSERT INTO {Database}.spans SELECT * EXCLUDE (rowid) FROM {MemoryScan.Relation(scan)}");
        }
        finally
        {
            MemoryScan.Remove(scan);
        }
    }

    /// <summary>The values that have codes; rare ones with their rows.</summary>
    static void CopyValues(DuckDBConnection connection, Partition open, SealedOrder order)
    {
        var values = open.Tables!["attribute_values"];
        var places = order.Places();
        using var copies = new TableAppender(connection, Database, values.Name);
        for (var i = 0; i < values.Published; i++)
        {
            var row = new MemoryRow(values, i);
            var (keyId, code) = (row.Next<int>(), row.Next<int>());
            copies.Append(keyId);
            copies.Append(code);
            copies.Append(row.NextText()!);
            if (row.NextText() is { } beside)
                copies.Append(beside);
            else
                copies.AppendNull();
            // what was noted of transactions that failed is none of them
            var noted = open.Contents.Shapes.Keys[keyId].Rows[code]?.All() ?? [];
            int[] rows = [.. noted.Where(each => each < places.Length)];
            if (rows.Length == 0)
            {
                copies.AppendNull();
            }
            else
            {
                copies.BeginList(rows.Length);
                foreach (var each in rows)
                    copies.AppendElement(places[each]);
            }
            copies.EndRow();
        }
        copies.Flush();
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
