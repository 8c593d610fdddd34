using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Microsoft.Net.Http.Headers;
using Tracing.Model.Wire;
using Tracing.Model.Wire.Proto.Otlp;
using RpcCode = Grpc.Core.StatusCode;
using RpcStatus = Tracing.Model.Wire.Proto.Rpc.Status;

namespace Tracing.Collector;

/// <summary>
/// OTLP over HTTP: POST /v1/traces, protobuf or JSON. Answers in the request's encoding, errors as google.rpc.Status,
/// with the status codes of OTLP 1.11: only 429 and 503 make a client send again.
/// </summary>
static class OtlpEndpoints
{
    /// <summary>Seconds after which a client should send again when there was too much to do.</summary>
    internal const int RetryAfterSeconds = 1;

    static readonly string[] OtherMethods =
        [HttpMethods.Get, HttpMethods.Head, HttpMethods.Put, HttpMethods.Patch, HttpMethods.Delete];

    static readonly Encoding Protobuf = new("application/x-protobuf", OtlpProtobuf.Decode, m => m.ToByteArray());
    static readonly Encoding Json = new("application/json", OtlpJson.Decode, ToJson);

    /// <summary>One of OTLP's two encodings: how a request is read and an answer is written.</summary>
    sealed record Encoding(string ContentType, SpanDecoder Decode, Func<IMessage, byte[]> Write);

    public static void MapOtlp(this IEndpointRouteBuilder routes)
    {
        routes.MapPost("/v1/traces", ExportAsync).ExcludeFromDescription();
        // the gRPC host takes any path of two parts, so that routing would answer 404
        routes.MapMethods("/v1/traces", OtherMethods, (HttpResponse response) =>
        {
            response.Headers.Allow = HttpMethods.Post;
            return Results.StatusCode(StatusCodes.Status405MethodNotAllowed);
        }).ExcludeFromDescription();
    }

    static async Task ExportAsync(
        HttpContext context, SpanIntake intake, BodyBudget budget, ILogger<SpanIntake> log)
    {
        var transport = intake.Metrics.OtlpHttp;
        transport.MessageReceived();
        var encoding = EncodingOf(context.Request.ContentType);
        if (encoding is null)
        {
            transport.MessageDropped();
            await RefuseTypeAsync(context);
            return;
        }
        var (status, answer) = await AnswerAsync(context, encoding, intake, budget, log);
        if (status != StatusCodes.Status200OK)
            transport.MessageDropped();
        await WriteAsync(context.Response, status, encoding, answer);
    }

    static async Task<(int Status, IMessage Answer)> AnswerAsync(
        HttpContext context, Encoding encoding, SpanIntake intake, BodyBudget budget, ILogger log)
    {
        try
        {
            var body = await RequestBody.ReadAsync(context.Request, CodingOf(context.Request), budget);
            var result = await intake.AcceptAsync(
                body, encoding.Decode, intake.Metrics.OtlpHttp, context.RequestAborted);
            return (StatusCodes.Status200OK, Success(result));
        }
        catch (Exception e) when (!context.RequestAborted.IsCancellationRequested)
        {
            // every failure must be answered in OTLP's own form
            var status = IntakeErrors.StatusOf(e, log);
            return (status, new RpcStatus { Code = (int)CodeOf(status), Message = e.Message });
        }
    }

    static RpcCode CodeOf(int status) => status switch
    {
        StatusCodes.Status413PayloadTooLarge => RpcCode.ResourceExhausted,
        StatusCodes.Status503ServiceUnavailable => RpcCode.Unavailable,
        _ => RpcCode.InvalidArgument,
    };

    internal static ExportTraceServiceResponse Success(IntakeResult result)
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

    static string? CodingOf(HttpRequest request)
    {
        var coding = request.Headers.ContentEncoding.ToString().Trim().ToLowerInvariant();
        return coding switch
        {
            "" or "identity" => null,
            "x-gzip" => "gzip",
            _ => coding,
        };
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
            else if (answer is ExportTraceServiceResponse { PartialSuccess: { } partial })
            {
                json.WriteStartObject("partialSuccess");
                json.WriteString("rejectedSpans", partial.RejectedSpans.ToString(CultureInfo.InvariantCulture));
                json.WriteString("errorMessage", partial.ErrorMessage);
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        return output.WrittenSpan.ToArray();
    }
}
