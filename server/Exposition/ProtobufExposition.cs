using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Proto = Tracing.Model.Wire.Proto.Prometheus;

namespace Tracing.Server;

/// <summary>
/// Prometheus' protobuf format, each family with its length before it. Histograms are there twice: in classic buckets,
/// and as native ones, which keep our accuracy.
/// </summary>
static class ProtobufExposition
{
    /// <summary>
    /// Prometheus' finest. Its unit is the second or millisecond, so that no bucket of ours is one of its own: each is
    /// counted at its middle, which is within 0.14 % of that of the bucket taken.
    /// </summary>
    const int Schema = 8;

    public static async Task WriteAsync(
        Stream output, IEnumerable<MetricFamily> families, CancellationToken cancellationToken)
    {
        using var buffer = new MemoryStream();
        foreach (var family in families)
        {
            var message = new Proto.MetricFamily
            {
                Name = family.Kind == FamilyKind.Counter ? family.Name + "_total" : family.Name,
                Help = family.Help,
                Type = (int)family.Kind,
                Unit = family.Unit,
            };
            message.Metric.AddRange(family.Samples.Select(sample => MetricOf(family.Kind, sample)));
            // a family without metrics is not one
            if (message.Metric.Count == 0)
                continue;
            message.WriteDelimitedTo(buffer);
            await output.WriteAsync(buffer.GetBuffer().AsMemory(0, (int)buffer.Length), cancellationToken);
            buffer.SetLength(0);
        }
    }

    static Proto.Metric MetricOf(FamilyKind kind, MetricSample sample)
    {
        var metric = new Proto.Metric();
        metric.Label.AddRange(sample.Labels.Select(label => Label(label.Name, label.Value)));
        switch (kind)
        {
            case FamilyKind.Counter: metric.Counter = new Proto.Counter { Value = sample.Value }; break;
            case FamilyKind.Gauge: metric.Gauge = new Proto.Gauge { Value = sample.Value }; break;
            case FamilyKind.Summary:
                metric.Summary = new Proto.Summary { SampleCount = (ulong)sample.Count, SampleSum = sample.Value };
                break;
            default: metric.Histogram = HistogramOf(sample.Latencies!); break;
        }
        return metric;
    }

    static Proto.Histogram HistogramOf(ExposedLatencies latencies)
    {
        var histogram = new Proto.Histogram
        {
            SampleCount = latencies.Count,
            SampleSum = latencies.Sum,
            Schema = Schema,
            // half a nanosecond; also, without it a histogram that counts nothing would not be native
            ZeroThreshold = 0.5 / latencies.NanosOfUnit,
            ZeroCount = latencies.Latencies.ZeroCount,
        };
        foreach (var bucket in latencies.ClassicBuckets())
        {
            histogram.Bucket.Add(new Proto.Bucket
            {
                UpperBound = bucket.UpperBound,
                CumulativeCount = bucket.Count,
                Exemplar = bucket.Exemplar is { } exemplar ? ExemplarOf(exemplar) : null,
            });
        }
        AddNative(histogram, latencies);
        return histogram;
    }

    static Proto.Exemplar ExemplarOf(Exemplar exemplar) => new()
    {
        Value = exemplar.Value,
        Label = { Label("trace_id", exemplar.TraceId) },
        Timestamp = new Timestamp { Seconds = exemplar.Trace.UnixSeconds },
    };

    static void AddNative(Proto.Histogram histogram, ExposedLatencies latencies)
    {
        var (end, last) = (0, 0L);
        foreach (var bucket in latencies.Latencies.Buckets())
        {
            // Prometheus' bucket k holds what is in (base^(k - 1), base^k]; ours are wider, so that no two share one
            var index = (int)Math.Ceiling(Math.Log2(bucket.MiddleNanos / latencies.NanosOfUnit) * (1 << Schema));
            if (histogram.PositiveSpan.Count > 0 && index == end)
                histogram.PositiveSpan[^1].Length++;
            else
                histogram.PositiveSpan.Add(new Proto.BucketSpan { Offset = index - end, Length = 1 });
            var count = (long)Math.Min(bucket.Count, long.MaxValue);
            histogram.PositiveDelta.Add(count - last);
            (end, last) = (index + 1, count);
        }
    }

    static Proto.LabelPair Label(string name, string value) => new() { Name = name, Value = value };
}
