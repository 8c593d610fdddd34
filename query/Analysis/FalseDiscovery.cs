namespace Tracing.Query;

/// <summary>Corrects for making many comparisons at once, of which some look significant by chance.</summary>
static class FalseDiscovery
{
    /// <summary>
    /// Adjusted p values in the order given: when all up to a share alpha are called changes, at most that share of
    /// those called is expected to be none (Benjamini, Hochberg, J. R. Stat. Soc. B 57, 1995). The p values may depend
    /// on one another positively, as those of a service and its operations do (Benjamini, Yekutieli, Ann. Stat. 29,
    /// 2001).
    /// </summary>
    public static double[] Adjust(IReadOnlyList<double> values)
    {
        var adjusted = new double[values.Count];
        var least = 1.0;
        var rank = values.Count;
        foreach (var i in Enumerable.Range(0, values.Count).OrderByDescending(i => values[i]))
        {
            least = Math.Min(least, values[i] * values.Count / rank);
            adjusted[i] = least;
            rank--;
        }
        return adjusted;
    }
}
