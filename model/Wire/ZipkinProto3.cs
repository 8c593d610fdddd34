namespace Tracing.Model.Wire;

/// <summary>Zipkin's v2 format in protobuf: a ListOfSpans of zipkin.proto.</summary>
public static class ZipkinProto3
{
    const uint Varint = ZipkinProtoReader.Varint;
    const uint Fixed64 = ZipkinProtoReader.Fixed64;
    const uint Delimited = ZipkinProtoReader.Delimited;

    /// <summary>Reads the list. Unknown fields are skipped; one bad span refuses the whole body.</summary>
    public static DecodedSpans Decode(ReadOnlyMemory<byte> body, WireLimits limits)
    {
        var spans = new List<Span>();
        var builder = new ZipkinSpanBuilder(limits);
        var proto = new ZipkinProtoReader(body.Span, limits);
        while (proto.NextField(out var tag))
        {
            if (tag != (1 << 3 | Delimited))
            {
                proto.Skip(tag);
                continue;
            }
            if (spans.Count == limits.MaxSpans)
                throw proto.Error($"More than {limits.MaxSpans} spans");
            ReadSpan(ref proto, builder);
            proto.Check(builder.Build(out var span));
            spans.Add(span!);
        }
        return new DecodedSpans(spans);
    }

    static void ReadSpan(ref ZipkinProtoReader proto, ZipkinSpanBuilder span)
    {
        var outer = proto.Enter();
        while (proto.NextField(out var tag))
        {
            switch (tag)
            {
                case 1 << 3 | Delimited: span.TraceId = ReadTraceId(ref proto); break;
                case 2 << 3 | Delimited: span.ParentId = ReadId(ref proto, "parentId"); break;
                case 3 << 3 | Delimited: span.Id = ReadId(ref proto, "id"); break;
                case 4 << 3 | Varint: span.Kind = Kind(proto.ReadVarint32()); break;
                case 5 << 3 | Delimited: span.SetName(proto.ReadText()); break;
                case 6 << 3 | Fixed64: span.SetTimestamp(proto.ReadFixed64()); break;
                case 7 << 3 | Varint: span.SetDuration((long)proto.ReadVarint()); break;
                case 8 << 3 | Delimited: span.LocalEndpoint = ReadEndpoint(ref proto); break;
                case 9 << 3 | Delimited: span.RemoteEndpoint = ReadEndpoint(ref proto); break;
                case 10 << 3 | Delimited: ReadAnnotation(ref proto, span); break;
                case 11 << 3 | Delimited: ReadTag(ref proto, span); break;
                case 12 << 3 | Varint: span.Debug = proto.ReadVarint() != 0; break;
                case 13 << 3 | Varint: span.Shared = proto.ReadVarint() != 0; break;
                default: proto.Skip(tag); break;
            }
        }
        proto.Leave(outer);
    }

    static TraceId ReadTraceId(ref ZipkinProtoReader proto)
    {
        var bytes = proto.ReadBytes();
        if (bytes.IsEmpty)
            throw proto.Error("traceId == null");
        if (bytes.Length > 16)
            throw proto.Error("traceId.length > 32");
        var id = ZipkinIds.FromBytes(bytes);
        return id.IsZero ? throw proto.Error("traceId is all zeros") : id;
    }

    static SpanId ReadId(ref ZipkinProtoReader proto, string field)
    {
        var bytes = proto.ReadBytes();
        if (bytes.Length > 8)
            throw proto.Error($"{field}.length > 16");
        var id = new SpanId(ZipkinIds.FromBytes(bytes).Low);
        if (id.IsZero && field == "id")
            throw proto.Error(bytes.IsEmpty ? "id == null" : "id is all zeros");
        return id;
    }

    static SpanKind Kind(uint number) => number switch
    {
        1 => SpanKind.Client,
        2 => SpanKind.Server,
        3 => SpanKind.Producer,
        4 => SpanKind.Consumer,
        _ => SpanKind.Unspecified,
    };

    static Endpoint? ReadEndpoint(ref ZipkinProtoReader proto)
    {
        var endpoint = new ZipkinEndpoint();
        var outer = proto.Enter();
        while (proto.NextField(out var tag))
        {
            switch (tag)
            {
                case 1 << 3 | Delimited: endpoint.SetServiceName(proto.ReadText()); break;
                case 2 << 3 | Delimited: endpoint.SetAddress(proto.ReadBytes()); break;
                case 3 << 3 | Delimited: endpoint.SetAddress(proto.ReadBytes()); break;
                case 4 << 3 | Varint: proto.Check(endpoint.SetPort((int)proto.ReadVarint32())); break;
                default: proto.Skip(tag); break;
            }
        }
        proto.Leave(outer);
        return endpoint.Build();
    }

    // without time or text it is dropped
    static void ReadAnnotation(ref ZipkinProtoReader proto, ZipkinSpanBuilder span)
    {
        var (timestamp, value) = (0L, "");
        var outer = proto.Enter();
        while (proto.NextField(out var tag))
        {
            switch (tag)
            {
                case 1 << 3 | Fixed64: timestamp = proto.ReadFixed64(); break;
                case 2 << 3 | Delimited: value = proto.ReadText(); break;
                default: proto.Skip(tag); break;
            }
        }
        proto.Leave(outer);
        if (timestamp != 0 && value.Length > 0)
            proto.Check(span.AddAnnotation(timestamp, value));
    }

    // without key it is dropped
    static void ReadTag(ref ZipkinProtoReader proto, ZipkinSpanBuilder span)
    {
        var (key, value) = ("", "");
        var outer = proto.Enter();
        while (proto.NextField(out var tag))
        {
            switch (tag)
            {
                case 1 << 3 | Delimited: key = proto.ReadText(); break;
                case 2 << 3 | Delimited: value = proto.ReadText(); break;
                default: proto.Skip(tag); break;
            }
        }
        proto.Leave(outer);
        if (key.Length > 0)
            proto.Check(span.AddTag(key, value));
    }
}
