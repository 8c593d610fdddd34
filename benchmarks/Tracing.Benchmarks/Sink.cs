using System.Net;
using System.Net.Sockets;

namespace Tracing.Benchmarks;

/// <summary>A server of this process that takes everything and throws it away.</summary>
static class Sink
{
    /// <summary>Begins with the first who asks, and ends with the process.</summary>
    public static Uri Address { get; } = Start();

    static Uri Start()
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        var address = new Uri($"http://127.0.0.1:{((IPEndPoint)free.LocalEndpoint).Port}/");
        free.Stop();
        var listener = new HttpListener();
        listener.Prefixes.Add(address.AbsoluteUri);
        listener.Start();
        using (ExecutionContext.SuppressFlow())
            _ = RunAsync(listener);
        return address;
    }

    static async Task RunAsync(HttpListener listener)
    {
        var buffer = new byte[1 << 16];
        while (true)
        {
            var context = await listener.GetContextAsync();
            while (await context.Request.InputStream.ReadAsync(buffer) > 0)
            {
            }
            context.Response.Close();
        }
    }
}
