using System.Globalization;
using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Collector;

/// <summary>What a data point measured: the spans that were made beside it.</summary>
/// <param name="Name">As OpenTelemetry's conventions name such a span.</param>
readonly record struct MeasuredOperation(string Name, SpanKind Kind, bool IsError);

/// <summary>
/// The duration metrics that are taken, and how their attributes name an operation ("OpenTelemetry semantic
/// conventions": HTTP, RPC, messaging and database metrics, and the span names beside them).
/// </summary>
static class DurationInstruments
{
    static readonly Dictionary<string, Func<Attributes, MeasuredOperation>> Known = new()
    {
        ["http.server.request.duration"] = a => Http(a, SpanKind.Server),
        ["http.client.request.duration"] = a => Http(a, SpanKind.Client),
        ["rpc.server.duration"] = a => Rpc(a, SpanKind.Server),
        ["rpc.client.duration"] = a => Rpc(a, SpanKind.Client),
        ["rpc.server.call.duration"] = a => Rpc(a, SpanKind.Server),
        ["rpc.client.call.duration"] = a => Rpc(a, SpanKind.Client),
        ["messaging.process.duration"] = a => Messaging(a, SpanKind.Consumer),
        ["messaging.client.operation.duration"] = a => Messaging(a, MessagingKind(a)),
        ["db.client.operation.duration"] = Database,
        ["tracing.span.duration"] = SpanOf,
    };

    public static bool IsKnown(string metric) => Known.ContainsKey(metric);

    public static MeasuredOperation Operation(HistogramPoint point) =>
        Known[point.Instrument.Name](new Attributes(point.Attributes));

    /// <summary>Nanoseconds of a unit (UCUM); null when it is none of time.</summary>
    public static double? NanosOf(string unit) => unit switch
    {
        "s" => 1e9,
        "ms" => 1e6,
        "us" => 1e3,
        "ns" => 1,
        _ => null,
    };

    static MeasuredOperation Http(Attributes attributes, SpanKind kind)
    {
        var method = attributes.Text("http.request.method");
        // the conventions' word for a method that is not known, and what a span says then
        if (method is "" or "_OTHER")
            method = "HTTP";
        var target = attributes.Text(kind == SpanKind.Server ? "http.route" : "url.template");
        var status = attributes.Number("http.response.status_code");
        var isError = attributes.Has("error.type") || status >= (kind == SpanKind.Server ? 500 : 400);
        return new MeasuredOperation(Join(method, ' ', target), kind, isError);
    }

    static MeasuredOperation Rpc(Attributes attributes, SpanKind kind)
    {
        var name = Join(attributes.Text("rpc.service"), '/', attributes.Text("rpc.method"));
        if (name.Length == 0)
            name = First(attributes.Text("rpc.system.name"), attributes.Text("rpc.system"));
        return new MeasuredOperation(name, kind,
            attributes.Has("error.type") || IsGrpcError(attributes.Number("rpc.grpc.status_code"), kind));
    }

    /// <summary>
    /// A client's call failed unless it is OK; a server is to blame for UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED,
    /// INTERNAL, UNAVAILABLE and DATA_LOSS only.
    /// </summary>
    static bool IsGrpcError(long? code, SpanKind kind) =>
        kind == SpanKind.Server ? code is 2 or 4 or 12 or 13 or 14 or 15 : code is not (null or 0);

    static MeasuredOperation Messaging(Attributes attributes, SpanKind kind)
    {
        var operation = First(
            attributes.Text("messaging.operation.name"), attributes.Text("messaging.operation.type"));
        var destination = First(
            attributes.Text("messaging.destination.template"), attributes.Text("messaging.destination.name"));
        return new MeasuredOperation(Join(operation, ' ', destination), kind, attributes.Has("error.type"));
    }

    static SpanKind MessagingKind(Attributes attributes) => attributes.Text("messaging.operation.type") switch
    {
        "send" or "create" or "publish" => SpanKind.Producer,
        "process" => SpanKind.Consumer,
        _ => SpanKind.Client,
    };

    static MeasuredOperation Database(Attributes attributes)
    {
        var target = First(attributes.Text("db.collection.name"), attributes.Text("db.stored_procedure.name"),
            attributes.Text("db.namespace"), attributes.Text("server.address"));
        var name = First(attributes.Text("db.query.summary"),
            Join(attributes.Text("db.operation.name"), ' ', target), attributes.Text("db.system.name"));
        return new MeasuredOperation(name, SpanKind.Client, attributes.Has("error.type"));
    }

    /// <summary>What our own client library counts of the spans that it makes.</summary>
    static MeasuredOperation SpanOf(Attributes attributes)
    {
        var kind = WithoutPrefix(attributes.Text("span.kind"), "SPAN_KIND_");
        var status = WithoutPrefix(attributes.Text("status.code"), "STATUS_CODE_");
        return new MeasuredOperation(attributes.Text("span.name"),
            EnumNames.TryParse<SpanKind>(kind, out var known) ? known : SpanKind.Unspecified,
            status.Equals("ERROR", StringComparison.OrdinalIgnoreCase) || attributes.Has("error.type"));
    }

    static string WithoutPrefix(string text, string prefix) =>
        text.StartsWith(prefix, StringComparison.OrdinalIgnoreCase) ? text[prefix.Length..] : text;

    static string Join(string one, char between, string other) =>
        one.Length == 0 ? other : other.Length == 0 ? one : $"{one}{between}{other}";

    static string First(params ReadOnlySpan<string> texts)
    {
        foreach (var text in texts)
        {
            if (text.Length > 0)
                return text;
        }
        return "";
    }

    readonly struct Attributes(KeyValue[] attributes)
    {
        public bool Has(string key) => Find(key).Type != AttributeType.Empty;

        public string Text(string key) => Find(key).AsString() ?? "";

        /// <summary>A whole number, or a text of one.</summary>
        public long? Number(string key)
        {
            var value = Find(key);
            if (value.Type == AttributeType.Int)
                return value.AsInt();
            return long.TryParse(value.AsString(), NumberStyles.Integer, CultureInfo.InvariantCulture, out var number)
                ? number
                : null;
        }

        AttributeValue Find(string key)
        {
            foreach (ref readonly var attribute in attributes.AsSpan())
            {
                if (attribute.Key == key)
                    return attribute.Value;
            }
            return default;
        }
    }
}
