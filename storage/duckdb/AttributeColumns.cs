using System.Globalization;
using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// What SQL can say of the attributes of a partition's spans; the one place that knows in which columns they are. Which
/// keys a span has is said by its shape. Values that have codes are few: conditions on them are decided here, once for
/// each.
/// </summary>
sealed class AttributeColumns(SqlParameters parameters, Partition partition)
{
    /// <summary>Beyond so many rows a list of them saves nothing.</summary>
    const int MaxRows = 500;

    readonly Shapes _shapes = partition.Contents.Shapes;

    // filters may ask for a key again and again
    readonly Dictionary<string, SqlCondition> _has = [];
    readonly Dictionary<string, AttributeKey[]> _coded = [];
    readonly Dictionary<AttributeKey, string> _codes = [];

    /// <summary>Whether a span has an attribute of this key.</summary>
    public SqlCondition Has(string key) => Cached(_has, key,
        wanted => OfShapes(shape => Array.Exists(shape.Keys, each => each.Key == wanted)) | HasInFreeForm(wanted));

    /// <summary>An attribute against a value of the query; arrays and the like are left open.</summary>
    public SqlCondition Compare(string key, Operator @operator, Value value, Pattern? pattern)
    {
        var literal = new Literal(value, Storage.TraceQl.ValueType.Attribute);
        var comparison = new Comparison(@operator, literal, literal, pattern);
        return SqlCondition.Any(
        [
            .. partition.Layout.Of(key).Select(column => CompareColumn(column, @operator, value, pattern)),
            .. Coded(key).Select(coded => OfCoded(
                coded, each => Comparisons.Holds(comparison, Value.Of(each), value),
                text => CompareText(coded.Type, text, @operator, value, pattern))),
            HasInFreeForm(key).AtMost(),
        ]);
    }

    /// <summary>Whether a span has an attribute of this key that is this text as a tag of Zipkin's; exact.</summary>
    public SqlCondition HasTag(string key, string tag)
    {
        var columns = partition.Layout.Of(key)
            .Select(column => (column.Quoted, Value: AttributeText.Parse(column.Type, tag)))
            .Where(column => column.Value is not null)
            .Select(column => SqlCondition.Exactly($"{column.Quoted} = {Bind(column.Value!)}"));
        var candidates = AttributeText.Candidates(tag);
        var coded = Coded(key).Select(each => OfCoded(
            each, value => ZipkinMapping.TagText(value) == tag,
            text => SqlCondition.Exactly($"{text} IN ({BindAll(candidates)})")));
        var prefix = AttributeWriter.KeyPrefix(key);
        var inFreeForm = !_shapes.HasFreeForm ? SqlCondition.Never : IsFreeForm & SqlCondition.Exactly(
            $"list_has_any(texts, [{BindAll(candidates.Select(text => text[0] + prefix + text[1..]))}])");
        return SqlCondition.Any([.. columns, .. coded, inFreeForm]);
    }

    static SqlCondition IsFreeForm => SqlCondition.Exactly(Invariant($"shape = {Shapes.FreeForm}"));

    SqlCondition HasInFreeForm(string key) => !_shapes.HasFreeForm ? SqlCondition.Never : IsFreeForm &
        SqlCondition.Exactly("len(list_filter(texts, lambda text : " +
            $"starts_with(substr(text, 2), {parameters.BindText(AttributeWriter.KeyPrefix(key))}))) > 0");

    /// <summary>Whether a span's shape is one of those.</summary>
    SqlCondition OfShapes(Func<Shape, bool> isWanted) =>
        In("shape", _shapes.All.All().OfType<Shape>().Where(isWanted).Select(shape => shape.Id));

    /// <param name="fits">Whether a value that has a code is wanted.</param>
    /// <param name="ofText">Whether a value that has none is, as SQL gives it: letter and text.</param>
    SqlCondition OfCoded(AttributeKey key, Func<AttributeValue, bool> fits, Func<string, SqlCondition> ofText)
    {
        var codes = new List<int>();
        for (var code = 0; code < key.Values.Count; code++)
        {
            if (fits(key.Values[code]))
                codes.Add(code);
        }
        var isAll = codes.Count == key.Values.Count;
        if (codes.Count == 0 && !key.HasTexts)
            return SqlCondition.Never;
        var rows = RowsOf(key, codes);
        // of a sealed partition just those; of another some may not be committed, and then be of other spans
        if (rows is { } exact && partition.IsSealed)
            return exact;
        var shapes = In("shape", _shapes.With(key));
        var column = Cached(_codes, key, wanted => _shapes.CodeOf(wanted, parameters));
        var values = isAll ? SqlCondition.Exactly($"{column} >= 0") : In(column, codes);
        if (key.HasTexts)
            values |= SqlCondition.Exactly($"{column} < 0") & ofText($"texts[-{column}]");
        return shapes & values & (rows ?? SqlCondition.Always);
    }

    /// <summary>Where values are rare, the rows that may have them, so that no others are read; else null.</summary>
    SqlCondition? RowsOf(AttributeKey key, List<int> codes)
    {
        if (key.HasTexts)
            return null;
        var rows = new List<int>();
        foreach (var code in codes)
        {
            if (key.Rows[code] is not { } ofValue || rows.Count > MaxRows)
                return null;
            rows.AddRange(ofValue.All());
        }
        // rows that are joined are found, where those of a list are compared with all
        return rows.Count < 2 ? In("rowid", rows) with { Rows = rows } : In("rowid", rows) with
        {
            Where = $"rowid IN (SELECT unnest({parameters.Bind(rows)}::INTEGER[]))",
            Rows = rows,
        };
    }

    static SqlCondition In(string column, IEnumerable<int> numbers)
    {
        var list = string.Join(", ", numbers.Select(number => Invariant($"{number}")));
        return list.Length == 0 ? SqlCondition.Never : SqlCondition.Exactly($"{column} IN ({list})");
    }

    /// <summary>A column has values of one type.</summary>
    SqlCondition CompareColumn(AttributeColumn column, Operator @operator, Value value, Pattern? pattern)
    {
        var name = column.Quoted;
        return (column.Type, value.Form) switch
        {
            (AttributeType.String, ValueForm.Text) when pattern is not null =>
                SqlValues.Match(parameters, name, @operator, pattern) & IsThere(name),
            (AttributeType.String, ValueForm.Text) =>
                SqlValues.CompareText(parameters, name, @operator, value.Text),
            (AttributeType.Bool, ValueForm.Bool) when @operator is Operator.Equal or Operator.NotEqual =>
                SqlCondition.Exactly($"{name} = {(value.Bool == (@operator == Operator.Equal) ? "true" : "false")}"),
            (AttributeType.Int, ValueForm.Int or ValueForm.Float) =>
                SqlValues.CompareInteger(parameters, name, @operator, value) & IsThere(name),
            (AttributeType.Double, ValueForm.Int or ValueForm.Float) =>
                SqlValues.CompareReal(parameters, name, @operator, value) & IsThere(name),
            _ => SqlCondition.Never,
        };
    }

    // a comparison that is left open or negated must not hold where there is no value
    static SqlCondition IsThere(string column) => SqlCondition.Exactly($"{column} IS NOT NULL");

    /// <summary>A value of a type as <see cref="AttributeText"/> writes it.</summary>
    SqlCondition CompareText(
        AttributeType type, string column, Operator @operator, Value value, Pattern? pattern)
    {
        switch (type, value.Form)
        {
            case (AttributeType.String, ValueForm.Text) when pattern is not null:
                return SqlValues.Match(parameters, $"substr({column}, 2)", @operator, pattern) & IsThere(column);
            case (AttributeType.String, ValueForm.Text):
                return SqlValues.CompareText(parameters, column, @operator, "s" + value.Text);
            case (AttributeType.Bool, ValueForm.Bool):
                return CompareBool(column, @operator, value.Bool);
            case (AttributeType.Int or AttributeType.Double, ValueForm.Int or ValueForm.Float):
                var beside = OfType(column, AttributeText.Beside);
                return CompareNumber(column, @operator, value) | beside.AtMost();
            case (AttributeType.Array, _):
                return SqlCondition.Unknown;
            default:
                return SqlCondition.Never;
        }
    }

    static SqlCondition OfType(string column, char type) => SqlCondition.Exactly($"starts_with({column}, '{type}')");

    static SqlCondition CompareBool(string column, Operator @operator, bool value) => @operator switch
    {
        Operator.Equal => SqlCondition.Exactly($"{column} = '{(value ? "btrue" : "bfalse")}'"),
        Operator.NotEqual => SqlCondition.Exactly($"{column} = '{(value ? "bfalse" : "btrue")}'"),
        _ => SqlCondition.Never,
    };

    SqlCondition CompareNumber(string column, Operator @operator, Value value)
    {
        var integer = $"TRY_CAST(substr({column}, 2) AS BIGINT)";
        var real = $"TRY_CAST(substr({column}, 2) AS DOUBLE)";
        return (OfType(column, 'i') & SqlValues.CompareInteger(parameters, integer, @operator, value)) |
            (OfType(column, 'd') & SqlValues.CompareReal(parameters, real, @operator, value));
    }

    AttributeKey[] Coded(string key) => Cached(_coded, key, wanted => [.. _shapes.Coded(wanted)]);

    static T Cached<TKey, T>(Dictionary<TKey, T> cache, TKey key, Func<TKey, T> make) where TKey : notnull
    {
        if (!cache.TryGetValue(key, out var known))
            cache.Add(key, known = make(key));
        return known;
    }

    string Bind(object value) => value is string text ? parameters.BindText(text) : parameters.Bind(value);

    string BindAll(IEnumerable<string> texts) => string.Join(", ", texts.Select(parameters.BindText));

    static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
