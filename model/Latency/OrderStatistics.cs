namespace Tracing.Model;

/// <summary>Which observations of a sample bound a quantile of what it was drawn from.</summary>
static class OrderStatistics
{
    /// <summary>
    /// Variance of the binomial distribution from which on the normal one is near enough: to a rank or so.
    /// </summary>
    const double NormalFrom = 150;

    /// <summary>
    /// The greatest rank l and the least u such that the q-quantile is below the l-th or above the u-th of n
    /// observations with a probability of at most <paramref name="tail"/> each. The number of observations up to the
    /// quantile is binomial, B(n, q), so P(B &lt; l) &lt;= tail and P(B &gt;= u) &lt;= tail (David, Nagaraja: "Order
    /// Statistics", 3rd ed., 2003, section 7.1).
    /// </summary>
    /// <returns>Lower is 0 and upper n + 1 where no observation is such a bound.</returns>
    public static (double Lower, double Upper) RanksAround(double q, double n, double tail)
    {
        var variance = n * q * (1 - q);
        if (variance >= NormalFrom)
        {
            var z = NormalQuantile(tail);
            // half a rank, as ranks are whole; the skew, as the distribution is not symmetric (Cornish, Fisher, 1938)
            var middle = (n * q) + 0.5 + ((1 - (2 * q)) * ((z * z) - 1) / 6);
            var reach = z * Math.Sqrt(variance);
            return (Math.Max(0, Math.Floor(middle - reach)), Math.Min(n + 1, Math.Ceiling(middle + reach)));
        }
        if (q <= 0.5)
            return (LowerRank(q, n, tail), UpperRank(q, n, tail));
        // the same, counted from the other end
        return (n + 1 - UpperRank(1 - q, n, tail), n + 1 - LowerRank(1 - q, n, tail));
    }

    /// <summary>The greatest l with P(B &lt; l) &lt;= tail, for q &lt;= 0.5.</summary>
    static double LowerRank(double q, double n, double tail)
    {
        var term = None(q, n);
        var below = term;
        double rank = 0;
        while (below <= tail)
        {
            term = Next(term, rank, q, n);
            below += term;
            rank++;
        }
        return rank;
    }

    /// <summary>The least u with P(B &lt; u) &gt;= 1 - tail, for q &lt;= 0.5.</summary>
    static double UpperRank(double q, double n, double tail)
    {
        var term = None(q, n);
        var below = term;
        double rank = 0;
        // no further than n + 1: there the sum is 1 but for rounding
        while (below < 1 - tail && rank < n)
        {
            term = Next(term, rank, q, n);
            below += term;
            rank++;
        }
        return rank + 1;
    }

    /// <summary>P(B = 0); no less than 1e-182, as the variance is bounded and q is at most 0.5.</summary>
    static double None(double q, double n) => Math.Exp(n * Math.Log(1 - q));

    static double Next(double term, double rank, double q, double n) =>
        term * (n - rank) / (rank + 1) * (q / (1 - q));

    /// <summary>
    /// How many standard deviations above the mean a normal variate is with this probability, to 0.00045 (Abramowitz,
    /// Stegun: "Handbook of Mathematical Functions", 1964, 26.2.23).
    /// </summary>
    static double NormalQuantile(double tail)
    {
        if (tail > 0.5)
            return -NormalQuantile(1 - tail);
        var t = Math.Sqrt(-2 * Math.Log(tail));
        return t - ((2.515517 + (t * (0.802853 + (t * 0.010328)))) /
            (1 + (t * (1.432788 + (t * (0.189269 + (t * 0.001308)))))));
    }
}
