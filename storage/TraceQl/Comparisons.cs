namespace Tracing.Storage.TraceQl;

/// <summary>
/// Whether a comparison holds. Types must agree, or it does not, whichever the operator is; integers, floats and
/// durations compare by value. Of an array any element has to fit, and none may for != and !~; within arrays integers
/// and floats are types of their own. A text of more than 2,048 characters equals what it was cut to where names are
/// listed, so that these can be searched for.
/// </summary>
static class Comparisons
{
    public static bool Holds(Comparison comparison, Value left, Value right)
    {
        if (left.Form != ValueForm.Array && right.Form != ValueForm.Array)
            return HoldsOfOne(comparison, left, right);
        var (isNegated, positive) = comparison.Operator switch
        {
            Operator.NotEqual => (true, comparison with { Operator = Operator.Equal }),
            Operator.NotMatches => (true, comparison with { Operator = Operator.Matches }),
            _ => (false, comparison),
        };
        var isComparable = false;
        foreach (var one in Elements(left))
        {
            foreach (var other in Elements(right))
            {
                if (!AgreeExactly(one, other))
                    continue;
                isComparable = true;
                if (HoldsOfOne(positive, one, other))
                    return !isNegated;
            }
        }
        return isNegated && isComparable;
    }

    static IEnumerable<Value> Elements(Value value) =>
        value.Form == ValueForm.Array ? value.Elements.Select(Value.Of) : [value];

    static bool AgreeExactly(Value one, Value other) => one.Form == other.Form && one.Form is
        ValueForm.Text or ValueForm.Int or ValueForm.Float or ValueForm.Bool;

    static bool HoldsOfOne(Comparison comparison, Value left, Value right)
    {
        if (left.IsNumber && right.IsNumber)
            return HoldsOf(comparison.Operator, Numbers.Compare(left, right));
        if (left.Form != right.Form)
            return false;
        switch (left.Form)
        {
            case ValueForm.Text when comparison.Pattern is { } pattern:
                return pattern.Regex.IsMatch(left.Text) == (comparison.Operator == Operator.Matches);
            case ValueForm.Text when comparison.Operator is Operator.Equal or Operator.NotEqual:
                return (SeriesNames.IsNameOf(left.Text, right.Text) || SeriesNames.IsNameOf(right.Text, left.Text)) ==
                    (comparison.Operator == Operator.Equal);
            case ValueForm.Text:
                return HoldsOf(comparison.Operator, CompareTexts(left.Text, right.Text));
            case ValueForm.Bool or ValueForm.Status or ValueForm.Kind:
                return comparison.Operator switch
                {
                    Operator.Equal => left == right,
                    Operator.NotEqual => left != right,
                    _ => false,
                };
            default:
                return false;
        }
    }

    /// <param name="order">Null when neither is less and they are not equal: NaN.</param>
    static bool HoldsOf(Operator @operator, int? order) => @operator switch
    {
        Operator.Equal => order == 0,
        Operator.NotEqual => order != 0,
        Operator.Less => order < 0,
        Operator.LessOrEqual => order <= 0,
        Operator.Greater => order > 0,
        Operator.GreaterOrEqual => order >= 0,
        _ => false,
    };

    /// <summary>By code point, which is also the order of UTF-8, and not that of UTF-16.</summary>
    static int CompareTexts(string one, string other)
    {
        var length = Math.Min(one.Length, other.Length);
        for (var i = 0; i < length; i++)
        {
            var (a, b) = (one[i], other[i]);
            if (a != b)
                return char.IsSurrogate(a) == char.IsSurrogate(b) ? a - b : char.IsSurrogate(a) ? 1 : -1;
        }
        return one.Length - other.Length;
    }
}
