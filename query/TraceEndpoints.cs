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
    const string Protobuf = "application/x-protobuf";

    /// <summary>Why the trace is still stored, and for how many stored traces it stands.</summary>
    const string KeptHeader = "Tracing-Kept";

    public static void MapTraces(this IEndpointRouteBuilder routes) =>
        routes.MapMethods("/api/tracing/traces/{traceId}", [HttpMethods.Get, HttpMethods.Head], GetTraceAsync)
            .WithName("GetTrace")
            .WithSummary("A trace as OTLP TracesData: JSON, or protobuf when the Accept header asks for it. Whole " +
                "without parameters; else a window, and in JSON its field summary tells what it leaves out.")
            .Produces<TraceAnswer>(StatusCodes.Status200OK, Json, Protobuf)
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status404NotFound);

    /// <summary>
    /// 200 with <c>{"resourceSpans":[...]}</c>; 404 when nothing of the trace, or no span of the id in root, is stored;
    /// 400 when a parameter is wrong. Errors are RFC 9457 problems.
    /// </summary>
    static async Task<IResult> GetTraceAsync(
        [Description("1 to 32 hex digits. Up to 16 also find the trace whose id ends with them.")] string traceId,
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
        if (!TraceId.TryParse(traceId.Trim(), out var id) || id.IsZero)
        {
            return TypedResults.Problem(
                $"\"{traceId}\" is not a trace id: 1 to 32 hex digits that are not all zeros", statusCode: 400);
        }
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
        var traces = await store.GetTracesAsync([id], options.StrictTraceId, context.RequestAborted);
        // exemplars are known by the low half of their ids
        if (traces.Count == 0 && options.StrictTraceId && id.High == 0)
            traces = await store.GetTracesAsync([id], strict: false, context.RequestAborted);
        if (traces.Count == 0)
            return TypedResults.Problem($"no span of trace {id} is stored", statusCode: 404);
        var window = query is null ? null : TraceWindow.Of(traces[0], query);
        if (query is not null && window is null)
            return TypedResults.Problem($"root is \"{root}\", but trace {id} has no such span", statusCode: 404);

        var kept = await store.GetKeptAsync(id, context.RequestAborted);
        context.Response.Headers[KeptHeader] = string.Create(CultureInfo.InvariantCulture,
            $"{SearchAnswer.NameOf(kept.Reason)}; weight={kept.Weight}");
        await WriteAsync(context, window?.Spans ?? traces[0], window?.Summary);
        return TypedResults.Empty;
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
