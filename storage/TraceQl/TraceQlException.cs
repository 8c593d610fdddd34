namespace Tracing.Storage.TraceQl;

/// <summary>A query that is not a span filter of TraceQL, or whose types do not fit.</summary>
/// <param name="column">Where in the query, in characters from 1.</param>
/// <param name="message">What was expected and what was found, without the column.</param>
public sealed class TraceQlException(int column, string message) : Exception(message)
{
    /// <summary>Where in the query, in characters from 1.</summary>
    public int Column => column;
}
