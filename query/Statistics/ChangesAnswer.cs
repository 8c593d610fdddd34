using Tracing.Storage;

namespace Tracing.Query;

/// <summary>What changed: a service, an operation, or calls between services.</summary>
/// <param name="Level">service, operation or edge.</param>
/// <param name="Service">Of an edge the caller's.</param>
/// <param name="Operation">Null but for operations.</param>
/// <param name="Peer">Of an edge the callee's service; else null.</param>
/// <param name="Side">Of an edge whose spans were compared: caller or callee; else null.</param>
readonly record struct ChangeSubject(string Level, string Service, string? Operation, string? Peer, string? Side);

/// <param name="Aspect">
/// latency: durations as a whole, by the Mann-Whitney test; tail: the share in the slowest hundredth of both periods
/// together, and errors: the share that failed, by Fisher's or the z test.
/// </param>
/// <param name="Effect">
/// In standard deviations, Cohen's d for latency and h for shares: 0.2 is small, 0.5 medium, 0.8 large.
/// </param>
/// <param name="SureEffect">What is left of it at the lower end of a 95 % confidence interval; orders the list.</param>
/// <param name="P">One-sided, of this comparison alone.</param>
/// <param name="AdjustedP">Corrected for all comparisons of the answer (Benjamini, Hochberg, 1995).</param>
/// <param name="Superiority">
/// Of latency: the probability that a span of now takes longer than one of the base; 0.5 is no difference.
/// </param>
sealed record ChangeItem(string Level, string Service, string? Operation, string? Peer, string? Side, string Aspect,
    double Effect, double SureEffect, double Z, double P, double AdjustedP, double? Superiority,
    LatencySummary Current, LatencySummary Base, SummaryRatio Ratio);

/// <param name="Direction">worse or better.</param>
/// <param name="Comparisons">How many were made, for which p is corrected.</param>
/// <param name="NotCompared">Services, operations and edges of too few spans in one of the periods.</param>
/// <param name="Changes">The surest effect first.</param>
/// <param name="Found">How many changes there are; the first of them are listed.</param>
sealed record ChangesAnswer(CoveredRange Range, CoveredRange Base, string Source, string Direction, double Fdr,
    double MinEffect, int MinCount, int Comparisons, int NotCompared, IReadOnlyList<ChangeItem> Changes, int Found);

/// <summary>Finds what changed.</summary>
/// <param name="FalseShare">Of what is found, the share that may be no change.</param>
/// <param name="MinCount">Effective number of spans below which nothing is compared.</param>
sealed record ChangeSearch(
    MinuteRange Range, MinuteRange Base, bool IsWorse, double FalseShare, double MinEffect, int MinCount, int Limit)
{
    /// <param name="levels">Of service, operation, edge.</param>
    public async Task<ChangesAnswer> RunAsync(SeriesReader reader, string? service, KindChoice kind,
        IReadOnlyCollection<string> levels, SeriesSource source)
    {
        var all = new List<(ChangeSubject Key, Measured Now, Measured Before)>();
        if (levels.Contains("service"))
        {
            all.AddRange(await reader.ReadBothAsync(SeriesLevel.Service, Range, Base, service, kind,
                point => new ChangeSubject("service", point.Series.Service, null, null, null)));
        }
        if (levels.Contains("operation"))
        {
            all.AddRange(await reader.ReadBothAsync(SeriesLevel.Operation, Range, Base, service, kind,
                point => new ChangeSubject("operation", point.Series.Service, point.Series.Operation, null, null)));
        }
        if (levels.Contains("edge"))
        {
            all.AddRange(await reader.ReadBothAsync(SeriesLevel.ServiceEdge, Range, Base, service, kind,
                point => new ChangeSubject("edge", point.Series.Service, null, point.Series.Peer,
                    point.Series.Side.Lower())));
        }
        var compared = all.Where(each => HasEnough(each.Now) && HasEnough(each.Before)).ToList();
        var (ranked, made) = Comparisons.Rank(compared.Select(each => IsWorse
            ? (each, each.Now.Latencies, each.Before.Latencies)
            : (each, each.Before.Latencies, each.Now.Latencies)), FalseShare, MinEffect);
        return new ChangesAnswer(Range.Covered, Base.Covered, source.Lower(), IsWorse ? "worse" : "better",
            FalseShare, MinEffect, MinCount, made, all.Count - compared.Count,
            [.. ranked.Take(Limit).Select(Item)], ranked.Count);
    }

    bool HasEnough(Measured measured) => measured.All.EffectiveCalls >= MinCount;

    ChangeItem Item(Comparison<(ChangeSubject Key, Measured Now, Measured Before)> change)
    {
        var ((level, service, operation, peer, side), measured, measuredBefore) = change.Subject;
        var now = LatencySummary.Of(measured, Range);
        var before = LatencySummary.Of(measuredBefore, Base);
        // told of the spans of now, whichever way was compared
        var superiority = IsWorse ? change.Superiority : 1 - change.Superiority;
        return new ChangeItem(level, service, operation, peer, side, change.Aspect.Lower(), change.Test.Effect,
            change.Test.SureEffect, change.Test.Z, change.Test.P, change.AdjustedP, Finite.OrNull(superiority),
            now, before, SummaryRatio.Of(now, before));
    }
}
