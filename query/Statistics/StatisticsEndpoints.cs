using System.ComponentModel;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Tracing.Storage;

namespace Tracing.Query;

/// <summary>
/// Rates, errors and latencies of services and operations, below /api/tracing. Errors are RFC 9457 problems.
/// </summary>
static class StatisticsEndpoints
{
    /// <summary>Points of a series: as many as a chart has pixels, at most.</summary>
    const int MaxPoints = 2000;
    const int DefaultPoints = 180;
    const int MaxColumns = 500;
    const int DefaultColumns = 120;
    const int MaxRows = 400;

    public static void MapStatistics(this IEndpointRouteBuilder routes)
    {
        Map("services", ServicesAsync, "GetServices", "Rate, errors and latencies of all services, the busiest " +
            "first, and what they were in another period.").Produces<ServicesAnswer>();
        Map("services/{service}/operations", OperationsAsync, "GetOperations",
            "The same of the operations of a service.").Produces<OperationsAnswer>();
        Map("timeseries", TimeseriesAsync, "GetTimeseries",
            "Rate, errors and latencies of a service or an operation over time.").Produces<TimeseriesAnswer>();
        Map("distribution", DistributionAsync, "GetDistribution",
            "How the latencies of a service, an operation or of the spans of a query are distributed.")
            .Produces<DistributionAnswer>();
        Map("heatmap", HeatmapAsync, "GetHeatmap",
            "Spans counted by time and latency, with a trace of each cell as an example.").Produces<HeatmapAnswer>();

        RouteHandlerBuilder Map(string path, Delegate handler, string name, string summary) => routes
            .MapMethods("/api/tracing/" + path, [HttpMethods.Get, HttpMethods.Head], handler)
            .WithName(name)
            .WithSummary(summary)
            .ProducesProblem(StatusCodes.Status400BadRequest);
    }

    static async Task<IResult> ServicesAsync(
        [Description(ParameterTexts.Start)] string? start,
        [Description(ParameterTexts.End)] string? end,
        [Description(ParameterTexts.Kind)] string? kind,
        [Description(ParameterTexts.Source)] string? source,
        [Description(ParameterTexts.Base + " Default: none.")] string? @base,
        [Description(ParameterTexts.BaseStart)] string? baseStart,
        [Description(ParameterTexts.BaseEnd)] string? baseEnd,
        HttpContext context, ISpanStore store, TimeProvider time) => await Problems.CatchAsync(async () =>
        {
            var range = StatisticsParameters.Range(start, end, time);
            var before = StatisticsParameters.Base(@base, baseStart, baseEnd, range, @default: null);
            var from = StatisticsParameters.Source(source);
            var all = await new SeriesReader(store, from, context.RequestAborted).ReadBothAsync(SeriesLevel.Service,
                range, before, null, StatisticsParameters.Kind(kind), each => (each.Series.Service, (string?)null));
            await Answer.WriteJsonAsync(context, new ServicesAnswer(
                range.Covered, before?.Covered, from.Lower(), SummaryItem.Of(all, range, before)));
        });

    static async Task<IResult> OperationsAsync(
        [Description("The service, with case, as it was sent; with %2F for each slash.")] string service,
        [Description(ParameterTexts.Start)] string? start,
        [Description(ParameterTexts.End)] string? end,
        [Description(ParameterTexts.Kind)] string? kind,
        [Description(ParameterTexts.Source)] string? source,
        [Description(ParameterTexts.Base + " Default: none.")] string? @base,
        [Description(ParameterTexts.BaseStart)] string? baseStart,
        [Description(ParameterTexts.BaseEnd)] string? baseEnd,
        HttpContext context, ISpanStore store, TimeProvider time) => await Problems.CatchAsync(async () =>
        {
            var range = StatisticsParameters.Range(start, end, time);
            var before = StatisticsParameters.Base(@base, baseStart, baseEnd, range, @default: null);
            var from = StatisticsParameters.Source(source);
            var all = await new SeriesReader(store, from, context.RequestAborted).ReadBothAsync(
                SeriesLevel.Operation, range, before, RawPath.SegmentBefore(context, "operations") ?? service,
                StatisticsParameters.Kind(kind), each => (each.Series.Service, (string?)each.Series.Operation));
            await Answer.WriteJsonAsync(context, new OperationsAnswer(
                range.Covered, before?.Covered, from.Lower(), SummaryItem.Of(all, range, before)));
        });

    static async Task<IResult> TimeseriesAsync(
        [Description(ParameterTexts.Service)] string? service,
        [Description(ParameterTexts.Operation)] string? operation,
        [Description(ParameterTexts.Start)] string? start,
        [Description(ParameterTexts.End)] string? end,
        [Description(ParameterTexts.Step)] string? step,
        [Description(ParameterTexts.Kind)] string? kind,
        [Description(ParameterTexts.Source)] string? source,
        HttpContext context, ISpanStore store, TimeProvider time) => await Problems.CatchAsync(async () =>
        {
            var range = StatisticsParameters.Range(start, end, time);
            var minutes = StatisticsParameters.Step(step, range, DefaultPoints, MaxPoints);
            range = range.RoundedOut(minutes);
            var from = StatisticsParameters.Source(source);
            var choice = StatisticsParameters.Kind(kind);
            var points = await new SeriesReader(store, from, context.RequestAborted)
                .ReadAsync(range, StatisticsParameters.Service(service), operation, minutes);
            var byTime = Measured.By(points.Where(Measured.Chosen(choice, points)), point => point.Minute);
            await Answer.WriteJsonAsync(context, new TimeseriesAnswer(range.Covered, from.Lower(), minutes,
                [.. byTime.OrderBy(each => each.Key).Select(
                    each => TimePoint.Of(each.Key, each.Value, range, minutes))]));
        });

    static async Task<IResult> DistributionAsync(
        [Description(ParameterTexts.Service)] string? service,
        [Description(ParameterTexts.Operation)] string? operation,
        [Description("A span filter of TraceQL, such as { duration > 1s }, instead of service, operation, kind and " +
            "source: the distribution is that of the spans that fit and are still stored.")]
        string? q,
        [Description(ParameterTexts.Start)] string? start,
        [Description(ParameterTexts.End)] string? end,
        [Description(ParameterTexts.Kind)] string? kind,
        [Description(ParameterTexts.Source)] string? source,
        HttpContext context, ISpanStore store, TimeProvider time) => await Problems.CatchAsync(async () =>
        {
            var range = StatisticsParameters.Range(start, end, time);
            if (q is not null)
            {
                if (service is not null || !string.IsNullOrEmpty(operation + kind + source))
                {
                    throw new BadParameterException(
                        $"q is \"{q}\"; with it service, operation, kind and source must not be given");
                }
                var found = await store.CountLatenciesAsync(
                    SearchParameters.Selection(q, range.StartNanos, range.EndNanos), context.RequestAborted);
                await Answer.WriteJsonAsync(context, DistributionAnswer.Of(
                    found.All(), found.Failed, found.IsEstimated, range.Covered, "search"));
                return;
            }
            var from = StatisticsParameters.Source(source);
            var choice = StatisticsParameters.Kind(kind);
            var points = await new SeriesReader(store, from, context.RequestAborted)
                .ReadAsync(range, StatisticsParameters.Service(service), operation);
            var measured = new Measured();
            foreach (var point in points.Where(Measured.Chosen(choice, points)))
                measured.Add(point);
            await Answer.WriteJsonAsync(context, DistributionAnswer.Of(
                measured.All, measured.Latencies.Failed, measured.IsEstimated, range.Covered, from.Lower()));
        });

    static async Task<IResult> HeatmapAsync(
        [Description(ParameterTexts.Service)] string? service,
        [Description(ParameterTexts.Operation)] string? operation,
        [Description(ParameterTexts.Start)] string? start,
        [Description(ParameterTexts.End)] string? end,
        [Description(ParameterTexts.Step)] string? step,
        [Description("Rows at most, 2 to 400. Default: 100.")] string? rows,
        [Description(ParameterTexts.Kind)] string? kind,
        [Description(ParameterTexts.Source)] string? source,
        HttpContext context, ISpanStore store, TimeProvider time) => await Problems.CatchAsync(async () =>
        {
            var range = StatisticsParameters.Range(start, end, time);
            var minutes = StatisticsParameters.Step(step, range, DefaultColumns, MaxColumns);
            range = range.RoundedOut(minutes);
            var maxRows = SearchParameters.Number("rows", rows, 100, 2, MaxRows);
            var from = StatisticsParameters.Source(source);
            var choice = StatisticsParameters.Kind(kind);
            var points = await new SeriesReader(store, from, context.RequestAborted).ReadWithExemplarsAsync(
                range, StatisticsParameters.Service(service), operation, minutes);
            await Answer.WriteJsonAsync(context, HeatmapAnswer.Of(
                [.. points.Where(Measured.Chosen(choice, points))], range.Covered, from.Lower(), minutes, maxRows));
        });
}
