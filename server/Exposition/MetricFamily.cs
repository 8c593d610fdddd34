using Tracing.Model;
using Tracing.Storage;

namespace Tracing.Server;

/// <summary>Kinds of metrics; the numbers are those of Prometheus' protobuf.</summary>
enum FamilyKind
{
    Counter = 0,
    Gauge = 1,
    Summary = 2,
    Histogram = 4,
}

/// <summary>Metrics of one name.</summary>
/// <param name="Name">A counter's without _total, which its samples add.</param>
/// <param name="Unit">The last word of the name where that is a unit, else empty.</param>
sealed record MetricFamily(
    string Name, FamilyKind Kind, string Help, string Unit, IEnumerable<MetricSample> Samples);

/// <summary>One set of labels and what it counts.</summary>
/// <param name="Labels">In the same order in all samples of a family.</param>
/// <param name="Value">Of a counter or gauge; of a summary the sum.</param>
/// <param name="Count">Of a summary.</param>
/// <param name="Latencies">Of a histogram.</param>
readonly record struct MetricSample(
    (string Name, string Value)[] Labels, double Value, long Count = 0, ExposedLatencies? Latencies = null);

/// <summary>A bucket as Prometheus counts it: all durations up to a bound.</summary>
/// <param name="UpperBound">In the unit of the histogram; the last is infinite.</param>
/// <param name="Exemplar">The longest known of those in the bucket alone.</param>
readonly record struct ClassicBucket(double UpperBound, ulong Count, Exemplar? Exemplar);

/// <param name="Value">In the unit of the histogram.</param>
/// <param name="Trace">A trace with such a span, and when that started.</param>
readonly record struct Exemplar(double Value, TraceExemplar Trace)
{
    public string TraceId => Trace.Trace.ToString();
}

/// <summary>Latencies in the unit of a family.</summary>
/// <param name="NanosOfUnit">1e9 for seconds, 1e6 for milliseconds.</param>
sealed record ExposedLatencies(
    LatencyHistogram Latencies, IReadOnlyDictionary<int, TraceExemplar>? Exemplars, double NanosOfUnit)
{
    /// <summary>
    /// The bounds are 2^21 to 2^34 ns, 2.1 ms to 17.2 s: powers of two are borders of our own buckets, so that the
    /// counts are exact, which they were not for round numbers.
    /// </summary>
    const int FirstOctave = 21, LastOctave = 34;

    public ulong Count => Latencies.Count;

    public double Sum => (double)Latencies.Sum / NanosOfUnit;

    public IEnumerable<ClassicBucket> ClassicBuckets()
    {
        // the longest exemplar of each classic bucket, by its upper octave
        var exemplars = new Dictionary<int, Exemplar>();
        foreach (var (index, trace) in (Exemplars ?? new Dictionary<int, TraceExemplar>()).OrderBy(each => each.Key))
        {
            var octave = Math.Clamp((index >> LatencyHistogram.DefaultScale) + 1, FirstOctave, LastOctave + 1);
            exemplars[octave] = new Exemplar(MiddleOf(index) / NanosOfUnit, trace);
        }
        for (var octave = FirstOctave; octave <= LastOctave; octave++)
        {
            yield return new ClassicBucket(
                (1L << octave) / NanosOfUnit, Latencies.CountAtMost(1L << octave), Of(octave));
        }
        yield return new ClassicBucket(double.PositiveInfinity, Count, Of(LastOctave + 1));

        Exemplar? Of(int octave) => exemplars.TryGetValue(octave, out var exemplar) ? exemplar : null;
    }

    /// <summary>Equally far, as a part of it, from both borders of a bucket.</summary>
    static double MiddleOf(int index)
    {
        const double PerOctave = 1 << LatencyHistogram.DefaultScale;
        var (lower, upper) = (Math.Pow(2, index / PerOctave), Math.Pow(2, (index + 1) / PerOctave));
        return 2 * lower * upper / (lower + upper);
    }
}
