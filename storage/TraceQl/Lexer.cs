using System.Text;
using Tracing.Model;

namespace Tracing.Storage.TraceQl;

/// <summary>Splits a query into tokens, one at a time.</summary>
sealed class Lexer(string query)
{
    static readonly Dictionary<string, Token> Words = new(StringComparer.Ordinal)
    {
        ["true"] = Word(Value.Of(true), ValueType.Bool),
        ["false"] = Word(Value.Of(false), ValueType.Bool),
        ["nil"] = default(Token) with { Kind = TokenKind.Nil },
        ["minInt"] = Word(Value.Of(long.MinValue), ValueType.Int),
        ["maxInt"] = Word(Value.Of(long.MaxValue), ValueType.Int),
        ["ok"] = Word(Value.Of(StatusCode.Ok), ValueType.Status),
        ["error"] = Word(Value.Of(StatusCode.Error), ValueType.Status),
        ["unset"] = Word(Value.Of(StatusCode.Unset), ValueType.Status),
        ["unspecified"] = Word(Value.Of(SpanKind.Unspecified), ValueType.Kind),
        ["internal"] = Word(Value.Of(SpanKind.Internal), ValueType.Kind),
        ["server"] = Word(Value.Of(SpanKind.Server), ValueType.Kind),
        ["client"] = Word(Value.Of(SpanKind.Client), ValueType.Kind),
        ["producer"] = Word(Value.Of(SpanKind.Producer), ValueType.Kind),
        ["consumer"] = Word(Value.Of(SpanKind.Consumer), ValueType.Kind),
    };

    // longer ones first
    static readonly (string Text, Operator Operator)[] Operators =
    [
        ("&&", Operator.And), ("||", Operator.Or), ("!=", Operator.NotEqual), ("=~", Operator.Matches),
        ("!~", Operator.NotMatches), (">=", Operator.GreaterOrEqual), ("<=", Operator.LessOrEqual),
        ("=", Operator.Equal), (">", Operator.Greater), ("<", Operator.Less), ("!", Operator.Not),
        ("+", Operator.Add), ("-", Operator.Subtract), ("*", Operator.Multiply), ("/", Operator.Divide),
        ("%", Operator.Remainder), ("^", Operator.Power),
    ];

    // a byte order mark is no part of the query
    int _next = query.StartsWith('\uFEFF') ? 1 : 0;

    char Current => _next < query.Length ? query[_next] : '\0';

    char Following => _next + 1 < query.Length ? query[_next + 1] : '\0';

    public Token Next()
    {
        SkipBlanks();
        var start = _next;
        if (_next == query.Length)
            return new Token(TokenKind.End, start + 1, "", default, null);
        var token = Current switch
        {
            '{' => Single(TokenKind.OpenBrace),
            '}' => Single(TokenKind.CloseBrace),
            '(' => Single(TokenKind.OpenParenthesis),
            ')' => Single(TokenKind.CloseParenthesis),
            '"' or '`' => Operand(new Literal(Value.Of(LiteralText.Read(query, ref _next)), ValueType.String)),
            '.' when !char.IsAsciiDigit(Following) => Operand(ReadAttribute(AttributeScope.Any, false, ".")),
            var c when char.IsAsciiDigit(c) || c == '.' => Operand(LiteralNumber.Read(query, ref _next)),
            var c when char.IsLetter(c) || c == '_' => ReadWord(),
            _ => ReadOperator(),
        };
        return token with { Column = start + 1, Text = query[start.._next] };
    }

    static Token Word(Value value, ValueType type) => Operand(new Literal(value, type));

    static Token Operand(Expression operand) => default(Token) with { Kind = TokenKind.Operand, Operand = operand };

    Token Single(TokenKind kind)
    {
        _next++;
        return default(Token) with { Kind = kind };
    }

    Token ReadOperator()
    {
        foreach (var (text, @operator) in Operators)
        {
            if (query.AsSpan(_next).StartsWith(text, StringComparison.Ordinal))
            {
                _next += text.Length;
                return default(Token) with { Kind = TokenKind.Operator, Operator = @operator };
            }
        }
        var found = char.IsSurrogatePair(Current, Following) ? query[_next..(_next + 2)] : Current.ToString();
        throw Error(_next, char.IsControl(Current) || char.IsWhiteSpace(Current)
            ? $"the character U+{(int)Current:X4} has no meaning here"
            : $"'{found}' has no meaning here; texts stand in double quotes, names of attributes after a dot");
    }

    Token ReadWord()
    {
        var start = _next;
        while (char.IsLetterOrDigit(Current) || Current == '_')
            _next++;
        var word = query[start.._next];
        if (Current == ':' && char.IsAsciiLetter(Following))
            return ReadScopedField(start);
        if (Current == '.' && word == "parent")
            return Operand(ReadOfParent());
        if (Current == '.' && Fields.Scopes.TryGetValue(word, out var scope))
            return Operand(ReadAttribute(scope, false, word + "."));
        if (Fields.Bare.TryGetValue(word, out var field))
            return Operand(new FieldReference(field));
        if (Words.TryGetValue(word, out var token))
            return token;
        throw Error(start, $"'{word}' is no known field or word; attributes are written .{word}, span.{word} or " +
            $"resource.{word}, texts in double quotes");
    }

    Token ReadScopedField(int start)
    {
        _next++;
        while (char.IsLetterOrDigit(Current))
            _next++;
        var name = query[start.._next];
        return Fields.Scoped.TryGetValue(name, out var field)
            ? Operand(new FieldReference(field))
            : throw Error(start, $"'{name}' is no known field; there are {string.Join(", ", Fields.Scoped.Keys)}");
    }

    AttributeReference ReadOfParent()
    {
        foreach (var scope in new[] { AttributeScope.Span, AttributeScope.Resource })
        {
            var prefix = scope == AttributeScope.Span ? ".span." : ".resource.";
            if (query.AsSpan(_next).StartsWith(prefix, StringComparison.Ordinal))
            {
                _next += prefix.Length - 1;
                return ReadAttribute(scope, true, "parent" + prefix);
            }
        }
        return ReadAttribute(AttributeScope.Any, true, "parent.");
    }

    /// <summary>A name after a dot: runs of characters that are no operators, and parts in quotes.</summary>
    AttributeReference ReadAttribute(AttributeScope scope, bool ofParent, string prefix)
    {
        var start = ++_next;
        var name = new StringBuilder();
        while (_next < query.Length)
        {
            if (Current == '"')
                ReadQuotedName(name);
            else if (IsNameCharacter(Current))
                name.Append(query[_next++]);
            else
                break;
        }
        if (_next == start)
            throw Error(start, $"expected the name of an attribute after '{prefix}', but found {Found()}");
        return new AttributeReference(scope, name.ToString(), ofParent);
    }

    void ReadQuotedName(StringBuilder name)
    {
        var start = _next++;
        while (Current != '"')
        {
            if (_next >= query.Length)
                throw Error(start, "a quoted name has no end: expected '\"'");
            if (Current == '\\' && Following is not ('"' or '\\'))
                throw Error(_next, "in a quoted name '\\' stands only before '\"' or '\\'");
            if (Current == '\\')
                _next++;
            name.Append(query[_next++]);
        }
        _next++;
    }

    string Found() => _next == query.Length ? "the end of the query"
        : char.IsWhiteSpace(Current) ? "a blank" : $"'{Current}'";

    public static bool IsNameCharacter(char c) => !char.IsWhiteSpace(c) &&
        c is not ('{' or '}' or '(' or ')' or '=' or '~' or '!' or '<' or '>' or '&' or '|' or '^' or ',' or '\0');

    void SkipBlanks()
    {
        while (_next < query.Length)
        {
            if (Current is ' ' or '\t' or '\r' or '\n')
                _next++;
            else if (Current == '/' && Following == '/')
                _next = query.IndexOf('\n', _next) is >= 0 and var end ? end : query.Length;
            else if (Current == '/' && Following == '*')
                SkipComment();
            else
                return;
        }
    }

    void SkipComment()
    {
        var end = query.IndexOf("*/", _next + 2, StringComparison.Ordinal);
        _next = end >= 0 ? end + 2 : throw Error(_next, "a comment has no end: expected '*/'");
    }

    static TraceQlException Error(int index, string message) => new(index + 1, message);
}
