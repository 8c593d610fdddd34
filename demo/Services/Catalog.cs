namespace Tracing.Demo.Services;

/// <summary>The articles: HTTP outside, a database within.</summary>
static class Catalog
{
    const int Articles = 2000;

    public sealed record Article(int Id, string Name, long Cents);

    public static void Map(WebApplication app)
    {
        var database = app.Services.GetRequiredService<ShopDatabase>();
        database.Fill($"""
            CREATE TABLE article (id INTEGER PRIMARY KEY, name TEXT NOT NULL, cents INTEGER NOT NULL);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {Articles})
            INSERT INTO article SELECT i, 'article ' || i, 100 + (i * 37) % 5000 FROM n;
            """);
        app.MapGet("/articles/{id:int}", async (int id) => await database.QueryAsync("SELECT article",
            "SELECT id, name, cents FROM article WHERE id = $p", id,
            async reader => await reader.ReadAsync()
                ? Results.Ok(new Article(reader.GetInt32(0), reader.GetString(1), reader.GetInt64(2)))
                : Results.NotFound()));
        app.MapGet("/articles", async (string q, Faults faults) => await database.QueryAsync("SELECT article",
            faults.IsOn(Faults.SlowQuery)
                ? "SELECT a.id, a.name, a.cents FROM article a WHERE (SELECT sum(b.cents) FROM article b WHERE " +
                    "b.name < a.name) > 0 AND a.name LIKE $p LIMIT 10"
                : "SELECT id, name, cents FROM article WHERE name LIKE $p LIMIT 10",
            $"%{q}%", async reader =>
            {
                var found = new List<Article>();
                while (await reader.ReadAsync())
                    found.Add(new Article(reader.GetInt32(0), reader.GetString(1), reader.GetInt64(2)));
                return found;
            }));
    }
}
