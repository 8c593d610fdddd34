using System.Buffers;
using System.ComponentModel;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage;

namespace Tracing.Query;

/// <summary>Our own read API, below /api/tracing.</summary>
static class TraceEndpoints
{
    const string Json = "application/json";
    const string JsonLines = "application/x-ndjson";
    const string Protobuf = "application/x-protobuf";

    /// <summary>Why the trace is still stored, and for how many stored traces it stands.</summary>
    const string KeptHeader = "Tracing-Kept";

    /// <summary>Of a span, about.</summary>
    const long OutlineBytes = 300;

    const string IdText = "1 to 32 hex digits. Up to 16 also find the trace whose id ends with them.";

    public static void MapTraces(this IEndpointRouteBuilder routes)
    {
        Map("", GetTraceAsync, "GetTrace", "A trace as OTLP TracesData: JSON, or protobuf when the Accept header " +
            "asks for it. Whole without parameters; else a window, and in JSON its field summary tells what it " +
            "leaves out.")
            .Produces<TraceAnswer>(StatusCodes.Status200OK, Json, Protobuf);
        Map("/outline", GetOutlineAsync, "GetOutline", "What a waterfall shows of all spans of a trace: lines of " +
            "JSON, a head and then windows of spans, parents before children.")
            .Produces<OutlineHead>(StatusCodes.Status200OK, JsonLines);

        RouteHandlerBuilder Map(string path, Delegate handler, string name, string summary) => AnswerBudget
            .Bound(routes.MapMethods(
                "/api/tracing/traces/{traceId}" + path, [HttpMethods.Get, HttpMethods.Head], handler),
                areSearches: false)
            .WithName(name)
            .WithSummary(summary)
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status404NotFound);
    }

    /// <summary>Apart, as it rests on statistics, which can be switched off with the search.</summary>
    public static void MapTraceHistory(this IEndpointRouteBuilder routes) => AnswerBudget
        .Bound(routes.MapMethods(
            "/api/tracing/traces/{traceId}/history", [HttpMethods.Get, HttpMethods.Head], GetHistoryAsync),
            areSearches: false)
        .WithName("GetHistory")
        .WithSummary("How long the operations of a trace took in the day up to its end, in percentiles.")
        .Produces<HistoryAnswer>()
        .ProducesProblem(StatusCodes.Status400BadRequest)
        .ProducesProblem(StatusCodes.Status404NotFound);

    /// <summary>
    /// 200 with <c>{"resourceSpans":[...]}</c>; 404 when nothing of the trace, or no span of the id in root, is stored;
    /// 400 when a parameter is wrong. Errors are RFC 9457 problems.
    /// </summary>
    static async Task<IResult> GetTraceAsync(
        [Description(IdText)] string traceId,
        [Description("Id of a span, 1 to 16 hex digits: only this span and those below it.")] string? root,
        [Description("Levels below the roots, or below the span root: 0 or more. Default: all.")] string? depth,
        [Description("Only spans that overlap the time from here: nanoseconds since 1970, Unix seconds or RFC 3339.")]
        string? start,
        [Description("Only spans that start before.")] string? end,
        [Description("Spans at most, from 1, parents before children, siblings by start. Default: all.")]
        string? limit,
        [Description("How many spans in this order to pass over. Default: 0.")] string? offset,
        HttpContext context, ISpanStore store, QueryOptions options)
    {
        TraceWindowQuery? query = null;
        try
        {
            if (!string.IsNullOrEmpty(root + depth + start + end + limit + offset))
                query = SearchParameters.TraceWindow(root, depth, start, end, limit, offset);
        }
        catch (BadParameterException e)
        {
            return TypedResults.Problem(e.Message, statusCode: 400);
        }
        var (found, problem) = await FindAsync(traceId, store, options, context.RequestAborted);
        if (found is not { } trace)
            return problem!;
        var window = query is null ? null : TraceWindow.Of(trace.Spans, query);
        if (query is not null && window is null)
            return TypedResults.Problem($"root is \"{root}\", but trace {trace.Id} has no such span", statusCode: 404);

        var kept = await store.GetKeptAsync(trace.Id, context.RequestAborted);
        context.Response.Headers[KeptHeader] = string.Create(CultureInfo.InvariantCulture,
            $"{SearchAnswer.NameOf(kept.Reason)}; weight={kept.Weight}");
        await WriteAsync(context, window?.Spans ?? trace.Spans, window?.Summary);
        return TypedResults.Empty;
    }

    /// <summary>Compressed by line, so that the first can be drawn while others are still made.</summary>
    static async Task<IResult> GetOutlineAsync(
        [Description(IdText)] string traceId, HttpContext context, ISpanStore store, QueryOptions options)
    {
        var (found, problem) = await FindAsync(traceId, store, options, context.RequestAborted);
        if (found is not { } trace)
            return problem!;
        var kept = await store.GetKeptAsync(trace.Id, context.RequestAborted);
        if (!AnswerBudget.TryWrite(context, trace.Spans.Count * OutlineBytes))
            return TypedResults.Problem(AnswerBudget.Full, statusCode: 503);
        await Answer.WriteStreamAsync(context, JsonLines, output =>
            new TraceOutline(trace.Spans).WriteAsync(output, trace.Id, kept, context.RequestAborted));
        return TypedResults.Empty;
    }

    static async Task<IResult> GetHistoryAsync([Description(IdText)] string traceId, HttpContext context,
        ISpanStore store, QueryOptions options, TimeProvider time)
    {
        var (found, problem) = await FindAsync(traceId, store, options, context.RequestAborted);
        if (found is not { } trace)
            return problem!;
        await Answer.WriteJsonAsync(
            context, await TraceHistory.OfAsync(trace.Spans, store, time, context.RequestAborted));
        return TypedResults.Empty;
    }

    /// <summary>The trace, or what is wrong.</summary>
    static async Task<((TraceId Id, IReadOnlyList<Span> Spans)? Found, IResult? Problem)> FindAsync(
        string text, ISpanStore store, QueryOptions options, CancellationToken cancellation)
    {
        if (!TraceId.TryParse(text.Trim(), out var id) || id.IsZero)
        {
            return (null, TypedResults.Problem(
                $"\"{text}\" is not a trace id: 1 to 32 hex digits that are not all zeros", statusCode: 400));
        }
        var traces = await store.GetTracesAsync([id], options.StrictTraceId, cancellation);
        // exemplars are known by the low half of their ids
        if (traces.Count == 0 && options.StrictTraceId && id.High == 0)
            traces = await store.GetTracesAsync([id], strict: false, cancellation);
        return traces.Count == 0
            ? (null, TypedResults.Problem($"no span of trace {id} is stored", statusCode: 404))
            : ((id, ReportedSpans.Merge(traces[0])), null);
    }

    static Task WriteAsync(HttpContext context, IReadOnlyList<Span> spans, TraceSummary? summary)
    {
        if (PrefersProtobuf(context.Request))
            return Answer.WriteAsync(context, Protobuf, OtlpProtobuf.Encode(spans));
        var body = new ArrayBufferWriter<byte>();
        OtlpJson.Encode(body, spans);
        if (summary is null)
            return Answer.WriteAsync(context, Json, body.WrittenMemory);
        // into the object that was written, before its closing brace
        byte[] whole =
        [
            .. body.WrittenSpan[..^1], .. ",\"summary\":"u8,
            .. JsonSerializer.SerializeToUtf8Bytes(summary, JsonSerializerOptions.Web), .. "}"u8,
        ];
        return Answer.WriteAsync(context, Json, whole);
    }

    /// <summary>Whether protobuf stands in the Accept header with a higher quality than JSON.</summary>
    static bool PrefersProtobuf(HttpRequest request)
    {
        double protobuf = 0, json = 0;
        foreach (var type in request.GetTypedHeaders().Accept)
        {
            var quality = type.Quality ?? 1;
            if (type.MediaType.Value is Protobuf or "application/protobuf")
                protobuf = Math.Max(protobuf, quality);
            else if (type.MediaType.Value is Json or "*/*" or "application/*")
                json = Math.Max(json, quality);
        }
        return protobuf > json;
    }
}

/// <summary>The shape of the answer, for its description.</summary>
/// <param name="ResourceSpans">As in OTLP's TracesData.</param>
/// <param name="Summary">Absent when no window was asked for.</param>
sealed record TraceAnswer(IReadOnlyList<JsonElement> ResourceSpans, TraceSummary? Summary);
