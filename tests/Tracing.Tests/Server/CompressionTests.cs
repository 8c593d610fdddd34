using System.Buffers.Binary;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Tracing.Collector;
using Tracing.Storage;
using Xunit;

namespace Tracing.Tests;

/// <summary>A bad request is answered so that nobody sends it again, and does not fill the log.</summary>
public sealed class CompressionTests
{
    const string Otlp = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

    static readonly byte[] Empty = "{}"u8.ToArray();

    public static TheoryData<string> Codings => ["gzip", "deflate", "br", "zstd"];

    [Theory]
    [MemberData(nameof(Codings))]
    public async Task A_body_that_is_not_what_its_coding_says_gets_400_and_no_log(string coding)
    {
        using var log = new MemoryLog();
        await using var server = await StartAsync(log);
        var whole = Compress(Encoding.UTF8.GetBytes("{" + new string(' ', 5000) + "}"), coding);
        var random = new Random(5);
        var bodies = new List<byte[]> { "{}"u8.ToArray(), new byte[] { 0 }, new byte[100], whole[..^1], whole[1..] };
        for (var i = 0; i < 100; i++)
        {
            var garbage = new byte[random.Next(1, 200)];
            random.NextBytes(garbage);
            bodies.Add(garbage);
            bodies.Add([.. whole.AsSpan(0, Math.Min(whole.Length - 1, 6)), .. garbage]);
        }
        foreach (var body in bodies)
        {
            foreach (var path in new[] { "/v1/traces", "/v1/metrics", "/api/v2/spans" })
            {
                var answer = await SendAsync(server, path, body, coding);
                // what happens to be an empty body is an empty list to Zipkin
                var isEmpty = answer.StatusCode == HttpStatusCode.Accepted;
                Assert.True(isEmpty || answer.StatusCode == HttpStatusCode.BadRequest,
                    $"{path} {coding} {Convert.ToHexString(body)}: {answer.StatusCode}");
                Assert.Null(answer.Headers.RetryAfter);
            }
        }
        Assert.Empty(log.Lines);
    }

    [Theory]
    [MemberData(nameof(Codings))]
    public async Task Bytes_after_the_end_are_ignored_or_refused_and_nothing_else(string coding)
    {
        await using var server = await RunningServer.StartAsync();
        var answer = await SendAsync(
            server, "/v1/traces", [.. Compress(Empty, coding), 1, 2, 3, 4, 5, 6, 7, 8], coding);
        Assert.True(answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.BadRequest, $"{answer.StatusCode}");
    }

    [Theory]
    [MemberData(nameof(Codings))]
    public async Task A_bomb_gets_413(string coding)
    {
        await using var server = await RunningServer.StartAsync("--Tracing:Collector:MaxBodyBytes=100000");
        var bomb = Compress(new byte[50_000_000], coding);
        Assert.InRange(bomb.Length, 1, 100_000);
        foreach (var path in new[] { "/v1/traces", "/api/v2/spans" })
            Assert.Equal(
                HttpStatusCode.RequestEntityTooLarge, (await SendAsync(server, path, bomb, coding)).StatusCode);
    }

    [Theory]
    [InlineData("identity", "")]
    [InlineData("identity, gzip", "gzip")]
    [InlineData("GZIP , Identity,", "gzip")]
    [InlineData("gzip, identity, zstd", "gzip zstd")]
    [InlineData("deflate,br", "deflate br")]
    public async Task Codings_are_undone_in_the_order_in_which_they_were_applied(string header, string applied)
    {
        await using var server = await RunningServer.StartAsync();
        foreach (var (path, text, status) in new[]
        {
            ("/v1/traces", "{}", HttpStatusCode.OK), ("/v1/metrics", "{}", HttpStatusCode.OK),
            ("/api/v2/spans", """[{"traceId":"ab","id":"1"}]""", HttpStatusCode.Accepted),
        })
        {
            var body = applied.Split(' ', StringSplitOptions.RemoveEmptyEntries)
                .Aggregate(Encoding.UTF8.GetBytes(text), Compress);
            Assert.Equal(status, (await SendAsync(server, path, body, header)).StatusCode);
        }
        await server.GetJsonAsync("/api/v2/trace/ab");
    }

    [Fact]
    public async Task More_codings_than_two_are_refused_and_so_is_a_bomb_in_two()
    {
        await using var server = await RunningServer.StartAsync("--Tracing:Collector:MaxBodyBytes=100000");
        var bomb = Compress(Compress(new byte[5_000_000], "gzip"), "gzip");
        foreach (var path in new[] { "/v1/traces", "/api/v2/spans" })
        {
            Assert.Equal(HttpStatusCode.RequestEntityTooLarge,
                (await SendAsync(server, path, bomb, "gzip, gzip")).StatusCode);
            Assert.Equal(HttpStatusCode.UnsupportedMediaType,
                (await SendAsync(server, path, bomb, "gzip, gzip, identity, gzip")).StatusCode);
        }
        Assert.Equal(HttpStatusCode.UnsupportedMediaType,
            (await SendAsync(server, "/v1/traces", Compress(Empty, "gzip"), "gzip, compress")).StatusCode);
    }

    [Fact]
    public async Task A_zstd_frame_that_asks_for_a_large_window_is_refused()
    {
        await using var server = await RunningServer.StartAsync();
        // frame descriptor without a size, window descriptor of 2^27, an empty last block
        byte[] frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, (27 - 10) << 3, 0x01, 0x00, 0x00];
        Assert.Equal(HttpStatusCode.BadRequest, (await SendAsync(server, "/v1/traces", frame, "zstd")).StatusCode);
        frame[5] = (23 - 10) << 3;
        // an empty body of JSON
        var answer = await SendAsync(server, "/v1/traces", frame, "zstd");
        Assert.DoesNotContain("decompress", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gzip", Grpc.Core.StatusCode.InvalidArgument)]
    [InlineData("deflate", Grpc.Core.StatusCode.InvalidArgument)]
    [InlineData("br", Grpc.Core.StatusCode.Unimplemented)]
    [InlineData("zstd", Grpc.Core.StatusCode.Unimplemented)]
    public async Task A_grpc_message_that_cannot_be_decompressed_is_refused_and_not_logged(
        string coding, Grpc.Core.StatusCode status)
    {
        using var log = new MemoryLog();
        await using var server = await StartAsync(log);
        var whole = Compress(Enumerable.Repeat((byte)0x0a, 5000).ToArray(), coding);
        foreach (var message in new[] { "garbage"u8.ToArray(), new byte[50], whole[..^3], whole[1..] })
            Assert.Equal(status, await CallAsync(server, message, coding));
        Assert.Empty(log.Lines);
    }

    [Theory]
    [InlineData("0700000000", Grpc.Core.StatusCode.Internal)]
    [InlineData("02", Grpc.Core.StatusCode.Internal)]
    [InlineData("00ffffffff", Grpc.Core.StatusCode.ResourceExhausted)]
    [InlineData("007fffffff00", Grpc.Core.StatusCode.ResourceExhausted)]
    [InlineData("", Grpc.Core.StatusCode.Internal)]
    [InlineData("0000", Grpc.Core.StatusCode.Internal)]
    [InlineData("00000000050a", Grpc.Core.StatusCode.Internal)]
    [InlineData("00000000000000000000", Grpc.Core.StatusCode.Internal)]
    [InlineData("000000000007", Grpc.Core.StatusCode.Internal)]
    [InlineData("0100000000", Grpc.Core.StatusCode.Internal)]
    [InlineData("0000000000", Grpc.Core.StatusCode.OK)]
    public async Task A_malformed_grpc_frame_is_refused_and_not_logged(string frame, Grpc.Core.StatusCode status)
    {
        using var log = new MemoryLog();
        await using var server = await StartAsync(log);
        Assert.Equal(status, await CallAsync(server, Convert.FromHexString(frame)));
        Assert.Empty(log.Lines);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    public async Task A_grpc_bomb_is_exhausted(string coding)
    {
        await using var server = await RunningServer.StartAsync("--Tracing:Collector:MaxBodyBytes=100000");
        var bomb = Compress(new byte[50_000_000], coding);
        Assert.Equal(Grpc.Core.StatusCode.ResourceExhausted, await CallAsync(server, bomb, coding));
        Assert.Equal(Grpc.Core.StatusCode.OK, await CallAsync(server, Compress([], coding), coding));
    }

    [Fact]
    public async Task A_store_that_fails_is_logged_once_a_minute()
    {
        using var log = new MemoryLog();
        await using var server = await StartAsync(log,
            new FaultyStore { Append = _ => Task.FromException<AppendOutcome>(new IOException("disk on fire")) });
        const string Spans = """[{"traceId":"ab","id":"1"}]""";
        for (var i = 0; i < 5; i++)
        {
            var answer = await server.PostAsync("/api/v2/spans", Spans);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        }
        Assert.Contains("could not be stored", Assert.Single(log.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public void Failures_are_counted_while_they_are_not_logged()
    {
        using var log = new MemoryLog();
        using var factory = LoggerFactory.Create(logging => logging.AddProvider(log));
        var time = new TestClock();
        var errors = new IntakeErrors(factory.CreateLogger<IntakeErrors>(), time);
        for (var i = 0; i < 4; i++)
            Assert.Equal(500, errors.StatusOf(new InvalidCastException("secret")));
        Assert.Equal(500, errors.StatusOf(new FormatException()));
        time.Advance(TimeSpan.FromMinutes(1));
        errors.StatusOf(new InvalidCastException());
        Assert.Equal(3, log.Lines.Count);
        Assert.Contains("(0 more", log.Lines[0], StringComparison.Ordinal);
        Assert.Contains("(3 more", log.Lines[2], StringComparison.Ordinal);
        Assert.DoesNotContain("secret",
            IntakeErrors.TextOf(new InvalidCastException("secret"), 500), StringComparison.Ordinal);
    }

    static Task<RunningServer> StartAsync(MemoryLog log, ISpanStore? store = null) =>
        RunningServer.StartAsync(null, builder =>
        {
            builder.Logging.AddProvider(log);
            if (store is not null)
                builder.Services.AddSingleton(store);
        });

    static async Task<HttpResponseMessage> SendAsync(RunningServer server, string path, byte[] body, string coding)
    {
        var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        content.Headers.TryAddWithoutValidation("Content-Encoding", coding);
        return await server.Client.PostAsync(path, content);
    }

    /// <summary>A gRPC call of which the message is sent as it is, marked as compressed.</summary>
    static async Task<Grpc.Core.StatusCode> CallAsync(RunningServer server, byte[] message, string coding)
    {
        var body = new byte[5 + message.Length];
        body[0] = 1;
        BinaryPrimitives.WriteInt32BigEndian(body.AsSpan(1), message.Length);
        message.CopyTo(body, 5);
        return await CallAsync(server, body, request => request.Headers.Add("grpc-encoding", coding));
    }

    /// <summary>A gRPC call of which the body is sent as it is.</summary>
    static async Task<Grpc.Core.StatusCode> CallAsync(
        RunningServer server, byte[] body, Action<HttpRequestMessage>? change = null)
    {
        using var client = new HttpClient();
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(server.Grpc, Otlp))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(body),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        change?.Invoke(request);
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        using var answer = await client.SendAsync(request);
        await answer.Content.ReadAsByteArrayAsync();
        var headers = answer.TrailingHeaders.Contains("grpc-status")
            ? answer.TrailingHeaders
            : (HttpHeaders)answer.Headers;
        return (Grpc.Core.StatusCode)int.Parse(
            headers.GetValues("grpc-status").Single(), System.Globalization.CultureInfo.InvariantCulture);
    }

    static byte[] Compress(byte[] bytes, string coding)
    {
        using var output = new MemoryStream();
        using (Stream stream = coding switch
        {
            "gzip" => new GZipStream(output, CompressionLevel.SmallestSize),
            "deflate" => new ZLibStream(output, CompressionLevel.SmallestSize),
            "br" => new BrotliStream(output, CompressionLevel.Fastest),
            _ => new ZstdSharp.CompressionStream(output),
        })
        {
            stream.Write(bytes);
        }
        return output.ToArray();
    }

    /// <summary>What is logged as a warning or worse.</summary>
    sealed class MemoryLog : ILoggerProvider, ILogger
    {
        readonly List<string> _lines = [];

        public IReadOnlyList<string> Lines
        {
            get
            {
                lock (_lines)
                    return [.. _lines];
            }
        }

        public ILogger CreateLogger(string categoryName) =>
            categoryName.StartsWith("Tracing.Collector", StringComparison.Ordinal) ||
            categoryName.StartsWith("Grpc", StringComparison.Ordinal) ? this : NullLogger.Instance;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel))
                return;
            lock (_lines)
                _lines.Add(formatter(state, exception));
        }

        public void Dispose()
        {
        }
    }
}
