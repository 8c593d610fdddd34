using Tracing.Model;

namespace Tracing.Storage.TraceQl;

/// <summary>The value of expressions for one span, exactly.</summary>
/// <param name="span">As OTLP says it; null for what reads no span.</param>
/// <param name="trace">Null for what reads no other span.</param>
sealed class Evaluator(Span? span, TraceFacts? trace)
{
    SpanEvent? _event;
    SpanLink? _link;

    public bool IsTrue(Expression expression) => expression switch
    {
        Logic { IsAll: true } logic => Array.TrueForAll(logic.Terms, IsTrue),
        Logic logic => Array.Exists(logic.Terms, IsTrue),
        Complement complement => !IsTrue(complement.Operand),
        Comparison comparison => Comparisons.Holds(
            comparison, Evaluate(comparison.Left), Evaluate(comparison.Right)),
        Presence presence => IsThere(presence.Operand) == presence.IsPresent,
        Some some => IsTrueOfSome(some),
        _ => Evaluate(expression).IsTrue,
    };

    public Value Evaluate(Expression expression) => expression switch
    {
        Literal literal => literal.Value,
        AttributeReference attribute => ValueOf(attribute),
        FieldReference field => ValueOf(field.Field),
        Negative negative => Numbers.Negate(Evaluate(negative.Operand)),
        Inverse inverse => Invert(Evaluate(inverse.Operand)),
        Arithmetic arithmetic => Numbers.Compute(
            arithmetic.Operator, Evaluate(arithmetic.Left), Evaluate(arithmetic.Right)),
        _ => Value.Of(IsTrue(expression)),
    };

    static Value Invert(Value value) => value.Form == ValueForm.Bool ? Value.Of(!value.Bool) : Value.Missing;

    /// <summary>Null where there is nothing that could have the value.</summary>
    bool? IsThere(Expression operand)
    {
        var value = Evaluate(operand);
        if (operand is FieldReference { Field: Field.InstrumentationName or Field.InstrumentationVersion })
            return value.Text.Length > 0;
        return value.Form switch
        {
            ValueForm.Absent => null,
            ValueForm.Missing => false,
            _ => true,
        };
    }

    /// <summary>Without events or links the operand may hold all the same, by an alternative within it.</summary>
    bool IsTrueOfSome(Some some)
    {
        var (outerEvent, outerLink) = (_event, _link);
        try
        {
            foreach (var @event in Choices(span!.Events, (some.Of & Sources.Event) != 0))
            {
                _event = @event;
                foreach (var link in Choices(span.Links, (some.Of & Sources.Link) != 0))
                {
                    _link = link;
                    if (IsTrue(some.Operand))
                        return true;
                }
            }
            return false;
        }
        finally
        {
            (_event, _link) = (outerEvent, outerLink);
        }
    }

    static T?[] Choices<T>(T[] items, bool isAsked) where T : class =>
        isAsked && items.Length > 0 ? items : new T?[1];

    Value ValueOf(AttributeReference attribute)
    {
        var holder = attribute.OfParent ? trace!.ParentOf(span!) : span;
        if (holder is null)
            return Value.Absent;
        switch (attribute.Scope)
        {
            case AttributeScope.Span:
                return Find(holder.Attributes, attribute.Name);
            case AttributeScope.Resource:
                return Find(holder.Resource.Attributes, attribute.Name);
            case AttributeScope.Event:
                return _event is null ? Value.Absent : Find(_event.Attributes, attribute.Name);
            case AttributeScope.Link:
                return _link is null ? Value.Absent : Find(_link.Attributes, attribute.Name);
            case AttributeScope.Instrumentation:
                return Find(holder.Scope.Attributes, attribute.Name);
            default:
                var own = Find(holder.Attributes, attribute.Name);
                return own.Form == ValueForm.Missing ? Find(holder.Resource.Attributes, attribute.Name) : own;
        }
    }

    internal static Value Find(KeyValue[] attributes, string key)
    {
        // of a key that repeats the last counts
        for (var i = attributes.Length - 1; i >= 0; i--)
        {
            if (attributes[i].Key == key)
                return Value.Of(attributes[i].Value);
        }
        return Value.Missing;
    }

    Value ValueOf(Field field) => field switch
    {
        Field.Name => Value.Of(span!.Name),
        Field.Duration => Of(span!.KnownDuration),
        Field.Status => Value.Of(span!.Status),
        Field.StatusMessage => Value.Of(span!.StatusMessage),
        Field.Kind => Value.Of(span!.Kind),
        Field.SpanId => Value.Of(span!.SpanId.ToString()),
        Field.ParentId => Value.Of(span!.ParentSpanId.IsZero ? "" : span.ParentSpanId.ToString()),
        Field.TraceId => Value.Of(span!.TraceId.ToString()),
        Field.InstrumentationName => Value.Of(span!.Scope.Name),
        Field.InstrumentationVersion => Value.Of(span!.Scope.Version),
        Field.EventName => _event is null ? Value.Absent : Value.Of(_event.Name),
        Field.EventTimeSinceStart => _event is null ? Value.Absent
            : _event.TimeUnixNano == 0 || span!.StartUnixNano == 0 ? Value.Missing
            : Value.Of(unchecked((long)(_event.TimeUnixNano - span.StartUnixNano))),
        Field.LinkTraceId => _link is null ? Value.Absent : Value.Of(_link.TraceId.ToString()),
        Field.LinkSpanId => _link is null ? Value.Absent : Value.Of(_link.SpanId.ToString()),
        Field.TraceDuration => trace!.IsDurationKnown ? Value.Of(trace.DurationNanos) : Value.Missing,
        // no other span stands for the root, as with Tempo
        Field.RootName => trace!.IsRootMissing ? Value.Missing : Value.Of(trace.Root!.Name),
        Field.RootService => trace!.IsRootMissing ? Value.Missing : Value.Of(trace.Root!.ServiceName),
        Field.ChildCount => Value.Of((long)trace!.ChildCountOf(span!)),
        Field.NestedSetLeft => Value.Of((long)trace!.NestedSetOf(span!).Left),
        Field.NestedSetRight => Value.Of((long)trace!.NestedSetOf(span!).Right),
        _ => Value.Of((long)trace!.NestedSetOf(span!).Parent),
    };

    /// <summary>An unknown duration compares with nothing.</summary>
    internal static Value Of(ulong? duration) => duration is { } nanos ? Value.Of((long)nanos) : Value.Missing;
}
