using Tracing.Storage.TraceQl;

namespace Tracing.Storage.DuckDb;

/// <summary>Comparisons of a column or an expression with a value of a query.</summary>
static class SqlValues
{
    /// <summary>Up to it, every integer is a double.</summary>
    const long MaxExact = 1L << 53;

    public static SqlCondition CompareText(SqlParameters parameters, string column, Operator @operator, string text) =>
        SqlCondition.Exactly($"{column} {Symbol(@operator)} {parameters.BindText(text)}");

    /// <summary>DuckDB's own expressions are RE2's.</summary>
    public static SqlCondition Match(SqlParameters parameters, string column, Operator @operator, Pattern pattern)
    {
        if (!pattern.IsPlain)
            return SqlCondition.Unknown;
        // s: the dot matches line breaks too
        var condition = SqlCondition.Exactly(
            $"regexp_full_match({column}, {parameters.BindText(pattern.Source)}, 's')");
        return @operator == Operator.Matches ? condition : condition.Negated();
    }

    public static SqlCondition CompareInteger(
        SqlParameters parameters, string integer, Operator @operator, Value value)
    {
        if (value.Form == ValueForm.Int)
            return SqlCondition.Exactly($"{integer} {Symbol(@operator)} {parameters.Bind(value.Int)}");
        return Math.Abs(value.Float) < MaxExact
            ? SqlCondition.Exactly($"CAST({integer} AS DOUBLE) {Symbol(@operator)} {parameters.Bind(value.Float)}")
            : SqlCondition.Unknown;
    }

    public static SqlCondition CompareReal(SqlParameters parameters, string real, Operator @operator, Value value)
    {
        if (double.IsNaN(value.AsDouble) || (value.Form == ValueForm.Int && Int128.Abs(value.Int) > MaxExact))
            return SqlCondition.Unknown;
        var comparison = $"{real} {Symbol(@operator)} {parameters.Bind(value.AsDouble)}";
        // to DuckDB, NaN is greater than all else
        return SqlCondition.Exactly(@operator is Operator.Greater or Operator.GreaterOrEqual
            ? $"{comparison} AND NOT isnan({real})"
            : comparison);
    }

    public static string Symbol(Operator @operator) => @operator switch
    {
        Operator.Equal => "=",
        Operator.NotEqual => "<>",
        Operator.Less => "<",
        Operator.LessOrEqual => "<=",
        Operator.Greater => ">",
        Operator.GreaterOrEqual => ">=",
        _ => throw new ArgumentOutOfRangeException(nameof(@operator), @operator, "is no comparison by order"),
    };

    /// <summary>The operator with its sides exchanged.</summary>
    public static Operator Reversed(Operator @operator) => @operator switch
    {
        Operator.Less => Operator.Greater,
        Operator.LessOrEqual => Operator.GreaterOrEqual,
        Operator.Greater => Operator.Less,
        Operator.GreaterOrEqual => Operator.LessOrEqual,
        _ => @operator,
    };
}
