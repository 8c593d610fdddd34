using Tracing.Model.Wire.Proto.Otlp;

namespace Tracing.Tests;

/// <summary>Bodies of OTLP metrics, as the generated messages have them.</summary>
static class SomeMetrics
{
    public const ulong Second = 1_000_000_000;

    /// <summary>A body of one metric of one service.</summary>
    public static MetricsData Body(Metric metric, string service = "shop")
    {
        var resource = new Resource();
        resource.Attributes.Add(Text("service.name", service));
        return new MetricsData
        {
            ResourceMetrics =
            {
                new ResourceMetrics
                {
                    Resource = resource,
                    ScopeMetrics =
                    {
                        new ScopeMetrics { Scope = new InstrumentationScope { Name = "test" }, Metrics = { metric } },
                    },
                },
            },
        };
    }

    public static Metric Histogram(string name, string unit, int temporality, params HistogramDataPoint[] points) =>
        new()
        {
            Name = name,
            Unit = unit,
            Histogram = new Histogram { AggregationTemporality = temporality, DataPoints = { points } },
        };

    public static Metric Exponential(
        string name, string unit, int temporality, params ExponentialHistogramDataPoint[] points) => new()
        {
            Name = name,
            Unit = unit,
            ExponentialHistogram = new ExponentialHistogram
            {
                AggregationTemporality = temporality,
                DataPoints = { points },
            },
        };

    /// <summary>Bounds 0.1 and 1, three buckets.</summary>
    public static HistogramDataPoint Point(ulong start, ulong time, params ulong[] counts)
    {
        var point = new HistogramDataPoint
        {
            StartTimeUnixNano = start,
            TimeUnixNano = time,
            Count = counts.Aggregate(0UL, (sum, count) => sum + count),
            ExplicitBounds = { 0.1, 1 },
            BucketCounts = { counts },
        };
        point.Attributes.Add(Text("http.request.method", "GET"));
        point.Attributes.Add(Text("http.route", "/cart"));
        return point;
    }

    public static KeyValue Text(string key, string value) =>
        new() { Key = key, Value = new AnyValue { StringValue = value } };

    public static KeyValue Number(string key, long value) =>
        new() { Key = key, Value = new AnyValue { IntValue = value } };
}
