using System.IO.Hashing;
using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage;

namespace Tracing.Collector;

/// <summary>Turns the bytes of one message into data points; of those metrics alone that are asked for.</summary>
delegate DecodedMetrics MetricsDecoder(
    ReadOnlyMemory<byte> body, WireLimits limits, Func<string, bool> isWanted, DecodedMemory memory);

/// <summary>
/// The way of every request of metrics: decode, make cumulative points into deltas, add up by series and minute, store.
/// As for spans, a success means that it is durable.
/// </summary>
sealed class MetricsIntake(
    ISpanStore store, CollectorOptions options, BodyBudget budget, ClientAudit audit, CollectorMetrics metrics,
    TimeProvider time)
{
    readonly WireLimits _limits = options.Limits;
    readonly CumulativeStreams _streams = new(options.MaxMetricStreams, time);

    public CollectorMetrics Metrics { get; } = metrics;

    /// <param name="body">Decompressed; disposed once it is decoded.</param>
    /// <exception cref="WireException">The body is malformed; nothing of it is counted.</exception>
    /// <exception cref="IntakeBusyException">The store is behind; nothing is counted.</exception>
    /// <exception cref="StoreFailedException">The store failed; nothing is acknowledged.</exception>
    public async Task<IntakeResult> AcceptAsync(
        RequestBody body, MetricsDecoder decode, PointMetrics transport, CancellationToken cancellationToken)
    {
        using var memory = budget.ForOne();
        DecodedMetrics decoded;
        UInt128 hash;
        using (body)
        {
            transport.BytesReceived(body.Memory.Length);
            decoded = decode(body.Memory, _limits, IsTaken, memory);
            hash = XxHash128.HashToUInt128(body.Memory.Span);
        }
        transport.PointsReceived(decoded.Points.Count + decoded.Rejected, decoded.Ignored);
        transport.PointsRejected(decoded.Rejected);

        var counter = new SeriesCounter(decoded.Rejected, decoded.RejectedReason, time);
        var cumulative = new List<HistogramPoint>();
        foreach (var point in decoded.Points)
        {
            if (point.Instrument.Name == MetricInstrument.ClientSpans)
                audit.Add(point);
            else if (point.Instrument.Temporality == MetricTemporality.Cumulative)
                cumulative.Add(point);
            else
                counter.Add(point);
        }
        if (cumulative.Count == 0)
            return await StoreAsync(counter, decoded, hash, transport, cancellationToken);

        using var session = await _streams.BeginAsync(cumulative, cancellationToken);
        foreach (var point in cumulative)
        {
            if (!session.TryTake(point, out var delta))
                counter.Reject(point, $"more than {options.MaxMetricStreams} cumulative streams " +
                    "(Tracing:Collector:MaxMetricStreams)");
            else if (delta is not null)
                counter.Add(delta);
        }
        // not cancelled: whether it was stored decides what the next points are compared with
        var result = await StoreAsync(counter, decoded, hash, transport, CancellationToken.None);
        session.Commit();
        return result;
    }

    static bool IsTaken(string metric) =>
        DurationInstruments.IsKnown(metric) || metric == MetricInstrument.ClientSpans;

    async Task<IntakeResult> StoreAsync(
        SeriesCounter counter, DecodedMetrics decoded, UInt128 hash, PointMetrics transport,
        CancellationToken cancellationToken)
    {
        transport.PointsRejected(counter.Rejected - decoded.Rejected);
        var good = decoded.Points.Count + decoded.Rejected - counter.Rejected;
        var stored = false;
        try
        {
            var counted = counter.ToPoints();
            stored = counted.Count == 0 || await store.AppendAsync(
                new SpanBatch([], hash) { Counted = counted }, cancellationToken) != AppendOutcome.Overloaded;
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new StoreFailedException(e);
        }
        finally
        {
            if (stored)
                transport.PointsCounted(good);
            else
                transport.PointsFailed(good);
        }
        if (!stored)
            throw new IntakeBusyException("the store cannot keep up");
        return new IntakeResult(counter.Rejected, Warnings.Join(counter.RejectedReason, decoded.Warning));
    }
}

/// <summary>Adds up the data points of one request, by series and minute.</summary>
/// <param name="rejected">What the decoder rejected.</param>
sealed class SeriesCounter(int rejected, string? rejectedReason, TimeProvider time)
{
    const ulong NanosPerMinute = 60_000_000_000;
    const long MinutesPerYear = 366 * 24 * 60;

    readonly PointLatencies _latencies = new();
    readonly Dictionary<(Series Series, long Minute), (LatencyHistogram Latencies, bool IsEstimated)> _counted = [];

    public int Rejected { get; private set; } = rejected;

    public string? RejectedReason { get; private set; } = rejectedReason;

    /// <summary>Counts what a point says happened since the one before, for its service and its operation.</summary>
    public void Add(HistogramPoint point)
    {
        var instrument = point.Instrument;
        if (instrument.Temporality is not (MetricTemporality.Delta or MetricTemporality.Cumulative))
        {
            Reject(point, $"aggregation temporality {(int)instrument.Temporality} is neither 1 (delta) nor 2");
            return;
        }
        if (DurationInstruments.NanosOf(instrument.Unit) is not { } unit)
        {
            Reject(point, $"unit \"{Shorten(instrument.Unit)}\" is none of s, ms, us, ns");
            return;
        }
        try
        {
            var latencies = _latencies.Of(point, unit);
            if (latencies.Count == 0)
                return;
            var operation = DurationInstruments.Operation(point);
            var series = new Series(SeriesLevel.Service, instrument.Resource.ServiceName, "", operation.Kind,
                operation.IsError, SeriesSource.Metrics);
            var (minute, isEstimated) = (MinuteOf(point.TimeUnixNano), !PointLatencies.IsExact(point, unit));
            Merge((series, minute), latencies, isEstimated);
            Merge((series with { Level = SeriesLevel.Operation, Operation = operation.Name }, minute),
                latencies, isEstimated);
        }
        catch (WireException e)
        {
            Reject(point, e.Message);
        }
    }

    public void Reject(HistogramPoint point, string reason)
    {
        Rejected++;
        RejectedReason ??= reason.Contains(" at byte ", StringComparison.Ordinal)
            ? $"Metric \"{point.Instrument.Name}\": {reason}"
            : $"Metric \"{point.Instrument.Name}\": {reason} at byte {point.ByteOffset}";
    }

    public List<SeriesPoint> ToPoints() =>
        [.. _counted.Select(each => new SeriesPoint(
            each.Key.Series, each.Key.Minute, each.Value.Latencies, each.Value.IsEstimated))];

    void Merge((Series, long) key, LatencyHistogram latencies, bool isEstimated)
    {
        var (sum, wasEstimated) = _counted.GetValueOrDefault(key);
        sum ??= new LatencyHistogram();
        sum.Merge(latencies);
        _counted[key] = (sum, wasEstimated | isEstimated);
    }

    /// <summary>
    /// The minute that the point's time ends, since a point of the full minute counts the one before. A time that is
    /// more than a year from now is none to count at, as of spans.
    /// </summary>
    long MinuteOf(ulong timeUnixNano)
    {
        var minute = (long)((timeUnixNano - 1) / NanosPerMinute);
        var now = time.GetUtcNow().ToUnixTimeSeconds() / 60;
        return Math.Abs(minute - now) <= MinutesPerYear ? minute : now;
    }

    static string Shorten(string text) => text.Length > 20 ? text[..20] + "..." : text;
}
