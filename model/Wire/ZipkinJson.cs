using System.Buffers;
using System.Text.Json;

namespace Tracing.Model.Wire;

/// <summary>Zipkin's v2 format in JSON: a list of spans.</summary>
public static class ZipkinJson
{
    /// <summary>
    /// Reads the list; bytes after it are not looked at. A span that Zipkin refuses, refuses the whole body.
    /// </summary>
    public static DecodedSpans Decode(ReadOnlyMemory<byte> utf8, WireLimits limits, DecodedMemory? memory = null) =>
        ZipkinJsonReader.ReadList(utf8, limits, memory, ReadSpans);

    /// <summary>
    /// Writes the list, byte for byte as Zipkin does: fields in its order, no blanks, what is absent left out. Spans
    /// that came in another format are written as <see cref="ZipkinMapping"/> says.
    /// </summary>
    public static void Encode(IBufferWriter<byte> output, IReadOnlyList<Span> spans)
    {
        var json = new ZipkinJsonWriter(output);
        json.Raw("["u8);
        for (var i = 0; i < spans.Count; i++)
        {
            json.Raw(i == 0 ? ""u8 : ","u8);
            json.Span(ZipkinMapping.ToZipkin(spans[i]));
        }
        json.Raw("]"u8);
        json.Flush();
    }

    static void ReadSpans(ref ZipkinJsonReader json, ZipkinSpanList spans)
    {
        var builder = new ZipkinSpanBuilder(spans);
        json.Begin();
        while (json.NextElement())
        {
            json.Span = spans.Begun;
            json.Check(spans.Begin());
            ReadSpan(ref json, builder);
            json.Check(builder.Build(out var span));
            spans.Add(span);
            spans.End(json.Offset);
        }
    }

    static void ReadSpan(ref ZipkinJsonReader json, ZipkinSpanBuilder span)
    {
        json.Field = "";
        json.Expect(JsonTokenType.StartObject);
        while (json.NextField(out var name))
        {
            if (name.SequenceEqual("traceId"u8))
                span.TraceId = ReadTraceId(ref json);
            else if (name.SequenceEqual("id"u8))
                span.Id = ReadSpanId(ref json, "id");
            else if (json.IsNull || !ReadOptional(ref json, name, span))
                json.Skip();
        }
    }

    static bool ReadOptional(ref ZipkinJsonReader json, ReadOnlySpan<byte> name, ZipkinSpanBuilder span)
    {
        if (name.SequenceEqual("parentId"u8))
            span.ParentId = ReadSpanId(ref json, "parentId");
        else if (name.SequenceEqual("kind"u8))
            span.Kind = ReadKind(ref json);
        else if (name.SequenceEqual("name"u8))
            span.SetName(json.ReadName("name"));
        else if (name.SequenceEqual("timestamp"u8))
            span.SetTimestamp(json.ReadLong("timestamp"));
        else if (name.SequenceEqual("duration"u8))
            span.SetDuration(json.ReadLong("duration"));
        else if (name.SequenceEqual("localEndpoint"u8))
            span.LocalEndpoint = ReadEndpoint(ref json, "localEndpoint");
        else if (name.SequenceEqual("remoteEndpoint"u8))
            span.RemoteEndpoint = ReadEndpoint(ref json, "remoteEndpoint");
        else if (name.SequenceEqual("annotations"u8))
            ReadAnnotations(ref json, span);
        else if (name.SequenceEqual("tags"u8))
            ReadTags(ref json, span);
        else if (name.SequenceEqual("debug"u8))
            span.Debug |= json.ReadBoolean("debug");
        else if (name.SequenceEqual("shared"u8))
            span.Shared |= json.ReadBoolean("shared");
        else
            return false;
        return true;
    }

    static TraceId ReadTraceId(ref ZipkinJsonReader json)
    {
        json.Check(ZipkinIds.ReadTraceId(json.ReadId("traceId"), out var id));
        return id;
    }

    static SpanId ReadSpanId(ref ZipkinJsonReader json, string field)
    {
        json.Check(ZipkinIds.ReadSpanId(json.ReadId(field), field, out var id));
        return id;
    }

    static SpanKind ReadKind(ref ZipkinJsonReader json) => json.ReadString("kind") switch
    {
        "CLIENT" => SpanKind.Client,
        "SERVER" => SpanKind.Server,
        "PRODUCER" => SpanKind.Producer,
        "CONSUMER" => SpanKind.Consumer,
        var other => throw json.Error($"kind '{Warnings.Shorten(other)}' is not CLIENT, SERVER, PRODUCER or CONSUMER"),
    };

    /// <summary>Also v1's endpoints, which look the same.</summary>
    internal static Endpoint? ReadEndpoint(ref ZipkinJsonReader json, string field)
    {
        json.Field = field;
        json.Expect(JsonTokenType.StartObject);
        var endpoint = new ZipkinEndpoint();
        while (json.NextField(out var name))
        {
            if (json.IsNull)
                continue;
            if (name.SequenceEqual("serviceName"u8))
                endpoint.SetServiceName(json.ReadName(field));
            else if (name.SequenceEqual("ipv4"u8) || name.SequenceEqual("ipv6"u8))
                endpoint.SetAddress(json.ReadString(field));
            else if (name.SequenceEqual("port"u8))
                json.Check(endpoint.SetPort(json.ReadLong(field)));
            else
                json.Skip();
        }
        return endpoint.Build();
    }

    static void ReadAnnotations(ref ZipkinJsonReader json, ZipkinSpanBuilder span)
    {
        json.Field = "annotations";
        json.Expect(JsonTokenType.StartArray);
        while (json.NextElement())
        {
            var (micros, value, _) = ReadAnnotation(ref json, ZipkinVersion.V2);
            span.AddAnnotation(micros, value);
        }
    }

    /// <summary>Those of v1 also name their host.</summary>
    internal static V1Annotation ReadAnnotation(ref ZipkinJsonReader json, ZipkinVersion version)
    {
        json.Expect(JsonTokenType.StartObject);
        long? timestamp = null;
        string? value = null;
        Endpoint? endpoint = null;
        while (json.NextField(out var name))
        {
            if (name.SequenceEqual("timestamp"u8))
                timestamp = json.ReadLong("annotations");
            else if (name.SequenceEqual("value"u8))
                value = json.ReadString("annotations");
            else if (version == ZipkinVersion.V1 && name.SequenceEqual("endpoint"u8) && !json.IsNull)
                endpoint = ReadEndpoint(ref json, "annotations");
            else
                json.Skip();
        }
        return timestamp is { } micros && value is not null
            ? new V1Annotation(micros, value, endpoint)
            : throw json.Error($"Incomplete annotation at {json.Path}");
    }

    static void ReadTags(ref ZipkinJsonReader json, ZipkinSpanBuilder span)
    {
        json.Field = "tags";
        json.Expect(JsonTokenType.StartObject);
        while (json.NextField(out var name))
        {
            var key = json.Name(name);
            if (json.IsNull)
                throw json.Error($"No value at {json.Path}.{Warnings.Shorten(key)}");
            span.AddTag(key, json.ReadString("tags"));
        }
    }
}
