using BenchmarkDotNet.Attributes;
using Tracing.LoadGenerator;
using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage;

namespace Tracing.Benchmarks;

/// <summary>
/// What counting costs the intake: spans of the load generator, decoded as they arrive, in groups of four requests.
/// Results are per span.
/// </summary>
[MemoryDiagnoser]
public class CountingBenchmarks
{
    const int Traces = 30_000;
    const int Spans = Traces * Workload.SpansPerTrace;
    const int RequestsTogether = 4;

    readonly List<List<Span>> _groups = [];
    readonly SeriesNames _names = new();

    [GlobalSetup]
    public void Setup()
    {
        var options = LoadOptions.Parse(["http://localhost", "--traces", $"{Traces}"], out _)!;
        var vocabulary = new Vocabulary(options.Seed);
        var bodies = new BodySource(options, vocabulary, BodyFormat.Create("otlp", vocabulary, options.Instances)!);
        for (var i = 0; bodies.Next() is { } body; i++)
        {
            if (i % RequestsTogether == 0)
                _groups.Add([]);
            _groups[^1].AddRange(OtlpProtobuf.Decode(body.Content, WireLimits.Default).Spans);
        }
    }

    /// <summary>Of services and operations.</summary>
    [Benchmark(OperationsPerInvoke = Spans)]
    public SpanStatistics Services()
    {
        var statistics = New();
        foreach (var spans in _groups)
            statistics.Add(spans);
        return statistics;
    }

    /// <summary>Of calls between them.</summary>
    [Benchmark(OperationsPerInvoke = Spans)]
    public SpanStatistics Edges()
    {
        var (statistics, edges) = (New(), new EdgeLinker(_names));
        foreach (var spans in _groups)
            edges.Add(spans, statistics);
        return statistics;
    }

    [Benchmark(OperationsPerInvoke = Spans)]
    public SpanStatistics Both()
    {
        var (statistics, edges) = (New(), new EdgeLinker(_names));
        foreach (var spans in _groups)
        {
            statistics.Add(spans);
            edges.Add(spans, statistics);
        }
        return statistics;
    }

    SpanStatistics New() => new((long)(_groups[0][0].StartUnixNano / 1_000_000), _names);
}
