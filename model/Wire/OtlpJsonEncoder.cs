using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Tracing.Model.Wire;

/// <summary>Writes proto3's JSON: fields that have their default are left out, but a value keeps its type.</summary>
static class OtlpJsonEncoder
{
    // deeper than any value within the limits; the encoder of JSON leaves alone what only HTML would need escaped
    static readonly JsonWriterOptions Options = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        MaxDepth = 1_000_000,
    };

    public static void Encode(IBufferWriter<byte> output, IReadOnlyList<Span> spans)
    {
        using var json = new Utf8JsonWriter(output, Options);
        json.WriteStartObject();
        json.WriteStartArray("resourceSpans"u8);
        foreach (var group in OtlpGroups.Of(spans))
            WriteResourceSpans(json, group);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    static void WriteResourceSpans(Utf8JsonWriter json, OtlpGroups.ResourceGroup group)
    {
        json.WriteStartObject();
        if (!group.Resource.Equals(Resource.Empty))
            WriteResource(json, group.Resource);
        json.WriteStartArray("scopeSpans"u8);
        foreach (var (scope, spans) in group.Scopes)
            WriteScopeSpans(json, scope, spans);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    static void WriteResource(Utf8JsonWriter json, Resource resource)
    {
        json.WriteStartObject("resource"u8);
        WriteAttributes(json, "attributes"u8, resource.Attributes);
        WriteCount(json, "droppedAttributesCount"u8, resource.DroppedAttributes);
        if (resource.EntityRefs.Length > 0)
            WriteEntityRefs(json, resource.EntityRefs);
        json.WriteEndObject();
        WriteText(json, "schemaUrl"u8, resource.SchemaUrl);
    }

    static void WriteEntityRefs(Utf8JsonWriter json, EntityRef[] entities)
    {
        json.WriteStartArray("entityRefs"u8);
        foreach (var entity in entities)
        {
            json.WriteStartObject();
            WriteText(json, "schemaUrl"u8, entity.SchemaUrl);
            WriteText(json, "type"u8, entity.Type);
            WriteKeys(json, "idKeys"u8, entity.IdKeys);
            WriteKeys(json, "descriptionKeys"u8, entity.DescriptionKeys);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    static void WriteKeys(Utf8JsonWriter json, ReadOnlySpan<byte> name, string[] keys)
    {
        if (keys.Length == 0)
            return;
        json.WriteStartArray(name);
        foreach (var key in keys)
            json.WriteStringValue(key);
        json.WriteEndArray();
    }

    static void WriteScopeSpans(Utf8JsonWriter json, InstrumentationScope scope, List<Span> spans)
    {
        json.WriteStartObject();
        if (!scope.Equals(InstrumentationScope.Empty))
            WriteScope(json, scope);
        json.WriteStartArray("spans"u8);
        foreach (var span in spans)
            WriteSpan(json, span);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    static void WriteScope(Utf8JsonWriter json, InstrumentationScope scope)
    {
        json.WriteStartObject("scope"u8);
        WriteText(json, "name"u8, scope.Name);
        WriteText(json, "version"u8, scope.Version);
        WriteAttributes(json, "attributes"u8, scope.Attributes);
        WriteCount(json, "droppedAttributesCount"u8, scope.DroppedAttributes);
        json.WriteEndObject();
        WriteText(json, "schemaUrl"u8, scope.SchemaUrl);
    }

    static void WriteSpan(Utf8JsonWriter json, Span span)
    {
        json.WriteStartObject();
        WriteId(json, "traceId"u8, span.TraceId);
        WriteId(json, "spanId"u8, span.SpanId);
        WriteText(json, "traceState"u8, span.TraceState);
        if (!span.ParentSpanId.IsZero)
            WriteId(json, "parentSpanId"u8, span.ParentSpanId);
        WriteCount(json, "flags"u8, span.Flags);
        WriteText(json, "name"u8, span.Name);
        WriteNumber(json, "kind"u8, (int)span.Kind);
        WriteTime(json, "startTimeUnixNano"u8, span.StartUnixNano);
        WriteTime(json, "endTimeUnixNano"u8, span.EndUnixNano);
        WriteAttributes(json, "attributes"u8, span.Attributes);
        WriteCount(json, "droppedAttributesCount"u8, span.DroppedAttributes);
        WriteEvents(json, span.Events);
        WriteCount(json, "droppedEventsCount"u8, span.DroppedEvents);
        WriteLinks(json, span.Links);
        WriteCount(json, "droppedLinksCount"u8, span.DroppedLinks);
        WriteStatus(json, span);
        json.WriteEndObject();
    }

    static void WriteStatus(Utf8JsonWriter json, Span span)
    {
        if (span.Status == StatusCode.Unset && span.StatusMessage.Length == 0)
            return;
        json.WriteStartObject("status"u8);
        WriteText(json, "message"u8, span.StatusMessage);
        WriteNumber(json, "code"u8, (int)span.Status);
        json.WriteEndObject();
    }

    static void WriteEvents(Utf8JsonWriter json, SpanEvent[] events)
    {
        if (events.Length == 0)
            return;
        json.WriteStartArray("events"u8);
        foreach (var happened in events)
        {
            json.WriteStartObject();
            WriteTime(json, "timeUnixNano"u8, happened.TimeUnixNano);
            WriteText(json, "name"u8, happened.Name);
            WriteAttributes(json, "attributes"u8, happened.Attributes);
            WriteCount(json, "droppedAttributesCount"u8, happened.DroppedAttributes);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    static void WriteLinks(Utf8JsonWriter json, SpanLink[] links)
    {
        if (links.Length == 0)
            return;
        json.WriteStartArray("links"u8);
        foreach (var link in links)
        {
            json.WriteStartObject();
            WriteId(json, "traceId"u8, link.TraceId);
            WriteId(json, "spanId"u8, link.SpanId);
            WriteText(json, "traceState"u8, link.TraceState);
            WriteAttributes(json, "attributes"u8, link.Attributes);
            WriteCount(json, "droppedAttributesCount"u8, link.DroppedAttributes);
            WriteCount(json, "flags"u8, link.Flags);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    static void WriteAttributes(Utf8JsonWriter json, ReadOnlySpan<byte> name, KeyValue[] attributes)
    {
        if (attributes.Length == 0)
            return;
        json.WriteStartArray(name);
        foreach (var (key, value) in attributes)
        {
            json.WriteStartObject();
            json.WriteString("key"u8, key);
            json.WritePropertyName("value"u8);
            WriteValue(json, value);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    static void WriteValue(Utf8JsonWriter json, AttributeValue value)
    {
        json.WriteStartObject();
        switch (value.Type)
        {
            case AttributeType.String: json.WriteString("stringValue"u8, value.AsString()); break;
            case AttributeType.Bool: json.WriteBoolean("boolValue"u8, value.AsBool()); break;
            case AttributeType.Int: WriteInt(json, "intValue"u8, value.AsInt()); break;
            case AttributeType.Double: WriteDouble(json, value.AsDouble()); break;
            case AttributeType.Bytes: json.WriteBase64String("bytesValue"u8, value.AsBytes()); break;
            case AttributeType.Array: WriteArray(json, value.AsArray()); break;
            case AttributeType.Map: WriteMap(json, value.AsMap()); break;
        }
        json.WriteEndObject();
    }

    static void WriteArray(Utf8JsonWriter json, AttributeValue[] values)
    {
        json.WriteStartObject("arrayValue"u8);
        if (values.Length > 0)
        {
            json.WriteStartArray("values"u8);
            foreach (var value in values)
                WriteValue(json, value);
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }

    static void WriteMap(Utf8JsonWriter json, KeyValue[] entries)
    {
        json.WriteStartObject("kvlistValue"u8);
        WriteAttributes(json, "values"u8, entries);
        json.WriteEndObject();
    }

    static void WriteDouble(Utf8JsonWriter json, double value)
    {
        if (double.IsFinite(value))
            json.WriteNumber("doubleValue"u8, value);
        else
            json.WriteString("doubleValue"u8, double.IsNaN(value) ? "NaN"u8 : value > 0 ? "Infinity"u8 : "-Infinity"u8);
    }

    static void WriteText(Utf8JsonWriter json, ReadOnlySpan<byte> name, string text)
    {
        if (text.Length > 0)
            json.WriteString(name, text);
    }

    static void WriteNumber(Utf8JsonWriter json, ReadOnlySpan<byte> name, int number)
    {
        if (number != 0)
            json.WriteNumber(name, number);
    }

    static void WriteCount(Utf8JsonWriter json, ReadOnlySpan<byte> name, uint count)
    {
        if (count != 0)
            json.WriteNumber(name, count);
    }

    static void WriteTime(Utf8JsonWriter json, ReadOnlySpan<byte> name, ulong nanos)
    {
        if (nanos == 0)
            return;
        // 20 digits are the most
        Span<byte> digits = stackalloc byte[20];
        nanos.TryFormat(digits, out var length);
        json.WriteString(name, digits[..length]);
    }

    static void WriteInt(Utf8JsonWriter json, ReadOnlySpan<byte> name, long number)
    {
        // 19 digits and a sign are the most; the culture is invariant in this program
        Span<byte> digits = stackalloc byte[20];
        number.TryFormat(digits, out var length, default, System.Globalization.CultureInfo.InvariantCulture);
        json.WriteString(name, digits[..length]);
    }

    static void WriteId(Utf8JsonWriter json, ReadOnlySpan<byte> name, TraceId id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.WriteBytes(bytes);
        WriteHex(json, name, bytes);
    }

    static void WriteId(Utf8JsonWriter json, ReadOnlySpan<byte> name, SpanId id)
    {
        Span<byte> bytes = stackalloc byte[8];
        id.WriteBytes(bytes);
        WriteHex(json, name, bytes);
    }

    static void WriteHex(Utf8JsonWriter json, ReadOnlySpan<byte> name, ReadOnlySpan<byte> bytes)
    {
        Span<byte> hex = stackalloc byte[32];
        Convert.TryToHexStringLower(bytes, hex, out var length);
        json.WriteString(name, hex[..length]);
    }
}
