using Tracing.Model;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// A filter of TraceQL as a condition on the rows of spans. Never misses a span; what SQL cannot tell is left open, and
/// the filter itself has to decide. Resources and scopes are few: conditions on them are decided here, once for each.
/// </summary>
sealed class SqlFilter(
    SqlParameters parameters, Partition partition, Names services, CancellationToken cancellation)
{
    const string ServiceName = "service.name";

    /// <summary>Attributes that a span of Zipkin's is given for its endpoint and flags when it is read.</summary>
    static readonly HashSet<string> DerivedForZipkin =
        ["peer.service", "net.peer.ip", "net.peer.port", "zipkin.debug", "zipkin.shared"];

    /// <summary>Ids that stand in a statement one by one.</summary>
    const int MaxConstants = 1000;

    readonly AttributeColumns _attributes = new(parameters, partition);

    const ulong ZipkinOnly = 1ul << TraceTable.ZipkinBit;

    static SqlCondition IsOtlp => SqlCondition.Exactly("origin = 0") with { Resources = ~ZipkinOnly };

    static SqlCondition IsZipkin => SqlCondition.Exactly("origin = 1") with { Resources = ZipkinOnly };

    public SqlCondition Compile(Expression expression) => expression switch
    {
        { Reads: Sources.None } => SqlCondition.Constant(new Evaluator(null, null).IsTrue(expression)),
        { Reads: Sources.Resource } => OfResource(expression),
        { Reads: Sources.Scope } => OfScope(expression),
        Logic { IsAll: true } all => SqlCondition.All([.. all.Terms.Select(Compile)]),
        Logic any => SqlCondition.Any([.. any.Terms.Select(Compile)]),
        Complement complement => Compile(complement.Operand).Negated(),
        AttributeReference attribute => IsTruth(attribute, true),
        Inverse { Operand: AttributeReference attribute } => IsTruth(attribute, false),
        Comparison { Right: Literal right } comparison =>
            Compare(comparison.Left, comparison.Operator, right.Value, comparison.Pattern),
        Comparison { Left: Literal left } comparison =>
            Compare(comparison.Right, SqlValues.Reversed(comparison.Operator), left.Value, null),
        Presence { Operand: AttributeReference attribute } presence => OfPresence(attribute, presence.IsPresent),
        Presence { Operand: FieldReference { Field: Field.Duration } } presence => SqlCondition.Exactly(
            $"{SpanTable.KnownDuration} IS {(presence.IsPresent ? "NOT NULL" : "NULL")}"),
        Some some => OfSome(some),
        _ => SqlCondition.Unknown,
    };

    SqlCondition Compare(Expression operand, Operator @operator, Value value, Pattern? pattern) => operand switch
    {
        AttributeReference attribute => CompareAttribute(attribute, @operator, value, pattern),
        FieldReference { Field: var field } => CompareField(field, @operator, value, pattern),
        _ => SqlCondition.Unknown,
    };

    SqlCondition CompareField(Field field, Operator @operator, Value value, Pattern? pattern)
    {
        var column = field switch
        {
            Field.Name => "name",
            Field.StatusMessage => "coalesce(status_message, '')",
            Field.Duration => SpanTable.KnownDuration,
            Field.Status => "status",
            Field.Kind => "kind",
            _ => null,
        };
        return (column, value.Form) switch
        {
            ({ }, ValueForm.Text) when pattern is not null => SqlValues.Match(parameters, column, @operator, pattern),
            ({ }, ValueForm.Text) when IsCut(@operator, value, out var beginning) =>
                OfCut(column, @operator, value.Text, beginning),
            ({ }, ValueForm.Text) => SqlValues.CompareText(parameters, column, @operator, value.Text),
            ({ }, ValueForm.Int or ValueForm.Float) =>
                SqlValues.CompareInteger(parameters, column, @operator, value),
            ({ }, ValueForm.Status) => SqlCondition.Exactly(
                $"{column} {SqlValues.Symbol(@operator)} {parameters.Bind((int)value.Status)}") with
            {
                IsError = @operator == Operator.Equal && value.Status == StatusCode.Error,
            },
            ({ }, ValueForm.Kind) => SqlCondition.Exactly(
                $"{column} {SqlValues.Symbol(@operator)} {parameters.Bind((int)value.Kind)}"),
            (null, ValueForm.Text) when @operator is Operator.Equal => IsId(field, value.Text),
            (null, ValueForm.Text) when @operator is Operator.NotEqual => IsId(field, value.Text).Negated(),
            _ => SqlCondition.Unknown,
        };
    }

    static bool IsCut(Operator @operator, Value value, out string beginning)
    {
        beginning = "";
        return @operator is Operator.Equal or Operator.NotEqual && value.Form == ValueForm.Text &&
            SeriesNames.MayBeCut(value.Text, out beginning);
    }

    /// <summary>SQL knows no hash of the rest.</summary>
    SqlCondition OfCut(string column, Operator @operator, string text, string beginning)
    {
        var condition = new SqlCondition(
            $"starts_with({column}, {parameters.BindText(beginning)})", $"({column} = {parameters.BindText(text)})");
        return @operator == Operator.Equal ? condition : condition.Negated();
    }

    SqlCondition IsId(Field field, string text)
    {
        switch (field)
        {
            case Field.TraceId when TraceId.TryParse(text, out var id) && text.Length == 32:
                return SqlCondition.Exactly(
                    $"(trace_low = {parameters.Bind(id.Low)} AND trace_high = {parameters.Bind(id.High)})");
            case Field.SpanId when SpanId.TryParse(text, out var id) && text.Length == 16:
                return SqlCondition.Exactly($"span_id = {parameters.Bind(id.Value)}");
            case Field.ParentId when text.Length == 0:
                return SqlCondition.Exactly(partition.IsRoot);
            case Field.ParentId when SpanId.TryParse(text, out var id) && text.Length == 16 && !id.IsZero:
                return IsParent(parameters.Bind(id.Value));
            default:
                return Fields.IdDigits(field) is not null && Fields.ReadsOf(field) == Sources.Span
                    ? SqlCondition.Never
                    : SqlCondition.Unknown;
        }
    }

    /// <summary>A sealed partition tells only where a parent is that is beside its child.</summary>
    SqlCondition IsParent(string bound)
    {
        var exact = SqlCondition.Exactly($"parent_id = {bound}");
        return new SqlCondition($"({exact.Over} OR {partition.ParentDistance} IS NOT NULL)", exact.Under);
    }

    SqlCondition CompareAttribute(
        AttributeReference attribute, Operator @operator, Value value, Pattern? pattern) => OfAttribute(
        attribute, @operator, value, pattern, ofResource => new Comparison(
            @operator, ofResource, new Literal(value, Tracing.Storage.TraceQl.ValueType.Attribute), pattern));

    /// <summary>An attribute alone, or inverted. Unlike a comparison it does not look into arrays.</summary>
    SqlCondition IsTruth(AttributeReference attribute, bool truth) => OfAttribute(attribute, Operator.Equal,
        Value.Of(truth), null, ofResource => truth ? ofResource : new Inverse(ofResource));

    /// <param name="ofResource">The same of an attribute of the resource.</param>
    SqlCondition OfAttribute(AttributeReference attribute, Operator @operator, Value value, Pattern? pattern,
        Func<AttributeReference, Expression> ofResource)
    {
        if (attribute.OfParent || attribute.Scope is not (AttributeScope.Span or AttributeScope.Any) ||
            IsCut(@operator, value, out _))
            return SqlCondition.Unknown;
        var own = _attributes.Compare(attribute.Name, @operator, value, pattern);
        if (attribute.Scope == AttributeScope.Any)
        {
            own |= _attributes.Has(attribute.Name).Negated() &
                OfResource(ofResource(attribute with { Scope = AttributeScope.Resource }));
        }
        return ExceptDerived(attribute.Name, own);
    }

    SqlCondition OfPresence(AttributeReference attribute, bool isPresent)
    {
        if (attribute.OfParent || attribute.Scope is not (AttributeScope.Span or AttributeScope.Any))
            return SqlCondition.Unknown;
        var has = _attributes.Has(attribute.Name);
        if (attribute.Scope == AttributeScope.Any)
            has |= OfResource(new Presence(attribute with { Scope = AttributeScope.Resource }, true));
        has = ExceptDerived(attribute.Name, has);
        return isPresent ? has : has.Negated();
    }

    static SqlCondition ExceptDerived(string key, SqlCondition condition) => DerivedForZipkin.Contains(key)
        ? (IsOtlp & condition) | (IsZipkin & SqlCondition.Unknown)
        : condition;

    SqlCondition OfScope(Expression expression) => OneOf("scope_id", partition.Contents.Scopes.All(),
        (_, scope) => IsTrueOf(expression, new Span { TraceId = default, SpanId = default, Scope = scope }));

    /// <summary>The resource of a span of Zipkin's is its local endpoint.</summary>
    SqlCondition OfResource(Expression expression)
    {
        var bits = 0ul;
        var ofOtlp = OneOf("resource_id", partition.Contents.Resources.All(), (id, resource) =>
        {
            var isWanted = IsTrueOf(expression, resource);
            bits |= isWanted ? TraceTable.BitOf(id) : 0;
            return isWanted;
        });
        var keys = KeysOf(expression).ToHashSet();
        SqlCondition ofZipkin;
        if (keys.Contains("net.host.ip") || keys.Contains("net.host.port"))
            ofZipkin = SqlCondition.Unknown;
        else if (keys.Contains(ServiceName))
            ofZipkin = OfServices(expression);
        else
            ofZipkin = SqlCondition.Constant(IsTrueOf(expression, Resource.Empty));
        return (IsOtlp & (ofOtlp with { Resources = bits })) | (IsZipkin & ofZipkin);
    }

    SqlCondition OfServices(Expression expression)
    {
        if (!services.HasAllKeys)
            return SqlCondition.Unknown;
        var matching = new List<string>();
        foreach (var service in services.Keys())
        {
            cancellation.ThrowIfCancellationRequested();
            var named = new KeyValue(ServiceName, new AttributeValue(service));
            if (IsTrueOf(expression, new Resource { Attributes = [named] }))
                matching.Add(service);
        }
        if (IsTrueOf(expression, Resource.Empty))
            matching.Add("");
        return matching.Count == 0
            ? SqlCondition.Never
            : SqlCondition.Exactly($"service IN ({string.Join(", ", matching.Select(parameters.BindText))})");
    }

    static bool IsTrueOf(Expression expression, Resource resource) =>
        IsTrueOf(expression, new Span { TraceId = default, SpanId = default, Resource = resource });

    static bool IsTrueOf(Expression expression, Span span) => new Evaluator(span, null).IsTrue(expression);

    static IEnumerable<string> KeysOf(Expression expression) => expression switch
    {
        AttributeReference attribute => [attribute.Name],
        Negative negative => KeysOf(negative.Operand),
        Inverse inverse => KeysOf(inverse.Operand),
        Complement complement => KeysOf(complement.Operand),
        Presence presence => KeysOf(presence.Operand),
        Arithmetic arithmetic => KeysOf(arithmetic.Left).Concat(KeysOf(arithmetic.Right)),
        Comparison comparison => KeysOf(comparison.Left).Concat(KeysOf(comparison.Right)),
        Logic logic => logic.Terms.SelectMany(KeysOf),
        _ => [],
    };

    SqlCondition OneOf<T>(string column, IEnumerable<KeyValuePair<int, T>> all, Func<int, T, bool> isWanted)
    {
        var wanted = new List<int>();
        var others = new List<int>();
        foreach (var (id, content) in all)
        {
            // few as they should be, a sender may make them many
            cancellation.ThrowIfCancellationRequested();
            (isWanted(id, content) ? wanted : others).Add(id);
        }
        if (wanted.Count == 0)
            return SqlCondition.Never;
        if (others.Count == 0)
            return SqlCondition.Always;
        var isFewer = wanted.Count <= others.Count;
        var ids = isFewer ? wanted : others;
        // as constants, which DuckDB compares as it reads; a list joined to the rows takes ten times as long
        var list = ids.Count <= MaxConstants
            ? string.Join(", ", ids)
            : $"SELECT unnest({parameters.Bind(ids)}::INTEGER[])";
        return SqlCondition.Exactly($"({column} {(isFewer ? "IN" : "NOT IN")} ({list}))");
    }

    /// <summary>Exact only for the name of an event; else it is said what the span must have at least.</summary>
    SqlCondition OfSome(Some some)
    {
        if (IsEventNamed(some.Operand) is { } named)
            return named;
        IEnumerable<Expression> terms = some.Operand is Logic { IsAll: true } all ? all.Terms : [some.Operand];
        var atLeast = SqlCondition.All([.. terms.Select(AtLeast)]);
        return atLeast.AtMost();
    }

    SqlCondition AtLeast(Expression term)
    {
        if (IsEventNamed(term) is { } named)
            return named;
        if ((term.Reads & (Sources.Event | Sources.Link)) == 0)
            return Compile(term);
        var needsOne = term is AttributeReference or
            Presence { Operand: AttributeReference or FieldReference } or
            Comparison
        {
            Left: AttributeReference or FieldReference or Literal,
            Right: AttributeReference or FieldReference or Literal,
        };
        if (!needsOne)
            return SqlCondition.Unknown;
        return SqlCondition.Exactly((term.Reads & Sources.Event) != 0
            ? "event_names IS NOT NULL"
            : "rest IS NOT NULL");
    }

    SqlCondition? IsEventNamed(Expression expression) =>
        expression is Comparison
        {
            Operator: Operator.Equal,
            Left: FieldReference { Field: Field.EventName },
            Right: Literal { Value: { Form: ValueForm.Text } name },
        }
            ? SqlCondition.Exactly($"list_contains(event_names, {parameters.BindText(name.Text)})")
            : null;
}
