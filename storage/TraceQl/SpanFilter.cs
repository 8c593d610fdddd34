using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage.TraceQl;

/// <summary>A span filter of TraceQL, <c>{ ... }</c>: which spans are wanted. Immutable.</summary>
public sealed class SpanFilter
{
    /// <summary>Characters of a query.</summary>
    public const int MaxLength = 32_768;

    SpanFilter(string query, Expression root)
    {
        Query = query;
        Root = root;
    }

    /// <summary>The filter that every span fits: <c>{ }</c>.</summary>
    public static SpanFilter Any { get; } = Parse("{ }");

    /// <summary>As it was written.</summary>
    public string Query { get; }

    internal Expression Root { get; }

    /// <exception cref="TraceQlException">It is not a span filter, or its types do not fit.</exception>
    public static SpanFilter Parse(string query) => query.Length > MaxLength
        ? throw new TraceQlException(MaxLength + 1, $"the query is longer than {MaxLength} characters")
        : new SpanFilter(query, Parser.Parse(query));

    /// <summary>Whether the span is wanted; exact, whatever a database makes of the filter.</summary>
    /// <param name="span">One of the trace's.</param>
    public bool Matches(Span span, TraceFacts trace) => new Evaluator(
        span.Origin == SpanOrigin.Zipkin ? OtlpGroups.FromZipkin(span) : span, trace).IsTrue(Root);

    public override string ToString() => Query;
}
