using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Tracing.Collector;

namespace Tracing.Server;

/// <summary>The server's own counters, in the two forms that Zipkin offers.</summary>
static class MetricsText
{
    internal static readonly (string Name, string Help, Func<TransportMetrics, long> Value)[] Counters =
    [
        ("messages", "requests received", m => m.Messages),
        ("messages_dropped", "requests refused", m => m.MessagesDropped),
        ("bytes", "bytes of bodies after decompression", m => m.Bytes),
        ("spans", "spans received", m => m.Spans),
        ("spans_dropped", "spans not stored", m => m.SpansDropped),
    ];

    internal static readonly (string Name, string Help, Func<TransportMetrics, long> Value)[] Gauges =
    [
        ("message_spans", "spans of the newest request", m => m.LastMessageSpans),
        ("message_bytes", "bytes of the newest request", m => m.LastMessageBytes),
    ];

    /// <summary>
    /// A flat object: counter.zipkin_collector.NAME.TRANSPORT and gauge.zipkin_collector.NAME.TRANSPORT.
    /// </summary>
    public static ReadOnlyMemory<byte> Json(CollectorMetrics metrics)
    {
        var output = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            foreach (var (kind, list) in new[] { ("counter", Counters), ("gauge", Gauges) })
            {
                foreach (var (name, _, value) in list)
                {
                    foreach (var transport in metrics.All)
                        json.WriteNumber($"{kind}.zipkin_collector.{name}.{transport.Name}", (double)value(transport));
                }
            }
            json.WriteEndObject();
        }
        return output.WrittenMemory;
    }

    /// <summary>Prometheus text format 0.0.4.</summary>
    public static string Prometheus(CollectorMetrics metrics, RequestMetrics requests)
    {
        var text = new StringBuilder();
        foreach (var (name, help, value) in Counters)
            Family(text, $"zipkin_collector_{name}_total", "counter", help, metrics, value);
        foreach (var (name, help, value) in Gauges)
            Family(text, $"zipkin_collector_{name}", "gauge", help, metrics, value);

        text.Append("# HELP http_server_requests_seconds requests answered and the time they took\n");
        text.Append("# TYPE http_server_requests_seconds summary\n");
        foreach (var ((method, status, uri), series) in requests.Series.OrderBy(s => s.Key))
        {
            var labels = $"{{method=\"{Escape(method)}\",status=\"{status}\",uri=\"{Escape(uri)}\",}}";
            text.Append(CultureInfo.InvariantCulture, $"http_server_requests_seconds_count{labels} {series.Count}\n");
            text.Append(
                CultureInfo.InvariantCulture, $"http_server_requests_seconds_sum{labels} {series.TotalSeconds:R}\n");
        }
        return text.ToString();
    }

    static void Family(
        StringBuilder text, string name, string type, string help, CollectorMetrics metrics,
        Func<TransportMetrics, long> value)
    {
        text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");
        foreach (var transport in metrics.All)
        {
            text.Append(
                CultureInfo.InvariantCulture, $"{name}{{transport=\"{transport.Name}\",}} {value(transport)}\n");
        }
    }

    static string Escape(string value) =>
        value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)
            .Replace("\n", "\\n", StringComparison.Ordinal);
}
