using System.Collections.Concurrent;
using System.IO.Compression;
using System.Reflection;
using System.Text;
using Microsoft.AspNetCore.StaticFiles;
using Microsoft.Net.Http.Headers;

namespace Tracing.Server;

/// <summary>
/// The web UI: one page and its files, which the build puts into this assembly from <c>ui/dist</c>. The page itself
/// shows what its address names, so it is served at each of them.
/// </summary>
static class Pages
{
    /// <summary>
    /// Nothing from other hosts, nothing inline. Blob: files that a person saves.
    /// </summary>
    const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; " +
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    const string Html = "text/html; charset=utf-8";

    static readonly string[] GetOrHead = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>The UI's addresses, and those of Zipkin's UI, which it understands.</summary>
    static readonly string[] Addresses =
    [
        "/service", "/search", "/compare", "/view", "/dependencies", "/system", "/zipkin/", "/zipkin/index.html",
        "/zipkin/traces/{traceId}", "/zipkin/dependency", "/zipkin/traceViewer",
    ];

    static readonly FileExtensionContentTypeProvider ContentTypes = new();

    /// <summary>Files by path, gzipped when first asked for.</summary>
    static readonly ConcurrentDictionary<string, byte[]> Gzipped = new();

    static readonly Assembly Assembly = typeof(Pages).Assembly;

    static readonly Lazy<string> Index = new(() => Encoding.UTF8.GetString(Read("index.html")));

    public static void MapPages(this IEndpointRouteBuilder routes)
    {
        foreach (var address in Addresses)
            Map(routes, address, context => PageAsync(context));
        Map(routes, "/traces/{traceId}", context => PageAsync(context, OutlineLink(context)));
        // Zipkin leads to its UI from here; what is no browser is told the same
        Map(routes, "/", context => AsksForHtml(context.Request) ? PageAsync(context) : RedirectToZipkins(context));
        Map(routes, "/assets/{file}", context => FileAsync(context, "assets/" + context.GetRouteValue("file")));
        // browsers ask for the others unless a page names its own
        foreach (var icon in new[] { "/favicon.svg", "/favicon.ico", "/zipkin/favicon.ico" })
            Map(routes, icon, IconAsync);
    }

    static void Map(IEndpointRouteBuilder routes, string path, RequestDelegate handler) =>
        routes.MapMethods(path, GetOrHead, handler).ExcludeFromDescription();

    /// <summary>
    /// What a browser asked for in vain is answered with a page that says so, still with 404. Programs, which do not
    /// ask for HTML, get the bare answer, and so does whoever asks for what is no page.
    /// </summary>
    public static async Task ShowThatThereIsNoneAsync(HttpContext context, RequestDelegate next)
    {
        await next(context);
        var (request, response) = (context.Request, context.Response);
        if (response.StatusCode != StatusCodes.Status404NotFound || response.HasStarted || !AsksForHtml(request) ||
            !(HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method)) ||
            request.Path.StartsWithSegments("/api") || request.Path.StartsWithSegments("/assets"))
        {
            return;
        }
        await PageAsync(context);
    }

    static bool AsksForHtml(HttpRequest request) =>
        request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase);

    static Task RedirectToZipkins(HttpContext context)
    {
        context.Response.Redirect("/zipkin/" + context.Request.QueryString);
        return Task.CompletedTask;
    }

    /// <summary>With it the trace is read while the browser still reads the page's script.</summary>
    static string OutlineLink(HttpContext context) =>
        context.GetRouteValue("traceId") is string id && id.All(char.IsAsciiHexDigit)
            ? $"<link rel=\"preload\" as=\"fetch\" crossorigin href=\"/api/tracing/traces/{id}/outline\" />"
            : "";

    static Task PageAsync(HttpContext context, string link = "")
    {
        var headers = context.Response.Headers;
        headers.CacheControl =
            context.Response.StatusCode == StatusCodes.Status404NotFound ? "no-store" : "max-age=60";
        headers.Vary = HeaderNames.Accept;
        headers.ContentSecurityPolicy = ContentSecurityPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        return Assembly.GetManifestResourceInfo("ui/index.html") is null
            ? WriteAsync(context, Html, Encoding.UTF8.GetBytes(NotBuilt))
            : WriteAsync(context, Html, Encoding.UTF8.GetBytes(Index.Value.Replace("</head>", link + "</head>")));
    }

    static Task IconAsync(HttpContext context)
    {
        if (Assembly.GetManifestResourceInfo("ui/favicon.svg") is not null)
            return FileAsync(context, "favicon.svg");
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    static Task FileAsync(HttpContext context, string path)
    {
        var headers = context.Response.Headers;
        if (Assembly.GetManifestResourceInfo("ui/" + path) is null)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        }
        // names of assets have a hash of their content
        headers.CacheControl = path.StartsWith("assets/", StringComparison.Ordinal)
            ? "public, max-age=31536000, immutable"
            : "max-age=3600";
        headers.XContentTypeOptions = "nosniff";
        headers.Vary = HeaderNames.AcceptEncoding;
        var type = ContentTypes.TryGetContentType(path, out var known) ? known : "application/octet-stream";
        if (!context.Request.Headers.AcceptEncoding.ToString().Contains("gzip", StringComparison.OrdinalIgnoreCase))
            return WriteAsync(context, type, Read(path));
        headers.ContentEncoding = "gzip";
        return WriteAsync(context, type, Gzipped.GetOrAdd(path, Gzip));
    }

    static byte[] Gzip(string path)
    {
        using var output = new MemoryStream();
        using (var gzip = new GZipStream(output, CompressionLevel.SmallestSize))
            gzip.Write(Read(path));
        return output.ToArray();
    }

    static byte[] Read(string path)
    {
        using var stream = Assembly.GetManifestResourceStream("ui/" + path)!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    static Task WriteAsync(HttpContext context, string contentType, byte[] body)
    {
        context.Response.ContentType = contentType;
        context.Response.ContentLength = body.Length;
        return HttpMethods.IsHead(context.Request.Method)
            ? Task.CompletedTask
            : context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    const string NotBuilt = """
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8">
        <title>Tracing</title>
        <h1>The pages are not built</h1>
        <p>This server was built on a machine without Node.js 20, which the pages need. Everything else works: spans
        are taken, stored and served. Install Node.js from nodejs.org and build the server again.</p>
        </html>
        """;
}
