using System.Buffers.Binary;
using Google.Protobuf;
using Proto = Tracing.Model.Wire.Proto.Otlp;

namespace Tracing.Server;

/// <summary>OTLP's metrics: all counts from the beginning, histograms exponential.</summary>
static class OtlpExposition
{
    /// <summary>
    /// In seconds or milliseconds no bucket of ours is one of OTLP's: each is counted at its middle, which at this
    /// scale adds 0.55 % to the error of 1.09 %. Finer ones would be more zeros: OTLP has no gaps.
    /// </summary>
    const int Scale = 6;

    /// <summary>Of a request, some 1 MB; receivers refuse more than 4 or 20.</summary>
    const int MaxPoints = 1000;

    const int Cumulative = 2;

    /// <summary>Requests that together hold all families.</summary>
    public static IEnumerable<Proto.MetricsData> Requests(IEnumerable<MetricFamily> families, DateTimeOffset time)
    {
        var nanos = (ulong)time.ToUnixTimeMilliseconds() * 1_000_000;
        var (request, metrics, points) = New();
        foreach (var family in families)
        {
            foreach (var samples in family.Samples.Chunk(MaxPoints))
            {
                if (points > 0 && points + samples.Length > MaxPoints)
                {
                    yield return request;
                    (request, metrics, points) = New();
                }
                metrics.Metrics.Add(MetricOf(family, samples, nanos));
                points += samples.Length;
            }
        }
        if (points > 0)
            yield return request;
    }

    static (Proto.MetricsData Request, Proto.ScopeMetrics Metrics, int Points) New()
    {
        var metrics = new Proto.ScopeMetrics { Scope = new Proto.InstrumentationScope { Name = "tracing" } };
        var resource = new Proto.Resource { Attributes = { Attribute("service.name", "tracing") } };
        var request = new Proto.MetricsData
        {
            ResourceMetrics = { new Proto.ResourceMetrics { Resource = resource, ScopeMetrics = { metrics } } },
        };
        return (request, metrics, 0);
    }

    static Proto.Metric MetricOf(MetricFamily family, MetricSample[] samples, ulong nanos)
    {
        var metric = new Proto.Metric
        {
            Name = family.Name,
            Description = family.Help,
            Unit = family.Unit switch { "seconds" => "s", "milliseconds" => "ms", _ => "" },
        };
        switch (family.Kind)
        {
            case FamilyKind.Counter:
                metric.Sum = new Proto.Sum { AggregationTemporality = Cumulative, IsMonotonic = true };
                metric.Sum.DataPoints.AddRange(samples.Select(sample => NumberOf(sample, nanos)));
                break;
            case FamilyKind.Gauge:
                metric.Gauge = new Proto.Gauge();
                metric.Gauge.DataPoints.AddRange(samples.Select(sample => NumberOf(sample, nanos)));
                break;
            case FamilyKind.Summary:
                metric.Summary = new Proto.Summary();
                metric.Summary.DataPoints.AddRange(samples.Select(sample => SummaryOf(sample, nanos)));
                break;
            default:
                metric.ExponentialHistogram = new Proto.ExponentialHistogram { AggregationTemporality = Cumulative };
                metric.ExponentialHistogram.DataPoints.AddRange(samples.Select(sample => HistogramOf(sample, nanos)));
                break;
        }
        return metric;
    }

    static Proto.NumberDataPoint NumberOf(MetricSample sample, ulong nanos) =>
        new() { TimeUnixNano = nanos, AsDouble = sample.Value, Attributes = { Attributes(sample) } };

    static Proto.SummaryDataPoint SummaryOf(MetricSample sample, ulong nanos) => new()
    {
        TimeUnixNano = nanos,
        Count = (ulong)sample.Count,
        Sum = sample.Value,
        Attributes = { Attributes(sample) },
    };

    static Proto.ExponentialHistogramDataPoint HistogramOf(MetricSample sample, ulong nanos)
    {
        var latencies = sample.Latencies!;
        return new Proto.ExponentialHistogramDataPoint
        {
            TimeUnixNano = nanos,
            Count = latencies.Count,
            Sum = latencies.Sum,
            Scale = Scale,
            ZeroCount = latencies.Latencies.ZeroCount,
            Positive = BucketsOf(latencies),
            Attributes = { Attributes(sample) },
            Exemplars =
            {
                latencies.ClassicBuckets().Select(bucket => bucket.Exemplar).OfType<Exemplar>().Select(ExemplarOf),
            },
        };
    }

    static Proto.Buckets BucketsOf(ExposedLatencies latencies)
    {
        var buckets = new Proto.Buckets();
        foreach (var bucket in latencies.Latencies.Buckets())
        {
            // ours are wider, so that no two share one
            var index = (int)Math.Floor(Math.Log2(bucket.MiddleNanos / latencies.NanosOfUnit) * (1 << Scale));
            if (buckets.BucketCounts.Count == 0)
                buckets.Offset = index;
            while (buckets.BucketCounts.Count < index - buckets.Offset)
                buckets.BucketCounts.Add(0);
            buckets.BucketCounts.Add(bucket.Count);
        }
        return buckets;
    }

    static Proto.Exemplar ExemplarOf(Exemplar exemplar)
    {
        var trace = new byte[16];
        BinaryPrimitives.WriteUInt64BigEndian(trace, exemplar.Trace.Trace.High);
        BinaryPrimitives.WriteUInt64BigEndian(trace.AsSpan(8), exemplar.Trace.Trace.Low);
        return new Proto.Exemplar
        {
            TimeUnixNano = exemplar.Trace.UnixSeconds * 1_000_000_000UL,
            AsDouble = exemplar.Value,
            TraceId = ByteString.CopyFrom(trace),
        };
    }

    static IEnumerable<Proto.KeyValue> Attributes(MetricSample sample) =>
        sample.Labels.Select(label => Attribute(label.Name, label.Value));

    static Proto.KeyValue Attribute(string key, string value) =>
        new() { Key = key, Value = new Proto.AnyValue { StringValue = value } };
}
