namespace Tracing.Query;

/// <summary>The standard normal distribution.</summary>
static class NormalDistribution
{
    static readonly double DensityAtZero = 1 / Math.Sqrt(2 * Math.PI);

    /// <summary>
    /// P(Z > z), with a relative error below 1e-12 also far out: a series near the middle and a continued fraction
    /// beyond (Abramowitz, Stegun: "Handbook of Mathematical Functions", 1964, 26.2.11 and 26.2.14).
    /// </summary>
    public static double UpperTail(double z)
    {
        if (double.IsNaN(z))
            return double.NaN;
        if (z < 0)
            return 1 - UpperTail(-z);
        return z < 2 ? 0.5 - Between0And(z) : Density(z) / ContinuedFraction(z);
    }

    /// <summary>P(Z &lt;= z).</summary>
    public static double Cdf(double z) => UpperTail(-z);

    public static double Density(double z) => DensityAtZero * Math.Exp(-z * z / 2);

    /// <summary>
    /// z with P(Z > z) = <paramref name="tail"/>. The rational approximation 26.2.23 of Abramowitz and Stegun is off by
    /// 4.5e-4; Newton's steps on the logarithm of the tail, which is nearly a parabola, make it exact.
    /// </summary>
    /// <param name="tail">0 to 1; at 0 and 1 the answer is that of 1e-300.</param>
    public static double UpperQuantile(double tail)
    {
        if (tail > 0.5)
            return -UpperQuantile(1 - tail);
        tail = Math.Max(tail, 1e-300);
        var t = Math.Sqrt(-2 * Math.Log(tail));
        var z = t - ((2.515517 + (t * (0.802853 + (t * 0.010328)))) /
            (1 + (t * (1.432788 + (t * (0.189269 + (t * 0.001308)))))));
        for (var step = 0; step < 4; step++)
        {
            var above = UpperTail(z);
            z += (Math.Log(above) - Math.Log(tail)) * above / Density(z);
        }
        return z;
    }

    static double Between0And(double z)
    {
        var (term, sum) = (z, z);
        for (var i = 3; term > 1e-18; i += 2)
        {
            term *= z * z / i;
            sum += term;
        }
        return Density(z) * sum;
    }

    /// <summary>z + 1/(z + 2/(z + 3/(z + ...))); from 2 on so many terms are enough.</summary>
    static double ContinuedFraction(double z)
    {
        var fraction = z;
        for (var i = 200; i > 0; i--)
            fraction = z + (i / fraction);
        return fraction;
    }
}
