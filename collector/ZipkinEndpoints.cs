using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Tracing.Model.Wire;

namespace Tracing.Collector;

/// <summary>
/// Zipkin's intake: POST /api/v2/spans and /api/v1/spans. Answers 202 without a body, or an error as plain text in
/// Zipkin's words; unlike Zipkin's, a 202 means that the spans are stored.
/// </summary>
static class ZipkinEndpoints
{
    public static void MapZipkinIntake(this IEndpointRouteBuilder routes)
    {
        Map(routes, "/api/v2/spans", ZipkinVersion.V2);
        Map(routes, "/api/v1/spans", ZipkinVersion.V1);
    }

    static void Map(IEndpointRouteBuilder routes, string path, ZipkinVersion version) =>
        routes.MapPost(path, (HttpContext context, SpanIntake intake, BodyBudget budget, IntakeErrors errors) =>
            AcceptAsync(context, version, intake, budget, errors)).ExcludeFromDescription();

    static async Task AcceptAsync(
        HttpContext context, ZipkinVersion version, SpanIntake intake, BodyBudget budget, IntakeErrors errors)
    {
        var transport = intake.Metrics.ZipkinHttp;
        transport.MessageReceived();
        var (status, text) = await AnswerAsync(context, version, intake, budget, errors);
        if (status != StatusCodes.Status202Accepted)
            transport.MessageDropped();

        context.Response.StatusCode = status;
        if (status == StatusCodes.Status503ServiceUnavailable)
        {
            context.Response.Headers.RetryAfter =
                OtlpEndpoints.RetryAfterSeconds.ToString(CultureInfo.InvariantCulture);
        }
        if (text is null)
        {
            context.Response.ContentLength = 0;
            return;
        }
        context.Response.ContentType = "text/plain; charset=utf-8";
        await context.Response.WriteAsync(text);
    }

    static async Task<(int Status, string? Text)> AnswerAsync(
        HttpContext context, ZipkinVersion version, SpanIntake intake, BodyBudget budget, IntakeErrors errors)
    {
        try
        {
            var contentType = context.Request.ContentType;
            var body = await RequestBody.ReadAsync(context.Request, CodingsOf(context.Request), budget);
            var result = await intake.AcceptAsync(
                body,
                (bytes, limits, memory) => ZipkinFormats.Decode(bytes, version, contentType, limits, memory),
                intake.Metrics.ZipkinHttp,
                context.RequestAborted);
            errors.LogRejected(result);
            return (StatusCodes.Status202Accepted, null);
        }
        catch (Exception e) when (!context.RequestAborted.IsCancellationRequested)
        {
            var status = errors.StatusOf(e);
            var text = IntakeErrors.TextOf(e, status);
            return (status, e is BodyEncodingException
                ? $"Malformed reading List<Span> from {Reader(context.Request)}: {text}"
                : text);
        }
    }

    static string Reader(HttpRequest request) =>
        request.ContentType?.Contains("protobuf", StringComparison.OrdinalIgnoreCase) == true ? "proto3" : "json";

    /// <summary>
    /// As in Zipkin, anything with "gzip" in it is gzip; codings that it ignores are undone if known.
    /// </summary>
    static List<string> CodingsOf(HttpRequest request) => [.. RequestBody.CodingsOf(request)
        .Select(coding => coding.Contains("gzip", StringComparison.Ordinal) ? "gzip" : coding)
        .Where(coding => coding is "gzip" or "deflate" or "br" or "zstd")];
}
