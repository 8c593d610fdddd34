using System.Text.Json;

namespace Tracing.Model.Wire;

/// <summary>Zipkin's v1 format in JSON: a list of spans with "annotations" and "binaryAnnotations".</summary>
public static class ZipkinJsonV1
{
    /// <summary>
    /// Reads the list; bytes after it are not looked at. A span that Zipkin refuses, refuses the whole body.
    /// </summary>
    public static DecodedSpans Decode(ReadOnlyMemory<byte> utf8, WireLimits limits, DecodedMemory? memory = null) =>
        ZipkinJsonReader.ReadList(utf8, limits, memory, ReadSpans);

    static void ReadSpans(ref ZipkinJsonReader json, ZipkinSpanList spans)
    {
        var v1 = new V1Span(spans);
        var converter = new V1SpanConverter(spans);
        json.Begin();
        while (json.NextElement())
        {
            json.Span = spans.Begun;
            json.Check(spans.Begin());
            v1.Clear();
            ReadSpan(ref json, v1);
            json.Check(converter.Convert(v1));
            spans.End(json.Offset);
        }
    }

    static void ReadSpan(ref ZipkinJsonReader json, V1Span span)
    {
        json.Field = "";
        json.Expect(JsonTokenType.StartObject);
        while (json.NextField(out var name))
        {
            if (name.SequenceEqual("traceId"u8))
                span.TraceId = ReadId(ref json, "traceId");
            else if (name.SequenceEqual("id"u8))
                span.Id = new SpanId(ReadId(ref json, "id").Low);
            else if (json.IsNull || !ReadOptional(ref json, name, span))
                json.Skip();
        }
    }

    static bool ReadOptional(ref ZipkinJsonReader json, ReadOnlySpan<byte> name, V1Span span)
    {
        if (name.SequenceEqual("parentId"u8))
            span.ParentId = new SpanId(ReadId(ref json, "parentId").Low);
        else if (name.SequenceEqual("name"u8))
            span.Name = json.ReadName("name");
        else if (name.SequenceEqual("timestamp"u8))
            span.Timestamp = json.ReadLong("timestamp");
        else if (name.SequenceEqual("duration"u8))
            span.Duration = json.ReadLong("duration");
        else if (name.SequenceEqual("annotations"u8))
            ReadAnnotations(ref json, span);
        else if (name.SequenceEqual("binaryAnnotations"u8))
            ReadTags(ref json, span);
        else if (name.SequenceEqual("debug"u8))
            span.Debug |= json.ReadBoolean("debug");
        else
            return false;
        return true;
    }

    static TraceId ReadId(ref ZipkinJsonReader json, string field)
    {
        json.Check(ZipkinIds.ReadV1(json.ReadId(field), out var id));
        return id;
    }

    static void ReadAnnotations(ref ZipkinJsonReader json, V1Span span)
    {
        json.Field = "annotations";
        json.Expect(JsonTokenType.StartArray);
        while (json.NextElement())
            span.Add(ZipkinJson.ReadAnnotation(ref json, ZipkinVersion.V1));
    }

    static void ReadTags(ref ZipkinJsonReader json, V1Span span)
    {
        json.Field = "binaryAnnotations";
        json.Expect(JsonTokenType.StartArray);
        while (json.NextElement())
            ReadTag(ref json, span);
    }

    // only texts are tags, and only true marks an address; everything else is dropped
    static void ReadTag(ref ZipkinJsonReader json, V1Span span)
    {
        json.Expect(JsonTokenType.StartObject);
        string? key = null;
        string? value = null;
        var isTrue = false;
        Endpoint? endpoint = null;
        while (json.NextField(out var name))
        {
            if (name.SequenceEqual("key"u8))
                key = json.ReadName("binaryAnnotations");
            else if (name.SequenceEqual("value"u8) && json.IsString)
                value = json.ReadString("binaryAnnotations");
            else if (name.SequenceEqual("value"u8) && json.IsBoolean)
                isTrue = json.ReadBoolean("binaryAnnotations");
            else if (name.SequenceEqual("endpoint"u8) && !json.IsNull)
                endpoint = ZipkinJson.ReadEndpoint(ref json, "binaryAnnotations");
            else
                json.Skip();
        }
        if (key is null)
            throw json.Error($"No key at {json.Path}");
        if (value is not null || (isTrue && endpoint is not null && V1Tag.IsAddress(key)))
            span.Add(new V1Tag(key, value, endpoint));
    }
}
