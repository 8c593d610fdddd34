using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Tracing.Model.Wire;

/// <summary>
/// How a span that came as OTLP looks to Zipkin, after OpenTelemetry's specification of that mapping. Links, trace
/// state and the resource's other attributes have no place there.
/// </summary>
static class ZipkinMapping
{
    const ulong NanosPerMicro = 1000;

    // attributes that name the other side, the best first; addresses stand for themselves only without any
    static readonly string[] PeerNames =
    [
        "peer.service", "server.address", "net.peer.name", "server.socket.domain", "net.sock.peer.name",
        "peer.hostname", "peer.address", "db.namespace", "db.name",
    ];

    static readonly string[] PeerAddresses =
        ["network.peer.address", "server.socket.address", "net.sock.peer.addr", "net.peer.ip"];

    static readonly string[] PeerPorts =
        ["network.peer.port", "server.socket.port", "net.sock.peer.port", "net.peer.port", "server.port"];

    static readonly string[] HostAddresses = ["net.host.ip", "host.ip"];

    static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The span itself when it is Zipkin's, else what Zipkin would have been sent instead of it.</summary>
    public static Span ToZipkin(Span span)
    {
        if (span.Origin == SpanOrigin.Zipkin)
            return span;
        // the limits hold for what is received
        var builder = new ZipkinSpanBuilder(null)
        {
            TraceId = span.TraceId,
            Id = span.SpanId,
            ParentId = span.ParentSpanId,
            Kind = span.Kind is >= SpanKind.Server and <= SpanKind.Consumer ? span.Kind : SpanKind.Unspecified,
            LocalEndpoint = LocalEndpoint(span.Resource),
            RemoteEndpoint = RemoteEndpoint(span),
            Debug = span.Debug,
            Shared = span.Shared,
        };
        builder.SetName(span.Name);
        SetTimes(span, builder);
        foreach (var annotation in span.Events)
            builder.AddAnnotation((long)(annotation.TimeUnixNano / NanosPerMicro), AnnotationText(annotation));
        AddTags(span, builder);
        var fault = builder.Build(out var zipkin);
        return zipkin ?? throw new ArgumentException($"{fault}: a span without ids cannot be written", nameof(span));
    }

    /// <summary>Name of the other side in lower case; empty when unknown.</summary>
    public static string RemoteServiceName(Span span) => span.Origin == SpanOrigin.Zipkin
        ? span.RemoteEndpoint?.ServiceName ?? ""
        : ZipkinText.ToLower(First(span.Attributes, PeerNamesOf(span.Kind)) ?? "");

    /// <summary>An attribute as text: arrays and maps as JSON, bytes as base64.</summary>
    public static string TagText(AttributeValue value) =>
        value.Type is AttributeType.Array or AttributeType.Map ? Json(json => Write(json, value)) : value.ToString();

    static void SetTimes(Span span, ZipkinSpanBuilder builder)
    {
        builder.SetTimestamp((long)(span.StartUnixNano / NanosPerMicro));
        if (span.KnownDuration is > 0 and var nanos)
            builder.SetDuration((long)Math.Max(1, nanos / NanosPerMicro));
    }

    static void AddTags(Span span, ZipkinSpanBuilder builder)
    {
        foreach (var (key, value) in span.Attributes)
        {
            // any tag of this name means an error to Zipkin
            if (key != "error" || TagText(value) != "false")
                builder.AddTag(key, TagText(value));
        }
        if (span.Status != StatusCode.Unset)
            builder.AddTag("otel.status_code", span.Status == StatusCode.Ok ? "OK" : "ERROR");
        if (span.Status == StatusCode.Error)
            builder.AddTag("error", span.StatusMessage);
        if (span.Scope.Name.Length > 0)
            builder.AddTag("otel.scope.name", span.Scope.Name);
        if (span.Scope.Version.Length > 0)
            builder.AddTag("otel.scope.version", span.Scope.Version);
        AddCount(builder, "otel.dropped_attributes_count", span.DroppedAttributes);
        AddCount(builder, "otel.dropped_events_count", span.DroppedEvents);
        AddCount(builder, "otel.dropped_links_count", span.DroppedLinks);
    }

    static void AddCount(ZipkinSpanBuilder builder, string key, uint count)
    {
        if (count > 0)
            builder.AddTag(key, count.ToString(CultureInfo.InvariantCulture));
    }

    static string AnnotationText(SpanEvent annotation)
    {
        if (annotation.Attributes.Length == 0)
            return annotation.Name;
        var name = Json(json => json.WriteStringValue(annotation.Name));
        return $"{name}: {TagText(new AttributeValue(annotation.Attributes))}";
    }

    /// <summary>Name of the event that an annotation's text is made of; null if that is the text itself.</summary>
    public static string? EventNameOf(string annotation)
    {
        // a JSON string, a colon and an object
        if (!annotation.StartsWith('"'))
            return null;
        ReadOnlySpan<byte> text = Encoding.UTF8.GetBytes(annotation);
        var json = new Utf8JsonReader(text);
        try
        {
            return json.Read() && text[(int)json.BytesConsumed..].StartsWith(": {"u8) ? json.GetString() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    static Endpoint? LocalEndpoint(Resource resource)
    {
        var endpoint = new ZipkinEndpoint();
        endpoint.SetServiceName(resource.ServiceName);
        if (First(resource.Attributes, HostAddresses) is { } address)
            endpoint.SetAddress(address);
        return endpoint.Build();
    }

    // who was called is known to clients and producers; the others know a caller only when they say so
    static ReadOnlySpan<string> PeerNamesOf(SpanKind kind) => kind switch
    {
        SpanKind.Client or SpanKind.Producer => PeerNames,
        SpanKind.Server or SpanKind.Consumer => PeerNames.AsSpan(0, 1),
        _ => [],
    };

    static Endpoint? RemoteEndpoint(Span span)
    {
        var endpoint = new ZipkinEndpoint();
        endpoint.SetServiceName(First(span.Attributes, PeerNamesOf(span.Kind)) ?? "");
        if (span.Kind is not (SpanKind.Client or SpanKind.Producer))
            return endpoint.Build();
        if (First(span.Attributes, PeerAddresses) is { } address)
            endpoint.SetAddress(address);
        // an endpoint of a port alone would say nothing
        var named = endpoint.Build() is not null;
        if (named && First(span.Attributes, PeerPorts) is { } port &&
            ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            endpoint.SetPort(number);
        return endpoint.Build();
    }

    /// <summary>Text of the first of the keys that the attributes have; of a list, its first element.</summary>
    static string? First(KeyValue[] attributes, ReadOnlySpan<string> keys)
    {
        foreach (var wanted in keys)
        {
            foreach (var (key, value) in attributes)
            {
                if (key != wanted)
                    continue;
                var text = value.Type == AttributeType.Array
                    ? value.AsArray().FirstOrDefault().ToString()
                    : value.ToString();
                if (text.Length > 0)
                    return text;
            }
        }
        return null;
    }

    static string Json(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Readable))
            write(json);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    static void Write(Utf8JsonWriter json, AttributeValue value)
    {
        switch (value.Type)
        {
            case AttributeType.Empty: json.WriteNullValue(); break;
            case AttributeType.Bool: json.WriteBooleanValue(value.AsBool()); break;
            case AttributeType.Int: json.WriteNumberValue(value.AsInt()); break;
            case AttributeType.Double when double.IsFinite(value.AsDouble()):
                json.WriteNumberValue(value.AsDouble());
                break;
            case AttributeType.Array:
                json.WriteStartArray();
                foreach (var element in value.AsArray())
                    Write(json, element);
                json.WriteEndArray();
                break;
            case AttributeType.Map:
                json.WriteStartObject();
                foreach (var (key, entry) in value.AsMap())
                {
                    json.WritePropertyName(key);
                    Write(json, entry);
                }
                json.WriteEndObject();
                break;
            default: json.WriteStringValue(value.ToString()); break;
        }
    }
}
