using System.ComponentModel;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Tracing.Storage;

namespace Tracing.Query;

/// <summary>Search by TraceQL, below /api/tracing. Errors are RFC 9457 problems.</summary>
static class SearchEndpoints
{
    const int MaxLimit = 1000;

    public static void MapSearch(this IEndpointRouteBuilder routes) =>
        AnswerBudget.Bound(routes.MapMethods(
            "/api/tracing/search", [HttpMethods.Get, HttpMethods.Head], SearchAsync), areSearches: true)
            .WithName("Search")
            .WithSummary("Traces with a span that fits a span filter of TraceQL, a page at a time.")
            .Produces<SearchAnswer>()
            .ProducesProblem(StatusCodes.Status400BadRequest);

    /// <summary>200 with the page; 400 when a parameter is wrong, with the column when it is the query.</summary>
    static async Task<IResult> SearchAsync(
        [Description("A span filter of TraceQL, such as { name = \"GET\" && duration > 1s }; absent: all spans.")]
        string? q,
        [Description("Start of the window, included: Unix seconds or RFC 3339. Default: an hour before its end.")]
        string? start,
        [Description("End of the window, excluded. Default: now.")]
        string? end,
        [Description("newest (default), oldest, slowest, mostSpans or mostErrors.")]
        string? order,
        [Description("Traces of a page, 1 to 1000. Default: 20.")]
        string? limit,
        [Description("The field next of the page before; its window and order hold.")]
        string? cursor,
        [Description("Matching spans told of each trace, 0 to 1000. Default: 3.")]
        string? spansPerTrace,
        HttpContext context, ISpanStore store, TimeProvider time) => await Problems.CatchAsync(async () =>
        {
            var spans = SearchParameters.Selection(q, start, end, time);
            var page = await store.SearchAsync(new SpanSearch
            {
                Filter = spans.Filter,
                StartUnixNano = spans.StartUnixNano,
                EndUnixNano = spans.EndUnixNano,
                Order = SearchParameters.Order(order),
                Limit = SearchParameters.Number("limit", limit, 20, 1, MaxLimit),
                SpansPerTrace = SearchParameters.Number("spansPerTrace", spansPerTrace, 3, 0, MaxLimit),
                Cursor = SearchParameters.Cursor(cursor),
            }, context.RequestAborted);
            var body = JsonSerializer.SerializeToUtf8Bytes(SearchAnswer.Of(page), JsonSerializerOptions.Web);
            await Answer.WriteAsync(context, "application/json", body);
        });
}
