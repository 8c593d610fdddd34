using Grpc.AspNetCore.Server.Model;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Tracing.Collector;

/// <summary>Puts the intake into a host.</summary>
public static class CollectorExtensions
{
    /// <summary>Adds what the intake needs; an <c>ISpanStore</c> must be registered too.</summary>
    public static IServiceCollection AddCollector(
        this IServiceCollection services, CollectorOptions options, SamplingOptions sampling)
    {
        services.AddSingleton(options);
        services.AddSingleton(sampling);
        services.AddSingleton<StrategyFile>();
        services.AddSingleton<AdaptiveSampling>();
        services.AddHostedService(provider => provider.GetRequiredService<AdaptiveSampling>());
        services.AddSingleton<SamplingAdvisor>();
        services.AddSingleton<CollectorMetrics>();
        services.AddSingleton<BodyBudget>();
        services.AddSingleton<IntakeErrors>();
        services.AddSingleton<SpanIntake>();
        services.AddSingleton<ClientAudit>();
        services.AddSingleton<MetricsIntake>();
        services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = options.MaxBodyBytes;
            grpc.CompressionProviders.Clear();
            foreach (var provider in GrpcCompression.All(options.MaxBodyBytes))
                grpc.CompressionProviders.Add(provider);
        });
        services.AddSingleton<IServiceMethodProvider<OtlpTraceService>, RawMethods>();
        services.AddSingleton<IServiceMethodProvider<OtlpMetricsService>, RawMethods>();
        services.AddSingleton<IServiceMethodProvider<ZipkinSpanService>, RawMethods>();
        services.AddSingleton<IServiceMethodProvider<SamplingService>, RawMethods>();
        return services;
    }

    /// <summary>Whether the path is that of a gRPC service, known or not as a method.</summary>
    public static bool IsGrpc(PathString path) =>
        RawGrpc.Services.Any(service => path.Value?.StartsWith($"/{service}/", StringComparison.Ordinal) == true);

    /// <summary>Whether the path is one that applications send OTLP to, or ask how to sample.</summary>
    public static bool IsOtlpHttp(PathString path) => path.Value is "/v1/traces" or "/v1/metrics" or "/sampling";

    /// <summary>
    /// Maps Zipkin's intake, OTLP over HTTP, and the gRPC services, as far as they are enabled, and remote sampling.
    /// </summary>
    public static void MapCollector(this IEndpointRouteBuilder routes, CollectorOptions options)
    {
        // made before any request, as it counts streams from their start that began after it
        routes.ServiceProvider.GetRequiredService<MetricsIntake>();
        if (options.HttpEnabled)
        {
            routes.MapZipkinIntake();
            routes.MapOtlp();
            routes.MapSampling();
        }
        else
        {
            // GET /api/v2/spans exists, so that without this the answer would be 405; Zipkin says 404
            routes.MapPost("/api/v2/spans", () => Results.NotFound()).ExcludeFromDescription();
        }
        if (options.GrpcEnabled)
        {
            ChargedReader.Charge(routes.MapGrpcService<OtlpTraceService>());
            ChargedReader.Charge(routes.MapGrpcService<OtlpMetricsService>());
            ChargedReader.Charge(routes.MapGrpcService<ZipkinSpanService>());
            ChargedReader.Charge(routes.MapGrpcService<SamplingService>());
        }
    }
}
