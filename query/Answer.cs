using System.IO.Compression;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Tracing.Query;

/// <summary>Writes answers that were made in memory, gzipped when they are long and the client takes it.</summary>
static class Answer
{
    /// <summary>Bytes below which gzip gains nothing; Zipkin's bound.</summary>
    const int MinGzipBytes = 2048;

    /// <summary>Says that not all was counted in time; to ask again later tells more.</summary>
    public static void MarkPartial(HttpContext context) => context.Response.Headers["Tracing-Partial"] = "true";

    public static async Task WriteAsync(
        HttpContext context, string contentType, ReadOnlyMemory<byte> body, int status = StatusCodes.Status200OK)
    {
        var response = context.Response;
        if (!AnswerBudget.TryWrite(context, body.Length))
        {
            response.Headers.RetryAfter = "1";
            (contentType, status) = ("text/plain; charset=utf-8", StatusCodes.Status503ServiceUnavailable);
            body = System.Text.Encoding.UTF8.GetBytes(AnswerBudget.Full);
        }
        response.StatusCode = status;
        response.ContentType = contentType;
        if (body.Length >= MinGzipBytes)
        {
            response.Headers.Append(HeaderNames.Vary, "accept-encoding");
            if (TakesGzip(context.Request))
            {
                response.Headers.ContentEncoding = "gzip";
                body = Gzip(body);
            }
        }
        response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
            await response.Body.WriteAsync(body, context.RequestAborted);
    }

    public static Task WriteJsonAsync<T>(HttpContext context, T answer) => WriteAsync(
        context, "application/json", JsonSerializer.SerializeToUtf8Bytes(answer, JsonSerializerOptions.Web));

    /// <summary>For answers that are made bit by bit; each flush reaches the client.</summary>
    public static async Task WriteStreamAsync(HttpContext context, string contentType, Func<Stream, Task> write)
    {
        var response = context.Response;
        response.ContentType = contentType;
        response.Headers.Append(HeaderNames.Vary, "accept-encoding");
        if (HttpMethods.IsHead(context.Request.Method))
            return;
        if (!TakesGzip(context.Request))
        {
            await write(response.Body);
            return;
        }
        response.Headers.ContentEncoding = "gzip";
        await using var gzip = new GZipStream(response.Body, CompressionLevel.Fastest);
        await write(gzip);
    }

    public static Task WriteTextAsync(HttpContext context, int status, string text) =>
        WriteAsync(context, "text/plain; charset=utf-8", System.Text.Encoding.UTF8.GetBytes(text), status);

    static bool TakesGzip(HttpRequest request) =>
        StringWithQualityHeaderValue.TryParseList(request.Headers.AcceptEncoding, out var codings) &&
        codings.Any(c => c.Value.Equals("gzip", StringComparison.OrdinalIgnoreCase) && c.Quality is not 0);

    static ReadOnlyMemory<byte> Gzip(ReadOnlyMemory<byte> body)
    {
        using var output = new MemoryStream(body.Length / 4);
        using (var gzip = new GZipStream(output, CompressionLevel.Fastest))
            gzip.Write(body.Span);
        return output.ToArray();
    }
}
