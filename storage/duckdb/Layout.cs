using System.Globalization;
using System.Text;
using DuckDB.NET.Data;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>A column for the attributes of one key and type.</summary>
/// <param name="Type">String, Bool, Int or Double.</param>
/// <param name="Name">Name of the column, not quoted.</param>
sealed record AttributeColumn(string Key, AttributeType Type, string Name)
{
    public string SqlType => Type switch
    {
        AttributeType.String => "VARCHAR",
        AttributeType.Bool => "BOOLEAN",
        AttributeType.Int => "BIGINT",
        AttributeType.Double => "DOUBLE",
        _ => throw new InvalidDataException($"There are no columns of the attribute type {Type}."),
    };

    /// <summary>The name as it stands in SQL.</summary>
    public string Quoted => Sql.Quote(Name);
}

/// <summary>
/// Which attributes of a partition's spans have columns of their own; all others have codes. It stays as it is for
/// the life of the partition, also through its sealing. A key may have columns of several types, and an attribute of
/// a type that its key has no column for has a code.
/// </summary>
sealed class Layout
{
    /// <summary>Beyond so many a row costs more to append than its attributes do as codes.</summary>
    public const int MaxColumns = 64;

    /// <summary>Longest key in UTF-8 bytes, as it becomes part of the column's name.</summary>
    const int MaxKeyBytes = 200;

    readonly Dictionary<(string Key, AttributeType Type), int> _indexes = [];

    Layout(IEnumerable<AttributeColumn> columns)
    {
        Columns = [.. columns];
        for (var i = 0; i < Columns.Length; i++)
            _indexes.Add((Columns[i].Key, Columns[i].Type), i);
    }

    /// <summary>No columns.</summary>
    public static Layout Empty { get; } = new([]);

    public AttributeColumn[] Columns { get; }

    /// <summary>Columns for these, which must be distinct and <see cref="IsPossible"/>, in their order.</summary>
    public static Layout Of(IEnumerable<(string Key, AttributeType Type)> attributes) =>
        // the number makes names distinct, as DuckDB compares them without case
        new(attributes.Select((each, i) => new AttributeColumn(each.Key, each.Type,
            string.Create(CultureInfo.InvariantCulture, $"a{i}:{each.Key}"))));

    /// <summary>With these columns, as they were made before.</summary>
    public static Layout Of(IEnumerable<AttributeColumn> columns) => new(columns);

    /// <summary>Whether attributes of this key and type can have a column.</summary>
    public static bool IsPossible(string key, AttributeType type) =>
        type is AttributeType.String or AttributeType.Bool or AttributeType.Int or AttributeType.Double &&
        key.Length <= MaxKeyBytes && Encoding.UTF8.GetByteCount(key) <= MaxKeyBytes &&
        !key.Contains('\0', StringComparison.Ordinal) && !key.AsSpan().ContainsAnyInRange('\ud800', '\udfff');

    /// <summary>
    /// Whether a column of the value's type keeps it exactly and is searched exactly: -0 equals 0 to DuckDB, and NaN
    /// loses its bits when text.
    /// </summary>
    public static bool Keeps(AttributeValue value) => value.Type switch
    {
        AttributeType.String or AttributeType.Bool or AttributeType.Int => true,
        AttributeType.Double => double.IsFinite(value.AsDouble()) &&
            BitConverter.DoubleToInt64Bits(value.AsDouble()) != BitConverter.DoubleToInt64Bits(-0.0),
        _ => false,
    };

    /// <summary>Index of the column for attributes of this key and type; -1 for none.</summary>
    public int IndexOf(string key, AttributeType type) => _indexes.GetValueOrDefault((key, type), -1);

    /// <summary>The columns of a key, one for each type that has any.</summary>
    public IEnumerable<AttributeColumn> Of(string key) => Columns.Where(column => column.Key == key);

    public static Layout Read(DuckDBConnection connection, string database)
    {
        using var command = connection.Command(
            $"SELECT key, type, name FROM {Sql.Quote(database)}.columns ORDER BY position");
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        var columns = new List<AttributeColumn>();
        while (row.Read())
            columns.Add(new AttributeColumn(row.Next<string>(), (AttributeType)row.Next<int>(), row.Next<string>()));
        return new Layout(columns);
    }

    public void Write(DuckDBConnection connection, string database)
    {
        for (var i = 0; i < Columns.Length; i++)
        {
            connection.Execute($"INSERT INTO {Sql.Quote(database)}.columns VALUES ($1, decode($2), $3, decode($4))",
                i, Columns[i].Key.ToParameter(), (int)Columns[i].Type, Columns[i].Name.ToParameter());
        }
    }
}

/// <summary>Layouts are equal when they have the same columns in the same order.</summary>
sealed class LayoutComparer : IEqualityComparer<Layout>
{
    public static LayoutComparer Instance { get; } = new();

    public bool Equals(Layout? x, Layout? y) => x is not null && y is not null && x.Columns.SequenceEqual(y.Columns);

    public int GetHashCode(Layout layout) => layout.Columns.Length;
}
