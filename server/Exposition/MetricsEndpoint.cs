using System.IO.Compression;
using Microsoft.Net.Http.Headers;
using Tracing.Collector;

namespace Tracing.Server;

/// <summary>
/// /metrics. Zipkin's answer there is JSON, and stays what a client gets that does not say what it wants, or says that
/// it takes anything; one that names OpenMetrics, Prometheus' text or its protobuf gets that.
/// </summary>
sealed class MetricsEndpoint(
    CollectorMetrics metrics, RequestMetrics requests, ClientAudit audit, ExposedSeries series,
    ILogger<MetricsEndpoint> log)
{
    static readonly Form Json = new("application/json", "application/json");

    // in the order of preference among those that a client wants equally
    static readonly Form[] Forms =
    [
        Json,
        new("application/openmetrics-text", "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        new("text/plain", "text/plain; version=0.0.4; charset=utf-8"),
        new("application/vnd.google.protobuf",
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"),
    ];

    sealed record Form(string MediaType, string ContentType);

    public async Task AnswerAsync(HttpContext context)
    {
        var form = FormOf(context.Request);
        var response = context.Response;
        response.ContentType = form.ContentType;
        response.Headers.Vary = "Accept, Accept-Encoding";
        if (form == Json)
        {
            var json = MetricsText.Json(metrics);
            response.ContentLength = json.Length;
            if (!HttpMethods.IsHead(context.Request.Method))
                await response.Body.WriteAsync(json, context.RequestAborted);
            return;
        }
        if (HttpMethods.IsHead(context.Request.Method))
            return;
        var families = await FamiliesAsync(context.RequestAborted);
        if (!AcceptsGzip(context.Request))
        {
            await WriteAsync(form, response.Body, families, context.RequestAborted);
            return;
        }
        response.Headers.ContentEncoding = "gzip";
        await using var gzip = new GZipStream(response.Body, CompressionLevel.Fastest, leaveOpen: true);
        await WriteAsync(form, gzip, families, context.RequestAborted);
    }

    static Task WriteAsync(
        Form form, Stream output, IEnumerable<MetricFamily> families, CancellationToken cancellationToken) =>
        form == Forms[3]
            ? ProtobufExposition.WriteAsync(output, families, cancellationToken)
            : new TextExposition(isOpenMetrics: form == Forms[1]).WriteAsync(output, families, cancellationToken);

    /// <summary>A store that does not answer takes its own families away, and not those that tell of it.</summary>
    async Task<List<MetricFamily>> FamiliesAsync(CancellationToken cancellationToken)
    {
        var families = OwnMetrics.Families(metrics, requests, audit).ToList();
        var isAnswered = 1;
        try
        {
            var snapshot = await series.GetAsync(cancellationToken);
            families.AddRange(SpanMetrics.Families(snapshot.Operations, snapshot.Edges));
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            log.SeriesFailed(e);
            isAnswered = 0;
        }
        families.Add(new MetricFamily("tracing_series_up", FamilyKind.Gauge,
            "whether the store told what it has counted of spans", "", [new MetricSample([], isAnswered)]));
        return families;
    }

    /// <summary>The form of the highest quality; among equal ones what is named more exactly, then the first.</summary>
    static Form FormOf(HttpRequest request)
    {
        if (!MediaTypeHeaderValue.TryParseList(request.Headers.Accept, out var wanted) || wanted.Count == 0)
            return Json;
        return Forms.Select(form => (form, Wish: WishFor(form, wanted)))
            .Where(each => each.Wish.Quality > 0)
            .OrderByDescending(each => each.Wish)
            .Select(each => each.form)
            // who wants nothing that there is gets what Zipkin sends
            .FirstOrDefault(Json);
    }

    static (double Quality, int Exactness) WishFor(Form form, IList<MediaTypeHeaderValue> wanted)
    {
        var best = (Quality: 0.0, Exactness: -1);
        foreach (var each in wanted)
        {
            var exactness = each.MatchesAllTypes ? 0
                : each.MatchesAllSubTypes
                    ? form.MediaType.StartsWith(each.Type + "/", StringComparison.OrdinalIgnoreCase) ? 1 : -1
                    : each.MediaType.Equals(form.MediaType, StringComparison.OrdinalIgnoreCase) && IsKnown(each)
                        ? 2
                        : -1;
            var wish = (each.Quality ?? 1, exactness);
            // the most exact entry decides for a form; of several, as of two versions, the better one
            if (exactness > best.Exactness ||
                (exactness >= 0 && exactness == best.Exactness && wish.Item1 > best.Quality))
                best = wish;
        }
        return best;
    }

    /// <summary>There is protobuf of other kinds.</summary>
    static bool IsKnown(MediaTypeHeaderValue type) => type.Parameters.All(parameter =>
        (parameter.Name.Value, parameter.Value.Value?.Trim('"')) switch
        {
            ("proto", var proto) => proto == "io.prometheus.client.MetricFamily",
            ("encoding", var encoding) => encoding == "delimited",
            _ => true,
        });

    static bool AcceptsGzip(HttpRequest request) =>
        request.GetTypedHeaders().AcceptEncoding.Any(coding =>
            coding.Value.Equals("gzip", StringComparison.OrdinalIgnoreCase) && coding.Quality is null or > 0);
}

static partial class MetricsLog
{
    [LoggerMessage(1, LogLevel.Warning, "The store did not tell what it has counted; /metrics goes without")]
    public static partial void SeriesFailed(this ILogger logger, Exception exception);
}
