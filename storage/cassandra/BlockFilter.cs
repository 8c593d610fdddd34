using Tracing.Storage.TraceQl;

namespace Tracing.Storage.Cassandra;

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
        var may = _isAny ? null : MayHold(block, filter.Root);
        if (ReferenceEquals(may, _never))
            yield break;
        for (var i = 0; i < block.Count; i++)
        {
            if (block.Starts[i] < start || block.Starts[i] >= end || (may is not null && !may(i)))
                continue;
            if (_isAny || !IsExact || filter.Matches(block.ToSpan(i), _noTrace))
                yield return i;
        }
    }

    static readonly Func<int, bool> _never = _ => false;

    /// <summary>Null: any span may; false is certain.</summary>
    static Func<int, bool>? MayHold(SpanBlock block, Expression expression)
    {
        switch (expression)
        {
            case Logic { IsAll: true } logic:
                Func<int, bool>? all = null;
                foreach (var term in logic.Terms)
                {
                    if (MayHold(block, term) is not { } may)
                        continue;
                    if (ReferenceEquals(may, _never))
                        return _never;
                    var before = all;
                    all = before is null ? may : i => before(i) && may(i);
                }
                return all;
            case Logic logic:
                var terms = Array.ConvertAll(logic.Terms, term => MayHold(block, term));
                if (Array.Exists(terms, term => term is null))
                    return null;
                return Array.TrueForAll(terms, term => ReferenceEquals(term, _never))
                    ? _never
                    : i => Array.Exists(terms, term => term!(i));
            case Comparison { Right: Literal literal } comparison:
                return MayHold(block, comparison, literal.Value);
            default:
                return null;
        }
    }

    static Func<int, bool>? MayHold(SpanBlock block, Comparison comparison, Value literal)
    {
        bool Holds(Value value) => Comparisons.Holds(comparison, value, literal);

        switch (comparison.Left)
        {
            case FieldReference { Field: Field.Name }:
                var names = block.TextsThat(text => Holds(Value.Of(text)));
                return Array.Exists(names, fits => fits) ? i => names[block.NameIdOf(i)] : _never;
            case FieldReference { Field: Field.Duration }:
                return i => Holds(Value.Of(block.Durations[i]));
            case FieldReference { Field: Field.Status }:
                return i => Holds(Value.Of(block.Statuses[i]));
            case FieldReference { Field: Field.Kind }:
                return i => Holds(Value.Of(block.Kinds[i]));
            case AttributeReference { OfParent: false, Scope: AttributeScope.Span or AttributeScope.Any } attribute:
                return OfAttribute(block, attribute, Holds);
            case AttributeReference { OfParent: false, Scope: AttributeScope.Resource } attribute:
                var resources = OfResources(block, attribute.Name, Holds);
                // Zipkin's endpoints are resources to the filter
                return i => block.IsZipkin(i) || resources[block.ResourceIds[i]];
            default:
                return null;
        }
    }

    static Func<int, bool> OfAttribute(SpanBlock block, AttributeReference attribute, Func<Value, bool> holds)
    {
        var key = block.KeyOf(attribute.Name);
        var fits = key < 0 ? [] : Array.ConvertAll(block.ValuesOf(key), value => holds(Value.Of(value)));
        var isAny = attribute.Scope == AttributeScope.Any;
        var resources = isAny ? OfResources(block, attribute.Name, holds) : [];
        var isWithout = holds(Value.Missing);
        var isMadeUp = attribute.Name.StartsWith("net.", StringComparison.Ordinal) ||
            attribute.Name.StartsWith("zipkin.", StringComparison.Ordinal) ||
            attribute.Name is "service.name" or "peer.service";
        return i => (block.IsZipkin(i) && isMadeUp) ||
            ((key < 0 ? -1 : block.CodeOf(i, key)) is >= 0 and var code ? fits[code]
                : isAny ? resources[block.ResourceIds[i]] : isWithout);
    }

    static bool[] OfResources(SpanBlock block, string key, Func<Value, bool> holds) =>
        Array.ConvertAll(block.Resources, resource =>
        {
            var at = Array.FindLastIndex(resource.Attributes, each => each.Key == key);
            return holds(at < 0 ? Value.Missing : Value.Of(resource.Attributes[at].Value));
        });
}
