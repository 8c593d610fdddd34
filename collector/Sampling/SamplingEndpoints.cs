using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Tracing.Model.Wire.Proto.Sampling;

namespace Tracing.Collector;

/// <summary>What a service's clients are told: by the file, else by the budget, else by the file's default.</summary>
sealed class SamplingAdvisor(StrategyFile file, AdaptiveSampling adaptive)
{
    static readonly SamplingStrategy All = new(1);

    public SamplingStrategy StrategyOf(string service)
    {
        var strategies = file.Current;
        return strategies.Services.TryGetValue(service, out var strategy) ? strategy
            : adaptive.IsOn ? adaptive.StrategyOf(service)
            : strategies.Default ?? All;
    }
}

/// <summary>What clients of a service are told, for people to read.</summary>
/// <param name="Probability">The share of traces to record, of operations that are not named.</param>
/// <param name="MaxTracesPerSecond">Of each process, instead of a share; null for none.</param>
/// <param name="Operations">Shares of those that have one of their own.</param>
public sealed record SamplingAdvice(
    string Service, double Probability, int? MaxTracesPerSecond, IReadOnlyDictionary<string, double> Operations);

/// <summary>Jaeger's remote sampling over HTTP.</summary>
public static class SamplingEndpoints
{
    internal static void MapSampling(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/sampling", AnswerAsync).ExcludeFromDescription();
        routes.MapGet("/api/sampling", AnswerAsync).ExcludeFromDescription();
    }

    public static SamplingAdvice AdviceFor(IServiceProvider services, string service)
    {
        var strategy = services.GetRequiredService<SamplingAdvisor>().StrategyOf(service);
        return new SamplingAdvice(service, strategy.Probability, strategy.MaxTracesPerSecond,
            strategy.Operations ?? new Dictionary<string, double>());
    }

    /// <summary>The strategy of the service that the query names.</summary>
    public static Task AnswerAsync(HttpContext context)
    {
        var service = context.Request.Query["service"];
        if (service.Count != 1 || string.IsNullOrEmpty(service))
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            return context.Response.WriteAsync("'service' parameter must be provided once");
        }
        var advisor = context.RequestServices.GetRequiredService<SamplingAdvisor>();
        context.Response.ContentType = "application/json";
        return context.Response.Body.WriteAsync(advisor.StrategyOf(service.ToString()).ToJson()).AsTask();
    }
}

/// <summary>Jaeger's remote sampling over gRPC.</summary>
sealed class SamplingService(SamplingAdvisor advisor)
{
    public Task<byte[]> GetSamplingStrategyAsync(byte[] request)
    {
        SamplingStrategyParameters asked;
        try
        {
            asked = SamplingStrategyParameters.Parser.ParseFrom(request);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, e.Message));
        }
        return Task.FromResult(advisor.StrategyOf(asked.ServiceName).ToMessage().ToByteArray());
    }
}
