using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging;
using Tracing.Storage;
using Tracing.Storage.Cassandra;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>A start without Cassandra, and with one that does not want us, which is played by a socket here.</summary>
public sealed class AbsentCassandraTests
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_wrong_password_ends_the_start()
    {
        using var node = new RefusingNode();
        var error = await Assert.ThrowsAsync<StoreUnusableException>(() => OpenAsync(node.Port, new Messages()));
        Assert.Contains("refuses the user: no such luck", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Until_Cassandra_comes_calls_fail_and_say_why()
    {
        int port;
        using (var listener = new TcpListener(IPAddress.Loopback, 0))
        {
            listener.Start();
            port = ((IPEndPoint)listener.LocalEndpoint).Port;
        }
        var log = new Messages(LogLevel.Warning);
        await using var store = await OpenAsync(port, log);
        Assert.StartsWith($"Cassandra does not answer at 127.0.0.1:{port}; trying again in 1 s", log.Errors.First(),
            StringComparison.Ordinal);
        foreach (var call in new Func<Task>[]
        {
            () => store.AppendAsync(Batch(Otlp(1)), Cancellation),
            () => store.GetServiceNamesAsync(Cancellation),
            () => store.CheckAsync(Cancellation),
        })
        {
            var error = await Assert.ThrowsAsync<IOException>(call);
            Assert.StartsWith("Cassandra does not answer yet", error.Message, StringComparison.Ordinal);
        }

        // it comes, which is noticed without a call
        using var node = new RefusingNode(port);
        await Assert.ThrowsAsync<StoreUnusableException>(store.WhenOpenAsync);
        await Assert.ThrowsAsync<StoreUnusableException>(() => store.CheckAsync(Cancellation));
    }

    static Task<AwaitedSpanStore> OpenAsync(int port, ILogger logger) => AwaitedSpanStore.OpenAsync(
        new CassandraStoreOptions { ContactPoints = [$"127.0.0.1:{port}"], Username = "me", Password = "wrong" },
        TimeProvider.System, logger);

    /// <summary>Speaks version 4 of Cassandra's protocol, up to the password, which is wrong.</summary>
    sealed class RefusingNode : IDisposable
    {
        const int HeaderLength = 9;

        readonly TcpListener _listener;

        public RefusingNode(int port = 0)
        {
            _listener = new TcpListener(IPAddress.Loopback, port);
            _listener.Start();
            _ = AcceptAsync();
        }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public void Dispose() => _listener.Dispose();

        async Task AcceptAsync()
        {
            try
            {
                while (true)
                    _ = AnswerAsync(await _listener.AcceptTcpClientAsync());
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                // disposed
            }
        }

        static async Task AnswerAsync(TcpClient client)
        {
            using var stream = client.GetStream();
            var header = new byte[HeaderLength];
            try
            {
                while (true)
                {
                    await stream.ReadExactlyAsync(header);
                    await stream.ReadExactlyAsync(new byte[BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(5))]);
                    var (opcode, body) = AnswerTo(header[0], header[4]);
                    var answer = new byte[HeaderLength + body.Length];
                    answer[0] = 0x84;
                    header.AsSpan(2, 2).CopyTo(answer.AsSpan(2));
                    answer[4] = opcode;
                    BinaryPrimitives.WriteInt32BigEndian(answer.AsSpan(5), body.Length);
                    body.CopyTo(answer, HeaderLength);
                    await stream.WriteAsync(answer);
                }
            }
            catch (IOException)
            {
                // the client has gone
            }
        }

        static (byte Opcode, byte[] Body) AnswerTo(byte version, byte opcode) => (version, opcode) switch
        {
            ( > 4, _) => (0, [0, 0, 0, 0x0A, .. Text("Invalid or unsupported protocol version")]),
            (_, 1) => (3, Text("org.apache.cassandra.auth.PasswordAuthenticator")),
            (_, 5) => (6, [0, 0]),
            _ => (0, [0, 0, 1, 0, .. Text("no such luck")]),
        };

        static byte[] Text(string text) => [0, (byte)text.Length, .. Encoding.UTF8.GetBytes(text)];
    }
}
