using System.Diagnostics;
using System.Net;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Logging.Abstractions;
using Tracing.Instrumentation;
using Xunit;

namespace Tracing.Tests.Instrumentation;

/// <summary>What becomes of spans while the server is away, under a clock of the test's.</summary>
[Collection(nameof(TracerCollection))]
public sealed class OutageTests : IDisposable
{
    const int Bound = 128 << 10;

    readonly ActivitySource _source = new($"Test.{Guid.NewGuid():n}");
    readonly TestClock _clock = new();
    readonly FaultyServer _server;

    public OutageTests() => _server = new FaultyServer(_clock);

    public void Dispose()
    {
        _source.Dispose();
        _server.Dispose();
    }

    [Theory]
    [InlineData(Fault.Stopped)]
    [InlineData(Fault.Silent)]
    [InlineData(Fault.Slow)]
    [InlineData(Fault.Busy)]
    public async Task After_ten_minutes_spans_flow_within_10_s_and_the_audit_adds_up(Fault fault)
    {
        await using var tracer = Start(_server, _ => { });
        _server.Fault = fault;
        for (var second = 0; second < 600; second++)
        {
            await PassAsync(tracer, TimeSpan.FromSeconds(1));
            Assert.InRange(tracer.WaitingBytes, 0, Bound);
        }
        Assert.Equal(fault == Fault.Slow, tracer.Counts.Sent > 0);

        _server.Fault = Fault.None;
        var (back, before) = (_clock.GetUtcNow(), _server.Stored);
        while (_server.Stored == before)
            await PassAsync(tracer, TimeSpan.FromMilliseconds(250));
        Assert.InRange(_clock.GetUtcNow() - back, TimeSpan.Zero, TimeSpan.FromSeconds(10));
        while (tracer.WaitingBytes > 0)
            await PassAsync(tracer, TimeSpan.FromSeconds(1), spans: 0);

        var counts = tracer.Counts;
        Assert.Equal(counts.Ended, counts.Sent + counts.Dropped);
        Assert.Equal(counts.Sent, _server.Stored);
        Assert.True(counts.Dropped > 0);
    }

    /// <summary>Spans end, time passes, and the sender does all that it can do at that time.</summary>
    async Task PassAsync(Tracer tracer, TimeSpan time, int spans = 20)
    {
        for (var i = 0; i < spans; i++)
            _source.StartActivity("serve", ActivityKind.Server)?.Dispose();
        tracer.CatchUp();
        await Until(AtRest);
        _clock.Advance(time);
        await Until(AtRest);

        // a request sets a timer too, of the time that it may take, which is longer
        bool AtRest() => tracer.WaitingBytes == 0 || _server.Holds || _clock.NextTimer <= Sender.LongestWait;
    }

    [Theory]
    [InlineData("14", null, 2, 0)]
    [InlineData("14", 30, 2, 30)]
    [InlineData("8", 30, 2, 30)]
    [InlineData("8", null, 1, 0)]
    [InlineData("3", 30, 1, 0)]
    public async Task A_server_of_grpc_says_whether_and_when_to_send_again(
        string status, int? delay, int requests, int seconds)
    {
        using var server = new GrpcServer(status, delay);
        await using var tracer = Start(server, o => o.Format = ReportFormat.OtlpGrpc);
        _source.StartActivity("serve", ActivityKind.Server)?.Dispose();
        tracer.CatchUp();
        await Until(() => server.Requests == 1 &&
            (tracer.WaitingBytes == 0 || (_clock.NextTimer is { } next && next != UntracedHttp.Timeout)));

        if (requests > 1)
        {
            _clock.Advance(TimeSpan.FromSeconds(Math.Max(0, seconds - 0.1)));
            Assert.Equal(seconds > 0 ? 1 : server.Requests, server.Requests);
            _clock.Advance(TimeSpan.FromSeconds(1));
        }
        await Until(() => tracer.WaitingBytes == 0);

        Assert.Equal(requests, server.Requests);
        Assert.Equal((requests - 1, 2 - requests), (tracer.Counts.Sent, tracer.Counts.Dropped));
    }

    [Theory]
    [InlineData("")]
    [InlineData("%%%")]
    [InlineData("GgM")]
    [InlineData("CA4=")]
    public void Malformed_details_say_nothing(string details) => Assert.Null(OtlpWire.RetryDelay(details));

    Tracer Start(HttpMessageHandler server, Action<TracingOptions> configure)
    {
        var options = new TracingOptions
        {
            ServiceName = "Shop",
            Histograms = false,
            MaxBufferBytes = Bound,
            ReportInterval = TimeSpan.FromMinutes(1),
            StopTimeout = TimeSpan.Zero,
        };
        options.Sources.Clear();
        options.Sources.Add(_source.Name);
        configure(options);
        return new Tracer(options, NullLogger.Instance, _clock, server);
    }

    static async Task Until(Func<bool> holds)
    {
        while (!holds())
            await Task.Yield();
    }

    /// <summary>Answers the first request with a status and the time to wait, all others with OK.</summary>
    sealed class GrpcServer(string status, int? delay) : HttpMessageHandler
    {
        int _requests;

        public int Requests => Volatile.Read(ref _requests);

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken stop)
        {
            var isFirst = Interlocked.Increment(ref _requests) == 1;
            var response = new HttpResponseMessage(HttpStatusCode.OK) { Content = new ByteArrayContent([]) };
            response.TrailingHeaders.TryAddWithoutValidation("grpc-status", isFirst ? status : "0");
            if (isFirst && delay is not null)
                response.TrailingHeaders.TryAddWithoutValidation(OtlpWire.GrpcDetails, Details(delay.Value));
            return Task.FromResult(response);
        }

        /// <summary>A google.rpc.Status of a code, a detail that says something else, and a RetryInfo.</summary>
        static string Details(int seconds)
        {
            var duration = new Duration { Seconds = seconds }.ToByteArray();
            var other = new Any { TypeUrl = "type.googleapis.com/google.rpc.Help" }.ToByteArray();
            var info = new Any
            {
                TypeUrl = "type.googleapis.com/google.rpc.RetryInfo",
                Value = ByteString.CopyFrom([10, (byte)duration.Length, .. duration]),
            }.ToByteArray();
            return Convert.ToBase64String(
                [8, 14, 26, (byte)other.Length, .. other, 26, (byte)info.Length, .. info]).TrimEnd('=');
        }
    }
}
