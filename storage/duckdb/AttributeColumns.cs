using Tracing.Model;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// What SQL can say of the attributes of spans; the one place that knows in which columns they are. See
/// <see cref="AttributeText"/> for the letters before the values.
/// </summary>
sealed class AttributeColumns(SqlParameters parameters, Layout layout)
{
    public SqlCondition Has(string key) => SqlCondition.Any(
        [.. layout.Of(key).Select(column => column.Quoted).Append(InMap(key))
            .Select(IsThere)]);

    /// <summary>An attribute against a value of the query; arrays and the like are left open.</summary>
    public SqlCondition Compare(string key, Operator @operator, Value value, Pattern? pattern) => SqlCondition.Any(
        [.. layout.Of(key).Select(column => CompareColumn(column, @operator, value, pattern))
            .Append(CompareInMap(InMap(key), @operator, value, pattern))]);

    /// <summary>A column has values of one type; others of its key are in the MAP.</summary>
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

    SqlCondition CompareInMap(string column, Operator @operator, Value value, Pattern? pattern)
    {
        var condition = value.Form switch
        {
            ValueForm.Text when pattern is not null => SqlValues.Match(
                parameters, $"substr({column}, 2)", @operator, pattern) & OfType(column, 's'),
            ValueForm.Text => SqlValues.CompareText(parameters, column, @operator, "s" + value.Text) &
                OfType(column, 's'),
            ValueForm.Bool => CompareBool(column, @operator, value.Bool),
            ValueForm.Int or ValueForm.Float => CompareNumber(column, @operator, value),
            _ => SqlCondition.Never,
        };
        var beside = OfType(column, 't');
        return condition | new SqlCondition(beside.Over, SqlCondition.Never.Under);
    }

    string InMap(string key) => $"attributes[{parameters.BindText(key)}]";

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
}
