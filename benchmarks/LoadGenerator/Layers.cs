using System.Diagnostics;
using System.IO.Hashing;
using Tracing.Model.Wire;
using Tracing.Storage;
using Tracing.Storage.Engine;
using Tracing.Storage.RocksDb;

namespace Tracing.LoadGenerator;

/// <summary>
/// What parts of a server cost, within this process: decoding of the bodies alone, or decoding and storing them; with
/// as many threads as a server would have connections. All bodies are readied before.
/// </summary>
static class Layers
{
    public static async Task<int> RunAsync(LoadOptions options, BodySource bodies)
    {
        if (options.Format != "otlp")
        {
            Console.Error.WriteLine("layers are measured with --format otlp");
            return 2;
        }
        bodies.Prepare(long.MaxValue);
        await using var store = options.Layer == "decode" ? null : Open(options);
        GC.Collect();
        var watch = Stopwatch.StartNew();
        var cpu = Environment.CpuUsage.TotalTime;
        var allocated = GC.GetTotalAllocatedBytes();
        var spans = (await Task.WhenAll(Enumerable.Range(0, options.Connections)
            .Select(_ => Task.Run(() => WorkAsync(bodies, store))))).Sum();
        var seconds = watch.Elapsed.TotalSeconds;
        // counting and compaction go on for a while
        await Task.Delay(options.Settle);
        cpu = Environment.CpuUsage.TotalTime - cpu;
        allocated = GC.GetTotalAllocatedBytes() - allocated;
        Console.WriteLine($"{options.Layer}: {spans:N0} spans in {seconds:N1} s: {spans / seconds:N0} spans/s, " +
            $"{cpu.TotalSeconds * 1e6 / spans:N2} CPU seconds per million spans, " +
            $"{allocated / spans:N0} bytes allocated per span");
        return 0;
    }

    static BlockSpanStore Open(LoadOptions options) => RocksDbSpanStore.Open(
        new RocksDbStoreOptions
        {
            Path = options.DataDirectory ?? throw new ArgumentException("--data-dir is missing"),
        },
        TimeProvider.System);

    static async Task<long> WorkAsync(BodySource bodies, BlockSpanStore? store)
    {
        long spans = 0;
        while (bodies.Next() is { } body)
        {
            var decoded = OtlpProtobuf.Decode(body.Content, WireLimits.Default).Spans;
            spans += decoded.Count;
            if (store is null)
                continue;
            var batch = new SpanBatch(decoded, XxHash128.HashToUInt128(body.Content.Span));
            while (await store.AppendAsync(batch, CancellationToken.None) == AppendOutcome.Overloaded)
                await Task.Yield();
        }
        return spans;
    }
}
