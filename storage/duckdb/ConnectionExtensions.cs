using System.Text;
using DuckDB.NET.Data;

namespace Tracing.Storage.DuckDb;

static class ConnectionExtensions
{
    /// <summary>A command with its positional parameters bound.</summary>
    public static DuckDBCommand Command(
        this DuckDBConnection connection, string sql, params IReadOnlyList<object> parameters)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var parameter in parameters)
            command.Parameters.Add(new DuckDBParameter(parameter));
        return command;
    }

    public static void Execute(this DuckDBConnection connection, string sql, params IReadOnlyList<object> parameters)
    {
        using var command = connection.Command(sql, parameters);
        command.ExecuteNonQuery();
    }

    public static object? Scalar(this DuckDBConnection connection, string sql)
    {
        using var command = connection.Command(sql);
        return command.ExecuteScalar();
    }

    /// <summary>Ends the transaction after an error; a failed commit has done so already.</summary>
    public static void TryRollback(this DuckDBConnection connection)
    {
        try
        {
            connection.Execute("ROLLBACK");
        }
        catch (DuckDBException)
        {
            // there is nothing to roll back
        }
    }

    /// <summary>A text as parameter; to be used as decode($n), since DuckDB.NET cuts bound text at a NUL.</summary>
    public static byte[] ToParameter(this string text) => Encoding.UTF8.GetBytes(text);
}
