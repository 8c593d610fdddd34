using DuckDB.NET.Data;

namespace Tracing.Storage.DuckDb;

/// <summary>Writes the sealed form of a partition.</summary>
static class SealedCopy
{
    const string Database = "sealing";

    static readonly string[] CopiedTables =
        ["resources", "scopes", "span_names", "remote_services", "tag_values"];

    /// <summary>Writes a whole new file and closes it.</summary>
    public static void Write(DuckDBConnection connection, Partition open, string file)
    {
        StoreFolder.Attach(connection, file, Database);
        try
        {
            Schema.Create(connection, Database, open.Layout, open.CreatedMillis);
            connection.Execute($"INSERT INTO {Database}.spans FROM {open.Spans} ORDER BY trace_low, trace_high, rowid");
            foreach (var table in CopiedTables)
                connection.Execute($"INSERT INTO {Database}.{table} FROM {Sql.Quote(open.Database)}.{table}");
            RecentBodies.Copy(connection, open.Database, Database);
            WriteFilter(connection);
            WriteRange(connection);
            connection.Execute($"CHECKPOINT {Database}");
        }
        finally
        {
            connection.Execute($"DETACH {Database}");
        }
    }

    static void WriteFilter(DuckDBConnection connection)
    {
        var traces = new List<ulong>();
        using (var command = connection.Command($"SELECT DISTINCT trace_low FROM {Database}.spans"))
        using (var reader = command.ExecuteReader())
        {
            while (reader.Read())
                traces.Add(reader.GetFieldValue<ulong>(0));
        }
        var filter = TraceFilter.For(traces.Count);
        traces.ForEach(filter.Add);
        connection.Execute($"INSERT INTO {Database}.trace_filter VALUES ($1)", filter.AsBytes().ToArray());
    }

    static void WriteRange(DuckDBConnection connection)
    {
        var (spans, min, max) = Partition.ReadRange(connection, Database);
        Schema.WriteMeta(connection, Database, "spans", spans);
        Schema.WriteMeta(connection, Database, "min_start_ns", min);
        Schema.WriteMeta(connection, Database, "max_start_ns", max);
    }
}
