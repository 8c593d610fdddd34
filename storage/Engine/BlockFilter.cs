using Tracing.Model;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage.Engine;

/// <summary>
/// A filter of TraceQL over the columns of blocks. First what its comparisons say of texts and values, of which a block
/// has each once; where that leaves a span in, the filter decides on the span, if it reads no other span.
/// </summary>
sealed class BlockFilter(SpanFilter filter)
{
    static readonly TraceFacts _noTrace = new([]);

    /// <summary>Whether a span tells by itself whether it fits.</summary>
    public bool IsExact { get; } = (filter.Root.Reads & Sources.Trace) == 0;

    readonly bool _isAny = ReferenceEquals(filter, SpanFilter.Any) || filter.Query.Trim() is "{}" or "{ }";

    /// <summary>The spans of a block that start within a window and may fit; if exact, those that do.</summary>
    /// <param name="end">Excluded.</param>
    public IEnumerable<int> Find(SpanBlock block, ulong start, ulong end)
    {
        var verdict = _isAny ? new Verdict(_ => true, true) : Decide(block, filter.Root);
        if (ReferenceEquals(verdict.Fits, _never))
            yield break;
        for (var i = 0; i < block.Count; i++)
        {
            if (block.Starts[i] < start || block.Starts[i] >= end || !verdict.Fits(i))
                continue;
            if (verdict.IsExact || !IsExact || filter.Matches(block.ToSpan(i), _noTrace))
                yield return i;
        }
    }

    /// <summary>The traces of a block, by their place in its brief, of which a span may fit.</summary>
    public Func<int, bool> FindTraces(BlockBrief brief) => _isAny ? _ => true : Decide(brief, filter.Root);

    /// <summary>Tells whether a span fits, or, if not exact, whether it may.</summary>
    readonly record struct Verdict(Func<int, bool> Fits, bool IsExact);

    static readonly Func<int, bool> _never = _ => false;

    static readonly Verdict _unknown = new(_ => true, false);

    static Verdict Decide(SpanBlock block, Expression expression)
    {
        switch (expression)
        {
            case Logic logic:
                var terms = Array.ConvertAll(logic.Terms, term => Decide(block, term));
                return new Verdict(Combine(logic.IsAll, Array.ConvertAll(terms, term => term.Fits)),
                    Array.TrueForAll(terms, term => term.IsExact));
            case Complement complement when Decide(block, complement.Operand) is { IsExact: true } operand:
                return new Verdict(i => !operand.Fits(i), true);
            case Comparison { Right: Literal literal } comparison:
                return Decide(block, comparison, literal.Value);
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

    static Verdict Decide(SpanBlock block, Comparison comparison, Value literal)
    {
        // of Zipkin's spans OTLP says something else than the columns
        var isExact = !block.HasZipkin;
        switch (comparison.Left)
        {
            case FieldReference { Field: Field.Name }:
                var names = block.TextsThat(text => Holds(Value.Of(text)));
                return new(Array.Exists(names, fits => fits) ? i => names[block.NameIdOf(i)] : _never, isExact);
            case FieldReference { Field: Field.Duration }:
                return new(i => Holds(Evaluator.Of(block.KnownDurationOf(i))), isExact);
            case FieldReference { Field: Field.Status }:
                return new(i => Holds(Value.Of(block.Statuses[i])), isExact);
            case FieldReference { Field: Field.Kind }:
                return new(i => Holds(Value.Of(block.Kinds[i])), isExact);
            case AttributeReference { OfParent: false, Scope: AttributeScope.Span or AttributeScope.Any } attribute:
                return new(OfAttribute(block, attribute, Holds), isExact);
            case AttributeReference { OfParent: false, Scope: AttributeScope.Resource } attribute:
                var resources = block.Resources.That(resource => Holds(ValueOf(resource, attribute.Name)));
                if (isExact && !Array.Exists(resources, fits => fits))
                    return new(_never, true);
                // Zipkin's endpoints are resources to the filter
                return new(i => block.IsZipkin(i) || resources[block.ResourceIds[i]], isExact);
            default:
                return _unknown;
        }

        bool Holds(Value value) => Comparisons.Holds(comparison, value, literal);
    }

    static Func<int, bool> OfAttribute(SpanBlock block, AttributeReference attribute, Func<Value, bool> holds)
    {
        var key = block.KeyOf(attribute.Name);
        var fits = key < 0 ? [] : block.ValuesThat(key, value => holds(Value.Of(value)));
        var isAny = attribute.Scope == AttributeScope.Any;
        var resources = isAny ? block.Resources.That(resource => holds(ValueOf(resource, attribute.Name))) : [];
        var isWithout = holds(Value.Missing);
        if (!block.HasZipkin && !isWithout && !Array.Exists(fits, each => each) &&
            !Array.Exists(resources, each => each))
            return _never;
        var codes = key < 0 ? [] : block.CodesOf(key);
        var isMadeUp = attribute.Name.StartsWith("net.", StringComparison.Ordinal) ||
            attribute.Name.StartsWith("zipkin.", StringComparison.Ordinal) ||
            attribute.Name is "service.name" or "peer.service";
        return i => (block.IsZipkin(i) && isMadeUp) ||
            (key >= 0 && codes[i] is >= 0 and var code ? fits[code]
                : isAny ? resources[block.ResourceIds[i]] : isWithout);
    }

    static Value ValueOf(Resource resource, string key)
    {
        var at = Array.FindLastIndex(resource.Attributes, each => each.Key == key);
        return at < 0 ? Value.Missing : Value.Of(resource.Attributes[at].Value);
    }

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
            } comparison when !brief.HasZipkin:
                var bits = brief.BitsThat(resource =>
                    Comparisons.Holds(comparison, ValueOf(resource, attribute.Name), literal.Value));
                return bits == 0 ? _never : i => (brief.Traces[i].Resources & bits) != 0;
            case Comparison
            {
                Right: Literal literal, Left: FieldReference { Field: Field.Duration },
                Operator: Operator.Greater or Operator.GreaterOrEqual,
            } comparison when !brief.HasZipkin:
                return i => Comparisons.Holds(comparison, Value.Of((long)brief.Traces[i].Longest), literal.Value);
            default:
                return _unknown.Fits;
        }
    }
}
