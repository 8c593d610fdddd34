using System.Globalization;
using System.IO.Compression;
using System.Text;
using HdrHistogram;
using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Benchmarks;

/// <summary>
/// How far quantiles of several histograms are from the true ones: the greatest relative error of p1, p2 to p99, p99.9
/// and p99.99, for all spans of a data set and for the worst of its operations.
/// </summary>
static class HistogramErrors
{
    /// <summary>Operations of fewer spans have no p99 to speak of.</summary>
    const int MinSpans = 1000;

    const int WorkloadTraces = 100_000;

    static readonly double[] Shares = [.. Enumerable.Range(1, 99).Select(i => i / 100.0), 0.999, 0.9999];

    static readonly (string Name, Func<long[], Func<double, double>> Create)[] Kinds =
    [
        ("ours, scale 5", nanos => Ours(nanos, 5)),
        ("ours, scale 6", nanos => Ours(nanos, 6)),
        ("HdrHistogram, 3 digits", Hdr),
        ("OpenTelemetry, 160 buckets", OpenTelemetryDefault),
        ("powers of two, as Tempo", PowersOfTwo),
    ];

    /// <param name="arguments">The folder of recorded traces; ../shared/traces/rca if none is given.</param>
    public static void Print(string[] arguments)
    {
        Console.WriteLine("greatest relative error of p1 to p99, p99.9 and p99.99, in %;");
        Console.WriteLine($"of all spans, and of the worst operation of {MinSpans:N0} spans or more");
        Console.WriteLine();
        Console.WriteLine($"| {"data",-16} | {"spans",9} | {"decades",7} | " +
            string.Join(" | ", Kinds.Select(kind => $"{kind.Name,26}")) + " |");
        PrintRow("load generator", WorkloadLatencies.ByOperation(WorkloadTraces));
        var folder = arguments.Length > 0 ? arguments[0] : Path.Combine("..", "shared", "traces", "rca");
        if (!Directory.Exists(folder))
        {
            Console.WriteLine();
            Console.WriteLine($"Recorded traces are left out, as there is no {folder}.");
            return;
        }
        foreach (var set in Directory.GetDirectories(folder).Order(StringComparer.Ordinal))
            PrintRow(Path.GetFileName(set), Recorded(set));
    }

    static void PrintRow(string name, IEnumerable<(string Operation, long Nanos)> spans)
    {
        // an error of what takes no time has no relative size
        var positive = spans.Where(span => span.Nanos > 0).ToList();
        var all = positive.Select(span => span.Nanos).Order().ToArray();
        var operations = positive.GroupBy(span => span.Operation, span => span.Nanos)
            .Select(group => group.Order().ToArray()).Where(nanos => nanos.Length >= MinSpans).ToList();
        var cells = Kinds.Select(kind =>
        {
            var worst = operations.Max(nanos => GreatestError(nanos, kind.Create));
            var error = GreatestError(all, kind.Create);
            return string.Create(CultureInfo.InvariantCulture, $"{error,12:F3}, {worst,12:F3}");
        });
        var decades = Math.Log10((double)all[^1] / all[0]);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"| {name,-16} | {all.Length,9} | {decades,7:F1} | {string.Join(" | ", cells)} |"));
    }

    static double GreatestError(long[] sorted, Func<long[], Func<double, double>> create)
    {
        var quantile = create(sorted);
        return 100 * Shares.Max(q =>
        {
            var truth = sorted[Rank(q, sorted.Length) - 1];
            return Math.Abs(quantile(q) - truth) / truth;
        });
    }

    static int Rank(double q, int count) => (int)decimal.Ceiling((decimal)q * count);

    static IEnumerable<(string Operation, long Nanos)> Recorded(string folder)
    {
        foreach (var file in Directory.GetFiles(folder, "*.otlp.jsonl.gz").Order(StringComparer.Ordinal))
        {
            using var lines = new StreamReader(new GZipStream(File.OpenRead(file), CompressionMode.Decompress));
            while (lines.ReadLine() is { } line)
            {
                var body = Encoding.UTF8.GetBytes(line);
                foreach (var span in OtlpJson.Decode(body.AsSpan(), WireLimits.Default).Spans)
                    yield return ($"{span.Name} {span.Kind}", (long)(span.EndUnixNano - span.StartUnixNano));
            }
        }
    }

    static Func<double, double> Ours(long[] nanos, int scale)
    {
        var histogram = new LatencyHistogram(scale);
        Array.ForEach(nanos, histogram.Record);
        return histogram.Quantile;
    }

    static Func<double, double> Hdr(long[] nanos)
    {
        var histogram = new LongHistogram(1, Math.Max(2, nanos[^1]), 3);
        Array.ForEach(nanos, histogram.RecordValue);
        // it rounds to the nearest rank, where the others take the next: with a quarter less, both are the same one
        return q => histogram.GetValueAtPercentile(100 * (Rank(q, nanos.Length) - 0.25) / nanos.Length);
    }

    /// <summary>
    /// What OpenTelemetry's SDKs do by default ("Metrics SDK", Base2 Exponential Histogram Aggregation): scale 20 at
    /// first, halved in resolution until 160 buckets hold all. The answer is the middle that has the least relative
    /// error, as for ours.
    /// </summary>
    static Func<double, double> OpenTelemetryDefault(long[] nanos)
    {
        const int MaxScale = 20;
        const int MaxBuckets = 160;
        var scale = MaxScale;
        while (Index(nanos[^1], scale) - Index(nanos[0], scale) >= MaxBuckets)
            scale--;
        return q =>
        {
            var index = Index(nanos[Rank(q, nanos.Length) - 1], scale);
            var (lower, upper) = (Math.Pow(2, Math.ScaleB(index, -scale)), Math.Pow(2, Math.ScaleB(index + 1, -scale)));
            return Math.Clamp(2 * lower * upper / (lower + upper), nanos[0], nanos[^1]);
        };

        static double Index(long value, int scale) => Math.Ceiling(Math.ScaleB(Math.Log2(value), scale)) - 1;
    }

    /// <summary>
    /// Buckets between powers of two, within which Tempo interpolates by rank, exponentially (Log2Quantile of its
    /// TraceQL metrics).
    /// </summary>
    static Func<double, double> PowersOfTwo(long[] nanos) => q =>
    {
        var rank = Rank(q, nanos.Length);
        var power = Math.Ceiling(Math.Log2(nanos[rank - 1]));
        var (lower, upper) = (Math.ScaleB(1, (int)power - 1), Math.ScaleB(1, (int)power));
        var before = Array.FindIndex(nanos, value => value > lower);
        var end = Array.FindLastIndex(nanos, value => value <= upper) + 1;
        return lower * Math.Pow(2, (rank - before) / (double)(end - before));
    };
}
