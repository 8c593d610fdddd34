using Google.Protobuf;
using Messages = Tracing.Model.Wire.Proto.Zipkin;

namespace Tracing.Model.Wire;

/// <summary>Zipkin's v2 format in protobuf: a ListOfSpans of zipkin.proto.</summary>
public static class ZipkinProto3
{
    /// <summary>
    /// Reads the list. Unknown fields are skipped; a span that Zipkin refuses, refuses the whole body.
    /// </summary>
    public static DecodedSpans Decode(ReadOnlyMemory<byte> body, WireLimits limits, DecodedMemory? memory = null) =>
        new ZipkinProto3Decoder(body, limits, memory).Decode();

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
            Timestamp = (ulong)ZipkinTime.Timestamp(span),
            Duration = (ulong)ZipkinTime.Duration(span),
            LocalEndpoint = ToMessage(span.LocalEndpoint),
            RemoteEndpoint = ToMessage(span.RemoteEndpoint),
            Debug = span.Debug,
            Shared = span.Shared,
        };
        foreach (var annotation in span.Events)
        {
            message.Annotations.Add(new Messages.Annotation
            {
                // a time before 1970 is in two's complement
                Timestamp = (ulong)ZipkinTime.Timestamp(annotation),
                Value = annotation.Name,
            });
        }
        foreach (var (key, value) in span.Attributes)
        {
            // only exact times are no text
            if (value.AsString() is { } text)
                message.Tags[key] = text;
        }
        return message;
    }

    static Messages.Endpoint? ToMessage(Endpoint? endpoint) => endpoint is null ? null : new Messages.Endpoint
    {
        ServiceName = endpoint.ServiceName,
        Ipv4 = Bytes(endpoint.Ipv4, ZipkinEndpoint.TryReadIpv4),
        Ipv6 = Bytes(endpoint.Ipv6, ZipkinEndpoint.TryReadIpv6),
        Port = endpoint.Port,
    };

    delegate bool ReadAddress(ReadOnlySpan<char> text, Span<byte> bytes, out int length);

    static ByteString Bytes(string address, ReadAddress read)
    {
        Span<byte> bytes = stackalloc byte[16];
        return read(address, bytes, out var length) ? ByteString.CopyFrom(bytes[..length]) : ByteString.Empty;
    }

    delegate void WriteId(Span<byte> destination);

    static ByteString Bytes(int count, WriteId write)
    {
        Span<byte> bytes = stackalloc byte[count];
        write(bytes);
        return ByteString.CopyFrom(bytes);
    }
}
