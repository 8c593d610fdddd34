using System.Buffers.Binary;
using System.Reflection;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

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
        var all = options.AllResourceAttributes();
        all["service.name"] = options.ServiceName;
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

    /// <summary>A field of gRPC's answers: a <c>google.rpc.Status</c> in base64.</summary>
    public const string GrpcDetails = "grpc-status-details-bin";

    const uint DetailsTag = (3 << 3) | 2;
    const uint DelayTag = (1 << 3) | 2;

    /// <summary>Takes what is written as a body to be sent.</summary>
    public static Body Body(ProtobufWriter message, ReportTarget target, int spans)
    {
        if (!target.IsGrpc)
        {
            var length = message.Length;
            return new Body(target, "application/x-protobuf", message.Detach(), length, spans);
        }
        using var framed = new ProtobufWriter();
        Span<byte> header = stackalloc byte[GrpcHeader];
        WriteGrpcHeader(header, isCompressed: false, message.Length);
        framed.Raw(header);
        framed.Raw(message.Written);
        var framedLength = framed.Length;
        return new Body(target, "application/grpc", framed.Detach(), framedLength, spans);
    }

    public static void WriteGrpcHeader(Span<byte> header, bool isCompressed, int length)
    {
        header[0] = isCompressed ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteInt32BigEndian(header[1..], length);
    }

    /// <summary>
    /// How long a server asks to wait: field 3 of its status has details, of which a <c>google.rpc.RetryInfo</c> says
    /// it in field 1. Null if nothing does, or it is not well formed.
    /// </summary>
    /// <param name="status">Value of <see cref="GrpcDetails"/>.</param>
    public static TimeSpan? RetryDelay(string status)
    {
        try
        {
            // gRPC leaves out the padding
            var padded = status.TrimEnd('=').PadRight((status.TrimEnd('=').Length + 3) / 4 * 4, '=');
            var input = new CodedInputStream(Convert.FromBase64String(padded));
            while (input.ReadTag() is var tag and not 0)
            {
                if (tag != DetailsTag)
                {
                    input.SkipLastField();
                    continue;
                }
                var detail = Any.Parser.ParseFrom(input.ReadBytes());
                var info = detail.Value.CreateCodedInput();
                if (detail.TypeUrl.EndsWith("/google.rpc.RetryInfo", StringComparison.Ordinal) &&
                    info.ReadTag() == DelayTag)
                    return Duration.Parser.ParseFrom(info.ReadBytes()).ToTimeSpan();
            }
        }
        catch (Exception e) when (e is FormatException or InvalidProtocolBufferException or InvalidOperationException)
        {
            // as if it had not come
        }
        return null;
    }

    /// <summary>
    /// What an answer says was rejected: field 1 of it is a partial success, whose field 1 is a number and field 2 says
    /// why. Nothing if it is not well formed.
    /// </summary>
    public static (long Count, string Reason) Rejected(ReadOnlyMemory<byte> answer)
    {
        try
        {
            var (_, partial) = NumberAndText(answer, textField: 1);
            var (count, reason) = NumberAndText(partial.Memory, textField: 2);
            return (Math.Max(0, count), reason.ToStringUtf8());
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or ArgumentException)
        {
            return (0, "");
        }
    }

    /// <summary>Why an OTLP server refused a request: field 2 of a <c>google.rpc.Status</c>; "" for nothing.</summary>
    public static string Refusal(ReadOnlyMemory<byte> status)
    {
        try
        {
            return NumberAndText(status, textField: 2).Text.ToStringUtf8();
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or ArgumentException)
        {
            return "";
        }
    }

    /// <summary>The number that is field 1, and the text that is another.</summary>
    static (long Number, ByteString Text) NumberAndText(ReadOnlyMemory<byte> message, int textField)
    {
        var (number, text) = (0L, ByteString.Empty);
        var input = new CodedInputStream(message.ToArray());
        while (input.ReadTag() is var tag and not 0)
        {
            if (tag == 1 << 3)
                number = input.ReadInt64();
            else if (tag == (((uint)textField << 3) | 2))
                text = input.ReadBytes();
            else
                input.SkipLastField();
        }
        return (number, text);
    }
}
