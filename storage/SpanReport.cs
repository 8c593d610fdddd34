using Tracing.Model;

namespace Tracing.Storage;

/// <summary>What a report of a span is beside those that came before.</summary>
readonly record struct SpanReport
{
    /// <summary>The span came before; its row does not count, but for <see cref="Correction"/>.</summary>
    public bool IsRepeat { get; init; }

    /// <summary>It is a repeat, and the first to say that the span failed.</summary>
    public bool IsFirstFailure { get; init; }

    /// <summary>What a repeat adds to statistics.</summary>
    public SpanCorrection? Correction { get; init; }

    /// <summary>What it would have added if the span had not been counted with its duration by then.</summary>
    public SpanCorrection? Uncounted { get; init; }
}

/// <summary>How the reports of a span after the first one are counted.</summary>
/// <param name="Withdrawn">What was counted without a duration; null for nothing.</param>
/// <param name="Counted">What is to be counted in its place.</param>
sealed record SpanCorrection(SpanHalf? Withdrawn, SpanHalf Counted)
{
    public IEnumerable<SeriesPoint> Points() => Counted.Points(EdgeSide.None)
        .Concat(Withdrawn?.Points(EdgeSide.Withdrawn) ?? []);
}

/// <summary>What statistics count of a span.</summary>
/// <param name="Operation">The series of its operation; names may be beyond the bounds on their number.</param>
/// <param name="Minute">In which it started; null when that is not known yet, and nothing is counted.</param>
/// <param name="Nanos">How long it took; null when that is not known.</param>
/// <param name="Weight">For how many spans it stands.</param>
sealed record SpanHalf(Series Operation, long? Minute, long? Nanos, ulong Weight, bool IsEstimated)
{
    /// <summary>In memory, about.</summary>
    public long Bytes => 300 + (2 * (Operation.Service.Length + Operation.Operation.Length));

    public static SpanHalf Of(Span span, long? minute, long? nanos)
    {
        var (series, weight, isEstimated) = SpanStatistics.CountedAs(span);
        return new SpanHalf(series, minute, nanos, weight, isEstimated);
    }

    /// <summary>
    /// What is counted when a report comes after one that was a half, or said nothing to count: null for nothing.
    /// </summary>
    public static SpanCorrection? Complete(SpanHalf? before, Span span, long? minute, long? nanos)
    {
        if (before is { Minute: not null })
        {
            return nanos is null ? null : new SpanCorrection(
                before, minute is null ? before with { Nanos = nanos } : Of(span, minute, nanos));
        }
        return minute is null ? null : new SpanCorrection(null, Of(span, minute, nanos ?? before?.Nanos));
    }

    public IEnumerable<SeriesPoint> Points(EdgeSide side)
    {
        if (Weight == 0)
            yield break;
        var operation = Operation with { Side = side };
        foreach (var series in new[] { operation, operation with { Level = SeriesLevel.Service, Operation = "" } })
        {
            var latencies = new LatencyHistogram();
            if (Nanos is { } known)
                latencies.Record(known, Weight);
            else
                latencies.RecordUnknown(Weight);
            yield return new SeriesPoint(series, Minute!.Value, latencies, IsEstimated);
        }
    }
}

/// <summary>
/// What was reported in part, by span; within a bound of bytes. Of two tables the older is forgotten when the newer is
/// full.
/// </summary>
sealed class SpanHalves(long maxBytes)
{
    Dictionary<SpanIdentity, SpanHalf> _newer = [];
    Dictionary<SpanIdentity, SpanHalf> _older = [];
    long _bytes;

    public SpanHalf? Find(in SpanIdentity key) =>
        _newer.GetValueOrDefault(key) ?? (_older.Count == 0 ? null : _older.GetValueOrDefault(key));

    /// <param name="half">Null: there is none any more.</param>
    public void Set(in SpanIdentity key, SpanHalf? half)
    {
        if (_newer.Remove(key, out var before))
            _bytes -= before.Bytes;
        if (_older.Count > 0)
            _older.Remove(key);
        if (half is null)
            return;
        if (_bytes + half.Bytes > maxBytes / 2)
        {
            (_newer, _older) = (_older, _newer);
            _newer.Clear();
            _bytes = 0;
        }
        _newer[key] = half;
        _bytes += half.Bytes;
    }
}
