using System.Diagnostics;
using System.Globalization;
using Tracing.Model.Wire;

namespace Tracing.Hops;

/// <summary>
/// What services notice of a server that is away: one service for each way of being away, and one whose server is
/// well, all at the same steady rate and at the same time, so that what else the machine does tells on all of them.
/// Says latency and memory before and during the outage, how long it takes until spans flow again, and whether the
/// spans that ended are those that were sent and dropped, and those sent the ones that the server has.
/// </summary>
static class Outage
{
    enum Fault
    {
        None,
        Stopped,
        Silent,
        Busy,
    }

    /// <summary>For spans that wait: what some seconds fill, so that the bound shows.</summary>
    const int BufferBytes = 256 << 10;

    static readonly TimeSpan Before = TimeSpan.FromSeconds(20);

    /// <summary>In which spans must flow again, and what waits is sent.</summary>
    static readonly TimeSpan After = TimeSpan.FromSeconds(20);

    /// <summary>How finely the time until spans flow is measured.</summary>
    static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    public static async Task RunAsync(TimeSpan outage, int rate)
    {
        using var client = new HttpClient(new SocketsHttpHandler { ActivityHeadersPropagator = null });
        foreach (var line in await Task.WhenAll(Enum.GetValues<Fault>().Select(
            fault => RunAsync(client, fault, outage, rate))))
            await Console.Out.WriteLineAsync(line);
    }

    static async Task<string> RunAsync(HttpClient client, Fault fault, TimeSpan outage, int rate)
    {
        await using var server = new Server();
        await server.StartAsync();
        var (process, address) = await UnderLoad.StartServiceAsync(
            ["--tracing=ours", $"--server={server.Address}", $"--buffer={BufferBytes}"]);
        using var service = process;
        var target = new Uri(new Uri(address), "/hop");
        // the first is for the compiler
        await UnderLoad.FixedRateAsync(client, target, Before, rate);
        var before = await UnderLoad.FixedRateAsync(client, target, Before, rate);
        var memoryBefore = MemoryOf(service);

        await server.FailAsync(fault);
        var during = await UnderLoad.FixedRateAsync(client, target, outage, rate);
        var memoryDuring = MemoryOf(service);

        await server.RecoverAsync();
        var load = UnderLoad.FixedRateAsync(client, target, After, rate);
        var flow = await FlowAsync(server);
        await load;
        service.StandardInput.Close();
        // below what it has to say of the outage
        var counts = (await service.StandardOutput.ReadToEndAsync()).TrimEnd().Split('\n')[^1].Split(' ')
            .Select(count => long.Parse(count, CultureInfo.InvariantCulture)).ToArray();
        await service.WaitForExitAsync();
        var (ended, sent, dropped) = (counts[0], counts[1], counts[2]);
        var adds = ended == sent + dropped && sent == server.Stored ? "adds up" : "DOES NOT ADD UP";
        return string.Create(CultureInfo.InvariantCulture,
            $"{fault,-8} before {Latency(before)} {memoryBefore,4} MiB   " +
            $"during {Latency(during)} {memoryDuring,4} MiB   spans after {flow.TotalSeconds:F1} s   " +
            $"{ended} ended = {sent} sent + {dropped} dropped, {server.Stored} stored: {adds}");
    }

    static async Task<TimeSpan> FlowAsync(Server server)
    {
        var (begun, stored) = (Stopwatch.GetTimestamp(), server.Stored);
        while (server.Stored == stored && Stopwatch.GetElapsedTime(begun) < After)
            await Task.Delay(Look);
        return Stopwatch.GetElapsedTime(begun);
    }

    static string Latency(List<double> micros)
    {
        micros.Sort();
        return string.Create(CultureInfo.InvariantCulture,
            $"p50 {micros[micros.Count / 2],6:F0} p99 {micros[micros.Count * 99 / 100],6:F0} us");
    }

    static long MemoryOf(Process service)
    {
        service.Refresh();
        return service.WorkingSet64 >> 20;
    }

    /// <summary>Counts the spans that it has taken, in the ways of a server that is well or not.</summary>
    sealed class Server : IAsyncDisposable
    {
        WebApplication? _app;
        volatile Fault _fault;
        long _stored;

        public string Address { get; private set; } = "http://127.0.0.1:0";

        public long Stored => Volatile.Read(ref _stored);

        public async Task StartAsync()
        {
            _app = await UnderLoad.ServerAsync(new Uri(Address).Port, TakeAsync);
            Address = _app.Urls.First();
        }

        public async Task FailAsync(Fault fault)
        {
            _fault = fault;
            if (fault == Fault.Stopped)
                await DisposeAsync();
        }

        public async Task RecoverAsync()
        {
            var fault = _fault;
            _fault = Fault.None;
            if (fault == Fault.Stopped)
                await StartAsync();
        }

        public async ValueTask DisposeAsync()
        {
            if (_app is not null)
                await _app.DisposeAsync();
            _app = null;
        }

        async Task TakeAsync(HttpContext context)
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            if (_fault == Fault.Busy)
                context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            else if (_fault == Fault.Silent)
                await Task.Delay(Timeout.Infinite, context.RequestAborted);
            else if (context.Request.Path == "/v1/traces")
                Interlocked.Add(ref _stored, OtlpProtobuf.Decode(body.ToArray(), WireLimits.Default).Spans.Count);
        }
    }
}
