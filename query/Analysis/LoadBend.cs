namespace Tracing.Query;

/// <summary>A minute, or some: how many spans a second, and how slow they were.</summary>
readonly record struct LoadPoint(double Rate, double Nanos);

/// <summary>Where latency begins to rise faster with the rate.</summary>
/// <param name="Rate">Spans a second at the bend.</param>
/// <param name="LowerRate">The bend lies between here</param>
/// <param name="UpperRate">and here with a confidence of some 95 %.</param>
/// <param name="NanosAtBend">Of the fitted curve.</param>
/// <param name="GrowthBelow">By what part latency grows with each span a second more, below the bend.</param>
/// <param name="GrowthAbove">The same above.</param>
sealed record FittedBend(
    double Rate, double LowerRate, double UpperRate, double NanosAtBend, double GrowthBelow, double GrowthAbove);

/// <summary>
/// Fits two straight lines that meet, least squares of ln(latency) against rate: y = a + b x + c max(0, x - k), for
/// each break point k of a grid (Hudson, J. Am. Stat. Assoc. 61, 1966; Muggeo, Stat. Med. 22, 2003).
/// </summary>
sealed class LoadBend
{
    /// <summary>Points below which nothing is fitted.</summary>
    public const int MinPoints = 20;

    /// <summary>Probability of a bend where there is none, at most.</summary>
    public const double Significance = 0.01;

    const int MaxBreaks = 200;

    /// <summary>A bend has so many points on either side, of all.</summary>
    const double Margin = 0.1;

    readonly double[] _x;
    readonly double[] _y;
    readonly double _meanX;
    readonly double _meanY;
    readonly double _xx;
    readonly double _xy;
    readonly double _yy;

    LoadBend(IReadOnlyList<LoadPoint> points)
    {
        _x = [.. points.Select(point => point.Rate)];
        _y = [.. points.Select(point => Math.Log(point.Nanos))];
        (_meanX, _meanY) = (_x.Average(), _y.Average());
        for (var i = 0; i < _x.Length; i++)
        {
            var (x, y) = (_x[i] - _meanX, _y[i] - _meanY);
            _xx += x * x;
            _xy += x * y;
            _yy += y * y;
        }
    }

    /// <summary>
    /// The bend upwards that fits best, and the probability P of one as good where latency is a straight line. It is no
    /// F test, which would not know that the best of many break points was taken. For each break the t value of c is
    /// turned into a normal one, S(k); with M the greatest and V the sum of the changes of S from break to break, P is
    /// at most UpperTail(M) + V exp(-M^2 / 2) / sqrt(8 pi) (Davies, Biometrika 74, 1987, 3.4).
    /// </summary>
    /// <returns>No bend, and a P of 1, where there are too few points, or too few rates.</returns>
    public static (FittedBend? Bend, double P) Fit(IReadOnlyList<LoadPoint> points)
    {
        if (points.Count < MinPoints)
            return (null, 1);
        var fit = new LoadBend(points);
        var breaks = fit.Breaks();
        if (breaks.Count < 2)
            return (null, 1);
        var lines = breaks.ConvertAll(fit.At);
        var (best, variation) = (0, 0.0);
        for (var i = 1; i < lines.Count; i++)
        {
            variation += Math.Abs(lines[i].Z - lines[i - 1].Z);
            if (lines[i].Z > lines[best].Z)
                best = i;
        }
        var greatest = lines[best].Z;
        var p = greatest <= 0 ? 1 : Math.Min(1, NormalDistribution.UpperTail(greatest) +
            (variation * Math.Exp(-greatest * greatest / 2) / Math.Sqrt(8 * Math.PI)));
        return (p > Significance ? null : fit.Bend(lines, best), p);
    }

    /// <summary>Rates that leave points on both sides, at most some hundred, in order.</summary>
    List<double> Breaks()
    {
        var sorted = _x.Order().ToArray();
        var first = (int)Math.Ceiling(sorted.Length * Margin);
        var inner = sorted.AsSpan(first, sorted.Length - (2 * first)).ToArray().Distinct().ToArray();
        var step = Math.Max(1, (inner.Length + MaxBreaks - 1) / MaxBreaks);
        return [.. inner.Where((x, i) => i % step == 0 && x > sorted[0] && x < sorted[^1])];
    }

    /// <summary>Least squares at one break, by the normal equations of centred variables.</summary>
    Line At(double k)
    {
        var (meanH, xh, hh, hy) = (0.0, 0.0, 0.0, 0.0);
        foreach (var x in _x)
            meanH += Math.Max(0, x - k) / _x.Length;
        for (var i = 0; i < _x.Length; i++)
        {
            var h = Math.Max(0, _x[i] - k) - meanH;
            xh += (_x[i] - _meanX) * h;
            hh += h * h;
            hy += h * (_y[i] - _meanY);
        }
        // what x says of h is taken out first
        var rest = hh - (xh * xh / _xx);
        if (!(rest > hh * 1e-9))
            return new Line(k, 0, 0, _yy, 0, 0);
        var c = (hy - (xh * _xy / _xx)) / rest;
        var b = (_xy - (c * xh)) / _xx;
        var squares = Math.Max(_yy - (b * _xy) - (c * hy), _yy * 1e-12);
        var degrees = _x.Length - 3;
        var t = c / Math.Sqrt(squares / degrees / rest);
        var z = Math.Sign(t) * NormalDistribution.UpperQuantile(
            SpecialFunctions.StudentUpperTail(Math.Abs(t), degrees));
        return new Line(k, b, c, squares, t == 0 ? 0 : z, _meanY + (b * (k - _meanX)) - (c * meanH));
    }

    FittedBend Bend(List<Line> lines, int best)
    {
        var line = lines[best];
        // profile likelihood: all breaks that fit little worse; 3.84 is the 95 % quantile of chi^2 of one degree
        var bound = line.Squares * (1 + (3.84 / (_x.Length - 4)));
        var near = lines.Where(each => each.Squares <= bound).Select(each => each.Break).ToList();
        return new FittedBend(line.Break, near.Min(), near.Max(), Math.Exp(line.AtBreak),
            Math.Exp(line.Slope) - 1, Math.Exp(line.Slope + line.Change) - 1);
    }

    readonly record struct Line(double Break, double Slope, double Change, double Squares, double Z, double AtBreak);
}
