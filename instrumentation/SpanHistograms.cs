using System.Diagnostics;
using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Instrumentation;

/// <summary>
/// How long all spans took, by operation, kind and outcome, as OTLP exponential histograms of what came since the last
/// report. For one thread.
/// </summary>
sealed class SpanHistograms(OtlpResource resource, ReportTarget target, Counters counters, TimeProvider time)
{
    /// <summary>Operations, kinds and outcomes that are told apart; further ones share the name below.</summary>
    const int MaxSeries = 2000;

    const string Others = "(others)";

    const ulong DeltaTemporality = 1;
    const ulong CumulativeTemporality = 2;

    readonly Dictionary<Series, LatencyHistogram> _all = [];
    readonly ulong _processStart = UnixNanos(time);
    ulong _start = UnixNanos(time);

    public void Add(Activity span) =>
        Add(new Series(Conventions.NameOf(span), Conventions.KindOf(span), Conventions.IsError(span)), span.Duration);

    public void Add(string name, in Timing timing) =>
        Add(new Series(Conventions.Cut(name), timing.Kind, timing.IsError), timing.Duration);

    void Add(Series series, TimeSpan duration)
    {
        if (!_all.TryGetValue(series, out var histogram))
        {
            if (_all.Count >= MaxSeries)
                series = series with { Name = Others };
            if (!_all.TryGetValue(series, out histogram))
                _all[series] = histogram = new LatencyHistogram();
        }
        histogram.Record(duration.Ticks * 100);
    }

    /// <summary>What was counted, as a body to be sent; counting begins anew.</summary>
    public Body Take()
    {
        var now = UnixNanos(time);
        using var writer = new ProtobufWriter();
        var all = writer.Begin(1);
        resource.Write(writer);
        var scope = writer.Begin(2);
        var name = writer.Begin(1);
        writer.Text(1, "Tracing.Instrumentation");
        writer.End(name);
        WriteDurations(writer, now);
        WriteCounts(writer, now);
        writer.End(scope);
        writer.End(all);
        // those that were used stay, as most operations come again; names that do not make room for others
        foreach (var (series, histogram) in _all)
        {
            if (histogram.Count == 0)
                _all.Remove(series);
            else
                histogram.Clear();
        }
        _start = now;
        return OtlpWire.Body(writer, target, 0);
    }

    void WriteDurations(ProtobufWriter writer, ulong now)
    {
        var metric = writer.Begin(2);
        writer.Text(1, "tracing.span.duration");
        writer.Text(2, "Durations of all spans, sampled or not.");
        writer.Text(3, "ns");
        var data = writer.Begin(10);
        foreach (var (series, histogram) in _all)
        {
            if (histogram.Count > 0)
                WritePoint(writer, series, histogram, now);
        }
        writer.Varint(2, DeltaTemporality);
        writer.End(data);
        writer.End(metric);
    }

    void WritePoint(ProtobufWriter writer, Series series, LatencyHistogram histogram, ulong now)
    {
        var content = histogram.ToOtlp();
        var point = writer.Begin(1);
        OtlpSpanBody.Attribute(writer, 1, "span.name", series.Name);
        OtlpSpanBody.Attribute(writer, 1, "span.kind", NameOf(series.Kind));
        OtlpSpanBody.Attribute(writer, 1, "status.code", series.IsError ? "ERROR" : "UNSET");
        writer.Fixed64(2, _start);
        writer.Fixed64(3, now);
        writer.Fixed64(4, histogram.Count);
        writer.Double(5, (double)histogram.Sum);
        // zigzag
        writer.Varint(6, (uint)(content.Scale << 1) ^ (uint)(content.Scale >> 31));
        writer.Fixed64(7, content.ZeroCount);
        var buckets = writer.Begin(8);
        writer.Varint(1, (uint)(content.Offset << 1) ^ (uint)(content.Offset >> 31));
        var counts = writer.Begin(2);
        foreach (var count in content.BucketCounts)
            writer.Packed(count);
        writer.End(counts);
        writer.End(buckets);
        writer.Double(12, histogram.Min);
        writer.Double(13, histogram.Max);
        writer.End(point);
    }

    /// <summary>What became of this process' spans, so that the server can tell what it should have.</summary>
    void WriteCounts(ProtobufWriter writer, ulong now)
    {
        var counts = counters.Counts;
        var metric = writer.Begin(2);
        writer.Text(1, MetricInstrument.ClientSpans);
        writer.Text(2, "Spans to be reported, by what became of them.");
        writer.Text(3, "{span}");
        var data = writer.Begin(7);
        WriteCount(writer, "ended", counts.Ended, now);
        WriteCount(writer, "sent", counts.Sent, now);
        WriteCount(writer, "dropped", counts.Dropped, now);
        writer.Varint(2, CumulativeTemporality);
        writer.Varint(3, 1);
        writer.End(data);
        writer.End(metric);
    }

    void WriteCount(ProtobufWriter writer, string outcome, long count, ulong now)
    {
        var point = writer.Begin(1);
        writer.Fixed64(2, _processStart);
        writer.Fixed64(3, now);
        writer.Fixed64(6, (ulong)count);
        OtlpSpanBody.Attribute(writer, 7, "outcome", outcome);
        writer.End(point);
    }

    static string NameOf(ActivityKind kind) => kind switch
    {
        ActivityKind.Server => "SERVER",
        ActivityKind.Client => "CLIENT",
        ActivityKind.Producer => "PRODUCER",
        ActivityKind.Consumer => "CONSUMER",
        _ => "INTERNAL",
    };

    static ulong UnixNanos(TimeProvider time) => (ulong)(time.GetUtcNow().Ticks - DateTime.UnixEpoch.Ticks) * 100;

    readonly record struct Series(string Name, ActivityKind Kind, bool IsError);
}
