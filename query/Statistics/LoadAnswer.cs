namespace Tracing.Query;

/// <param name="UnixSeconds">Start of the step.</param>
/// <param name="Rate">Spans a second.</param>
/// <param name="P50">In nanoseconds, as P99.</param>
/// <param name="Fitted">Whether it has enough spans for the curve, and the whole step has passed.</param>
sealed record LoadStep(long UnixSeconds, double Rate, ulong Count, double? P50, double? P99, bool Fitted);

/// <param name="Rate">Spans a second, from which on p99 grows faster.</param>
/// <param name="LowerRate">The bend is between here and upperRate with a confidence of some 95 %.</param>
/// <param name="P99Nanos">At the bend, of the fitted curve.</param>
/// <param name="GrowthBelow">By what part p99 grows with each span a second more, below the bend.</param>
sealed record LoadBendItem(double Rate, double LowerRate, double UpperRate, double P99Nanos, double GrowthBelow,
    double GrowthAbove);

/// <param name="Points">By time.</param>
/// <param name="Bend">
/// Two lines that meet, fitted to ln(p99) against rate by least squares; null if one line does as well (p > 0.01), or
/// there are fewer than 20 points.
/// </param>
/// <param name="P">
/// Probability of a bend as clear where there is none: Davies' bound (Biometrika 74, 1987), which allows for the search
/// for the best bend.
/// </param>
/// <param name="N">Points that the curve is fitted to.</param>
sealed record LoadAnswer(CoveredRange Range, string Source, int StepMinutes, bool Estimated,
    IReadOnlyList<LoadStep> Points, LoadBendItem? Bend, double P, int N)
{
    /// <summary>
    /// Spans of a step below which its p99 is little but its maximum: with fewer it is low because they are few, which
    /// would look like an effect of the rate.
    /// </summary>
    public const int DefaultMinCount = 100;

    public static LoadAnswer Of(
        IReadOnlyDictionary<long, Measured> byTime, MinuteRange range, int step, int minCount, string source)
    {
        var points = byTime.OrderBy(each => each.Key).Select(each =>
        {
            var (minute, measured) = each;
            var seconds = range.SecondsOf(minute, step);
            return new LoadStep(minute * 60, measured.Count / seconds, measured.Count,
                Finite.OrNull(measured.All.Quantile(0.5)), Finite.OrNull(measured.All.Quantile(0.99)),
                measured.All.Count >= (ulong)minCount && seconds >= step * 60.0);
        }).ToList();
        // ln of less than 1 ns is no latency
        var fitted = points.Where(point => point.Fitted && point.P99 >= 1)
            .Select(point => new LoadPoint(point.Rate, point.P99!.Value)).ToList();
        var (bend, p) = LoadBend.Fit(fitted);
        return new LoadAnswer(range.Covered, source, step, byTime.Values.Any(each => each.IsEstimated), points,
            bend is null ? null : new LoadBendItem(bend.Rate, bend.LowerRate, bend.UpperRate, bend.NanosAtBend,
                bend.GrowthBelow, bend.GrowthAbove), p, fitted.Count);
    }
}
