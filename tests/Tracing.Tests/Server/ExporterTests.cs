using System.Diagnostics;
using System.Text.Json;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Xunit;

namespace Tracing.Tests;

/// <summary>Real clients, unchanged: the exporters of the OpenTelemetry SDK.</summary>
public sealed class ExporterTests
{
    [Fact]
    public Task Otlp_over_http_is_taken_on_both_ports() => Task.WhenAll(
        SendAndReadAsync((server, b) => OtlpHttp(b, server.Http)),
        SendAndReadAsync((server, b) => OtlpHttp(b, server.OtlpHttp)));

    [Fact]
    public Task Otlp_over_grpc_is_taken() =>
        SendAndReadAsync((server, b) => Otlp(b, server.Grpc, OtlpExportProtocol.Grpc));

    static TracerProviderBuilder OtlpHttp(TracerProviderBuilder builder, Uri server) =>
        Otlp(builder, new Uri(server, "/v1/traces"), OtlpExportProtocol.HttpProtobuf);

    static TracerProviderBuilder Otlp(TracerProviderBuilder builder, Uri endpoint, OtlpExportProtocol protocol) =>
        builder.AddOtlpExporter(otlp =>
        {
            otlp.Endpoint = endpoint;
            otlp.Protocol = protocol;
            otlp.ExportProcessorType = ExportProcessorType.Batch;
        });

    [Fact]
    public async Task Zipkin_exporter_is_taken()
    {
        await using var server = await RunningServer.StartAsync();
        var traceId = Record(builder => builder.AddZipkinExporter(zipkin =>
            zipkin.Endpoint = new Uri(server.Http, "/api/v2/spans")));

        var spans = await server.GetJsonAsync($"/api/v2/trace/{traceId}");

        Assert.Equal(2, spans.GetArrayLength());
        var child = spans.EnumerateArray().Single(s => s.TryGetProperty("parentId", out _));
        Assert.Equal("CLIENT", child.GetProperty("kind").GetString());
        Assert.Equal("shop", child.GetProperty("localEndpoint").GetProperty("serviceName").GetString());
        Assert.Equal("inventory", child.GetProperty("remoteEndpoint").GetProperty("serviceName").GetString());
        Assert.Equal("42", child.GetProperty("tags").GetProperty("answer").GetString());
        Assert.Equal("no stock", child.GetProperty("tags").GetProperty("error").GetString());
    }

    static async Task SendAndReadAsync(Action<RunningServer, TracerProviderBuilder> export)
    {
        await using var server = await RunningServer.StartAsync();
        var traceId = Record(builder => export(server, builder));

        var trace = await server.GetJsonAsync($"/api/tracing/traces/{traceId}");

        var resource = trace.GetProperty("resourceSpans").EnumerateArray().Single();
        var attributes = Attributes(resource.GetProperty("resource"));
        Assert.Equal("Shop", attributes["service.name"].GetProperty("stringValue").GetString());
        var scope = resource.GetProperty("scopeSpans").EnumerateArray().Single();
        Assert.Equal("1.2", scope.GetProperty("scope").GetProperty("version").GetString());
        var spans = scope.GetProperty("spans").EnumerateArray().ToDictionary(s => s.GetProperty("name").GetString()!);
        var (root, child) = (spans["GET /Cart"], spans["reserve"]);
        Assert.Equal(root.GetProperty("spanId").GetString(), child.GetProperty("parentSpanId").GetString());
        Assert.Equal(2, root.GetProperty("kind").GetInt32());
        Assert.Equal("42", Attributes(child)["answer"].GetProperty("intValue").GetString());
        Assert.Equal("retried", child.GetProperty("events")[0].GetProperty("name").GetString());
        Assert.Equal("no stock", child.GetProperty("status").GetProperty("message").GetString());

        // the same spans, seen by a Zipkin client
        var names = await server.GetJsonAsync("/api/v2/spans?serviceName=shop");
        Assert.Equal(["get /cart", "reserve"], names.EnumerateArray().Select(n => n.GetString()));
        var found = await server.GetJsonAsync(
            "/api/v2/traces?serviceName=shop&remoteServiceName=inventory&annotationQuery=answer%3D42");
        Assert.Equal(traceId, found[0][0].GetProperty("traceId").GetString());
    }

    /// <summary>A server span with a failing client span below it; returns once they are exported.</summary>
    static string Record(Action<TracerProviderBuilder> export)
    {
        var name = $"test-{Guid.NewGuid():n}";
        var builder = Sdk.CreateTracerProviderBuilder()
            .ConfigureResource(r => r.Clear().AddService("Shop", autoGenerateServiceInstanceId: false))
            .AddSource(name)
            .SetSampler(new AlwaysOnSampler());
        export(builder);
        using var source = new ActivitySource(name, "1.2");
        using var provider = builder.Build();
        using var root = source.StartActivity("GET /Cart", ActivityKind.Server)!;
        using (var child = source.StartActivity("reserve", ActivityKind.Client)!)
        {
            child.SetTag("answer", 42);
            child.SetTag("peer.service", "inventory");
            child.AddEvent(new ActivityEvent("retried"));
            child.SetStatus(ActivityStatusCode.Error, "no stock");
        }
        root.Stop();
        Assert.True(provider.ForceFlush());
        return root.TraceId.ToString();
    }

    static Dictionary<string, JsonElement> Attributes(JsonElement holder) => holder.GetProperty("attributes")
        .EnumerateArray().ToDictionary(a => a.GetProperty("key").GetString()!, a => a.GetProperty("value"));
}
