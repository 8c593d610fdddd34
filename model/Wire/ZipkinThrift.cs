using System.Buffers.Binary;

namespace Tracing.Model.Wire;

/// <summary>Zipkin's v1 format in Thrift's binary protocol: a list of structs.</summary>
public static class ZipkinThrift
{
    // types of a binary annotation's value; all others are dropped
    const int BoolValue = 0;
    const int TextValue = 6;

    /// <summary>
    /// Reads the list. Unknown fields are skipped; a span that Zipkin refuses, refuses the whole body.
    /// </summary>
    public static DecodedSpans Decode(ReadOnlyMemory<byte> body, WireLimits limits, DecodedMemory? memory = null)
    {
        var spans = new ZipkinSpanList(limits, memory);
        var v1 = new V1Span(spans);
        var converter = new V1SpanConverter(spans);
        var thrift = new ThriftReader(body.Span, spans);
        for (var left = thrift.ReadList(ThriftType.Struct); left > 0; left--)
        {
            thrift.Check(spans.Begin());
            v1.Clear();
            ReadSpan(ref thrift, v1);
            thrift.Check(converter.Convert(v1));
            spans.End(thrift.Offset);
        }
        return spans.ToDecoded();
    }

    static void ReadSpan(ref ThriftReader thrift, V1Span span)
    {
        var (high, low) = (0L, 0L);
        while (thrift.NextField(out var id, out var type))
        {
            switch (id, type)
            {
                case (1, ThriftType.I64): low = thrift.ReadI64(); break;
                case (3, ThriftType.String): span.Name = thrift.ReadName(); break;
                case (4, ThriftType.I64): span.Id = new SpanId((ulong)thrift.ReadI64()); break;
                case (5, ThriftType.I64): span.ParentId = new SpanId((ulong)thrift.ReadI64()); break;
                case (6, ThriftType.List): ReadAnnotations(ref thrift, span); break;
                case (8, ThriftType.List): ReadTags(ref thrift, span); break;
                case (9, ThriftType.Bool): span.Debug = thrift.ReadByte() != 0; break;
                case (10, ThriftType.I64): span.Timestamp = thrift.ReadI64(); break;
                case (11, ThriftType.I64): span.Duration = thrift.ReadI64(); break;
                case (12, ThriftType.I64): high = thrift.ReadI64(); break;
                default: thrift.Skip(type); break;
            }
        }
        span.TraceId = new TraceId((ulong)high, (ulong)low);
    }

    // without time or text an annotation is dropped
    static void ReadAnnotations(ref ThriftReader thrift, V1Span span)
    {
        for (var left = thrift.ReadList(ThriftType.Struct); left > 0; left--)
        {
            var timestamp = 0L;
            string? value = null;
            Endpoint? host = null;
            while (thrift.NextField(out var id, out var type))
            {
                switch (id, type)
                {
                    case (1, ThriftType.I64): timestamp = thrift.ReadI64(); break;
                    case (2, ThriftType.String): value = thrift.ReadValue(); break;
                    case (3, ThriftType.Struct): host = ReadEndpoint(ref thrift); break;
                    default: thrift.Skip(type); break;
                }
            }
            if (timestamp != 0 && value is not null)
                span.Add(new V1Annotation(timestamp, value, host));
        }
    }

    static void ReadTags(ref ThriftReader thrift, V1Span span)
    {
        for (var left = thrift.ReadList(ThriftType.Struct); left > 0; left--)
            ReadTag(ref thrift, span);
    }

    // only texts are tags, and only true marks an address; everything else is dropped
    static void ReadTag(ref ThriftReader thrift, V1Span span)
    {
        string? key = null;
        ReadOnlySpan<byte> value = default;
        var (kind, hasValue) = (-1, false);
        Endpoint? host = null;
        while (thrift.NextField(out var id, out var type))
        {
            switch (id, type)
            {
                case (1, ThriftType.String): key = thrift.ReadName(); break;
                case (2, ThriftType.String):
                    value = thrift.ReadBytes();
                    hasValue = true;
                    break;
                case (3, ThriftType.I32): kind = thrift.ReadI32(); break;
                case (4, ThriftType.Struct): host = ReadEndpoint(ref thrift); break;
                default: thrift.Skip(type); break;
            }
        }
        if (key is null || !hasValue)
            return;
        if (kind == TextValue)
            span.Add(new V1Tag(key, thrift.Value(value), host));
        else if (kind == BoolValue && value is [1] && host is not null && V1Tag.IsAddress(key))
            span.Add(new V1Tag(key, null, host));
    }

    static Endpoint? ReadEndpoint(ref ThriftReader thrift)
    {
        var endpoint = new ZipkinEndpoint();
        Span<byte> ipv4 = stackalloc byte[4];
        while (thrift.NextField(out var id, out var type))
        {
            switch (id, type)
            {
                case (1, ThriftType.I32):
                    BinaryPrimitives.WriteInt32BigEndian(ipv4, thrift.ReadI32());
                    // 0.0.0.0 stands for "none"
                    if (ipv4.ContainsAnyExcept((byte)0))
                        endpoint.SetAddress(ipv4);
                    break;
                // signed on the wire, though ports are not
                case (2, ThriftType.I16): endpoint.SetPort((ushort)thrift.ReadI16()); break;
                case (3, ThriftType.String): endpoint.SetServiceName(thrift.ReadName()); break;
                case (4, ThriftType.String): endpoint.SetAddress(thrift.ReadBytes()); break;
                default: thrift.Skip(type); break;
            }
        }
        return endpoint.Build();
    }
}
