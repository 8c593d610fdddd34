using System.ComponentModel;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Tracing.Storage;

namespace Tracing.Query;

/// <summary>
/// Who calls whom, how latency depends on load, and what got worse, below /api/tracing. Errors are RFC 9457 problems.
/// </summary>
static class ComparisonEndpoints
{
    const int MaxEdges = 10_000;
    const int DefaultEdges = 1000;

    /// <summary>Minutes of a day; the fit looks at each point some hundred times.</summary>
    const int MaxLoadPoints = 1440;
    const int MaxChanges = 1000;
    const string LevelText = "Whose calls are told apart: service (default) or operation.";
    const string LimitText = "Edges, 1 to 10000, those of the most calls. Default: 1000.";

    public static void MapComparisons(this IEndpointRouteBuilder routes)
    {
        Map("edges", EdgesAsync, "GetEdges", "Calls to and from a service: how many, how many failed, how long they " +
            "took for the caller and for the callee.").Produces<EdgesAnswer>();
        Map("graph", GraphAsync, "GetGraph", "Who calls whom: services, or operations, and the calls between them.")
            .Produces<GraphAnswer>();
        Map("load", LoadAsync, "GetLoad", "Latency under load: each step of time is a point, rate against p50 and " +
            "p99; and the rate from which on p99 grows faster, if there is one.").Produces<LoadAnswer>();
        Map("changes", ChangesAsync, "GetChanges", "Services, operations and calls between services that got slower " +
            "or fail more than in another period, so clearly that chance does not explain it; the surest first. " +
            "Spans count as independent of one another, which those of a short disturbance are not.")
            .Produces<ChangesAnswer>();

        RouteHandlerBuilder Map(string path, Delegate handler, string name, string summary) => routes
            .MapMethods("/api/tracing/" + path, [HttpMethods.Get, HttpMethods.Head], handler)
            .WithName(name)
            .WithSummary(summary)
            .ProducesProblem(StatusCodes.Status400BadRequest);
    }

    static async Task<IResult> EdgesAsync(
        [Description("The service, with case, as it was sent; caller or callee.")] string? service,
        [Description(LevelText)] string? level,
        [Description(ParameterTexts.Start)] string? start,
        [Description(ParameterTexts.End)] string? end,
        [Description(LimitText)] string? limit,
        HttpContext context, ISpanStore store, TimeProvider time) => await Problems.CatchAsync(async () =>
        {
            var range = StatisticsParameters.Range(start, end, time);
            var name = StatisticsParameters.Service(service);
            var most = SearchParameters.Number("limit", limit, DefaultEdges, 1, MaxEdges);
            var of = StatisticsParameters.Choice("level", level, "service", "operation");
            var reader = new SeriesReader(store, SeriesSource.Spans, context.RequestAborted);
            await AddUpCallsAsync(context, store);
            var calling = await reader.ReadAsync(EdgeLevel(of), range, name);
            var called = await reader.ReadAsync(EdgeLevel(of), range, peer: name);
            // calls to itself are in both
            var edges = Graph.Edges(calling.Concat(called.Where(point => point.Series.Service != name)), range);
            await Answer.WriteJsonAsync(context, new EdgesAnswer(
                range.Covered, of, [.. edges.Take(most)], edges.Count <= most));
        });

    static async Task<IResult> GraphAsync(
        [Description(LevelText)] string? level,
        [Description(ParameterTexts.Start)] string? start,
        [Description(ParameterTexts.End)] string? end,
        [Description(LimitText)] string? limit,
        HttpContext context, ISpanStore store, TimeProvider time) => await Problems.CatchAsync(async () =>
        {
            var range = StatisticsParameters.Range(start, end, time);
            var most = SearchParameters.Number("limit", limit, DefaultEdges, 1, MaxEdges);
            var of = StatisticsParameters.Choice("level", level, "service", "operation");
            var reader = new SeriesReader(store, SeriesSource.Spans, context.RequestAborted);
            await AddUpCallsAsync(context, store);
            var edges = Graph.Edges(await reader.ReadAsync(EdgeLevel(of), range), range);
            List<GraphEdge> listed = [.. edges.Take(most)];
            var points = await reader.ReadAsync(
                of == "service" ? SeriesLevel.Service : SeriesLevel.Operation, range);
            var own = Measured.By(points.Where(Measured.Chosen(default, points)), point => new GraphEnd(
                point.Series.Service, of == "service" ? null : point.Series.Operation));
            await Answer.WriteJsonAsync(context, new GraphAnswer(
                range.Covered, of, Graph.Nodes(listed, own, range), listed, edges.Count <= most));
        });

    static async Task<IResult> LoadAsync(
        [Description(ParameterTexts.Service)] string? service,
        [Description(ParameterTexts.Operation)] string? operation,
        [Description(ParameterTexts.Start)] string? start,
        [Description(ParameterTexts.End)] string? end,
        [Description("Minutes of a step. Default: 1, or as many as leave 1440 steps.")] string? step,
        [Description("Spans that a step must have for the curve, 1 to 1000000. Default: 100.")] string? minCount,
        [Description(ParameterTexts.Kind)] string? kind,
        [Description(ParameterTexts.Source)] string? source,
        HttpContext context, ISpanStore store, TimeProvider time) => await Problems.CatchAsync(async () =>
        {
            var range = StatisticsParameters.Range(start, end, time);
            var minutes = StatisticsParameters.Step(step, range, MaxLoadPoints, MaxLoadPoints);
            range = range.RoundedOut(minutes);
            var least = SearchParameters.Number("minCount", minCount, LoadAnswer.DefaultMinCount, 1, 1_000_000);
            var from = StatisticsParameters.Source(source);
            var choice = StatisticsParameters.Kind(kind);
            var points = await new SeriesReader(store, from, context.RequestAborted)
                .ReadAsync(range, StatisticsParameters.Service(service), operation, minutes);
            var byTime = Measured.By(points.Where(Measured.Chosen(choice, points)), point => point.Minute);
            await Answer.WriteJsonAsync(context, LoadAnswer.Of(byTime, range, minutes, least, from.Lower()));
        });

    static async Task<IResult> ChangesAsync(
        [Description("Only this service, its operations and its calls. Absent: all.")] string? service,
        [Description(ParameterTexts.Start)] string? start,
        [Description(ParameterTexts.End)] string? end,
        [Description(ParameterTexts.Base + " Default: previous.")] string? @base,
        [Description(ParameterTexts.BaseStart)] string? baseStart,
        [Description(ParameterTexts.BaseEnd)] string? baseEnd,
        [Description("service, operation or edge. Default: all three.")] string? level,
        [Description("What is looked for: worse (default) or better.")] string? direction,
        [Description("Share of the changes that may be none, 0.000001 to 0.5. Default: 0.05.")] string? fdr,
        [Description("Effect from which on a change counts, in standard deviations (Cohen's d and h), 0 to 10. " +
            "Default: 0.1.")]
        string? minEffect,
        [Description("Effective number of spans that either period must have, 10 to 1000000. Default: 30.")]
        string? minCount,
        [Description("Changes to list, 1 to 1000. Default: 50.")] string? limit,
        [Description(ParameterTexts.Kind)] string? kind,
        [Description(ParameterTexts.Source)] string? source,
        HttpContext context, ISpanStore store, TimeProvider time) => await Problems.CatchAsync(async () =>
        {
            var range = StatisticsParameters.Range(start, end, time);
            var from = StatisticsParameters.Source(source);
            var of = StatisticsParameters.Choice("level", level, "all", "service", "operation", "edge");
            var search = new ChangeSearch(range,
                StatisticsParameters.Base(@base, baseStart, baseEnd, range, @default: "previous")!.Value,
                StatisticsParameters.Choice("direction", direction, "worse", "better") == "worse",
                SearchParameters.Decimal("fdr", fdr, 0.05, 1e-6, 0.5),
                SearchParameters.Decimal("minEffect", minEffect, 0.1, 0, 10),
                SearchParameters.Number("minCount", minCount, 30, 10, 1_000_000),
                SearchParameters.Number("limit", limit, 50, 1, MaxChanges));
            if (of is "all" or "edge")
                await AddUpCallsAsync(context, store);
            await Answer.WriteJsonAsync(context, await search.RunAsync(
                new SeriesReader(store, from, context.RequestAborted), service, StatisticsParameters.Kind(kind),
                of == "all" ? ["service", "operation", "edge"] : [of], from));
        });

    static async Task AddUpCallsAsync(HttpContext context, ISpanStore store)
    {
        if (!await store.AddUpCallsAsync(context.RequestAborted))
            Answer.MarkPartial(context);
    }

    static SeriesLevel EdgeLevel(string level) =>
        level == "service" ? SeriesLevel.ServiceEdge : SeriesLevel.OperationEdge;
}
