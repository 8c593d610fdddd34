namespace Tracing.Storage.TraceQl;

enum TokenKind
{
    End,
    OpenBrace,
    CloseBrace,
    OpenParenthesis,
    CloseParenthesis,
    Operator,

    /// <summary>A literal or a reference: <see cref="Token.Operand"/>.</summary>
    Operand,
    Nil,
}

/// <param name="Column">In characters from 1.</param>
/// <param name="Text">As it stands in the query.</param>
readonly record struct Token(TokenKind Kind, int Column, string Text, Operator Operator, Expression? Operand)
{
    /// <summary>For messages.</summary>
    public override string ToString() => Kind == TokenKind.End ? "the end of the query" : $"'{Text}'";
}
