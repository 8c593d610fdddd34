using Tracing.Model;

namespace Tracing.Storage.TraceQl;

/// <summary>Makes nodes of operands whose types fit, and says what does not fit of others.</summary>
static class Checks
{
    public static Expression Condition(Expression operand, int column) => operand.IsBoolean
        ? operand
        : throw Expected("a condition", operand, column);

    public static Expression Negative(Expression operand, int column)
    {
        if (!operand.IsNumeric)
            throw Expected("a number after '-'", operand, column);
        return Fold(new Negative(operand));
    }

    public static Expression Not(Expression operand, int column)
    {
        if (!operand.IsBoolean)
            throw Expected("a condition after '!'", operand, column);
        return operand.Type == ValueType.Attribute ? new Inverse(operand) : new Complement(operand);
    }

    public static Expression Binary(
        Token token, Expression left, int leftColumn, Expression right, int rightColumn)
    {
        switch (token.Operator)
        {
            case Operator.Add or Operator.Subtract or Operator.Multiply or Operator.Divide or Operator.Remainder or
                Operator.Power:
                if (!left.IsNumeric)
                    throw Expected($"a number before {token}", left, leftColumn);
                if (!right.IsNumeric)
                    throw Expected($"a number after {token}", right, rightColumn);
                return Fold(new Arithmetic(token.Operator, left, right));
            case Operator.Matches or Operator.NotMatches:
                return Matching(token, left, leftColumn, right, rightColumn);
        }
        if (left.Type == ValueType.Nil || right.Type == ValueType.Nil)
        {
            return left.Type == ValueType.Nil
                ? Presence(token, right, rightColumn)
                : Presence(token, left, leftColumn);
        }
        if (!AreComparable(left.Type, right.Type))
        {
            throw new TraceQlException(rightColumn, $"a value of type {Parser.Name(left.Type)} does not compare with " +
                $"one of type {Parser.Name(right.Type)}");
        }
        if (token.Operator is not (Operator.Equal or Operator.NotEqual))
        {
            CheckHasOrder(token, left, leftColumn);
            CheckHasOrder(token, right, rightColumn);
        }
        return new Comparison(token.Operator, WithId(left, right), WithId(right, left), null);
    }

    static Comparison Matching(Token token, Expression left, int leftColumn, Expression right, int rightColumn)
    {
        if (left.Type is not (ValueType.String or ValueType.Attribute))
            throw Expected($"a text before {token}", left, leftColumn);
        if (right is not Literal { Type: ValueType.String } pattern)
            throw Expected($"a regular expression in quotes after {token}", right, rightColumn);
        return new Comparison(token.Operator, left, right, RegexTranslator.Translate(pattern.Value.Text, rightColumn));
    }

    /// <summary>Most fields are always there: to ask whether they are is a slip, unless the answer is yes.</summary>
    static Expression Presence(Token token, Expression operand, int column)
    {
        var isPresent = token.Operator == Operator.NotEqual;
        if (!isPresent && token.Operator != Operator.Equal)
            throw new TraceQlException(token.Column, $"expected '=' or '!=' for nil, but found {token}");
        switch (operand)
        {
            case Literal { Type: ValueType.Nil }:
                return new Literal(Value.Of(!isPresent), ValueType.Bool);
            case FieldReference { Field: var field } when !isPresent && !Fields.MayBeMissing(field):
                throw new TraceQlException(column, "a field cannot be nil");
            case AttributeReference { Scope: AttributeScope.Resource, Name: "service.name", OfParent: false }
                when !isPresent:
                throw new TraceQlException(column, "resource.service.name cannot be nil");
            case AttributeReference or FieldReference:
                return new Presence(operand, isPresent);
            default:
                throw Expected("an attribute to compare with nil", operand, column);
        }
    }

    static bool AreComparable(ValueType left, ValueType right) => left == right ||
        left == ValueType.Attribute || right == ValueType.Attribute || (IsNumber(left) && IsNumber(right));

    static bool IsNumber(ValueType type) => type is ValueType.Int or ValueType.Float or ValueType.Duration;

    static void CheckHasOrder(Token token, Expression operand, int column)
    {
        if (operand.Type is ValueType.Bool or ValueType.Status or ValueType.Kind)
            throw Expected($"a number or a text beside {token}", operand, column);
    }

    /// <summary>An id to compare with is brought to the form that ids have here: lower case, all digits.</summary>
    static Expression WithId(Expression operand, Expression other)
    {
        if (operand is not Literal { Type: ValueType.String } literal ||
            other is not FieldReference { Field: var field })
        {
            return operand;
        }
        var text = literal.Value.Text;
        return Fields.IdDigits(field) switch
        {
            32 when TraceId.TryParse(text, out var id) => literal with { Value = Value.Of(id.ToString()) },
            16 when SpanId.TryParse(text, out var id) => literal with { Value = Value.Of(id.ToString()) },
            _ => literal,
        };
    }

    /// <summary>What reads no span is computed once.</summary>
    static Expression Fold(Expression expression)
    {
        var isConstant = expression switch
        {
            Negative { Operand: Literal } => true,
            Arithmetic { Left: Literal, Right: Literal } => true,
            _ => false,
        };
        if (!isConstant)
            return expression;
        var value = new Evaluator(null, null).Evaluate(expression);
        return value.Form switch
        {
            ValueForm.Int => new Literal(value, expression.Type == ValueType.Float ? ValueType.Int : expression.Type),
            ValueForm.Float => new Literal(value, ValueType.Float),
            _ => expression,
        };
    }

    static TraceQlException Expected(string what, Expression found, int column) =>
        new(column, $"expected {what}, but found a value of type {Parser.Name(found.Type)}");
}
