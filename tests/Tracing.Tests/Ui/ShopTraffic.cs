using System.Globalization;
using System.Text.Json;

namespace Tracing.Tests;

/// <summary>
/// Traffic of two services as OTLP: shop calls stock, which runs on four hosts. In the last ten minutes one of these,
/// stock-3, is slow, and fails now and then.
/// </summary>
static class ShopTraffic
{
    public const string SlowHost = "stock-3";
    const int Minutes = 40;
    const int TracesPerMinute = 12;
    const int SlowMinutes = 10;

    /// <summary>Of the requests of the slow host every third; a twelfth of all of its minutes.</summary>
    public const int FailedRequests = SlowMinutes * TracesPerMinute / 12;

    public static string Body(DateTimeOffset now)
    {
        var shop = new List<object>();
        var stock = Enumerable.Range(0, 4).Select(_ => new List<object>()).ToList();
        for (var i = 0; i < Minutes * TracesPerMinute; i++)
        {
            var start = now.AddMinutes(-Minutes).AddSeconds(i * 60.0 / TracesPerMinute);
            var host = i % 4;
            var isSlow = host == 3 && now - start < TimeSpan.FromMinutes(SlowMinutes);
            var length = isSlow ? 700 + (i % 90) : 12 + (i % 17);
            var trace = $"{i + 1:x32}";
            shop.Add(Span(trace, i * 4 + 1, 0, "GET /cart", 2, start, 0, length + 9));
            shop.Add(Span(trace, i * 4 + 2, i * 4 + 1, "stock.Reserve", 3, start, 4, length + 2));
            // what fails within a request fails it
            var error = isSlow && i % 3 == 0 ? "lock timeout" : null;
            stock[host].Add(Span(trace, i * 4 + 3, i * 4 + 2, "stock.Reserve", 2, start, 5, length, error));
            stock[host].Add(Span(trace, i * 4 + 4, i * 4 + 3, "select", 3, start, 6, length - 3, error));
        }
        return JsonSerializer.Serialize(new
        {
            resourceSpans = stock.Select((spans, host) => Resource("stock", $"stock-{host}", spans))
                .Prepend(Resource("shop", "shop-0", shop)),
        });
    }

    /// <summary>A trace of so many spans, each with a few below it.</summary>
    public static string LargeTrace(DateTimeOffset now, int spans)
    {
        var all = Enumerable.Range(1, spans)
            .Select(i => Span($"{0xffff:x32}", i, i / 4, $"step {i % 50}", 1, now.AddMinutes(-1), i % 1000, 5))
            .ToList();
        return JsonSerializer.Serialize(new { resourceSpans = new[] { Resource("batch", "batch-0", all) } });
    }

    static object Resource(string service, string host, List<object> spans) => new
    {
        resource = new { attributes = new[] { Attribute("service.name", service), Attribute("host.name", host) } },
        scopeSpans = new[] { new { spans } },
    };

    static object Attribute(string key, string value) => new { key, value = new { stringValue = value } };

    static object Span(string trace, int id, int parent, string name, int kind, DateTimeOffset start, int afterMillis,
        int millis, string? error = null)
    {
        var nanos = (start.ToUnixTimeMilliseconds() + afterMillis) * 1_000_000;
        return new
        {
            traceId = trace,
            spanId = $"{id:x16}",
            parentSpanId = parent == 0 ? "" : $"{parent:x16}",
            name,
            kind,
            startTimeUnixNano = nanos.ToString(CultureInfo.InvariantCulture),
            endTimeUnixNano = (nanos + (millis * 1_000_000L)).ToString(CultureInfo.InvariantCulture),
            attributes = new[] { Attribute("http.route", name) },
            status = error is null ? new { code = 0, message = "" } : new { code = 2, message = error },
        };
    }
}
