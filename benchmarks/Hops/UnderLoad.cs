using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace Tracing.Hops;

/// <summary>
/// What tracing costs a service under load: two hops over HTTP, in processes of their own, driven by this one, which
/// also takes their spans and throws them away. Each round measures all variants one after the other, in another order
/// each time, since machines change their speed; figures are medians of the rounds, as parts of those without tracing.
/// </summary>
static class UnderLoad
{
    /// <summary>Dapper's table has these shares.</summary>
    static readonly (string Name, string[] Arguments)[] Variants =
    [
        ("none", ["--tracing=none"]),
        ("ours 1/1", ["--tracing=ours"]),
        ("ours 1/1 no histograms", ["--tracing=ours", "--histograms=false"]),
        ("ours 1/16", ["--tracing=ours", "--probability=0.0625"]),
        ("ours 1/1024", ["--tracing=ours", "--probability=0.0009765625"]),
        ("OpenTelemetry 1/1", ["--tracing=otel"]),
        ("OpenTelemetry 1/1024", ["--tracing=otel", "--probability=0.0009765625"]),
    ];

    const int Connections = 16;

    /// <summary>How late a timer may be.</summary>
    static readonly TimeSpan TimerLag = TimeSpan.FromMilliseconds(2);

    public static async Task RunAsync(int rounds, TimeSpan duration, int rate)
    {
        await using var sink = await SinkAsync();
        var server = sink.Urls.First();
        var results = Variants.ToDictionary(variant => variant.Name, _ => new List<Figures>());
        var random = new Random(3);
        for (var round = 0; round < rounds; round++)
        {
            var order = Variants.ToArray();
            random.Shuffle(order);
            foreach (var (name, arguments) in order)
            {
                var figures = await MeasureAsync([.. arguments, $"--server={server}"], duration, rate);
                results[name].Add(figures);
                await Console.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
                    $"round {round + 1} {name,-24} {figures.PerSecond,8:F0} requests/s " +
                    $"{figures.CpuMicros,7:F1} us CPU a request; " +
                    $"at {rate}/s mean {figures.MeanMicros,7:F1} us, p99 {figures.P99Micros,7:F1} us"));
            }
        }
        await Console.Out.WriteLineAsync("\nmedians of the ratios to no tracing in the same round");
        foreach (var (name, all) in results)
        {
            double Ratio(Func<Figures, double> of) =>
                100 * (Median(all.Zip(results["none"], (one, none) => of(one) / of(none))) - 1);
            await Console.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
                $"{name,-24} throughput {Ratio(f => f.PerSecond),6:+0.0;-0.0} %  " +
                $"CPU {Ratio(f => f.CpuMicros),6:+0.0;-0.0} %  " +
                $"mean latency {Ratio(f => f.MeanMicros),6:+0.0;-0.0} %  p99 {Ratio(f => f.P99Micros),6:+0.0;-0.0} %"));
        }
    }

    /// <param name="PerSecond">Requests, as many as can be.</param>
    /// <param name="CpuMicros">Of both hops together for a request, then.</param>
    /// <param name="MeanMicros">From the moment that a request was due, at the fixed rate.</param>
    sealed record Figures(double PerSecond, double CpuMicros, double MeanMicros, double P99Micros);

    static async Task<Figures> MeasureAsync(string[] arguments, TimeSpan duration, int rate)
    {
        using var second = await StartAsync([.. arguments, "--name=second"]);
        using var first = await StartAsync([.. arguments, "--name=first", $"--next={second.Address}"]);
        using var client = new HttpClient(new SocketsHttpHandler { ActivityHeadersPropagator = null });
        var target = new Uri(first.Address, "/hop");
        await ClosedLoopAsync(client, target, duration / 2);

        var cpu = first.Cpu + second.Cpu;
        var begun = Stopwatch.GetTimestamp();
        var requests = await ClosedLoopAsync(client, target, duration);
        var perSecond = requests / Stopwatch.GetElapsedTime(begun).TotalSeconds;
        var cpuMicros = (first.Cpu + second.Cpu - cpu).TotalMicroseconds / requests;
        var latencies = await FixedRateAsync(client, target, duration, rate);
        latencies.Sort();
        await first.StopAsync();
        await second.StopAsync();
        return new Figures(perSecond, cpuMicros, latencies.Average(), latencies[(int)(latencies.Count * 0.99)]);
    }

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
    static async Task<List<double>> FixedRateAsync(HttpClient client, Uri target, TimeSpan duration, int rate)
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

    static async Task<WebApplication> SinkAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        app.MapPost("/v1/{signal}", async (HttpContext context) =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            context.Response.ContentType = "application/x-protobuf";
        });
        await app.StartAsync();
        return app;
    }

    static async Task<HopHandle> StartAsync(string[] arguments)
    {
        var process = Process.Start(new ProcessStartInfo("dotnet", [typeof(UnderLoad).Assembly.Location, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        var line = await process.StandardOutput.ReadLineAsync() ?? "";
        return new HopHandle(process, new Uri(line.Split(' ')[1]));
    }

    static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    sealed record HopHandle(Process Process, Uri Address) : IDisposable
    {
        public TimeSpan Cpu
        {
            get
            {
                Process.Refresh();
                return Process.TotalProcessorTime;
            }
        }

        public async Task StopAsync()
        {
            Process.StandardInput.Close();
            await Process.WaitForExitAsync();
        }

        public void Dispose() => Process.Dispose();
    }
}
