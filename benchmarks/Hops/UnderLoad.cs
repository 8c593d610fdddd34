using System.Diagnostics;
using System.Globalization;
using System.Net;
using Tracing.Model.Wire;

namespace Tracing.Hops;

/// <summary>
/// What tracing costs a service under load: two hops over HTTP, in processes of their own, driven by this one, which
/// also takes their spans and throws them away; or refuses them, to see that this costs no more. The processes of all
/// variants run all the time, and are driven in turn, for a moment each, in another order each round: so a machine that
/// changes its speed does so for all of them. Figures are medians of each round's ratios to no tracing. Who drops spans
/// saves their cost, so that those are counted which arrive.
/// </summary>
static class UnderLoad
{
    /// <summary>Dapper's table has these shares.</summary>
    static readonly (string Name, string[] Arguments)[] Variants =
    [
        ("none", ["--tracing=none"]),
        ("none again", ["--tracing=none"]),
        ("ours 1/1", ["--tracing=ours"]),
        ("ours 1/1 no histograms", ["--tracing=ours", "--histograms=false"]),
        ("ours 1/16", ["--tracing=ours", "--probability=0.0625"]),
        ("ours 1/1024", ["--tracing=ours", "--probability=0.0009765625"]),
        ("OpenTelemetry 1/1", ["--tracing=otel"]),
        ("OpenTelemetry 1/1024", ["--tracing=otel", "--probability=0.0009765625"]),
        ("ours, server stopped", ["--tracing=ours", "--server=http://127.0.0.1:9"]),
        ("ours, server busy", ["--tracing=ours", Busy]),
        ("ours, server silent", ["--tracing=ours", Silent]),
    ];

    /// <summary>Stand for the address of a server that answers 503, and of one that never answers.</summary>
    const string Busy = "busy";

    const string Silent = "silent";

    const int Connections = 8;

    /// <summary>How late a timer may be.</summary>
    static readonly TimeSpan TimerLag = TimeSpan.FromMilliseconds(2);

    /// <summary>Long enough for the code to be compiled as well as it will be.</summary>
    static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(5);

    /// <param name="turn">How long each is driven as fast as it can be, and then at the rate.</param>
    /// <param name="rate">Requests a second.</param>
    public static async Task RunAsync(int rounds, TimeSpan turn, int rate)
    {
        await using var busy = await SinkAsync(context =>
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return Task.CompletedTask;
        });
        await using var silent = await SinkAsync(
            async context => await Task.Delay(Timeout.Infinite, context.RequestAborted));
        using var client = new HttpClient(new SocketsHttpHandler { ActivityHeadersPropagator = null });
        var all = new List<Measured>();
        foreach (var (name, arguments) in Variants)
        {
            // of two servers the last one counts
            var sink = new SpanSink();
            all.Add(await Measured.StartAsync(name, sink,
                [$"--server={await sink.StartAsync()}", .. arguments.Select(argument => argument switch
                {
                    Busy => $"--server={busy.Urls.First()}",
                    Silent => $"--server={silent.Urls.First()}",
                    _ => argument,
                })]));
            await ClosedLoopAsync(client, all[^1].Target, WarmUp);
        }
        foreach (var each in all)
            each.Begin();
        var random = new Random(3);
        for (var round = 0; round < rounds; round++)
        {
            var order = all.ToArray();
            random.Shuffle(order);
            foreach (var each in order)
            {
                var begun = Stopwatch.GetTimestamp();
                var requests = await ClosedLoopAsync(client, each.Target, turn);
                each.PerSecond.Add(requests / Stopwatch.GetElapsedTime(begun).TotalSeconds);
                var latencies = await FixedRateAsync(client, each.Target, turn, rate);
                each.MeanMicros.Add(latencies.Average());
                each.Requests += requests + latencies.Count;
            }
        }
        // what waits is sent
        await Task.Delay(WarmUp);
        foreach (var each in all)
        {
            await Console.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
                $"{each.Name,-24} {Median(each.PerSecond),6:F0} requests/s " +
                $"{Ratio(all[0].PerSecond, each.PerSecond)}   " +
                $"mean at {rate}/s {Median(each.MeanMicros),6:F0} us {Ratio(all[0].MeanMicros, each.MeanMicros)}   " +
                $"{each.CpuMicros,6:F1} us CPU a request " +
                $"{100 * (each.CpuMicros / all[0].CpuMicros - 1),6:+0.0;-0.0} %   " +
                $"{each.WorkingSetBytes >> 20,4} MiB   {each.SpansArrived,4:F2} spans arrived a request"));
        }
        foreach (var each in all)
            await each.StopAsync();
    }

    static string Ratio(List<double> none, List<double> one) => string.Create(CultureInfo.InvariantCulture,
        $"{100 * (Median(one.Zip(none, (a, b) => a / b)) - 1),6:+0.0;-0.0} %");

    static async Task<long> ClosedLoopAsync(HttpClient client, Uri target, TimeSpan duration)
    {
        var requests = 0L;
        var begun = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Connections).Select(_ => Task.Run(async () =>
        {
            while (Stopwatch.GetElapsedTime(begun) < duration)
            {
                await client.GetStringAsync(target);
                Interlocked.Increment(ref requests);
            }
        })));
        return requests;
    }

    /// <summary>Latencies in microseconds, from when a request was due, so that a stall is not left out.</summary>
    public static async Task<List<double>> FixedRateAsync(HttpClient client, Uri target, TimeSpan duration, int rate)
    {
        var latencies = new List<double>();
        var begun = Stopwatch.GetTimestamp();
        var next = -1L;
        await Task.WhenAll(Enumerable.Range(0, Connections).Select(_ => Task.Run(async () =>
        {
            while (true)
            {
                var due = TimeSpan.FromSeconds(Interlocked.Increment(ref next) / (double)rate);
                if (due >= duration)
                    return;
                while (due - Stopwatch.GetElapsedTime(begun) is var left && left > TimeSpan.Zero)
                    await (left > TimerLag ? Task.Delay(left - TimerLag) : YieldAsync());
                await client.GetStringAsync(target);
                lock (latencies)
                    latencies.Add((Stopwatch.GetElapsedTime(begun) - due).TotalMicroseconds);
            }
        })));
        return latencies;
    }

    static async Task YieldAsync() => await Task.Yield();

    static Task<WebApplication> SinkAsync(Func<HttpContext, Task> answer) => ServerAsync(0, async context =>
    {
        await context.Request.Body.CopyToAsync(Stream.Null);
        await answer(context);
    });

    /// <summary>Stands for the server to which spans are sent.</summary>
    /// <param name="port">0 for a free one.</param>
    public static async Task<WebApplication> ServerAsync(int port, Func<HttpContext, Task> take)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(1));
        var app = builder.Build();
        app.MapPost("/v1/{signal}", (HttpContext context) =>
        {
            context.Response.ContentType = "application/x-protobuf";
            return take(context);
        });
        await app.StartAsync();
        return app;
    }

    /// <summary>A service in a process of its own, and its HTTP address.</summary>
    public static async Task<(Process Process, string Address)> StartServiceAsync(string[] arguments)
    {
        var process = Process.Start(new ProcessStartInfo(
            "dotnet", [typeof(UnderLoad).Assembly.Location, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        return (process, (await process.StandardOutput.ReadLineAsync() ?? "").Split(' ')[1]);
    }

    static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>Two hops of one variant, and what was measured of them.</summary>
    sealed class Measured(string name, SpanSink sink, Process first, Process second, Uri target)
    {
        TimeSpan _cpuBefore;
        long _spansBefore;

        public string Name { get; } = name;

        public Uri Target { get; } = target;

        public List<double> PerSecond { get; } = [];

        public List<double> MeanMicros { get; } = [];

        public long Requests { get; set; }

        public double CpuMicros => (Cpu - _cpuBefore).TotalMicroseconds / Requests;

        public double SpansArrived => (sink.Spans - _spansBefore) / (double)Requests;

        /// <summary>Of the larger of both.</summary>
        public long WorkingSetBytes => Refreshed.Max(process => process.WorkingSet64);

        TimeSpan Cpu => Refreshed.Aggregate(TimeSpan.Zero, (sum, process) => sum + process.TotalProcessorTime);

        Process[] Refreshed
        {
            get
            {
                first.Refresh();
                second.Refresh();
                return [first, second];
            }
        }

        public static async Task<Measured> StartAsync(string name, SpanSink sink, string[] arguments)
        {
            var (second, next) = await StartServiceAsync([.. arguments, "--name=second"]);
            var (first, address) = await StartServiceAsync([.. arguments, "--name=first", $"--next={next}"]);
            return new Measured(name, sink, first, second, new Uri(new Uri(address), "/hop"));
        }

        public void Begin() => (_cpuBefore, _spansBefore) = (Cpu, sink.Spans);

        public async Task StopAsync()
        {
            foreach (var process in new[] { first, second })
            {
                process.StandardInput.Close();
                await process.WaitForExitAsync();
                process.Dispose();
            }
            await sink.DisposeAsync();
        }
    }

    /// <summary>Counts the spans of one variant, and forgets them.</summary>
    sealed class SpanSink : IAsyncDisposable
    {
        WebApplication? _app;
        long _spans;

        public long Spans => Volatile.Read(ref _spans);

        public async Task<string> StartAsync()
        {
            _app = await ServerAsync(0, TakeAsync);
            return _app.Urls.First();
        }

        public ValueTask DisposeAsync() => _app!.DisposeAsync();

        async Task TakeAsync(HttpContext context)
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            if (context.Request.Path == "/v1/traces")
                Interlocked.Add(ref _spans, OtlpProtobuf.Decode(body.ToArray(), WireLimits.Default).Spans.Count);
        }
    }
}
