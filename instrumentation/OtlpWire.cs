using System.Buffers.Binary;
using System.Reflection;

namespace Tracing.Instrumentation;

/// <summary>The process, as an OTLP Resource that is written once.</summary>
sealed class OtlpResource
{
    readonly byte[] _bytes;

    public OtlpResource(TracingOptions options)
    {
        using var writer = new ProtobufWriter();
        foreach (var (key, value) in AttributesOf(options))
            OtlpSpanBody.Attribute(writer, 1, key, value);
        _bytes = writer.Written.ToArray();
    }

    /// <summary>As field 1 of ResourceSpans or ResourceMetrics.</summary>
    public void Write(ProtobufWriter writer) => writer.Bytes(1, _bytes);

    /// <summary>What describes the process, what the user said coming first.</summary>
    public static Dictionary<string, object> AttributesOf(TracingOptions options)
    {
        var all = new Dictionary<string, object>(options.ResourceAttributes) { ["service.name"] = options.ServiceName };
        all.TryAdd("service.instance.id", Guid.NewGuid().ToString());
        all.TryAdd("host.name", Environment.MachineName);
        all.TryAdd("process.pid", Environment.ProcessId);
        all.TryAdd("telemetry.sdk.language", "dotnet");
        all.TryAdd("telemetry.sdk.name", "tracing");
        all.TryAdd("telemetry.sdk.version", typeof(OtlpResource).Assembly
            .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "");
        return all;
    }
}

/// <summary>How OTLP's messages travel.</summary>
static class OtlpWire
{
    /// <summary>In front of a message of gRPC: whether it is compressed, and its length.</summary>
    public const int GrpcHeader = 5;

    /// <summary>Takes what is written as a body to be sent.</summary>
    /// <param name="signal">"traces" or "metrics".</param>
    public static Body Body(ProtobufWriter message, ReportFormat format, string signal, int spans)
    {
        if (format != ReportFormat.OtlpGrpc)
        {
            var length = message.Length;
            return new Body($"/v1/{signal}", "application/x-protobuf", message.Detach(), length, spans);
        }
        using var framed = new ProtobufWriter();
        Span<byte> header = stackalloc byte[GrpcHeader];
        header[0] = 0;
        BinaryPrimitives.WriteInt32BigEndian(header[1..], message.Length);
        framed.Raw(header);
        framed.Raw(message.Written);
        var service = signal == "traces" ? "trace.v1.TraceService" : "metrics.v1.MetricsService";
        var framedLength = framed.Length;
        return new Body($"/opentelemetry.proto.collector.{service}/Export", "application/grpc", framed.Detach(),
            framedLength, spans);
    }

    /// <summary>
    /// What an answer says was rejected: field 1 of it is a partial success, whose field 1 is a number and field 2 says
    /// why.
    /// </summary>
    public static long Rejected(ReadOnlySpan<byte> answer)
    {
        if (answer.Length < 2 || answer[0] != ((1 << 3) | 2))
            return 0;
        var at = 1;
        _ = Varint(answer, ref at);
        return at < answer.Length && answer[at++] == 1 << 3 ? Varint(answer, ref at) : 0;
    }

    static long Varint(ReadOnlySpan<byte> bytes, ref int at)
    {
        long value = 0;
        for (var shift = 0; at < bytes.Length && shift < 64; shift += 7)
        {
            value |= (long)(bytes[at] & 0x7f) << shift;
            if (bytes[at++] < 0x80)
                break;
        }
        return value;
    }
}
