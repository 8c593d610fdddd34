using System.Buffers;
using System.Globalization;
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
            .WithSummary("A whole trace as OTLP TracesData: JSON, or protobuf when the Accept header asks for it.");

    /// <summary>
    /// 200 with <c>{"resourceSpans":[...]}</c>; 404 when nothing of the trace is stored; 400 when the id is not 1 to 32
    /// hex digits. Errors are RFC 9457 problems.
    /// </summary>
    static async Task<IResult> GetTraceAsync(
        string traceId, HttpContext context, ISpanStore store, QueryOptions options)
    {
        if (!TraceId.TryParse(traceId.Trim(), out var id) || id.IsZero)
        {
            return TypedResults.Problem(
                $"\"{traceId}\" is not a trace id: 1 to 32 hex digits that are not all zeros", statusCode: 400);
        }
        var traces = await store.GetTracesAsync([id], options.StrictTraceId, context.RequestAborted);
        if (traces.Count == 0)
            return TypedResults.Problem($"no span of trace {id} is stored", statusCode: 404);

        var kept = await store.GetKeptAsync(id, context.RequestAborted);
        context.Response.Headers[KeptHeader] = string.Create(CultureInfo.InvariantCulture,
            $"{SearchAnswer.NameOf(kept.Reason)}; weight={kept.Weight}");
        if (PrefersProtobuf(context.Request))
        {
            await Answer.WriteAsync(context, Protobuf, OtlpProtobuf.Encode(traces[0]));
            return TypedResults.Empty;
        }
        var body = new ArrayBufferWriter<byte>();
        OtlpJson.Encode(body, traces[0]);
        await Answer.WriteAsync(context, Json, body.WrittenMemory);
        return TypedResults.Empty;
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
