using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Net.Http.Headers;
using Tracing.Model.Wire;
using Tracing.Model.Wire.Proto.Otlp;
using RpcCode = Grpc.Core.StatusCode;
using RpcStatus = Tracing.Model.Wire.Proto.Rpc.Status;

namespace Tracing.Collector;

/// <summary>
/// OTLP over HTTP: POST /v1/traces and /v1/metrics, protobuf or JSON. Answers in the request's encoding, errors as
/// google.rpc.Status, with the status codes of OTLP 1.11: only 429 and 503 make a client send again.
/// </summary>
static class OtlpEndpoints
{
    /// <summary>Seconds after which a client should send again when there was too much to do.</summary>
    internal const int RetryAfterSeconds = 1;

    static readonly string[] OtherMethods =
        [HttpMethods.Get, HttpMethods.Head, HttpMethods.Put, HttpMethods.Patch, HttpMethods.Delete];

    static readonly Encoding Protobuf = new("application/x-protobuf", m => m.ToByteArray());
    static readonly Encoding Json = new("application/json", ToJson);

    /// <summary>One of OTLP's two encodings.</summary>
    sealed record Encoding(string ContentType, Func<IMessage, byte[]> Write);

    /// <summary>How a body is taken, and how that is answered.</summary>
    sealed record Intake(
        MessageMetrics Transport, Func<RequestBody, Encoding, Task<IntakeResult>> Accept,
        Func<IntakeResult, IMessage> Success);

    public static void MapOtlp(this IEndpointRouteBuilder routes)
    {
        Map(routes, "/v1/traces", (HttpContext context, SpanIntake intake, BodyBudget budget,
            IntakeErrors errors) => ExportAsync(context, OfSpans(intake, context.RequestAborted), budget, errors));
        Map(routes, "/v1/metrics", (HttpContext context, MetricsIntake intake, BodyBudget budget,
            IntakeErrors errors) => ExportAsync(context, OfMetrics(intake, context.RequestAborted), budget, errors));
    }

    static void Map(IEndpointRouteBuilder routes, string path, Delegate export)
    {
        routes.MapPost(path, export).ExcludeFromDescription();
        // the gRPC host takes any path of two parts, so that routing would answer 404
        routes.MapMethods(path, OtherMethods, (HttpResponse response) =>
        {
            response.Headers.Allow = HttpMethods.Post;
            return Results.StatusCode(StatusCodes.Status405MethodNotAllowed);
        }).ExcludeFromDescription();
    }

    static Intake OfSpans(SpanIntake intake, CancellationToken cancellationToken) => new(
        intake.Metrics.OtlpHttp,
        (body, encoding) => intake.AcceptAsync(
            body, encoding == Json ? OtlpJson.Decode : OtlpProtobuf.Decode, intake.Metrics.OtlpHttp,
            cancellationToken),
        Success);

    static Intake OfMetrics(MetricsIntake intake, CancellationToken cancellationToken) => new(
        intake.Metrics.MetricsHttp,
        (body, encoding) => intake.AcceptAsync(
            body, encoding == Json ? OtlpMetricsJson.Decode : OtlpMetricsProtobuf.Decode, intake.Metrics.MetricsHttp,
            cancellationToken),
        MetricsSuccess);

    static async Task ExportAsync(HttpContext context, Intake intake, BodyBudget budget, IntakeErrors errors)
    {
        intake.Transport.MessageReceived();
        var encoding = EncodingOf(context.Request.ContentType);
        if (encoding is null)
        {
            intake.Transport.MessageDropped();
            await RefuseTypeAsync(context);
            return;
        }
        var (status, answer) = await AnswerAsync(context, encoding, intake, budget, errors);
        if (status != StatusCodes.Status200OK)
            intake.Transport.MessageDropped();
        await WriteAsync(context.Response, status, encoding, answer);
    }

    static async Task<(int Status, IMessage Answer)> AnswerAsync(
        HttpContext context, Encoding encoding, Intake intake, BodyBudget budget, IntakeErrors errors)
    {
        try
        {
            var body = await RequestBody.ReadAsync(
                context.Request, RequestBody.CodingsOf(context.Request), budget);
            return (StatusCodes.Status200OK, intake.Success(await intake.Accept(body, encoding)));
        }
        catch (Exception e) when (!context.RequestAborted.IsCancellationRequested)
        {
            // every failure must be answered in OTLP's own form
            var status = errors.StatusOf(e);
            return (status, new RpcStatus { Code = (int)CodeOf(status), Message = IntakeErrors.TextOf(e, status) });
        }
    }

    internal static RpcCode CodeOf(int status) => status switch
    {
        StatusCodes.Status500InternalServerError => RpcCode.Internal,
        StatusCodes.Status413PayloadTooLarge => RpcCode.ResourceExhausted,
        StatusCodes.Status503ServiceUnavailable => RpcCode.Unavailable,
        _ => RpcCode.InvalidArgument,
    };

    internal static IMessage MetricsSuccess(IntakeResult result)
    {
        var response = new ExportMetricsServiceResponse();
        if (result.RejectedReason is not null)
        {
            response.PartialSuccess = new ExportMetricsPartialSuccess
            {
                RejectedDataPoints = result.Rejected,
                ErrorMessage = result.RejectedReason,
            };
        }
        return response;
    }

    internal static IMessage Success(IntakeResult result)
    {
        var response = new ExportTraceServiceResponse();
        // without rejected spans the message is a warning
        if (result.RejectedReason is not null)
        {
            response.PartialSuccess = new ExportTracePartialSuccess
            {
                RejectedSpans = result.Rejected,
                ErrorMessage = result.RejectedReason,
            };
        }
        return response;
    }

    static Encoding? EncodingOf(string? contentType)
    {
        if (!MediaTypeHeaderValue.TryParse(contentType, out var type))
            return null;
        return type.MediaType.Equals(Protobuf.ContentType, StringComparison.OrdinalIgnoreCase) ? Protobuf
            : type.MediaType.Equals(Json.ContentType, StringComparison.OrdinalIgnoreCase) ? Json : null;
    }

    static Task RefuseTypeAsync(HttpContext context)
    {
        var sent = context.Request.ContentType ?? "";
        context.Response.StatusCode = StatusCodes.Status415UnsupportedMediaType;
        context.Response.Headers.Accept = "application/x-protobuf, application/json";
        return context.Response.WriteAsync(
            $"Content-Type \"{sent}\" is not OTLP's; use application/x-protobuf or application/json\n");
    }

    static Task WriteAsync(HttpResponse response, int status, Encoding encoding, IMessage answer)
    {
        response.StatusCode = status;
        response.ContentType = encoding.ContentType;
        if (status == StatusCodes.Status503ServiceUnavailable)
            response.Headers.RetryAfter = RetryAfterSeconds.ToString(CultureInfo.InvariantCulture);
        var bytes = encoding.Write(answer);
        response.ContentLength = bytes.Length;
        return response.Body.WriteAsync(bytes).AsTask();
    }

    static byte[] ToJson(IMessage answer)
    {
        var output = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            if (answer is RpcStatus failure)
            {
                json.WriteNumber("code", failure.Code);
                json.WriteString("message", failure.Message);
            }
            else if (answer is ExportTraceServiceResponse { PartialSuccess: { } spans })
            {
                WritePartial(json, "rejectedSpans", spans.RejectedSpans, spans.ErrorMessage);
            }
            else if (answer is ExportMetricsServiceResponse { PartialSuccess: { } points })
            {
                WritePartial(json, "rejectedDataPoints", points.RejectedDataPoints, points.ErrorMessage);
            }
            json.WriteEndObject();
        }
        return output.WrittenSpan.ToArray();
    }

    static void WritePartial(Utf8JsonWriter json, string what, long rejected, string message)
    {
        json.WriteStartObject("partialSuccess");
        json.WriteString(what, rejected.ToString(CultureInfo.InvariantCulture));
        json.WriteString("errorMessage", message);
        json.WriteEndObject();
    }
}
