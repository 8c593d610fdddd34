namespace Tracing.Storage.TraceQl;

/// <summary>
/// Says of which part of a filter an event or a link has to be the same. Conditions joined by &amp;&amp; hold for one
/// event and one link; alternatives may each have their own; what is negated is decided for the span as a whole.
/// </summary>
static class Quantifiers
{
    const Sources Both = Sources.Event | Sources.Link;

    public static Expression Close(Expression expression)
    {
        expression = CloseComplements(expression);
        if ((expression.Reads & Both) == 0)
            return expression;
        return expression switch
        {
            Logic { IsAll: false } any => new Logic(false, [.. any.Terms.Select(Close)]),
            Logic { IsAll: true } all => CloseAll(all),
            _ => Wrap(expression),
        };
    }

    /// <summary>The terms about events, those about links and the others do not depend on each other.</summary>
    static Expression CloseAll(Logic all)
    {
        var terms = Flatten(all).ToList();
        if (terms.Exists(term => (term.Reads & Both) == Both))
            return Wrap(all);
        var closed = terms.FindAll(term => (term.Reads & Both) == 0);
        foreach (var source in new[] { Sources.Event, Sources.Link })
        {
            var group = terms.FindAll(term => (term.Reads & Both) == source);
            if (group.Count > 0)
                closed.Add(Wrap(group.Count == 1 ? group[0] : new Logic(true, [.. group])));
        }
        return closed.Count == 1 ? closed[0] : new Logic(true, [.. closed]);
    }

    static IEnumerable<Expression> Flatten(Logic all) => all.Terms.SelectMany(
        term => term is Logic { IsAll: true } inner ? Flatten(inner) : [term]);

    static Some Wrap(Expression operand) => new(operand.Reads & Both, operand);

    static Expression CloseComplements(Expression expression) => expression switch
    {
        Complement complement => new Complement(Close(complement.Operand)),
        Logic logic => new Logic(logic.IsAll, [.. logic.Terms.Select(CloseComplements)]),
        Comparison comparison => comparison with
        {
            Left = CloseComplements(comparison.Left),
            Right = CloseComplements(comparison.Right),
        },
        _ => expression,
    };
}
