namespace Tracing.Storage.TraceQl;

/// <summary>
/// Arithmetic. Integers stay integers, and division drops the fraction; where their range ends, floats take over.
/// Division of integers by zero yields nothing.
/// </summary>
static class Numbers
{
    public static Value Negate(Value value) => value.Form switch
    {
        ValueForm.Int when value.Int != long.MinValue => Value.Of(-value.Int),
        ValueForm.Int or ValueForm.Float => Value.Of(-value.AsDouble),
        ValueForm.Absent => value,
        _ => Value.Missing,
    };

    public static Value Compute(Operator @operator, Value left, Value right)
    {
        if (left.Form == ValueForm.Absent || right.Form == ValueForm.Absent)
            return Value.Absent;
        if (!left.IsNumber || !right.IsNumber)
            return Value.Missing;
        if (left.Form == ValueForm.Int && right.Form == ValueForm.Int)
        {
            if (right.Int == 0 && (@operator is Operator.Divide or Operator.Remainder))
                return Value.Missing;
            if (Compute(@operator, (Int128)left.Int, right.Int) is { } exact &&
                exact >= long.MinValue && exact <= long.MaxValue)
            {
                return Value.Of((long)exact);
            }
        }
        return Value.Of(Compute(@operator, left.AsDouble, right.AsDouble));
    }

    /// <summary>Null when one is NaN.</summary>
    public static int? Compare(Value left, Value right) => (left.Form, right.Form) switch
    {
        (ValueForm.Int, ValueForm.Int) => left.Int.CompareTo(right.Int),
        (ValueForm.Int, _) => Compare(left.Int, right.Float),
        (_, ValueForm.Int) => -Compare(right.Int, left.Float),
        _ when double.IsNaN(left.Float) || double.IsNaN(right.Float) => null,
        _ => left.Float < right.Float ? -1 : left.Float > right.Float ? 1 : 0,
    };

    /// <summary>Exactly, though not every integer is a double.</summary>
    static int? Compare(long integer, double real)
    {
        // 2^63, which is beyond every integer
        const double Beyond = 9223372036854775808.0;
        if (double.IsNaN(real))
            return null;
        if (real >= Beyond)
            return -1;
        if (real < -Beyond)
            return 1;
        var whole = (long)Math.Floor(real);
        return integer != whole ? integer.CompareTo(whole) : real > whole ? -1 : 0;
    }

    /// <summary>Null where the result is beyond what can be told exactly.</summary>
    static Int128? Compute(Operator @operator, Int128 left, Int128 right) => @operator switch
    {
        Operator.Add => left + right,
        Operator.Subtract => left - right,
        Operator.Multiply => left * right,
        Operator.Divide => left / right,
        Operator.Remainder => left % right,
        _ => Power(left, right),
    };

    static Int128? Power(Int128 @base, Int128 exponent)
    {
        if (exponent < 0)
            return null;
        if (@base >= -1 && @base <= 1)
            exponent = exponent == 0 ? 0 : 2 - (exponent % 2);
        Int128 result = 1;
        for (; exponent > 0; exponent--)
        {
            result *= @base;
            if (result > long.MaxValue || result < long.MinValue)
                return null;
        }
        return result;
    }

    static double Compute(Operator @operator, double left, double right) => @operator switch
    {
        Operator.Add => left + right,
        Operator.Subtract => left - right,
        Operator.Multiply => left * right,
        Operator.Divide => left / right,
        Operator.Remainder => left % right,
        _ => Math.Pow(left, right),
    };
}
