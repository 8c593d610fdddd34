namespace Tracing.Storage.TraceQl;

/// <summary>Recursive descent over the tokens of a span filter; each node is checked as it is made.</summary>
sealed class Parser
{
    /// <summary>Depth of parentheses, signs and operators, so that no query exhausts the stack.</summary>
    const int MaxDepth = 300;

    /// <summary>Conditions of a query, so that none becomes too much for the database.</summary>
    const int MaxOperands = 2_000;

    readonly Lexer _lexer;
    Token _token;
    int _depth;
    int _operands;

    Parser(string query)
    {
        _lexer = new Lexer(query);
        _token = _lexer.Next();
    }

    public static Expression Parse(string query)
    {
        var parser = new Parser(query);
        var parentheses = 0;
        for (; parser._token.Kind == TokenKind.OpenParenthesis; parentheses++)
            parser.Advance();
        var filter = parser.ParseBraces();
        for (; parentheses > 0; parentheses--)
            parser.Expect(TokenKind.CloseParenthesis, "')'");
        if (parser._token.Kind != TokenKind.End)
            throw NotSupported(parser._token.Column, parser._token.ToString());
        return filter;
    }

    Expression ParseBraces()
    {
        Expect(TokenKind.OpenBrace, "'{', since a query is a span filter { ... }");
        if (_token.Kind == TokenKind.CloseBrace)
        {
            AdvanceAfterFilter();
            return new Literal(Value.Of(true), ValueType.Bool);
        }
        var column = _token.Column;
        var filter = ParseBinary(0);
        if (!filter.IsBoolean)
            throw new TraceQlException(column, $"expected a condition, but found a value of type {Name(filter.Type)}");
        if (_token.Kind != TokenKind.CloseBrace)
            throw Unexpected("an operator or '}'");
        AdvanceAfterFilter();
        return Quantifiers.Close(filter);
    }

    /// <summary>What follows may be of the parts of the language that are not served, and is told so.</summary>
    void AdvanceAfterFilter()
    {
        try
        {
            Advance();
        }
        catch (TraceQlException e)
        {
            throw NotSupported(e.Column, "something else");
        }
    }

    static TraceQlException NotSupported(int column, string found) => new(column,
        $"expected the end of the query after the span filter, but found {found}; pipelines, structural operators, " +
        "metrics and hints are not supported");

    /// <summary>Operators of a rank and above, by climbing.</summary>
    Expression ParseBinary(int minRank)
    {
        var column = _token.Column;
        var left = ParseUnary();
        while (_token.Kind == TokenKind.Operator && RankOf(_token.Operator) is { } rank && rank >= minRank)
        {
            var @operator = _token;
            Advance();
            if (rank == 0)
            {
                left = ParseTerms(left, column, @operator.Operator);
                CheckDepth(left, @operator.Column);
                continue;
            }
            var rightToken = _token;
            // only powers group to the right
            var right = ParseBinary(@operator.Operator == Operator.Power ? rank : rank + 1);
            left = Checks.Binary(@operator, left, column, right, rightToken.Column);
            CheckDepth(left, @operator.Column);
        }
        return left;
    }

    /// <summary>A chain of one logical operator is one node, so that its length does not count as depth.</summary>
    Logic ParseTerms(Expression first, int column, Operator @operator)
    {
        var terms = new List<Expression> { Checks.Condition(first, column) };
        while (true)
        {
            var at = _token.Column;
            terms.Add(Checks.Condition(ParseBinary(1), at));
            if (_token.Kind != TokenKind.Operator || _token.Operator != @operator)
                break;
            Advance();
        }
        return new Logic(@operator == Operator.And, [.. terms]);
    }

    Expression ParseUnary()
    {
        if (++_depth > MaxDepth)
            throw TooDeep(_token.Column);
        try
        {
            if (_token.Kind != TokenKind.Operator || _token.Operator is not (Operator.Not or Operator.Subtract))
                return ParsePrimary();
            var token = _token;
            Advance();
            var column = _token.Column;
            // a sign binds less than a power, as in mathematics
            return token.Operator == Operator.Subtract
                ? Checks.Negative(ParseBinary(RankOf(Operator.Power)!.Value), column)
                : Checks.Not(ParseUnary(), column);
        }
        finally
        {
            _depth--;
        }
    }

    Expression ParsePrimary()
    {
        var token = _token;
        switch (token.Kind)
        {
            case TokenKind.OpenParenthesis:
                Advance();
                var inner = ParseBinary(0);
                Expect(TokenKind.CloseParenthesis, "an operator or ')'");
                return inner;
            case TokenKind.Operand:
                if (++_operands > MaxOperands)
                    throw new TraceQlException(token.Column, $"the query has more than {MaxOperands} operands");
                Advance();
                return token.Operand!;
            case TokenKind.Nil:
                Advance();
                return new Literal(Value.Missing, ValueType.Nil);
            default:
                throw Unexpected("an attribute, a field or a value");
        }
    }

    static int? RankOf(Operator @operator) => @operator switch
    {
        // alike and from left to right, as Tempo reads them
        Operator.Or or Operator.And => 0,
        Operator.Add or Operator.Subtract => 2,
        Operator.Multiply or Operator.Divide or Operator.Remainder => 3,
        Operator.Power => 4,
        Operator.Not => null,
        _ => 1,
    };

    void Advance() => _token = _lexer.Next();

    void Expect(TokenKind kind, string what)
    {
        if (_token.Kind != kind)
            throw Unexpected(what);
        Advance();
    }

    TraceQlException Unexpected(string expected) => new(_token.Column, $"expected {expected}, but found {_token}");

    static void CheckDepth(Expression expression, int column)
    {
        if (expression.Depth > MaxDepth)
            throw TooDeep(column);
    }

    static TraceQlException TooDeep(int column) => new(column, $"the query nests deeper than {MaxDepth}");

    internal static string Name(ValueType type) => type switch
    {
        ValueType.Attribute => "attribute",
        ValueType.String => "text",
        ValueType.Int => "integer",
        ValueType.Float => "float",
        ValueType.Duration => "duration",
        ValueType.Bool => "truth value",
        ValueType.Status => "status",
        ValueType.Kind => "kind",
        _ => "nil",
    };
}
