using BenchmarkDotNet.Attributes;
using Tracing.Storage;
using Tracing.Storage.Engine;
using Tracing.Storage.RocksDb;

namespace Tracing.Benchmarks;

/// <summary>
/// Storing of decoded batches, durably: 8 requests of 512 spans at once, as so many connections send them. Results are
/// per span.
/// </summary>
[MemoryDiagnoser]
public class AppendBenchmarks
{
    const int Batches = 8;
    const int Spans = 512;

    readonly SpanBatch[] _batches = new SpanBatch[Batches];
    string _folder = "";
    BlockSpanStore? _store;

    [GlobalSetup]
    public void Setup()
    {
        for (var i = 0; i < Batches; i++)
            _batches[i] = new SpanBatch(SampleSpans.Create(Spans, i), UInt128.Zero);
        _folder = Directory.CreateTempSubdirectory("tracing-append-").FullName;
        _store = RocksDbSpanStore.Open(new RocksDbStoreOptions { Path = _folder }, TimeProvider.System);
    }

    [GlobalCleanup]
    public async Task Cleanup()
    {
        await _store!.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Benchmark(OperationsPerInvoke = Batches * Spans)]
    public async Task Append()
    {
        var outcomes = await Task.WhenAll(
            _batches.Select(batch => _store!.AppendAsync(batch, CancellationToken.None)));
        if (!Array.TrueForAll(outcomes, outcome => outcome == AppendOutcome.Stored))
            throw new InvalidOperationException("a batch was not stored");
    }
}
