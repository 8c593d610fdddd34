using System.Text.RegularExpressions;

namespace Tracing.Storage.TraceQl;

/// <summary>What is known of a value before there is a span.</summary>
enum ValueType
{
    /// <summary>Anything: an attribute, or what is computed from attributes alone.</summary>
    Attribute,
    String,
    Int,
    Float,

    /// <summary>Nanoseconds; a number like others.</summary>
    Duration,
    Bool,
    Status,
    Kind,
    Nil,
}

/// <summary>What an expression reads, which decides where it can be evaluated.</summary>
[Flags]
enum Sources
{
    None = 0,
    Span = 1,
    Resource = 2,
    Scope = 4,
    Event = 8,
    Link = 16,

    /// <summary>Other spans of the trace.</summary>
    Trace = 32,
}

enum AttributeScope
{
    /// <summary>Of the span, or else of the resource.</summary>
    Any,
    Span,
    Resource,
    Event,
    Link,
    Instrumentation,
}

/// <summary>Fields of a span that are no attributes.</summary>
enum Field
{
    Name,
    Duration,
    Status,
    StatusMessage,
    Kind,
    SpanId,
    ParentId,
    ChildCount,
    TraceId,
    TraceDuration,
    RootName,
    RootService,
    EventName,
    EventTimeSinceStart,
    LinkTraceId,
    LinkSpanId,
    InstrumentationName,
    InstrumentationVersion,
    NestedSetLeft,
    NestedSetRight,
    NestedSetParent,
}

enum Operator
{
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    NotMatches,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    Not,
}

/// <summary>A part of a query. Immutable; types have been checked.</summary>
abstract record Expression(ValueType Type, Sources Reads, int Depth)
{
    public bool IsBoolean => Type is ValueType.Bool or ValueType.Attribute;

    public bool IsNumeric => Type is ValueType.Int or ValueType.Float or ValueType.Duration or ValueType.Attribute;
}

sealed record Literal(Value Value, ValueType Type) : Expression(Type, Sources.None, 1);

/// <param name="OfParent">Of the span's parent rather than the span.</param>
sealed record AttributeReference(AttributeScope Scope, string Name, bool OfParent)
    : Expression(ValueType.Attribute, OfParent ? Sources.Trace : Fields.ReadsOf(Scope), 1);

sealed record FieldReference(Field Field) : Expression(Fields.TypeOf(Field), Fields.ReadsOf(Field), 1);

/// <summary>A number with its sign changed.</summary>
sealed record Negative(Expression Operand) : Expression(Operand.Type, Operand.Reads, Operand.Depth + 1);

/// <summary>The other truth value of an attribute that is a truth value; nothing of any other.</summary>
sealed record Inverse(Expression Operand) : Expression(ValueType.Attribute, Operand.Reads, Operand.Depth + 1);

/// <summary>The complement: true for exactly the spans for which the operand is not.</summary>
sealed record Complement(Expression Operand)
    : Expression(ValueType.Bool, Operand.Reads & ~(Sources.Event | Sources.Link) | Fields.Holders(Operand.Reads),
        Operand.Depth + 1);

sealed record Arithmetic(Operator Operator, Expression Left, Expression Right)
    : Expression(Left.Type == ValueType.Attribute ? Right.Type : Left.Type, Left.Reads | Right.Reads,
        Math.Max(Left.Depth, Right.Depth) + 1);

/// <param name="Pattern">Of =~ and !~.</param>
sealed record Comparison(Operator Operator, Expression Left, Expression Right, Pattern? Pattern)
    : Expression(ValueType.Bool, Left.Reads | Right.Reads, Math.Max(Left.Depth, Right.Depth) + 1);

/// <summary>Whether there is a value: <c>!= nil</c>; or that there is none.</summary>
sealed record Presence(Expression Operand, bool IsPresent)
    : Expression(ValueType.Bool, Operand.Reads, Operand.Depth + 1);

/// <summary>All terms are true, or any.</summary>
sealed record Logic(bool IsAll, Expression[] Terms) : Expression(ValueType.Bool,
    Terms.Aggregate(Sources.None, (reads, term) => reads | term.Reads), Terms.Max(term => term.Depth) + 1);

/// <summary>Some event, some link, or some pair of them makes the operand true.</summary>
sealed record Some(Sources Of, Expression Operand)
    : Expression(ValueType.Bool, (Operand.Reads & ~Of) | Sources.Span, Operand.Depth + 1);

/// <summary>A regular expression that has to match a whole text.</summary>
/// <param name="Source">As RE2 reads it.</param>
/// <param name="IsPlain">Whether it surely means the same to RE2 over any text.</param>
sealed record Pattern(string Source, Regex Regex, bool IsPlain);
