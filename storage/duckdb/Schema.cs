using System.Globalization;
using DuckDB.NET.Data;

namespace Tracing.Storage.DuckDb;

/// <summary>The tables of the file, and its format's version.</summary>
static class Schema
{
    /// <summary>Changes whenever an older server could misread the file.</summary>
    public const int Version = 1;

    // Text is stored as it came unless a comment says otherwise. Ids of resources and scopes: 0 for the empty one,
    // which has no row. Times: nanoseconds or milliseconds since 1970, as the suffix says.
    const string Tables = """
        CREATE TABLE spans (
            seq BIGINT,                 -- order stored
            trace_high UBIGINT,
            trace_low UBIGINT,
            span_id UBIGINT,
            parent_id UBIGINT,          -- 0: a root
            service VARCHAR,            -- lower case
            name VARCHAR,
            search_name VARCHAR,        -- name in lower case; NULL when name is
            kind INTEGER,
            start_ns UBIGINT,
            duration_ns BIGINT,         -- end minus start, wrapping: exact for any two, and smaller than an end
            status INTEGER,
            status_message VARCHAR,
            trace_state VARCHAR,
            flags UINTEGER,
            dropped_attributes UINTEGER,
            dropped_events UINTEGER,
            dropped_links UINTEGER,
            origin UTINYINT,            -- 0: OTLP, 1: Zipkin
            shared BOOLEAN,
            debug BOOLEAN,
            local_ipv4 VARCHAR,
            local_ipv6 VARCHAR,
            local_port USMALLINT,       -- NULL: no local endpoint; its service is the column service
            remote_service VARCHAR,     -- lower case; derived from attributes when remote_port is NULL
            remote_ipv4 VARCHAR,
            remote_ipv6 VARCHAR,
            remote_port USMALLINT,      -- NULL: no remote endpoint
            attributes MAP(VARCHAR, VARCHAR),  -- values as in AttributeText
            attributes_beside VARCHAR[],       -- values that have no exact text; NULL when there are none
            event_names VARCHAR[],      -- for search; NULL when there are no events
            events BLOB,                -- events and links; NULL when there are none
            resource_id INTEGER,
            scope_id INTEGER
        );
        CREATE TABLE resources (id INTEGER, content BLOB);
        CREATE TABLE scopes (id INTEGER, content BLOB);
        CREATE TABLE bodies (hash_high UBIGINT, hash_low UBIGINT, stored_ms BIGINT);
        CREATE TABLE span_names (service VARCHAR, name VARCHAR);        -- an empty name: the service alone
        CREATE TABLE remote_services (service VARCHAR, remote_service VARCHAR);
        CREATE TABLE tag_values (key VARCHAR, value VARCHAR);
        CREATE TABLE meta (key VARCHAR PRIMARY KEY, value VARCHAR);
        """;

    /// <summary>Makes the tables in a new file; refuses a file of a newer version.</summary>
    /// <exception cref="StoreUnusableException">The file is of a newer version or not a store.</exception>
    public static void Prepare(DuckDBConnection connection, string file)
    {
        var hasMeta = connection.Scalar("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'meta'");
        if (Convert.ToInt64(hasMeta, CultureInfo.InvariantCulture) == 0)
        {
            Create(connection);
            return;
        }
        var text = connection.Scalar("SELECT value FROM meta WHERE key = 'format_version'") as string;
        if (!int.TryParse(text, CultureInfo.InvariantCulture, out var found))
            throw new StoreUnusableException($"{file} is not a store of spans: its format version is \"{text}\".");
        if (found > Version)
        {
            throw new StoreUnusableException($"{file} has format version {found}, but this server supports up to " +
                $"{Version}. Start the newer server that wrote it, or choose another folder.");
        }
    }

    // in one transaction, so that a crash leaves no half of it
    static void Create(DuckDBConnection connection)
    {
        connection.Execute("BEGIN TRANSACTION");
        connection.Execute(Tables);
        connection.Execute("INSERT INTO meta VALUES ('format_version', $1)",
            Version.ToString(CultureInfo.InvariantCulture));
        connection.Execute("COMMIT");
    }
}
