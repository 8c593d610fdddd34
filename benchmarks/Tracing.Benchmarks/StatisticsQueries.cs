using System.Diagnostics;
using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.Engine;
using Tracing.Storage.RocksDb;

namespace Tracing.Benchmarks;

/// <summary>
/// How long statistics of a day take to read: 1,440 minutes of 100 services with 20 operations each, and calls between
/// them, of 24 hours as they are asked for in the middle of an hour. Points are stored as clients' own counts come.
/// </summary>
static class StatisticsQueries
{
    const int Services = 100;
    const int Operations = 20;
    const int Callees = 3;
    const int Hours = 24;
    const int Rounds = 20;

    public static async Task PrintAsync()
    {
        var folder = Directory.CreateTempSubdirectory("tracing-statistics-").FullName;
        try
        {
            await using var store = RocksDbSpanStore.Open(
                new RocksDbStoreOptions { Path = folder, MaxQueuedSpans = 1_000_000 }, TimeProvider.System);
            var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() / 60;
            var first = (now / 60 * 60) - (Hours * 60);
            await FillAsync(store, first, (Hours * 60) + 30);
            while (!await store.AddUpCallsAsync(CancellationToken.None))
                continue;
            var last = Day(first + 30, SeriesLevel.Service);
            await TimeAsync(store, "p50 and p99 of all services", last);
            await TimeAsync(store, "of all operations", last with { Level = SeriesLevel.Operation });
            await TimeAsync(store, "of the operations of a service",
                last with { Level = SeriesLevel.Operation, Service = "service 7" });
            await TimeAsync(store, "heat map of a service, by 3 minutes",
                last with { Service = "service 7", StepMinutes = 3, WithExemplars = true });
            await TimeAsync(store, "heat map of an operation, by 3 minutes", last with
            {
                Level = SeriesLevel.Operation,
                Service = "service 7",
                Operation = "operation 3",
                StepMinutes = 3,
                WithExemplars = true,
            });
            await TimeAsync(store, "graph: edges", last with { Level = SeriesLevel.ServiceEdge });
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    static SeriesQuery Day(long first, SeriesLevel level) => new()
    {
        Level = level,
        Source = SeriesSource.Spans,
        StartMinute = first,
        EndMinute = first + (Hours * 60),
    };

    static async Task FillAsync(BlockSpanStore store, long first, int minutes)
    {
        var random = new Random(1);
        for (var minute = first; minute < first + minutes; minute++)
        {
            var points = new List<SeriesPoint>();
            for (var service = 0; service < Services; service++)
            {
                var name = $"service {service}";
                points.Add(new SeriesPoint(
                    new Series(SeriesLevel.Service, name, "", SpanKind.Server, false),
                    minute, Some(random, 200), false));
                for (var operation = 0; operation < Operations; operation++)
                {
                    points.Add(new SeriesPoint(
                        new Series(SeriesLevel.Operation, name, $"operation {operation}", SpanKind.Server, false),
                        minute, Some(random, 20), false));
                }
                for (var callee = 1; callee <= Callees; callee++)
                {
                    var edge = new Series(SeriesLevel.ServiceEdge, name, "", SpanKind.Client, false,
                        Peer: $"service {(service + callee) % Services}", Side: EdgeSide.Caller);
                    points.Add(new SeriesPoint(edge, minute, Some(random, 50), false));
                    points.Add(new SeriesPoint(
                        edge with { Side = EdgeSide.Callee }, minute, Some(random, 50), false));
                }
            }
            var batch = new SpanBatch([], (UInt128)minute) { Counted = points };
            if (await store.AppendAsync(batch, CancellationToken.None) != AppendOutcome.Stored)
                throw new InvalidOperationException("a batch was not stored");
        }
    }

    // log-normal around 20 ms
    static LatencyHistogram Some(Random random, int count)
    {
        var latencies = new LatencyHistogram();
        for (var i = 0; i < count; i++)
        {
            var normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) *
                Math.Cos(2 * Math.PI * random.NextDouble());
            latencies.Record((long)(20e6 * Math.Exp(0.5 * normal)));
        }
        return latencies;
    }

    /// <summary>Wall-clock time of reading and of the quantiles, and CPU time of the process.</summary>
    static async Task TimeAsync(BlockSpanStore store, string name, SeriesQuery query)
    {
        var times = new List<double>();
        var cpu = TimeSpan.Zero;
        var points = 0;
        for (var i = 0; i <= Rounds; i++)
        {
            var watch = Stopwatch.StartNew();
            var found = await store.GetSeriesAsync(query, CancellationToken.None);
            points = found.Count(point => point.Latencies.Quantile(0.5) <= point.Latencies.Quantile(0.99));
            times.Add(watch.Elapsed.TotalMilliseconds);
            if (i == 0)
                cpu = Environment.CpuUsage.TotalTime;
        }
        cpu = Environment.CpuUsage.TotalTime - cpu;
        var first = times[0];
        times.Sort();
        Console.WriteLine($"{name,-40} {points,6:N0} points {times[times.Count / 2],7:N1} ms, first {first,7:N1}, " +
            $"slowest {times[^1],7:N1}, CPU {cpu.TotalMilliseconds / Rounds,7:N1}");
    }
}
