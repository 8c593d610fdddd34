using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Tracing.Model;

namespace Tracing.LoadGenerator;

/// <summary>
/// Writes spans in a wire format. What repeats (names, attributes, endpoints, resources) is encoded once, when the
/// format is made; a span is then some 20 short copies.
/// </summary>
abstract class BodyFormat
{
    /// <summary>Path of the endpoint.</summary>
    public abstract string Path { get; }

    public abstract string ContentType { get; }

    /// <summary>Appends a span to those of its instance.</summary>
    public abstract void WriteSpan(ByteWriter spans, TraceId traceId, WorkloadSpan span);

    /// <summary>Makes a body of the spans of one instance.</summary>
    public abstract void WriteBody(ByteWriter body, int service, int instance, ReadOnlySpan<byte> spans);

    /// <summary>Null when there is no format of that name.</summary>
    public static BodyFormat? Create(string name, Vocabulary vocabulary, int instances) => name switch
    {
        "otlp" => new OtlpFormat(vocabulary, instances),
        "zipkin-proto" => new ZipkinProtoFormat(vocabulary, instances),
        "zipkin-json" => new ZipkinJsonFormat(vocabulary, instances),
        _ => null,
    };

    protected const string ErrorMessage = "upstream did not answer in time";

    protected static string InstanceName(int service, int instance) => $"{Vocabulary.Services[service]}-{instance}";

    protected static byte[] InstanceAddress(int service, int instance) => [10, 1, (byte)service, (byte)instance];

    /// <summary>For each of some things its bytes, as <paramref name="write"/> writes them.</summary>
    protected static byte[][] Encode<T>(IEnumerable<T> things, Action<ByteWriter, T> write)
    {
        var writer = new ByteWriter(1024);
        var encoded = new List<byte[]>();
        foreach (var thing in things)
        {
            writer.Clear();
            write(writer, thing);
            encoded.Add(writer.Written.ToArray());
        }
        return [.. encoded];
    }

    /// <summary>As <see cref="Encode"/>, for each instance of each service.</summary>
    protected static byte[][][] EncodeInstances(int instances, Action<ByteWriter, int, int> write) =>
        [.. Enumerable.Range(0, Vocabulary.Services.Count).Select(service =>
            Encode(Enumerable.Range(0, instances), (writer, instance) => write(writer, service, instance)))];

    protected static int TotalLength(byte[][] encoded, int[] indexes)
    {
        var total = 0;
        foreach (var index in indexes)
            total += encoded[index].Length;
        return total;
    }
}

/// <summary>OTLP's ExportTraceServiceRequest: one resource and one scope, and all spans below it.</summary>
sealed class OtlpFormat : BodyFormat
{
    const uint Sampled = 0x1, KnowsIfRemote = 0x100, ParentIsRemote = 0x200;

    readonly byte[][] _operations;
    readonly byte[][] _flags;
    readonly byte[][] _attributes;
    readonly byte[][][] _resources;
    readonly byte[] _scope;
    readonly byte[] _error;

    public OtlpFormat(Vocabulary vocabulary, int instances)
    {
        _operations = Encode(vocabulary.Operations, (writer, operation) =>
        {
            writer.WriteField(0x2a, operation.Name);
            writer.Write([0x30, (byte)operation.Kind]);
        });
        _flags = Encode(vocabulary.Operations, (writer, operation) =>
        {
            var isRemote = operation.Kind is SpanKind.Server or SpanKind.Consumer;
            writer.Write([0x85, 0x01]);
            writer.Write(BitConverter.GetBytes(Sampled | KnowsIfRemote | (isRemote ? ParentIsRemote : 0)));
        });
        _attributes = Encode(vocabulary.Attributes, (writer, attribute) => WriteAttribute(writer, 0x4a, attribute));
        _resources = EncodeInstances(instances, WriteResource);
        _scope = Encode(["Shop.Instrumentation"], (writer, name) => writer.WriteField(0x0a, name))[0];
        _error = Encode([ErrorMessage], (writer, message) =>
            writer.WriteField(0x7a, [0x12, (byte)message.Length, .. Encoding.UTF8.GetBytes(message), 0x18, 2]))[0];
    }

    public override string Path => "/v1/traces";

    public override string ContentType => "application/x-protobuf";

    public override void WriteSpan(ByteWriter spans, TraceId traceId, WorkloadSpan span)
    {
        var operation = _operations[span.Operation.Index];
        var flags = _flags[span.Operation.Index];
        // trace id 18, span id 10, parent 10, start and end 9 each
        var size = 46 + (span.ParentId != 0 ? 10 : 0) + operation.Length + flags.Length +
            TotalLength(_attributes, span.Attributes) + (span.IsError ? _error.Length : 0);
        spans.WriteByte(0x12);
        spans.WriteVarint((ulong)size);
        spans.WriteId(0x0a, traceId.High, traceId.Low);
        spans.WriteId(0x12, span.Id);
        if (span.ParentId != 0)
            spans.WriteId(0x22, span.ParentId);
        spans.Write(operation);
        spans.WriteFixed64(0x39, (ulong)span.StartMicros * 1000);
        spans.WriteFixed64(0x41, (ulong)(span.StartMicros + span.DurationMicros) * 1000);
        foreach (var attribute in span.Attributes)
            spans.Write(_attributes[attribute]);
        if (span.IsError)
            spans.Write(_error);
        spans.Write(flags);
    }

    public override void WriteBody(ByteWriter body, int service, int instance, ReadOnlySpan<byte> spans)
    {
        var resource = _resources[service][instance];
        var scopeSpans = FieldSize(_scope.Length) + spans.Length;
        body.WriteByte(0x0a);
        body.WriteVarint((ulong)(FieldSize(resource.Length) + FieldSize(scopeSpans)));
        body.WriteField(0x0a, resource);
        body.WriteByte(0x12);
        body.WriteVarint((ulong)scopeSpans);
        body.WriteField(0x0a, _scope);
        body.Write(spans);
    }

    static int FieldSize(int length) => 1 + ByteWriter.VarintSize((ulong)length) + length;

    static void WriteResource(ByteWriter writer, int service, int instance)
    {
        KeyValue[] attributes =
        [
            new("service.name", new AttributeValue(Vocabulary.Services[service])),
            new("service.version", new AttributeValue($"1.{service}.0")),
            new("service.instance.id", new AttributeValue(InstanceName(service, instance))),
            new("host.name", new AttributeValue("node-" + string.Join('-', InstanceAddress(service, instance)))),
            new("deployment.environment.name", new AttributeValue("production")),
            new("telemetry.sdk.name", new AttributeValue("opentelemetry")),
            new("telemetry.sdk.language", new AttributeValue("dotnet")),
        ];
        foreach (var attribute in attributes)
            WriteAttribute(writer, 0x0a, attribute);
    }

    static void WriteAttribute(ByteWriter writer, byte tag, KeyValue attribute)
    {
        var value = new ByteWriter(64);
        if (attribute.Value.AsString() is { } text)
            value.WriteField(0x0a, text);
        else
        {
            value.WriteByte(0x18);
            value.WriteVarint((ulong)attribute.Value.AsInt());
        }
        var content = new ByteWriter(64);
        content.WriteField(0x0a, attribute.Key);
        content.WriteField(0x12, value.Written);
        writer.WriteField(tag, content.Written);
    }
}

/// <summary>Zipkin's v2 ListOfSpans; each span repeats its endpoint.</summary>
sealed class ZipkinProtoFormat : BodyFormat
{
    readonly byte[][] _operations;
    readonly byte[][] _peers;
    readonly byte[][] _tags;
    readonly byte[][][] _endpoints;
    readonly byte[] _error;

    public ZipkinProtoFormat(Vocabulary vocabulary, int instances)
    {
        _operations = Encode(vocabulary.Operations, (writer, operation) =>
        {
            if (ZipkinKind(operation.Kind) is not 0 and var kind)
                writer.Write([0x20, kind]);
            writer.WriteField(0x2a, operation.Name);
        });
        _peers = Encode(vocabulary.Operations, (writer, operation) =>
        {
            if (operation.Peer.Length > 0)
                writer.WriteField(0x4a, Encode([operation.Peer], (peer, name) => peer.WriteField(0x0a, name))[0]);
        });
        _tags = Encode(vocabulary.Attributes, (writer, tag) => WriteTag(writer, tag.Key, tag.Value.ToString()));
        _endpoints = EncodeInstances(instances, WriteEndpoint);
        _error = Encode([ErrorMessage], (writer, message) => WriteTag(writer, "error", message))[0];
    }

    public override string Path => "/api/v2/spans";

    public override string ContentType => "application/x-protobuf";

    public override void WriteSpan(ByteWriter spans, TraceId traceId, WorkloadSpan span)
    {
        var operation = _operations[span.Operation.Index];
        var peer = _peers[span.Operation.Index];
        var endpoint = _endpoints[span.Operation.Service][span.Instance];
        // trace id 18, span id 10, parent 10, timestamp 9
        var size = 37 + (span.ParentId != 0 ? 10 : 0) + operation.Length + 1 +
            ByteWriter.VarintSize((ulong)span.DurationMicros) + endpoint.Length + peer.Length +
            TotalLength(_tags, span.Attributes) + (span.IsError ? _error.Length : 0);
        spans.WriteByte(0x0a);
        spans.WriteVarint((ulong)size);
        spans.WriteId(0x0a, traceId.High, traceId.Low);
        if (span.ParentId != 0)
            spans.WriteId(0x12, span.ParentId);
        spans.WriteId(0x1a, span.Id);
        spans.Write(operation);
        spans.WriteFixed64(0x31, (ulong)span.StartMicros);
        spans.WriteByte(0x38);
        spans.WriteVarint((ulong)span.DurationMicros);
        spans.Write(endpoint);
        spans.Write(peer);
        foreach (var tag in span.Attributes)
            spans.Write(_tags[tag]);
        if (span.IsError)
            spans.Write(_error);
    }

    public override void WriteBody(ByteWriter body, int service, int instance, ReadOnlySpan<byte> spans) =>
        body.Write(spans);

    static byte ZipkinKind(SpanKind kind) => kind switch
    {
        SpanKind.Client => 1,
        SpanKind.Server => 2,
        SpanKind.Producer => 3,
        SpanKind.Consumer => 4,
        _ => 0,
    };

    static void WriteEndpoint(ByteWriter writer, int service, int instance)
    {
        var content = new ByteWriter(64);
        content.WriteField(0x0a, Vocabulary.Services[service]);
        content.WriteField(0x12, InstanceAddress(service, instance));
        content.WriteByte(0x20);
        content.WriteVarint(8080);
        writer.WriteField(0x42, content.Written);
    }

    static void WriteTag(ByteWriter writer, string key, string value)
    {
        var content = new ByteWriter(64);
        content.WriteField(0x0a, key);
        content.WriteField(0x12, value);
        writer.WriteField(0x5a, content.Written);
    }
}

/// <summary>Zipkin's v2 JSON.</summary>
sealed class ZipkinJsonFormat : BodyFormat
{
    readonly byte[][] _operations;
    readonly byte[][] _peers;
    readonly byte[][] _tags;
    readonly byte[][][] _endpoints;
    readonly byte[] _error;

    public ZipkinJsonFormat(Vocabulary vocabulary, int instances)
    {
        _operations = Encode(vocabulary.Operations, (writer, operation) =>
        {
            if (operation.Kind != SpanKind.Internal)
                writer.Write($"\"kind\":\"{operation.Kind.ToString().ToUpperInvariant()}\",");
            writer.Write($"\"name\":{Quoted(operation.Name)},\"timestamp\":");
        });
        _peers = Encode(vocabulary.Operations, (writer, operation) => writer.Write(
            operation.Peer.Length > 0 ? $",\"remoteEndpoint\":{{\"serviceName\":{Quoted(operation.Peer)}}}" : ""));
        _tags = Encode(vocabulary.Attributes, (writer, tag) =>
            writer.Write($"{Quoted(tag.Key)}:{Quoted(tag.Value.ToString())},"));
        _endpoints = EncodeInstances(instances, (writer, service, instance) => writer.Write(
            $",\"localEndpoint\":{{\"serviceName\":{Quoted(Vocabulary.Services[service])}," +
            $"\"ipv4\":\"{string.Join('.', InstanceAddress(service, instance))}\",\"port\":8080}}"));
        _error = Encoding.UTF8.GetBytes($"\"error\":{Quoted(ErrorMessage)},");
    }

    public override string Path => "/api/v2/spans";

    public override string ContentType => "application/json";

    public override void WriteSpan(ByteWriter spans, TraceId traceId, WorkloadSpan span)
    {
        spans.Write(spans.Length == 0 ? "[{\"traceId\":\""u8 : ",{\"traceId\":\""u8);
        spans.WriteHex(traceId.High);
        spans.WriteHex(traceId.Low);
        if (span.ParentId != 0)
        {
            spans.Write("\",\"parentId\":\""u8);
            spans.WriteHex(span.ParentId);
        }
        spans.Write("\",\"id\":\""u8);
        spans.WriteHex(span.Id);
        spans.Write("\","u8);
        spans.Write(_operations[span.Operation.Index]);
        spans.WriteDecimal(span.StartMicros);
        spans.Write(",\"duration\":"u8);
        spans.WriteDecimal(span.DurationMicros);
        spans.Write(_endpoints[span.Operation.Service][span.Instance]);
        spans.Write(_peers[span.Operation.Index]);
        spans.Write(",\"tags\":{"u8);
        if (span.IsError)
            spans.Write(_error);
        foreach (var tag in span.Attributes.AsSpan(0, span.Attributes.Length - 1))
            spans.Write(_tags[tag]);
        spans.Write(_tags[span.Attributes[^1]].AsSpan()[..^1]); // without its comma
        spans.Write("}}"u8);
    }

    public override void WriteBody(ByteWriter body, int service, int instance, ReadOnlySpan<byte> spans)
    {
        body.Write(spans);
        body.WriteByte((byte)']');
    }

    static string Quoted(string text) =>
        $"\"{JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";
}
