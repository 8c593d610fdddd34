using System.Text;
using Tracing.Model;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage.Blocks;

/// <summary>Whether a block may have spans that make an expression true, by its summary alone.</summary>
static class SummaryFilter
{
    public static bool MayMatch(BlockSummary summary, Expression expression) => expression switch
    {
        Logic { IsAll: true } logic => Array.TrueForAll(logic.Terms, term => MayMatch(summary, term)),
        Logic logic => Array.Exists(logic.Terms, term => MayMatch(summary, term)),
        Comparison { Right: Literal literal } comparison => MayMatch(summary, comparison, literal.Value),
        Presence { IsPresent: true, Operand: AttributeReference attribute } => MayHaveKey(summary, attribute),
        AttributeReference attribute => MayHave(summary, attribute, Value.Of(true)),
        Some some when NeedsRest(some.Operand) => summary.HasRest,
        _ => true,
    };

    static bool MayMatch(BlockSummary summary, Comparison comparison, Value literal)
    {
        switch (comparison.Left)
        {
            case FieldReference { Field: Field.Name } when
                comparison.Operator == Operator.Equal && literal.Form == ValueForm.Text:
                return summary.MayHave(SummaryHash.OfName(literal.Text));
            case FieldReference { Field: Field.Status } when Holds(Value.Of(StatusCode.Error)) &&
                !Holds(Value.Of(StatusCode.Unset)) && !Holds(Value.Of(StatusCode.Ok)):
                return summary.Errors > 0;
            case FieldReference { Field: Field.Kind }:
                for (var kind = SpanKind.Unspecified; kind <= SpanKind.Consumer; kind++)
                {
                    if ((summary.Kinds & BlockSummary.KindBit(kind)) != 0 && Holds(Value.Of(kind)))
                        return true;
                }
                // of numbers that are no kind the last bit tells
                return summary.Kinds >= BlockSummary.KindBit(SpanKind.Consumer + 1) || summary.Kinds < 0;
            case FieldReference { Field: Field.Duration } when
                comparison.Operator is Operator.Greater or Operator.GreaterOrEqual:
                return Holds(Evaluator.Of(summary.Longest));
            case AttributeReference attribute when comparison.Operator == Operator.Equal:
                return MayHave(summary, attribute, literal);
            // what is missing compares with nothing
            case AttributeReference attribute:
                return MayHaveKey(summary, attribute);
            default:
                return true;
        }

        bool Holds(Value value) => Comparisons.Holds(comparison, value, literal);
    }

    static bool MayHaveKey(BlockSummary summary, AttributeReference attribute) =>
        MayHave(summary, attribute, static ofKey => ofKey);

    static bool MayHave(BlockSummary summary, AttributeReference attribute, Value value) => value.Form switch
    {
        ValueForm.Text => MayHave(summary, attribute, ofKey => SummaryHash.OfText(ofKey, value.Text)),
        ValueForm.Int or ValueForm.Float =>
            MayHave(summary, attribute, ofKey => SummaryHash.OfNumber(ofKey, value.AsDouble)),
        ValueForm.Bool => MayHave(summary, attribute, ofKey => SummaryHash.OfTruth(ofKey, value.Bool)),
        _ => MayHaveKey(summary, attribute),
    };

    static bool MayHave(BlockSummary summary, AttributeReference attribute, Func<ulong, ulong> entryOf)
    {
        if (attribute.OfParent)
            return true;
        var key = Encoding.UTF8.GetBytes(attribute.Name);
        return attribute.Scope switch
        {
            AttributeScope.Span => IsThere(KeyScope.Span),
            AttributeScope.Resource => IsThere(KeyScope.Resource),
            AttributeScope.Any => IsThere(KeyScope.Span) || IsThere(KeyScope.Resource),
            _ => true,
        };

        bool IsThere(KeyScope scope) => summary.MayHave(entryOf(SummaryHash.OfKey(scope, key)));
    }

    static bool NeedsRest(Expression operand) => operand is Comparison { Right: Literal } comparison &&
        comparison.Left is FieldReference or AttributeReference &&
        (comparison.Left.Reads & (Sources.Event | Sources.Link)) != 0;
}
