namespace Tracing.Query;

/// <summary>Functions that distributions are made of.</summary>
static class SpecialFunctions
{
    /// <summary>Terms of the continued fraction; it takes some square root of the greater parameter.</summary>
    const int MaxTerms = 10_000;

    // Lanczos' approximation with g = 7 (P. Godfrey's coefficients, 2001): 15 digits
    static ReadOnlySpan<double> Lanczos =>
    [
        0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
        12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
    ];

    /// <summary>ln of the gamma function, for x >= 0.5 (Lanczos, SIAM J. Numer. Anal. B 1, 1964).</summary>
    public static double LogGamma(double x)
    {
        x--;
        var sum = Lanczos[0];
        for (var i = 1; i < Lanczos.Length; i++)
            sum += Lanczos[i] / (x + i);
        var t = x + 7.5;
        return (0.5 * Math.Log(2 * Math.PI)) + ((x + 0.5) * Math.Log(t)) - t + Math.Log(sum);
    }

    /// <summary>ln of n!.</summary>
    public static double LogFactorial(double n) => LogGamma(n + 1);

    /// <summary>
    /// I_x(a, b), the regularized incomplete beta function, by its continued fraction (Abramowitz, Stegun, 26.5.8;
    /// evaluated by Lentz' method).
    /// </summary>
    public static double IncompleteBeta(double a, double b, double x)
    {
        if (x <= 0 || x >= 1)
            return Math.Clamp(x, 0, 1);
        var front = Math.Exp(LogGamma(a + b) - LogGamma(a) - LogGamma(b) + (a * Math.Log(x)) + (b * Math.Log(1 - x)));
        // on its side of the mean the fraction converges fast
        return x < (a + 1) / (a + b + 2)
            ? front * BetaFraction(a, b, x) / a
            : 1 - (front * BetaFraction(b, a, 1 - x) / b);
    }

    /// <summary>P(T > t) of Student's distribution (Abramowitz, Stegun, 26.7.1).</summary>
    public static double StudentUpperTail(double t, double degrees)
    {
        var both = IncompleteBeta(degrees / 2, 0.5, degrees / (degrees + (t * t)));
        return t >= 0 ? both / 2 : 1 - (both / 2);
    }

    static double BetaFraction(double a, double b, double x)
    {
        const double Tiny = 1e-300;
        var c = 1.0;
        var d = 1 / NotZero(1 - ((a + b) * x / (a + 1)));
        var result = d;
        for (var m = 1; m <= MaxTerms; m++)
        {
            var even = m * (b - m) * x / ((a + (2 * m) - 1) * (a + (2 * m)));
            d = 1 / NotZero(1 + (even * d));
            c = NotZero(1 + (even / c));
            result *= d * c;
            var odd = -(a + m) * (a + b + m) * x / ((a + (2 * m)) * (a + (2 * m) + 1));
            d = 1 / NotZero(1 + (odd * d));
            c = NotZero(1 + (odd / c));
            result *= d * c;
            if (Math.Abs((d * c) - 1) < 1e-15)
                break;
        }
        return result;

        static double NotZero(double value) => Math.Abs(value) < Tiny ? Tiny : value;
    }
}
