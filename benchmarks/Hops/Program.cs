using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using OpenTelemetry;
using OpenTelemetry.Context.Propagation;
using OpenTelemetry.Exporter;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Tracing.Hops;
using Tracing.Instrumentation;
using Sampler = Tracing.Instrumentation.Sampler;
using Tracer = Tracing.Instrumentation.Tracer;

// A service that answers /hop, having asked the next if there is one; traced by our library, OpenTelemetry's, or none:
//   --port=N            HTTP/1.1; N + 1 is gRPC's; free ones if it is not said
//   --name=S            of the service
//   --tracing=ours|otel|none
//   --server=URL        where spans go, OTLP over HTTP
//   --next=URL          the next service; its HTTP, or with --call=grpc its gRPC address
//   --propagation=b3    what is written instead of W3C's headers
//   --probability=P     share of traces that are recorded; 1 if it is not said
//   --histograms=false  without those of our library
//   --buffer=N          bytes for spans that wait, of our library
// With --rounds=N (--seconds=S --rate=R) it measures what all that costs: see UnderLoad.cs.
// With --outage=MINUTES (--rate=R) it takes the server away for so long: see Outage.cs.
var settings = new ConfigurationBuilder().AddCommandLine(args).Build();
if (settings["rounds"] is { } rounds)
{
    await UnderLoad.RunAsync(int.Parse(rounds, CultureInfo.InvariantCulture),
        TimeSpan.FromSeconds(double.Parse(settings["seconds"] ?? "0.3", CultureInfo.InvariantCulture)),
        int.Parse(settings["rate"] ?? "500", CultureInfo.InvariantCulture));
    return;
}
if (settings["outage"] is { } minutes)
{
    await Outage.RunAsync(TimeSpan.FromMinutes(double.Parse(minutes, CultureInfo.InvariantCulture)),
        int.Parse(settings["rate"] ?? "50", CultureInfo.InvariantCulture));
    return;
}
var port = int.Parse(settings["port"] ?? "0", CultureInfo.InvariantCulture);
var name = settings["name"] ?? "hop";
var server = new Uri(settings["server"] ?? "http://127.0.0.1:4318");
var probability = double.Parse(settings["probability"] ?? "1", CultureInfo.InvariantCulture);
var isB3 = settings["propagation"] == "b3";

var builder = WebApplication.CreateSlimBuilder();
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.WebHost.ConfigureKestrel(kestrel =>
{
    kestrel.Listen(IPAddress.Loopback, port, listen => listen.Protocols = HttpProtocols.Http1);
    kestrel.Listen(IPAddress.Loopback, port == 0 ? 0 : port + 1, listen => listen.Protocols = HttpProtocols.Http2);
});
builder.Services.AddGrpc();
TracerProvider? otel = null;
if (settings["tracing"] == "ours")
{
    builder.Services.AddTracing(tracing =>
    {
        tracing.ServiceName = name;
        tracing.Endpoint = server;
        tracing.Sampler = Sampler.Probability(probability);
        tracing.Histograms = settings["histograms"] != "false";
        if (settings["buffer"] is { } bytes)
            tracing.MaxBufferBytes = int.Parse(bytes, CultureInfo.InvariantCulture);
        tracing.Propagation = isB3 ? PropagationFormats.B3Single : PropagationFormats.TraceContext;
    });
}
else if (settings["tracing"] == "otel")
{
    if (isB3)
        Sdk.SetDefaultTextMapPropagator(new B3Propagator(singleHeader: true));
    otel = Sdk.CreateTracerProviderBuilder()
        .ConfigureResource(resource => resource.AddService(name))
        .SetSampler(new ParentBasedSampler(new TraceIdRatioBasedSampler(probability)))
        .AddAspNetCoreInstrumentation()
        .AddHttpClientInstrumentation()
        .AddSource("Grpc.Net.Client")
        .AddOtlpExporter(otlp => (otlp.Endpoint, otlp.Protocol) =
            (new Uri(server, "/v1/traces"), OtlpExportProtocol.HttpProtobuf))
        .Build();
}

// once tracing is set up, as a client carries contexts in the way that holds when it is made
using var client = new HttpClient();
builder.Services.AddSingleton(new Next(client, settings["next"], settings["call"] == "grpc"));
await using var app = builder.Build();
app.MapGet("/hop", async (Next next) => $"{name} {await next.GoAsync()}");
app.MapGrpcService<HopService>();
// ends when whoever started it closes its input, so that nothing is left behind
_ = Task.Run(async () =>
{
    await Console.OpenStandardInput().CopyToAsync(Stream.Null);
    await app.StopAsync();
});
await app.StartAsync();
await Console.Out.WriteLineAsync("ready " + string.Join(' ', app.Urls));
await app.WaitForShutdownAsync();
otel?.Dispose();
if (app.Services.GetService<Tracer>() is { Counts: var (ended, sent, dropped, retries) })
    await Console.Out.WriteLineAsync($"{ended} {sent} {dropped} {retries}");
