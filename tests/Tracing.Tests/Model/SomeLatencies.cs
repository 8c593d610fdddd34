using Tracing.Model;

namespace Tracing.Tests;

/// <summary>Durations in nanoseconds of several kinds; the same for the same seed.</summary>
static class SomeLatencies
{
    const long Day = 86_400_000_000_000;

    /// <summary>By name: heavy-tailed, constant, bimodal, tiny, huge, and all at once.</summary>
    public static long[] Create(string kind, int count, int seed = 1)
    {
        var random = new Random(seed);
        var values = new long[count];
        for (var i = 0; i < count; i++)
            values[i] = Draw(kind, random);
        return values;
    }

    static long Draw(string kind, Random random) => kind switch
    {
        "constant" => 1_234_567,
        "log-normal" => 1 + (long)(5e6 * Math.Exp(1.5 * Normal(random))),
        // Pareto of exponent 1.1: a mean of its own hardly exists
        "heavy-tailed" => (long)Math.Min(1e5 * Math.Pow(1 - random.NextDouble(), -1 / 1.1), 10 * Day),
        "bimodal" => random.Next(10) == 0
            ? (long)(3e9 * (1 + (0.1 * random.NextDouble())))
            : (long)(2e5 * (1 + random.NextDouble())),
        "tiny" => random.Next(1, 300),
        "huge" => random.NextInt64(Day, 10 * Day),
        "any" => (long)((ulong)random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(1, 64)),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };

    public static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    public static LatencyHistogram Histogram(IEnumerable<long> nanos, int scale = LatencyHistogram.DefaultScale)
    {
        var histogram = new LatencyHistogram(scale);
        foreach (var each in nanos)
            histogram.Record(each);
        return histogram;
    }

    /// <summary>
    /// One of random kind and size, often with weights and durations of zero or unknown, at times empty.
    /// </summary>
    public static LatencyHistogram Any(Random random, int scale = LatencyHistogram.DefaultScale)
    {
        string[] kinds = ["constant", "log-normal", "heavy-tailed", "bimodal", "tiny", "huge", "any"];
        var histogram = Histogram(
            Create(kinds[random.Next(kinds.Length)], random.Next(4) * random.Next(200), random.Next()), scale);
        if (random.Next(2) == 0)
        {
            var weight = (ulong)random.NextInt64(1L << random.Next(1, 56));
            histogram.Record(random.Next(2) == 0 ? 0 : random.Next(), weight);
        }
        if (random.Next(3) == 0)
            histogram.RecordUnknown((ulong)random.NextInt64(1L << random.Next(1, 56)));
        return histogram;
    }

    /// <summary>All that a histogram holds, as equal ones are encoded to equal bytes.</summary>
    public static string Content(this LatencyHistogram histogram) => Convert.ToHexString(histogram.Encode());
}
