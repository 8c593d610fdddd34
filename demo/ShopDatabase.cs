using System.Data.Common;
using System.Diagnostics;
using Microsoft.Data.Sqlite;

namespace Tracing.Demo;

/// <summary>
/// A database through ADO.NET. SQLite's provider makes no activities of its own, as those of other databases do, so
/// that they are made here: an <see cref="ActivitySource"/> is all that code needs to be traced.
/// </summary>
sealed class ShopDatabase : IDisposable
{
    static readonly ActivitySource Source = new("Shop.Database");

    readonly string _name;
    readonly string _connectionString;

    // a database in memory lives as long as a connection to it
    readonly SqliteConnection _keeper;

    public ShopDatabase(string name)
    {
        _name = name;
        _connectionString = $"Data Source={name};Mode=Memory;Cache=Shared";
        _keeper = new SqliteConnection(_connectionString);
        _keeper.Open();
    }

    /// <param name="summary">The statement in short, which names the span, such as "SELECT article".</param>
    public async Task<T> QueryAsync<T>(
        string summary, string sql, object? parameter, Func<DbDataReader, Task<T>> read)
    {
        using var span = Source.StartActivity(summary, ActivityKind.Client);
        span?.SetTag("db.system.name", "sqlite");
        span?.SetTag("db.namespace", _name);
        span?.SetTag("db.query.summary", summary);
        span?.SetTag("db.query.text", sql);
        try
        {
            await using var connection = new SqliteConnection(_connectionString);
            await connection.OpenAsync();
            await using var command = connection.CreateCommand();
            command.CommandText = sql;
            if (parameter is not null)
                command.Parameters.AddWithValue("$p", parameter);
            await using var reader = await command.ExecuteReaderAsync();
            return await read(reader);
        }
        catch (SqliteException e)
        {
            span?.SetStatus(ActivityStatusCode.Error, e.Message);
            span?.AddException(e);
            throw;
        }
    }

    public void Fill(string sql)
    {
        using var command = _keeper.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    public void Dispose() => _keeper.Dispose();
}
