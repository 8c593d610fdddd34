using DuckDB.NET.Data;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// A key and type of attributes, and the values that came under it, each with its place as code. Rows have the codes.
/// </summary>
/// <param name="column">Index of the column that its values are in, and then it has no codes; -1 for none.</param>
sealed class AttributeKey(int id, string key, AttributeType type, int column)
{
    public int Id => id;

    public string Key => key;

    public AttributeType Type => type;

    public int Column => column;

    /// <summary>By code.</summary>
    public SharedList<AttributeValue> Values { get; } = new();

    /// <summary>
    /// By code: the rows that may have the value; null when they are many, or not known since they were stored before
    /// the start.
    /// </summary>
    public SharedList<SharedList<int>?> Rows { get; } = new();

    /// <summary>Whether some values have no code, but are in the rows as text.</summary>
    public bool HasTexts { get; set; }
}

/// <summary>
/// Which attributes a span has, in their order. Spans of one operation mostly have the same, so there are few shapes,
/// and one number tells all of a span's keys.
/// </summary>
sealed class Shape
{
    readonly int[] _places;

    public Shape(int id, AttributeKey[] keys)
    {
        Id = id;
        Keys = keys;
        Coded = [.. Enumerable.Range(0, keys.Length).Where(i => keys[i].Column < 0)];
        _places = new int[keys.Select(key => key.Column + 1).Append(0).Max()];
        Array.Fill(_places, -1);
        foreach (var (place, key) in keys.Index())
        {
            if (key.Column >= 0)
                _places[key.Column] = place;
        }
    }

    public int Id { get; }

    public AttributeKey[] Keys { get; }

    /// <summary>
    /// Places, among the keys, of those that are not in columns: the codes of a row are in this order.
    /// </summary>
    public int[] Coded { get; }

    /// <summary>Place, among the keys, of the one in a column; -1 for none.</summary>
    public int PlaceOf(int column) => column < _places.Length ? _places[column] : -1;

    /// <summary>Spans appended with it since the start; for the writer thread.</summary>
    public long Spans { get; set; }
}

/// <summary>The attributes that a partition's spans have, in memory: one thread adds, any reads.</summary>
sealed class Shapes
{
    /// <summary>
    /// The shape of spans whose keys are in the row itself, since there are too many shapes already: see <see
    /// cref="AttributeWriter"/>.
    /// </summary>
    public const int FreeForm = -1;

    /// <summary>By id.</summary>
    public SharedList<AttributeKey> Keys { get; } = new();

    /// <summary>By id.</summary>
    public SharedList<Shape> All { get; } = new();

    /// <summary>Whether some spans are in free form.</summary>
    public bool HasFreeForm { get; set; }

    /// <summary>The keys of this name that are not in columns.</summary>
    public IEnumerable<AttributeKey> Coded(string key) => Keys.All().Where(each => each.Column < 0 && each.Key == key);

    /// <summary>The shapes that have a key among their codes.</summary>
    public IEnumerable<int> With(AttributeKey key) => Places(key).Index().Where(each => each.Item > 0)
        .Select(each => each.Index);

    /// <summary>SQL for the code of a key in a row; NULL in rows of other shapes.</summary>
    /// <remarks>
    /// Where it is among the codes is looked up by the shape: a condition for each place takes four times as long.
    /// </remarks>
    public string CodeOf(AttributeKey key, SqlParameters parameters) =>
        $"codes[({parameters.Bind(Places(key))}::INTEGER[])[shape + 1]]";

    /// <summary>By shape: where its code is, from 1 on; 0 where there is none.</summary>
    List<int> Places(AttributeKey key) => [.. All.All().Select(shape =>
        shape is null ? 0 : Array.FindIndex(shape.Coded, place => shape.Keys[place] == key) + 1)];

    public static Shapes Read(DuckDBConnection connection, string database)
    {
        var shapes = new Shapes();
        shapes.ReadKeys(connection, database);
        shapes.ReadValues(connection, database);
        using var command = connection.Command($"SELECT id, key_ids FROM {Sql.Quote(database)}.shapes ORDER BY id");
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        while (row.Read())
        {
            var id = row.Next<int>();
            var keys = row.Next<List<int>>();
            if (id == FreeForm)
                shapes.HasFreeForm = true;
            else
                shapes.All.Set(id, new Shape(id, [.. keys.Select(key => shapes.Keys[key])]));
        }
        return shapes;
    }

    void ReadKeys(DuckDBConnection connection, string database)
    {
        using var command = connection.Command(
            $"SELECT id, key, type, position, has_texts FROM {Sql.Quote(database)}.attribute_keys");
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        while (row.Read())
        {
            var (id, key, type) = (row.Next<int>(), row.Next<string>(), (AttributeType)row.Next<int>());
            var column = row.NextOrNull<int>() ?? -1;
            // told again when the first text comes
            var known = id < Keys.Count ? Keys[id] : null;
            if (known is null)
                Keys.Set(id, known = new AttributeKey(id, key, type, column));
            known.HasTexts |= row.Next<bool>();
        }
    }

    void ReadValues(DuckDBConnection connection, string database)
    {
        using var command = connection.Command(
            $"SELECT key_id, code, text, beside, rows FROM {Sql.Quote(database)}.attribute_values");
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        while (row.Read())
        {
            var key = Keys[row.Next<int>()];
            var code = row.Next<int>();
            key.Values.Set(code, AttributeText.Parse(row.Next<string>(), row.NextText()));
            key.Rows.Set(code, row.NextNumbers() is { } rows ? SharedList<int>.Of(rows) : null);
        }
    }
}
