namespace Tracing.Storage.DuckDb;

/// <summary>Names and texts within SQL; values are bound as parameters wherever DuckDB takes them.</summary>
static class Sql
{
    /// <summary>A name of a database, table or column.</summary>
    public static string Quote(string identifier) =>
        $"\"{identifier.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    /// <summary>A text where no parameter may stand, as the path in ATTACH.</summary>
    public static string Literal(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";
}
