using System.ComponentModel;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Tracing.Storage;

namespace Tracing.Query;

/// <summary>Keys, values and facets of spans, below /api/tracing. Errors are RFC 9457 problems.</summary>
static class CountEndpoints
{
    const int MaxListed = 1000;
    const int MaxFacetValues = 100;
    const string FilterText =
        "A span filter of TraceQL, such as { status = error }; counted are the spans that fit. Absent: all spans.";
    const string StartText =
        "Start of the window, included: Unix seconds or RFC 3339. Default: an hour before its end.";
    const string EndText = "End of the window, excluded. Default: now.";
    const string ScopeText = "span, resource, event, link, instrumentation or intrinsic (fields such as name). " +
        "Absent: all.";

    public static void MapCounts(this IEndpointRouteBuilder routes)
    {
        Map("/api/tracing/keys", KeysAsync, "GetKeys",
            "The keys that spans have, with the number of spans that have them, the most frequent first. Of events " +
            "and links at most 50,000 spans are looked through; isComplete says whether that was enough.")
            .Produces<KeysAnswer>();
        Map("/api/tracing/keys/{key}/values", ValuesAsync, "GetValues",
            "The values that spans have for a key, with the number of spans that have them, the most frequent first; " +
            "those of more than 4,096 bytes are not listed.")
            .Produces<ValuesAnswer>();
        Map("/api/tracing/facets", FacetsAsync, "GetFacets",
            "What spans have in common: how many there are, how long they took, and the most frequent values of keys.")
            .Produces<FacetsAnswer>();

        RouteHandlerBuilder Map(string path, Delegate handler, string name, string summary) => routes
            .MapMethods(path, [HttpMethods.Get, HttpMethods.Head], handler)
            .WithName(name)
            .WithSummary(summary)
            .ProducesProblem(StatusCodes.Status400BadRequest);
    }

    static async Task<IResult> KeysAsync(
        [Description(ScopeText)] string? scope,
        [Description(FilterText)] string? q,
        [Description(StartText)] string? start,
        [Description(EndText)] string? end,
        [Description("What the keys begin with, compared with case.")] string? prefix,
        [Description("Keys to list, 1 to 1000. Default: 100.")] string? limit,
        HttpContext context, ISpanStore store, TimeProvider time) => await Problems.CatchAsync(async () =>
        {
            var keys = await store.CountKeysAsync(new KeyQuery
            {
                Spans = SearchParameters.Selection(q, start, end, time),
                Scope = SearchParameters.Scope(scope),
                Prefix = prefix ?? "",
                Limit = SearchParameters.Number("limit", limit, 100, 1, MaxListed),
            }, context.RequestAborted);
            await Answer.WriteJsonAsync(context, KeysAnswer.Of(keys));
        });

    static async Task<IResult> ValuesAsync(
        [Description("The key, with %2F for each slash.")] string key,
        [Description(ScopeText)] string? scope,
        [Description(FilterText)] string? q,
        [Description(StartText)] string? start,
        [Description(EndText)] string? end,
        [Description("What the values' texts begin with, compared with case.")] string? prefix,
        [Description("Values to list, 1 to 1000. Default: 100.")] string? limit,
        HttpContext context, ISpanStore store, TimeProvider time) => await Problems.CatchAsync(async () =>
        {
            var values = await store.CountValuesAsync(new ValueQuery
            {
                Spans = SearchParameters.Selection(q, start, end, time),
                Key = RawPath.SegmentBefore(context, "values") ?? key,
                Scope = SearchParameters.Scope(scope),
                Prefix = prefix ?? "",
                Limit = SearchParameters.Number("limit", limit, 100, 1, MaxListed),
            }, context.RequestAborted);
            await Answer.WriteJsonAsync(context, ValuesAnswer.Of(values));
        });

    static async Task<IResult> FacetsAsync(
        [Description(FilterText)] string? q,
        [Description(StartText)] string? start,
        [Description(EndText)] string? end,
        [Description("Up to 20 keys, separated by commas: service, name, kind, status, statusMessage, " +
            "instrumentation:name, or attributes such as span.http.route. Absent: the first four, and those " +
            "that tell most: attributes of which all spans have the same value, and those with a value that is more " +
            "frequent than in base, or without it in all spans of the window.")]
        string? keys,
        [Description("Values of each key, 1 to 100. Default: 10.")] string? limit,
        [Description("A span filter of TraceQL for spans to compare with: of each value that is listed baseCount " +
            "says how many of them have it.")]
        string? @base,
        [Description("Start of the window of the spans to compare with. Default: start.")] string? baseStart,
        [Description("End of that window. Default: end.")] string? baseEnd,
        HttpContext context, ISpanStore store, TimeProvider time) => await Problems.CatchAsync(async () =>
        {
            var (ownStart, ownEnd) = (!string.IsNullOrEmpty(baseStart), !string.IsNullOrEmpty(baseEnd));
            var compared = @base is null ? null : SearchParameters.Selection(@base,
                ownStart ? baseStart : start, ownEnd ? baseEnd : end, time,
                ownStart ? nameof(baseStart) : nameof(start), ownEnd ? nameof(baseEnd) : nameof(end));
            var facets = await store.CountFacetsAsync(new FacetQuery
            {
                Spans = SearchParameters.Selection(q, start, end, time),
                Keys = SearchParameters.Keys(keys),
                Base = compared,
                Limit = SearchParameters.Number("limit", limit, 10, 1, MaxFacetValues),
            }, context.RequestAborted);
            await Answer.WriteJsonAsync(context, FacetsAnswer.Of(facets, compared is null ? null :
                await store.CountFacetsAsync(
                    new FacetQuery { Spans = compared, Of = facets.Facets }, context.RequestAborted)));
        });
}
