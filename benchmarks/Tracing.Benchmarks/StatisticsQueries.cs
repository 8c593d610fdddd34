using System.Diagnostics;
using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.DuckDb;

namespace Tracing.Benchmarks;

/// <summary>
/// How long statistics of a day take to read: 1,440 minutes of 100 services with 20 operations each, and calls between
/// them. Points are stored as clients' own counts come, hour by hour under a clock that is set forward.
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
        var clock = new SettableClock(new DateTimeOffset(2026, 1, 5, 0, 0, 0, TimeSpan.Zero));
        try
        {
            await using var store = DuckDbSpanStore.Open(
                new DuckDbStoreOptions { Path = folder, MaxQueuedSpans = 1_000_000 }, clock);
            var first = clock.GetUtcNow().ToUnixTimeSeconds() / 60;
            for (var hour = 0; hour < Hours; hour++)
            {
                await FillAsync(store, first + (hour * 60), hour);
                // closes the partition, whose counts then go to the file
                clock.Advance(TimeSpan.FromHours(1) + TimeSpan.FromSeconds(1));
                await store.WhenKeptUpAsync();
            }
            clock.Advance(TimeSpan.FromMinutes(15));
            await store.WhenSealedAsync();
            await store.WhenKeptUpAsync();
            var bytes = new DirectoryInfo(folder).EnumerateFiles("statistics*").Sum(file => file.Length);
            Console.WriteLine($"{bytes:N0} bytes");
            await TimeAsync(store, "services, one point each", Day(first, SeriesLevel.Service));
            await TimeAsync(store, "operations of a service",
                Day(first, SeriesLevel.Operation) with { Service = "service 7" });
            await TimeAsync(store, "heat map of a service, 1,440 minutes",
                Day(first, SeriesLevel.Service) with { Service = "service 7", StepMinutes = 1 });
            await TimeAsync(store, "heat map of an operation, with exemplars", Day(first, SeriesLevel.Operation) with
            {
                Service = "service 7",
                Operation = "operation 3",
                StepMinutes = 1,
                WithExemplars = true,
            });
            await TimeAsync(store, "graph", Day(first, SeriesLevel.ServiceEdge));
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

    static async Task FillAsync(DuckDbSpanStore store, long first, int seed)
    {
        var random = new Random(seed);
        for (var minute = first; minute < first + 60; minute++)
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

    static async Task TimeAsync(DuckDbSpanStore store, string name, SeriesQuery query)
    {
        var times = new List<double>();
        var points = 0;
        for (var i = 0; i <= Rounds; i++)
        {
            var watch = Stopwatch.StartNew();
            points = (await store.GetSeriesAsync(query, CancellationToken.None)).Count;
            if (i > 0)
                times.Add(watch.Elapsed.TotalMilliseconds);
        }
        times.Sort();
        var median = times[times.Count / 2];
        Console.WriteLine($"{name,-44} {points,7:N0} points {median,8:N1} ms, slowest {times[^1],8:N1}");
    }

    /// <summary>Stands still until it is moved; its timers run within the move.</summary>
    sealed class SettableClock(DateTimeOffset now) : TimeProvider
    {
        readonly List<Timer> _timers = [];
        DateTimeOffset _now = now;

        public override DateTimeOffset GetUtcNow() => _now;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = new Timer(callback, state);
            _timers.Add(timer);
            return timer;
        }

        public void Advance(TimeSpan time)
        {
            _now += time;
            _timers.ForEach(timer => timer.Run());
        }

        sealed class Timer(TimerCallback callback, object? state) : ITimer
        {
            public void Run() => callback(state);

            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
