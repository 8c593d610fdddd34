using System.Diagnostics;
using System.Globalization;
using OpenTelemetry.Trace;
using Sampler = Tracing.Instrumentation.Sampler;

namespace Tracing.Benchmarks;

/// <summary>
/// What a recorded span costs the process, from its start to its arrival: CPU of all threads, of a root with three
/// tags, sent by OTLP to a sink of the same process. The variants take turns, so that a machine that changes its speed
/// does so for all of them.
/// </summary>
static class SpanCosts
{
    /// <summary>Spans that end at once; less than what either queue holds.</summary>
    const int Burst = 1024;

    const int Bursts = 100;

    /// <summary>Between bursts, in which both work off what is there: 100,000 spans a second.</summary>
    static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    static readonly (string Name, Func<(IDisposable, Action)> Start)[] Variants =
    [
        ("bare activity", () => (SpanBenchmarks.Listen(ActivitySamplingResult.AllDataAndRecorded), () => { })),
        ("ours", () => Ours(histograms: false)),
        ("ours, with histograms", () => Ours(histograms: true)),
        ("OpenTelemetry's SDK", OpenTelemetry),
    ];

    public static void Print(int rounds)
    {
        var all = Variants.ToDictionary(each => each.Name, _ => new List<double>());
        var random = new Random(3);
        // the first is for the compiler
        for (var round = 0; round <= rounds; round++)
        {
            var order = Variants.ToArray();
            random.Shuffle(order);
            foreach (var (name, start) in order)
            {
                var nanos = Measure(start);
                if (round > 0)
                    all[name].Add(nanos);
            }
        }
        foreach (var (name, nanos) in all)
        {
            nanos.Sort();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{name,-24} {nanos[0],6:F0} ns of CPU a span at least, {nanos[nanos.Count / 2],6:F0} by the median"));
        }
    }

    static double Measure(Func<(IDisposable, Action)> start)
    {
        var (tracing, flush) = start();
        using (tracing)
        {
            Run(Bursts / 10);
            flush();
            var before = Environment.CpuUsage.TotalTime;
            Run(Bursts);
            flush();
            return (Environment.CpuUsage.TotalTime - before).TotalNanoseconds / (Bursts * Burst);
        }
    }

    static void Run(int bursts)
    {
        for (var burst = 0; burst < bursts; burst++)
        {
            for (var i = 0; i < Burst; i++)
                SpanBenchmarks.Tags();
            Task.Delay(Pause).GetAwaiter().GetResult();
        }
    }

    static (IDisposable, Action) Ours(bool histograms)
    {
        var tracer = SpanBenchmarks.Start(Sampler.Always, histograms);
        return (tracer, Flush);

        void Flush()
        {
            tracer.FlushAsync().GetAwaiter().GetResult();
            if (tracer.Counts.Dropped > 0)
                throw new InvalidOperationException($"{tracer.Counts}: what is dropped costs less");
        }
    }

    static (IDisposable, Action) OpenTelemetry()
    {
        var provider = SpanBenchmarks.Provider(SpanBenchmarks.Exporter());
        return (provider, () => provider.ForceFlush());
    }
}
