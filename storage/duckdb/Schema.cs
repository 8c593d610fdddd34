using System.Globalization;
using DuckDB.NET.Data;

namespace Tracing.Storage.DuckDb;

/// <summary>The tables of a partition, and its format's version.</summary>
static class Schema
{
    /// <summary>Changes whenever an older server could misread the file; 1 to 5 were never released.</summary>
    public const int Version = 6;

    // Text is stored as it came unless a comment says otherwise. Ids of resources and scopes: 0 for the empty one,
    // which has no row. Times: nanoseconds or milliseconds since 1970, as the suffix says.
    // Attributes are in AttributeWriter's form.
    // The order of the rows: in an open partition that in which they were stored; in a sealed one by the halves of
    // the trace's id, the low one first, then the same.
    const string Spans = """
            trace_high UBIGINT,
            trace_low UBIGINT,
            span_id UBIGINT,
            parent_id UBIGINT,          -- 0: a root; NULL in a sealed partition: see parent_distance
            service VARCHAR,            -- lower case
            name VARCHAR,
            search_name VARCHAR,        -- name in lower case if it is not ASCII, else NULL
            kind INTEGER,
            start_ns UBIGINT,
            duration_ns BIGINT,         -- end minus start, wrapping: exact for any two, and smaller than an end
            status INTEGER,
            status_message VARCHAR,     -- NULL when there is none
            flags UINTEGER,             -- rotated right by 8 bits, as the low ones are alike in most spans
            origin UTINYINT,            -- 0: OTLP, 1: Zipkin
            zipkin_flags UTINYINT,      -- 1: shared, 2: debug; of any span 4: it had come before,
                                        -- 8: and had not failed by then; NULL for none
            local_address VARCHAR,      -- as in SpanTable; NULL: no local endpoint; its service is the column service
            remote_service VARCHAR,     -- lower case; derived from attributes when remote_address is NULL
            remote_address VARCHAR,     -- NULL: no remote endpoint
            event_names VARCHAR[],      -- for search; NULL when there are no events
            rest BLOB,                  -- trace state, events, links and what was dropped; NULL when there are none
            resource_id INTEGER,
            scope_id INTEGER,
        """;

    // after the columns of the layout
    const string Attributes = """
            shape INTEGER,              -- which attributes in which order: key_ids of shapes
            codes INTEGER[],            -- of those without a column, in that order; NULL when there are none
            texts VARCHAR[],            -- values without a code, which is then -1 for the first of them, -2 and so on
            texts_beside VARCHAR[]      -- for values that have no exact text; NULL when there are none
        """;

    // of a sealed partition
    const string Places = """

            ,
            seq INTEGER,                -- its row while the partition was open, the order stored
            parent_distance INTEGER     -- how many rows before this one its parent is; 0: a root; NULL: see parent_id
        """;

    const string Merged = """

            ,
            kept UTINYINT,              -- why its trace is kept: KeptReason
            weight DOUBLE               -- how many stored spans it stands for
        """;

    // Places: of the spans in the order stored, those that are gone counted too.
    const string OthersOfMerged = """
        CREATE TABLE {0}.sources (number INTEGER, place BIGINT);  -- what it was made of, and the first place of each
        CREATE TABLE {0}.gone (trace_low UBIGINT);  -- traces that went, but may have spans in younger partitions
        """;

    const string OthersOf = """
        CREATE TABLE {0}.columns (position INTEGER, key VARCHAR, type INTEGER, name VARCHAR);  -- of attributes
        CREATE TABLE {0}.attribute_keys (id INTEGER, key VARCHAR, type INTEGER, position INTEGER, has_texts BOOLEAN);
        CREATE TABLE {0}.attribute_values (
            key_id INTEGER, code INTEGER, text VARCHAR, beside VARCHAR,
            rows INTEGER[]  -- if sealed: the rows of a rare value; NULL if they are many, or not known
        );
        CREATE TABLE {0}.shapes (id INTEGER, key_ids INTEGER[]);
        CREATE TABLE {0}.resources (id INTEGER, content BLOB);
        CREATE TABLE {0}.scopes (id INTEGER, content BLOB);
        CREATE TABLE {0}.counted (      -- SpanBatch.Counted, until the statistics have it
            level UTINYINT, service VARCHAR, operation VARCHAR, kind UTINYINT, is_error BOOLEAN, source UTINYINT,
            peer VARCHAR, peer_operation VARCHAR, side UTINYINT, minute BIGINT, latencies BLOB, is_estimated BOOLEAN
        );
        CREATE TABLE {0}.bodies (hash_high UBIGINT, hash_low UBIGINT, stored_ms BIGINT);
        CREATE TABLE {0}.span_names (service VARCHAR, name VARCHAR);        -- an empty name: the service alone
        CREATE TABLE {0}.remote_services (service VARCHAR, remote_service VARCHAR);
        CREATE TABLE {0}.tag_values (key VARCHAR, value VARCHAR);
        CREATE TABLE {0}.trace_filter (words BLOB);  -- as in TraceFilter; empty in an open partition
        CREATE TABLE {0}.meta (key VARCHAR, value VARCHAR);
        """;

    // those of few rows
    static readonly string[] Small =
    [
        "columns", "attribute_keys", "attribute_values", "shapes", "resources", "scopes", "counted", "bodies",
        "span_names", "remote_services", "tag_values", "trace_filter",
    ];

    /// <summary>Makes the tables in a new database, in one transaction, so that a crash leaves no half of it.</summary>
    /// <param name="form">Open, sealed or merged.</param>
    public static void Create(DuckDBConnection connection, string database, Layout layout, long createdMillis,
        PartitionForm form = PartitionForm.Open)
    {
        var quoted = Sql.Quote(database);
        var columns = string.Concat(layout.Columns.Select(column => $"{column.Quoted} {column.SqlType},\n"));
        connection.Execute("BEGIN TRANSACTION");
        try
        {
            var places = form == PartitionForm.Open ? "" : Places;
            var (merged, othersOfMerged) = form == PartitionForm.Merged ? (Merged, OthersOfMerged) : ("", "");
            connection.Execute(
                $"CREATE TABLE {quoted}.spans (\n{Spans}\n{columns}{Attributes}{places}{merged}\n);");
            connection.Execute((OthersOf + othersOfMerged).Replace("{0}", quoted, StringComparison.Ordinal));
            layout.Write(connection, database);
            WriteMeta(connection, database, "format_version", Version);
            WriteMeta(connection, database, "created_ms", createdMillis);
            connection.Execute("COMMIT");
        }
        catch
        {
            connection.TryRollback();
            throw;
        }
    }

    /// <summary>
    /// Makes one table, <c>contents</c>, of all those of few rows: one row, with a list of structs for each, which
    /// a view of its name shows as before. DuckDB gives each table blocks of its own: 2 bytes a span.
    /// </summary>
    public static void Fold(DuckDBConnection connection, string database)
    {
        var lists = Small.Select(table => $"(SELECT list(row) FROM {database}.{table} AS row) AS {table}");
        var views = Small.Select(table => $"""
            DROP TABLE {database}.{table};
            CREATE VIEW {database}.{table} AS SELECT unnest({table}, max_depth := 2) FROM contents;
            """);
        connection.Execute("BEGIN TRANSACTION");
        try
        {
            connection.Execute($"CREATE TABLE {database}.contents AS SELECT {string.Join(", ", lists)}");
            connection.Execute(string.Concat(views));
            connection.Execute("COMMIT");
        }
        catch
        {
            connection.TryRollback();
            throw;
        }
    }

    public static void WriteMeta(DuckDBConnection connection, string database, string key, Int128 value) =>
        connection.Execute($"INSERT INTO {Sql.Quote(database)}.meta VALUES ($1, $2)",
            key, value.ToString(CultureInfo.InvariantCulture));

    /// <summary>A value of the table meta; null when it is absent.</summary>
    public static string? ReadMeta(DuckDBConnection connection, string database, string key)
    {
        using var command = connection.Command($"SELECT value FROM {Sql.Quote(database)}.meta WHERE key = $1", key);
        return command.ExecuteScalar() as string;
    }

    /// <summary>Whether a database has the tables.</summary>
    public static bool IsCreated(DuckDBConnection connection, string database)
    {
        using var command = connection.Command(
            "SELECT count(*) FROM duckdb_tables() WHERE database_name = $1 AND table_name = 'meta'", database);
        return Convert.ToInt64(command.ExecuteScalar(), CultureInfo.InvariantCulture) > 0;
    }

    /// <exception cref="StoreUnusableException">The file is of another version, or not of a store.</exception>
    public static void CheckVersion(DuckDBConnection connection, string database, string file)
    {
        var text = IsCreated(connection, database) ? ReadMeta(connection, database, "format_version") : null;
        if (!int.TryParse(text, CultureInfo.InvariantCulture, out var found))
            throw new ForeignFileException($"{file} is not a store of spans: its format version is \"{text}\".");
        CheckVersion(found, file);
    }

    /// <inheritdoc cref="CheckVersion(DuckDBConnection, string, string)"/>
    public static void CheckVersion(int found, string file)
    {
        if (found < Version)
        {
            throw new StoreUnusableException($"{file} has format version {found}, which was never released and " +
                "cannot be read. Move it away, or choose another folder.");
        }
        if (found > Version)
        {
            throw new StoreUnusableException($"{file} has format version {found}, but this server supports up to " +
                $"{Version}. Start the newer server that wrote it, or choose another folder.");
        }
    }
}

/// <summary>A database that somebody else has put into the folder.</summary>
sealed class ForeignFileException(string message) : Exception(message);

/// <summary>What a partition's tables are made for.</summary>
enum PartitionForm
{
    /// <summary>To be appended to.</summary>
    Open,
    Sealed,
    Merged,
}
