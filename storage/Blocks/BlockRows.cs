using System.Text;
using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage.Blocks;

/// <summary>Which rows of a block make an expression true.</summary>
sealed class BlockRows(SpanBlock block)
{
    /// <param name="end">Excluded.</param>
    public RowSet StartingWithin(ulong start, ulong end)
    {
        if (start == 0 && end == ulong.MaxValue)
            return RowSet.All(block.Count);
        var rows = RowSet.None(block.Count);
        var starts = block.Starts;
        for (var row = 0; row < starts.Length; row++)
        {
            if (starts[row] >= start && starts[row] < end)
                rows.Add(row);
        }
        return rows;
    }

    /// <summary>Removes rows that do not make an expression true; all of them if it answers true.</summary>
    public bool Narrow(RowSet rows, Expression expression)
    {
        if (expression is Logic { IsAll: true } logic)
        {
            var isDecided = true;
            // where nothing is left, the columns of the dearer ones stay as they are on disk
            foreach (var term in logic.Terms.OrderBy(CostOf))
            {
                isDecided &= Narrow(rows, term);
                if (rows.IsEmpty)
                    return true;
            }
            return isDecided;
        }
        var (found, isExact) = Decide(expression, rows);
        if (found is not null)
            rows.IntersectWith(found);
        return isExact;
    }

    /// <summary>Null for all rows.</summary>
    /// <param name="IsExact">Else the rows may make it true, and no other does.</param>
    readonly record struct Verdict(RowSet? Rows, bool IsExact);

    static readonly Verdict _unknown = new(null, false);

    /// <param name="among">Of others it does not matter what is said.</param>
    Verdict Decide(Expression expression, RowSet among)
    {
        switch (expression)
        {
            case Literal literal:
                return literal.Value.IsTrue ? new(null, true) : Exactly(RowSet.None(block.Count));
            case Logic { IsAll: true }:
                var all = RowSet.None(block.Count);
                all.UnionWith(among);
                var isDecided = Narrow(all, expression);
                return new(all, isDecided);
            case Logic logic:
                return DecideAny(logic, among);
            case Complement complement:
                return Decide(complement.Operand, among) is { IsExact: true } operand
                    ? Exactly(operand.Rows?.Complement() ?? RowSet.None(block.Count))
                    : _unknown;
            case Comparison { Right: Literal literal } comparison:
                return Decide(comparison.Left, value => Comparisons.Holds(comparison, value, literal.Value), among);
            case Presence { Operand: AttributeReference attribute } presence:
                return Decide(attribute, value => value.Form != ValueForm.Missing == presence.IsPresent, among);
            case AttributeReference:
                return Decide(expression, value => value.IsTrue, among);
            case Some { Operand: Comparison { Left: FieldReference or AttributeReference } comparison }
                when (comparison.Left.Reads & (Sources.Event | Sources.Link)) != 0 && comparison.Right is Literal:
                // of what a span does not have nothing holds
                return new(WhereTemplate(template => (template.Flags & SpanFlags.Rest) != 0), false);
            default:
                return _unknown;
        }
    }

    Verdict DecideAny(Logic logic, RowSet among)
    {
        var any = RowSet.None(block.Count);
        var isExact = true;
        foreach (var term in logic.Terms)
        {
            var verdict = Decide(term, among);
            if (verdict.Rows is null)
                return verdict.IsExact ? new(null, true) : _unknown;
            any.UnionWith(verdict.Rows);
            isExact &= verdict.IsExact;
        }
        return new(any, isExact);
    }

    Verdict Decide(Expression operand, Func<Value, bool> holds, RowSet among) => operand switch
    {
        FieldReference { Field: Field.Name } => Exactly(WhereName(holds)),
        FieldReference { Field: Field.Status } =>
            Exactly(WhereTemplate(template => holds(Value.Of(template.Status)))),
        FieldReference { Field: Field.Kind } => Exactly(WhereTemplate(template => holds(Value.Of(template.Kind)))),
        FieldReference { Field: Field.InstrumentationName } =>
            Exactly(WhereScope(scope => holds(Value.Of(scope.Name)))),
        FieldReference { Field: Field.InstrumentationVersion } =>
            Exactly(WhereScope(scope => holds(Value.Of(scope.Version)))),
        FieldReference { Field: Field.Duration } => Exactly(WhereDuration(holds, among)),
        FieldReference { Field: Field.StatusMessage } => Exactly(WhereMessage(holds)),
        FieldReference { Field: Field.TraceId } => Exactly(WhereTrace(holds)),
        AttributeReference { OfParent: false, Scope: AttributeScope.Resource } attribute =>
            Exactly(RowSet.Where(block.SourceCodes, SourcesWhere(attribute.Name, holds))),
        AttributeReference { OfParent: false, Scope: AttributeScope.Instrumentation } attribute =>
            Exactly(WhereScope(scope => holds(Evaluator.Find(scope.Attributes, attribute.Name)))),
        AttributeReference { OfParent: false, Scope: AttributeScope.Span or AttributeScope.Any } attribute =>
            Exactly(WhereAttribute(attribute, holds)),
        _ => _unknown,
    };

    static Verdict Exactly(RowSet rows) => new(rows, true);

    RowSet WhereTemplate(Predicate<BlockTemplate> fits) =>
        RowSet.Where(block.TemplateCodes, Array.ConvertAll(block.Templates, template => fits(template)));

    RowSet WhereName(Func<Value, bool> holds)
    {
        // templates of one name mostly follow each other
        var (last, fits) = (-1, false);
        return WhereTemplate(template =>
        {
            if (template.Name != last)
                (last, fits) = (template.Name, holds(Value.Of(block.NameOf(template.Name))));
            return fits;
        });
    }

    RowSet WhereScope(Predicate<InstrumentationScope> fits) => WhereTemplate(template => fits(block.ScopeOf(template)));

    RowSet WhereDuration(Func<Value, bool> holds, RowSet among)
    {
        var rows = RowSet.None(block.Count);
        foreach (var row in among)
        {
            if (holds(Evaluator.Of(block.KnownDurationOf(row))))
                rows.Add(row);
        }
        return rows;
    }

    RowSet WhereTrace(Func<Value, bool> holds)
    {
        var rows = RowSet.None(block.Count);
        var traces = block.Traces;
        for (var trace = 0; trace < block.TraceCount; trace++)
        {
            if (holds(Value.Of(traces.Ids[trace].ToString())))
                rows.AddRange(traces.From[trace], traces.From[trace + 1]);
        }
        return rows;
    }

    RowSet WhereMessage(Func<Value, bool> holds)
    {
        var isWithout = holds(Value.Of(""));
        var fits = ValuesWhere(block.ExtraValuesOf(SpanTemplate.Message).Count,
            code => holds(Value.Of(Encoding.UTF8.GetString(block.ExtraValuesOf(SpanTemplate.Message).BytesOf(code)))));
        var rows = RowSet.None(block.Count);
        var codes = block.ExtraCodesOf(SpanTemplate.Message);
        var next = 0;
        for (var row = 0; row < block.Count; row++)
        {
            var has = (block.Templates[block.TemplateCodes[row]].Flags & SpanFlags.Message) != 0;
            if (has ? fits[codes[next++]] : isWithout)
                rows.Add(row);
        }
        return rows;
    }

    bool[] SourcesWhere(string key, Func<Value, bool> holds) => ValuesWhere(block.SourceCount,
        source => holds(Evaluator.Find(block.OtlpResourceOf(source).Attributes, key)));

    /// <summary>
    /// By the span's own attribute; else by what its remote endpoint says; else, of any scope, by its resource's.
    /// </summary>
    RowSet WhereAttribute(AttributeReference attribute, Func<Value, bool> holds)
    {
        var key = block.KeyOf(Encoding.UTF8.GetBytes(attribute.Name));
        var isAny = attribute.Scope == AttributeScope.Any;
        var endpoints = new EndpointValues(block, attribute.Name, holds);
        var isWithout = !isAny && holds(Value.Missing);
        var ofSource = isAny ? SourcesWhere(attribute.Name, holds) : [];
        // of a key that a span has more than once, the last counts
        var uses = block.UsesOf(key);
        if (key < 0 && !endpoints.Exist)
            return isAny ? RowSet.Where(block.SourceCodes, ofSource) : Constant(isWithout);
        bool[] fits = key < 0 ? [] : ValuesWhere(block.ValuesOf(key).Count,
            code => holds(Value.Of(block.ValuesOf(key).ValueOf(code))));
        if (!endpoints.Exist && !isWithout && !Array.Exists(fits, each => each) &&
            !Array.Exists(ofSource, each => each))
            return RowSet.None(block.Count);
        var rows = RowSet.None(block.Count);
        var (templates, codes) = (block.TemplateCodes, key < 0 ? null : block.CodesOf(key));
        var next = 0;
        for (var row = 0; row < block.Count; row++)
        {
            var template = templates[row];
            var ofEndpoint = endpoints.Exist ? endpoints.Next(block.Templates[template]) : null;
            next += uses[template];
            if (uses[template] > 0 ? fits[codes![next - 1]]
                : ofEndpoint ?? (isAny ? ofSource[block.SourceCodes[row]] : isWithout))
                rows.Add(row);
        }
        return rows;
    }

    RowSet Constant(bool isAll) => isAll ? RowSet.All(block.Count) : RowSet.None(block.Count);

    static bool[] ValuesWhere(int count, Func<int, bool> fits)
    {
        var which = new bool[count];
        for (var i = 0; i < count; i++)
            which[i] = fits(i);
        return which;
    }


    static int CostOf(Expression expression) => expression switch
    {
        Comparison { Left: FieldReference { Field: Field.Name or Field.Status or Field.Kind } } => 0,
        Comparison { Left: AttributeReference { Scope: AttributeScope.Resource } } => 1,
        Comparison { Left: AttributeReference } or Presence or AttributeReference => 2,
        Comparison { Left: FieldReference } => 3,
        _ => 4,
    };

    /// <summary>What spans of Zipkin have of a key beyond their tags: of the remote endpoint and of flags.</summary>
    sealed class EndpointValues
    {
        readonly SpanBlock _block;
        readonly string _key;
        readonly bool?[] _fits = [];
        readonly bool _isTrue;
        int _next;

        public EndpointValues(SpanBlock block, string key, Func<Value, bool> holds)
        {
            _block = block;
            _key = key;
            _isTrue = holds(Value.Of(true));
            Exist = (key.StartsWith("net.peer.", StringComparison.Ordinal) ||
                key is "peer.service" or OtlpGroups.DebugKey or OtlpGroups.SharedKey) &&
                Array.Exists(block.Templates, template => template.IsZipkin);
            if (!Exist || IsFlag)
                return;
            _fits = new bool?[block.ExtraValuesOf(SpanTemplate.Remote).Count];
            for (var code = 0; code < _fits.Length; code++)
            {
                var value = Evaluator.Find(OtlpGroups.AttributesOf(block.RemoteEndpointOf(code)), key);
                _fits[code] = value.Form == ValueForm.Missing ? null : holds(value);
            }
        }

        /// <summary>Whether any span may have one.</summary>
        public bool Exist { get; }

        bool IsFlag => _key is OtlpGroups.DebugKey or OtlpGroups.SharedKey;

        /// <summary>Whether that of the next row fits; null where it has none.</summary>
        public bool? Next(BlockTemplate template)
        {
            if (IsFlag)
            {
                var flag = _key == OtlpGroups.DebugKey ? SpanFlags.Debug : SpanFlags.Shared;
                return template.IsZipkin && (template.Flags & flag) != 0 ? _isTrue : null;
            }
            if ((template.Flags & SpanFlags.Remote) == 0)
                return null;
            var fits = _fits[_block.ExtraCodesOf(SpanTemplate.Remote)[_next++]];
            return template.IsZipkin ? fits : null;
        }
    }
}
