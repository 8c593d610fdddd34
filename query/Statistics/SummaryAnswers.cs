using Tracing.Model;

namespace Tracing.Query;

/// <summary>Numbers as JSON has them.</summary>
static class Finite
{
    /// <summary>Null for what JSON has no number for: nothing counted, or no bound.</summary>
    public static double? OrNull(double value) => double.IsFinite(value) ? value : null;

    public static double? Ratio(double value, double of) => OrNull(value / of);
}

/// <summary>A quantile of durations.</summary>
/// <param name="Nanos">Off by at most 1.09 %; null without spans.</param>
/// <param name="LowerNanos">Below it with a confidence of 95 % where spans were sampled; 0 if too few tell.</param>
/// <param name="UpperNanos">Above it, likewise; null if too few spans tell.</param>
sealed record QuantileBounds(double Q, double? Nanos, double? LowerNanos, double? UpperNanos)
{
    public static readonly double[] Usual = [0.5, 0.9, 0.95, 0.99, 0.999];

    public static IReadOnlyList<QuantileBounds> Of(LatencyHistogram latencies) => [.. Usual.Select(q =>
    {
        var (lower, upper) = latencies.QuantileBounds(q);
        return new QuantileBounds(
            q, Finite.OrNull(latencies.Quantile(q)), Finite.OrNull(lower), Finite.OrNull(upper));
    })];
}

/// <summary>Rate, errors and latencies of a period.</summary>
/// <param name="Rate">Spans a second.</param>
/// <param name="ErrorShare">Errors / count; null without spans.</param>
/// <param name="Estimated">Whether some spans stand for an unknown number of spans, and counted as one.</param>
sealed record LatencySummary(
    double Rate, ulong Count, ulong Errors, double? ErrorShare, bool Estimated, IReadOnlyList<QuantileBounds> Quantiles)
{
    public static LatencySummary Of(Measured measured, MinuteRange range) => new(
        range.RateOf(measured.Count), measured.Count, measured.Errors,
        Finite.Ratio(measured.Errors, measured.Count), measured.IsEstimated, QuantileBounds.Of(measured.All));
}

/// <summary>Current figures divided by those of the base; null where the base has none.</summary>
sealed record SummaryRatio(
    double? Rate, double? ErrorShare, double? P50, double? P90, double? P95, double? P99, double? P999)
{
    public static SummaryRatio Of(LatencySummary now, LatencySummary before)
    {
        return new(Finite.Ratio(now.Rate, before.Rate),
            Finite.Ratio(now.ErrorShare ?? double.NaN, before.ErrorShare ?? double.NaN),
            At(0), At(1), At(2), At(3), At(4));

        double? At(int i) => Finite.Ratio(
            now.Quantiles[i].Nanos ?? double.NaN, before.Quantiles[i].Nanos ?? double.NaN);
    }
}

/// <param name="Service">As sent.</param>
/// <param name="Operation">As sent; null for a whole service.</param>
/// <param name="Kinds">Of the spans that are counted.</param>
/// <param name="Base">Null when none was asked for, as is the ratio.</param>
sealed record SummaryItem(string Service, string? Operation, IReadOnlyList<string> Kinds, LatencySummary Current,
    LatencySummary? Base, SummaryRatio? Ratio)
{
    /// <summary>The most frequent first.</summary>
    public static IReadOnlyList<SummaryItem> Of(
        IEnumerable<((string Service, string? Operation) Key, Measured Now, Measured Before)> all, MinuteRange range,
        MinuteRange? before) => [.. all
            .OrderByDescending(each => each.Now.Count)
            .ThenBy(each => each.Key.Service, StringComparer.Ordinal)
            .ThenBy(each => each.Key.Operation, StringComparer.Ordinal)
            .Select(each =>
            {
                var now = LatencySummary.Of(each.Now, range);
                var then = before is { } period ? LatencySummary.Of(each.Before, period) : null;
                return new SummaryItem(each.Key.Service, each.Key.Operation,
                    [.. each.Now.Kinds.Union(each.Before.Kinds).Select(kind => kind.Lower())], now, then,
                    then is null ? null : SummaryRatio.Of(now, then));
            })];
}

/// <param name="Range">What the figures are about.</param>
/// <param name="Base">The period compared with; null if none.</param>
/// <param name="Source">spans or metrics.</param>
sealed record ServicesAnswer(
    CoveredRange Range, CoveredRange? Base, string Source, IReadOnlyList<SummaryItem> Services);

/// <param name="Operations">Those of the service, the most frequent first.</param>
sealed record OperationsAnswer(
    CoveredRange Range, CoveredRange? Base, string Source, IReadOnlyList<SummaryItem> Operations);

/// <summary>Some quantiles in nanoseconds; null without spans.</summary>
sealed record UsualQuantiles(double? P50, double? P90, double? P95, double? P99, double? P999)
{
    public static UsualQuantiles Of(LatencyHistogram latencies)
    {
        return new(At(0.5), At(0.9), At(0.95), At(0.99), At(0.999));

        double? At(double q) => Finite.OrNull(latencies.Quantile(q));
    }
}

/// <param name="UnixSeconds">Start of the step.</param>
/// <param name="Rate">Spans a second, of the time of the step that has passed.</param>
sealed record TimePoint(
    long UnixSeconds, ulong Count, ulong Errors, double Rate, bool Estimated, UsualQuantiles DurationNanos)
{
    public static TimePoint Of(long minute, Measured measured, MinuteRange range, int step) => new(minute * 60,
        measured.Count, measured.Errors, measured.Count / range.SecondsOf(minute, step), measured.IsEstimated,
        UsualQuantiles.Of(measured.All));
}

/// <param name="StepMinutes">Of a point; where old minutes have been merged, points may be longer.</param>
/// <param name="Points">By time; steps without spans are left out.</param>
sealed record TimeseriesAnswer(CoveredRange Range, string Source, int StepMinutes, IReadOnlyList<TimePoint> Points);
