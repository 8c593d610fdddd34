using System.Buffers;
using BenchmarkDotNet.Attributes;
using HdrHistogram;
using Tracing.LoadGenerator;
using Tracing.Model;

namespace Tracing.Benchmarks;

/// <summary>
/// Recording of the load generator's latencies, and what is done with histograms of 300 buckets. Results of recording
/// are per span.
/// </summary>
[MemoryDiagnoser]
public class HistogramBenchmarks
{
    /// <summary>Latencies recorded in turn; they fit into the first-level cache beside the histogram.</summary>
    const int Latencies = 1024;

    const int Buckets = 300;

    readonly long[] _nanos = new long[Latencies];
    readonly LatencyHistogram _recorded = new();
    readonly LatencyHistogram _wide = new();
    readonly LatencyHistogram _other = new();
    readonly ArrayBufferWriter<byte> _output = new(1 << 16);
    readonly LongHistogram _hdr = new(1, TimeSpan.FromDays(10).Ticks * TimeSpan.NanosecondsPerTick, 3);
    byte[] _encoded = [];

    [GlobalSetup]
    public void Setup()
    {
        WorkloadLatencies.Create(traces: 200).Take(Latencies).ToArray().CopyTo(_nanos, 0);
        for (var i = 0; i < Buckets; i++)
        {
            // from 1 ms on
            var nanos = (long)(1e6 * Math.Pow(2, (i + 0.5) / 32));
            _wide.Record(nanos, (ulong)(1 + (i % 150 * 7)));
            _other.Record(nanos, (ulong)(1 + (i % 100)));
        }
        _encoded = _wide.Encode();
    }

    [Benchmark(OperationsPerInvoke = Latencies, Baseline = true)]
    public void Record()
    {
        foreach (var nanos in _nanos)
            _recorded.Record(nanos);
    }

    [Benchmark(OperationsPerInvoke = Latencies)]
    public void RecordWeighted()
    {
        foreach (var nanos in _nanos)
            _recorded.Record(nanos, 10);
    }

    [Benchmark(OperationsPerInvoke = Latencies)]
    public void RecordHdr()
    {
        foreach (var nanos in _nanos)
            _hdr.RecordValue(nanos);
    }

    [Benchmark]
    public void Merge() => _wide.Merge(_other);

    [Benchmark]
    public double QuantileP99() => _wide.Quantile(0.99);

    [Benchmark]
    public (double, double) BoundsOfP99() => _wide.QuantileBounds(0.99);

    [Benchmark]
    public int Encode()
    {
        _output.ResetWrittenCount();
        _wide.Encode(_output);
        return _output.WrittenCount;
    }

    [Benchmark]
    public LatencyHistogram Decode() => LatencyHistogram.Decode(_encoded);
}

/// <summary>
/// How long the spans of the load generator's workload take, in nanoseconds; the same for the same seed.
/// </summary>
static class WorkloadLatencies
{
    public static IEnumerable<long> Create(int traces, ulong seed = 1) =>
        ByOperation(traces, seed).Select(span => span.Nanos);

    /// <summary>The same, with the operation of each span.</summary>
    public static IEnumerable<(string Operation, long Nanos)> ByOperation(int traces, ulong seed = 1)
    {
        var workload = new Workload(new Vocabulary(seed), instances: 4, seed);
        for (var i = 0; i < traces; i++)
        {
            workload.DrawTrace(1_700_000_000_000_000);
            foreach (var span in workload.Spans)
            {
                yield return ($"{Vocabulary.Services[span.Operation.Service]} {span.Operation.Name} " +
                    $"{span.Operation.Kind}", span.DurationMicros * 1000);
            }
        }
    }
}
