using System.Buffers;
using System.Reflection;
using System.Text;
using System.Text.Json;
using Tracing.Collector;
using Tracing.Storage;

namespace Tracing.Server;

/// <summary>What concerns the whole process: health, version and its own metrics.</summary>
static class ServerEndpoints
{
    const string JsonUtf8 = "application/json; charset=utf-8";
    const string ActuatorJson = "application/vnd.spring-boot.actuator.v2+json; charset=utf-8";

    static readonly string[] GetOrHead = [HttpMethods.Get, HttpMethods.Head];

    public static void MapServer(this IEndpointRouteBuilder routes, ServerOptions options)
    {
        Get(routes, "/health", context => HealthAsync(context, JsonUtf8));
        Get(routes, "/actuator/health", context => HealthAsync(context, ActuatorJson));
        Get(routes, "/info", context => WriteAsync(context, JsonUtf8, Info()));
        Get(routes, "/actuator/info", context => WriteAsync(context, ActuatorJson, Info()));
        Get(routes, "/metrics", context => Service<MetricsEndpoint>(context).AnswerAsync(context));
        Get(routes, "/prometheus", PrometheusAsync);
        Get(routes, "/actuator/prometheus", PrometheusAsync);
        if (!options.Query.Enabled)
            return;
        routes.MapSystem();
        if (!options.UiEnabled)
            return;
        Get(routes, "/zipkin/config.json", context =>
        {
            context.Response.Headers.CacheControl = "max-age=600";
            return WriteAsync(context, JsonUtf8, UiConfig(options));
        });
        routes.MapPages();
    }

    static void Get(IEndpointRouteBuilder routes, string path, RequestDelegate handler) =>
        routes.MapMethods(path, GetOrHead, handler).ExcludeFromDescription();

    static T Service<T>(HttpContext context)
        where T : notnull => context.RequestServices.GetRequiredService<T>();

    /// <summary>Zipkin's metrics under Zipkin's names, then those of the server under its own.</summary>
    static async Task PrometheusAsync(HttpContext context)
    {
        var (metrics, requests) = (Service<CollectorMetrics>(context), Service<RequestMetrics>(context));
        using var text = new MemoryStream();
        text.Write(Encoding.UTF8.GetBytes(MetricsText.Prometheus(metrics, requests)));
        await new TextExposition(isOpenMetrics: false).WriteAsync(
            text, OwnMetrics.Families(metrics, requests, Service<ClientAudit>(context)), context.RequestAborted);
        await WriteAsync(context, "text/plain; version=0.0.4; charset=utf-8", text.ToArray());
    }

    static async Task HealthAsync(HttpContext context, string contentType)
    {
        string? error = null;
        IReadOnlyList<string> warnings = [];
        try
        {
            warnings = await Service<ISpanStore>(context).CheckAsync(context.RequestAborted);
        }
        catch (Exception e) when (!context.RequestAborted.IsCancellationRequested)
        {
            // whatever is wrong with the store is what this page is for
            error = $"{e.GetType().Name}: {e.Message}";
        }
        if (error is not null)
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        var store = Service<ServerOptions>(context).Storage.KindName;
        await WriteAsync(context, contentType, Health(store, error, warnings));
    }

    static ReadOnlyMemory<byte> Health(string store, string? error, IReadOnlyList<string> warnings)
    {
        var status = error is null ? "UP" : "DOWN";
        return Json(json =>
        {
            json.WriteString("status", status);
            json.WriteStartObject("zipkin");
            json.WriteString("status", status);
            json.WriteStartObject("details");
            json.WriteStartObject(store);
            json.WriteString("status", status);
            if (error is not null || warnings.Count > 0)
            {
                json.WriteStartObject("details");
                if (error is not null)
                    json.WriteString("error", error);
                if (warnings.Count > 0)
                {
                    json.WriteStartArray("warnings");
                    foreach (var warning in warnings)
                        json.WriteStringValue(warning);
                    json.WriteEndArray();
                }
                json.WriteEndObject();
            }
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndObject();
        });
    }

    static ReadOnlyMemory<byte> Info()
    {
        // "1.2.3+commit", as the SDK puts them together
        var version = typeof(ServerEndpoints).Assembly
            .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";
        var parts = version.Split('+', 2);
        return Json(json =>
        {
            json.WriteStartObject("zipkin");
            json.WriteString("version", parts[0]);
            json.WriteString("commit", parts.Length > 1 ? parts[1] : "");
            json.WriteEndObject();
        });
    }

    /// <summary>What Zipkin's UI reads at its start.</summary>
    static ReadOnlyMemory<byte> UiConfig(ServerOptions options) => Json(json =>
    {
        json.WriteString("environment", "");
        json.WriteNumber("queryLimit", 10);
        json.WriteNumber("defaultLookback", 900_000);
        json.WriteBoolean("searchEnabled", options.Query.SearchEnabled);
        json.WriteNull("logsUrl");
        json.WriteNull("supportUrl");
        json.WriteNull("archivePostUrl");
        json.WriteNull("archiveUrl");
        json.WriteStartObject("dependency");
        json.WriteBoolean("enabled", true);
        json.WriteNumber("lowErrorRate", 0.5);
        json.WriteNumber("highErrorRate", 0.75);
        json.WriteEndObject();
    });

    static ReadOnlyMemory<byte> Json(Action<Utf8JsonWriter> write)
    {
        var output = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(output, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        return output.WrittenMemory;
    }

    static Task WriteAsync(HttpContext context, string contentType, ReadOnlyMemory<byte> body)
    {
        context.Response.ContentType = contentType;
        context.Response.ContentLength = body.Length;
        return HttpMethods.IsHead(context.Request.Method)
            ? Task.CompletedTask
            : context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }
}
