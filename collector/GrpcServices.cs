using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Tracing.Model.Wire;
using RetryInfo = Tracing.Model.Wire.Proto.Rpc.RetryInfo;
using RpcStatus = Tracing.Model.Wire.Proto.Rpc.Status;

namespace Tracing.Collector;

/// <summary>
/// OTLP's gRPC service. Messages are handed on as bytes and decoded by the same code as over HTTP, so that limits,
/// partial success and the memory of resent bodies are the same.
/// </summary>
sealed class OtlpTraceService(SpanIntake intake, BodyBudget budget, IntakeErrors errors)
{
    public async Task<byte[]> ExportAsync(byte[] request, ServerCallContext context)
    {
        var transport = intake.Metrics.OtlpGrpc;
        var result = await RawGrpc.AcceptAsync(
            transport,
            () => intake.AcceptAsync(
                new RequestBody(request, budget), OtlpProtobuf.Decode, transport, context.CancellationToken),
            errors, context.CancellationToken);
        return OtlpEndpoints.Success(result).ToByteArray();
    }
}

/// <summary>OTLP's gRPC service for metrics.</summary>
sealed class OtlpMetricsService(MetricsIntake intake, BodyBudget budget, IntakeErrors errors)
{
    public async Task<byte[]> ExportAsync(byte[] request, ServerCallContext context)
    {
        var transport = intake.Metrics.MetricsGrpc;
        var result = await RawGrpc.AcceptAsync(
            transport,
            () => intake.AcceptAsync(
                new RequestBody(request, budget), OtlpMetricsProtobuf.Decode, transport, context.CancellationToken),
            errors, context.CancellationToken);
        return OtlpEndpoints.MetricsSuccess(result).ToByteArray();
    }
}

/// <summary>Zipkin's gRPC service.</summary>
sealed class ZipkinSpanService(SpanIntake intake, BodyBudget budget, IntakeErrors errors)
{
    public async Task<byte[]> ReportAsync(byte[] request, ServerCallContext context)
    {
        var transport = intake.Metrics.ZipkinGrpc;
        var result = await RawGrpc.AcceptAsync(
            transport,
            () => intake.AcceptAsync(
                new RequestBody(request, budget), ZipkinProto3.Decode, transport, context.CancellationToken),
            errors, context.CancellationToken);
        errors.LogRejected(result);
        return [];
    }
}

/// <summary>
/// Names the methods of the services to the gRPC host, which otherwise wants generated base classes.
/// </summary>
sealed class RawMethods : IServiceMethodProvider<OtlpTraceService>, IServiceMethodProvider<OtlpMetricsService>,
    IServiceMethodProvider<ZipkinSpanService>, IServiceMethodProvider<SamplingService>
{
    public void OnServiceMethodDiscovery(ServiceMethodProviderContext<OtlpTraceService> context) =>
        context.AddUnaryMethod(
            RawGrpc.Unary(RawGrpc.OtlpTraces, "Export"), [],
            (service, request, call) => service.ExportAsync(request, call));

    public void OnServiceMethodDiscovery(ServiceMethodProviderContext<OtlpMetricsService> context) =>
        context.AddUnaryMethod(
            RawGrpc.Unary(RawGrpc.OtlpMetrics, "Export"), [],
            (service, request, call) => service.ExportAsync(request, call));

    public void OnServiceMethodDiscovery(ServiceMethodProviderContext<ZipkinSpanService> context) =>
        context.AddUnaryMethod(
            RawGrpc.Unary(RawGrpc.Zipkin, "Report"), [],
            (service, request, call) => service.ReportAsync(request, call));

    public void OnServiceMethodDiscovery(ServiceMethodProviderContext<SamplingService> context) =>
        context.AddUnaryMethod(
            RawGrpc.Unary(RawGrpc.Sampling, "GetSamplingStrategy"), [],
            (service, request, _) => service.GetSamplingStrategyAsync(request));
}

static class RawGrpc
{
    public const string OtlpTraces = "opentelemetry.proto.collector.trace.v1.TraceService";
    public const string OtlpMetrics = "opentelemetry.proto.collector.metrics.v1.MetricsService";
    public const string Zipkin = "zipkin.proto3.SpanService";
    public const string Sampling = "jaeger.api_v2.SamplingManager";

    public static IReadOnlyList<string> Services { get; } = [OtlpTraces, OtlpMetrics, Zipkin, Sampling];

    static readonly Marshaller<byte[]> Bytes = new(
        (bytes, context) => context.Complete(bytes), context => context.PayloadAsNewBuffer());

    public static Method<byte[], byte[]> Unary(string service, string name) =>
        new(MethodType.Unary, service, name, Bytes, Bytes);

    public static async Task<IntakeResult> AcceptAsync(
        MessageMetrics transport, Func<Task<IntakeResult>> accept, IntakeErrors errors,
        CancellationToken cancellationToken)
    {
        transport.MessageReceived();
        try
        {
            return await accept();
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            transport.MessageDropped();
            var status = errors.StatusOf(e);
            var text = IntakeErrors.TextOf(e, status);
            throw status == StatusCodes.Status503ServiceUnavailable
                ? Unavailable(text)
                : new RpcException(new Status(OtlpEndpoints.CodeOf(status), text));
        }
    }

    /// <summary>UNAVAILABLE with RetryInfo, which OTLP clients take as "send again after that time".</summary>
    public static RpcException Unavailable(string message)
    {
        var retry = new RetryInfo
        {
            RetryDelay = Duration.FromTimeSpan(TimeSpan.FromSeconds(OtlpEndpoints.RetryAfterSeconds)),
        };
        var details = new RpcStatus { Code = (int)StatusCode.Unavailable, Message = message };
        details.Details.Add(new Any
        {
            TypeUrl = "type.googleapis.com/google.rpc.RetryInfo",
            Value = retry.ToByteString(),
        });
        var trailers = new Metadata { { "grpc-status-details-bin", details.ToByteArray() } };
        return new RpcException(new Status(StatusCode.Unavailable, message), trailers);
    }
}
