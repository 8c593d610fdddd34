using Microsoft.AspNetCore.Http;
using Tracing.Storage.TraceQl;

namespace Tracing.Query;

/// <summary>What is wrong with a request, as RFC 9457 problems.</summary>
static class Problems
{
    /// <summary>
    /// Runs a handler that writes its answer itself. 400 when a parameter is wrong, with the column when it is the
    /// query.
    /// </summary>
    public static async Task<IResult> CatchAsync(Func<Task> handler)
    {
        try
        {
            await handler();
            return TypedResults.Empty;
        }
        catch (TraceQlException e)
        {
            return TypedResults.Problem($"column {e.Column}: {e.Message}", statusCode: 400,
                title: "The query is wrong.", extensions: new Dictionary<string, object?> { ["column"] = e.Column });
        }
        catch (BadParameterException e)
        {
            return TypedResults.Problem(e.Message, statusCode: 400);
        }
    }
}
