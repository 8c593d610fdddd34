using System.Net;
using Google.Protobuf;
using Messages = Tracing.Model.Wire.Proto.Zipkin;

namespace Tracing.Model.Wire;

/// <summary>Zipkin's v2 format in protobuf: a ListOfSpans of zipkin.proto.</summary>
public static class ZipkinProto3
{
    const ulong NanosPerMicro = 1000;

    /// <summary>Reads the list. Unknown fields are skipped; one bad span refuses the whole body.</summary>
    public static DecodedSpans Decode(ReadOnlyMemory<byte> body, WireLimits limits) =>
        new ZipkinProto3Decoder(body, limits).Decode();

    /// <summary>
    /// Writes the list. Spans that came in another format are written as <see cref="ZipkinMapping"/> says.
    /// </summary>
    public static byte[] Encode(IReadOnlyList<Span> spans)
    {
        var list = new Messages.ListOfSpans();
        foreach (var span in spans)
            list.Spans.Add(ToMessage(ZipkinMapping.ToZipkin(span)));
        return list.ToByteArray();
    }

    static Messages.Span ToMessage(Span span)
    {
        var message = new Messages.Span
        {
            TraceId = Bytes(16, span.TraceId.WriteBytes),
            Id = Bytes(8, span.SpanId.WriteBytes),
            ParentId = span.ParentSpanId.IsZero ? ByteString.Empty : Bytes(8, span.ParentSpanId.WriteBytes),
            Kind = span.Kind switch
            {
                SpanKind.Client => 1,
                SpanKind.Server => 2,
                SpanKind.Producer => 3,
                SpanKind.Consumer => 4,
                _ => 0,
            },
            Name = span.Name,
            Timestamp = span.StartUnixNano / NanosPerMicro,
            Duration = (ulong)Math.Max(0, span.DurationNanos) / NanosPerMicro,
            LocalEndpoint = ToMessage(span.LocalEndpoint),
            RemoteEndpoint = ToMessage(span.RemoteEndpoint),
            Debug = span.Debug,
            Shared = span.Shared,
        };
        foreach (var annotation in span.Events)
        {
            message.Annotations.Add(new Messages.Annotation
            {
                Timestamp = annotation.TimeUnixNano / NanosPerMicro,
                Value = annotation.Name,
            });
        }
        foreach (var (key, value) in span.Attributes)
            message.Tags[key] = value.AsString() ?? value.ToString();
        return message;
    }

    static Messages.Endpoint? ToMessage(Endpoint? endpoint) => endpoint is null ? null : new Messages.Endpoint
    {
        ServiceName = endpoint.ServiceName,
        Ipv4 = Address(endpoint.Ipv4),
        Ipv6 = Address(endpoint.Ipv6),
        Port = endpoint.Port,
    };

    static ByteString Address(string text) =>
        text.Length == 0 ? ByteString.Empty : ByteString.CopyFrom(IPAddress.Parse(text).GetAddressBytes());

    delegate void WriteId(Span<byte> destination);

    static ByteString Bytes(int count, WriteId write)
    {
        Span<byte> bytes = stackalloc byte[count];
        write(bytes);
        return ByteString.CopyFrom(bytes);
    }
}
