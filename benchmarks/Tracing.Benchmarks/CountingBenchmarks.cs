using BenchmarkDotNet.Attributes;
using DuckDB.NET.Data;
using Tracing.LoadGenerator;
using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage;
using Tracing.Storage.DuckDb;

namespace Tracing.Benchmarks;

/// <summary>
/// What counting costs the intake: a partition of the load generator's spans, decoded as they arrive, in transactions
/// of four requests. Results are per span.
/// </summary>
[MemoryDiagnoser]
public class CountingBenchmarks
{
    const int Traces = 30_000;
    const int Spans = Traces * Workload.SpansPerTrace;
    const int RequestsTogether = 4;

    readonly List<List<Span>> _transactions = [];
    readonly SeriesNames _names = new();
    SpanStatistics? _counted;
    string _folder = "";
    StatisticsFile? _file;

    [GlobalSetup]
    public void Setup()
    {
        var options = LoadOptions.Parse(["http://localhost", "--traces", $"{Traces}"], out _)!;
        var vocabulary = new Vocabulary(options.Seed);
        var bodies = new BodySource(options, vocabulary, BodyFormat.Create("otlp", vocabulary, options.Instances)!);
        for (var i = 0; bodies.Next() is { } body; i++)
        {
            if (i % RequestsTogether == 0)
                _transactions.Add([]);
            _transactions[^1].AddRange(OtlpProtobuf.Decode(body.Content, WireLimits.Default).Spans);
        }
        _counted = Both();
    }

    /// <summary>Of services and operations.</summary>
    [Benchmark(OperationsPerInvoke = Spans)]
    public SpanStatistics Services()
    {
        var statistics = New();
        foreach (var spans in _transactions)
            statistics.Add(spans);
        return statistics;
    }

    /// <summary>Of calls between them.</summary>
    [Benchmark(OperationsPerInvoke = Spans)]
    public SpanStatistics Edges()
    {
        var (statistics, edges) = (New(), new EdgeLinker(_names));
        foreach (var spans in _transactions)
            edges.Add(spans, statistics);
        return statistics;
    }

    [Benchmark(OperationsPerInvoke = Spans)]
    public SpanStatistics Both()
    {
        var (statistics, edges) = (New(), new EdgeLinker(_names));
        foreach (var spans in _transactions)
        {
            statistics.Add(spans);
            edges.Add(spans, statistics);
        }
        return statistics;
    }

    [IterationSetup(Target = nameof(Absorb))]
    public void OpenFile()
    {
        _folder = Directory.CreateTempSubdirectory("tracing-counting-").FullName;
        var connection = new DuckDBConnection("DataSource=:memory:");
        connection.Open();
        _file = StatisticsFile.Open(connection, Path.Combine(_folder, "statistics.duckdb"));
    }

    [IterationCleanup(Target = nameof(Absorb))]
    public void CloseFile()
    {
        _file!.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>By the file of statistics, of what was counted of the partition.</summary>
    [Benchmark(OperationsPerInvoke = Spans)]
    public void Absorb() => _file!.Absorb([1], [_counted!]);

    SpanStatistics New() => new((long)(_transactions[0][0].StartUnixNano / 1_000_000), _names);
}
