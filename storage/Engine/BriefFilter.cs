using Tracing.Model;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage.Engine;

/// <summary>Which traces of a block may have a span that fits a filter of TraceQL, by its brief alone.</summary>
sealed class BriefFilter(SpanFilter filter)
{
    static readonly Func<int, bool> _never = _ => false;
    static readonly Func<int, bool> _unknown = _ => true;

    /// <summary>By the traces' places in the brief.</summary>
    public Func<int, bool> Find(BlockBrief brief) => Decide(brief, filter.Root);

    static Func<int, bool> Decide(BlockBrief brief, Expression expression)
    {
        switch (expression)
        {
            case Logic logic:
                return Combine(logic.IsAll, Array.ConvertAll(logic.Terms, term => Decide(brief, term)));
            case Comparison { Right: Literal literal, Left: FieldReference { Field: Field.Status } } comparison
                when !Comparisons.Holds(comparison, Value.Of(StatusCode.Unset), literal.Value) &&
                    !Comparisons.Holds(comparison, Value.Of(StatusCode.Ok), literal.Value):
                return i => brief.Traces[i].Errors > 0;
            case Comparison
            {
                Right: Literal literal, Left: AttributeReference
                {
                    OfParent: false, Scope: AttributeScope.Resource
                } attribute
            } comparison:
                var bits = brief.BitsThat(resource => Comparisons.Holds(
                    comparison, Evaluator.Find(resource.Attributes, attribute.Name), literal.Value));
                return bits == 0 ? _never : i => (brief.Traces[i].Resources & bits) != 0;
            case Comparison
            {
                Right: Literal literal, Left: FieldReference { Field: Field.Duration },
                Operator: Operator.Greater or Operator.GreaterOrEqual,
            } comparison:
                return i => Comparisons.Holds(comparison, Value.Of((long)brief.Traces[i].Longest), literal.Value);
            default:
                return _unknown;
        }
    }

    static Func<int, bool> Combine(bool isAll, Func<int, bool>[] terms)
    {
        if (isAll ? Array.Exists(terms, IsNever) : Array.TrueForAll(terms, IsNever))
            return _never;
        if (terms.Length == 1)
            return terms[0];
        return isAll
            ? i => Array.TrueForAll(terms, term => term(i))
            : i => Array.Exists(terms, term => term(i));

        static bool IsNever(Func<int, bool> term) => ReferenceEquals(term, _never);
    }
}
