using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage;
using Xunit;
using OtlpProto = Tracing.Model.Wire.Proto.Otlp;
using RetryInfo = Tracing.Model.Wire.Proto.Rpc.RetryInfo;
using RpcStatus = Tracing.Model.Wire.Proto.Rpc.Status;
using ZipkinProto = Tracing.Model.Wire.Proto.Zipkin;

namespace Tracing.Tests;

public sealed class GrpcTests
{
    const string Otlp = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    const string Zipkin = "/zipkin.proto3.SpanService/Report";

    static readonly Span Good = new()
    {
        TraceId = new TraceId(1, 2),
        SpanId = new SpanId(3),
        Name = "Get",
        StartUnixNano = 1_700_000_000_000_000_000,
        EndUnixNano = 1_700_000_000_000_000_007,
    };

    [Fact]
    public async Task Otlp_spans_are_stored_and_bad_ones_rejected_alone()
    {
        await using var server = await RunningServer.StartAsync();
        var request = OtlpProto.TracesData.Parser.ParseFrom(OtlpProtobuf.Encode([Good]));
        request.ResourceSpans[0].ScopeSpans[0].Spans.Add(new OtlpProto.Span { Name = "without ids" });

        var response = OtlpProto.ExportTraceServiceResponse.Parser.ParseFrom(
            await CallAsync(server, Otlp, request.ToByteArray()));

        Assert.Equal(1, response.PartialSuccess.RejectedSpans);
        Assert.Contains("without ids", response.PartialSuccess.ErrorMessage, StringComparison.Ordinal);
        var trace = await server.Client.GetByteArrayAsync($"/api/tracing/traces/{Good.TraceId}");
        Assert.Equal([Good], OtlpJson.Decode(trace, WireLimits.Default).Spans);
    }

    [Fact]
    public async Task Zipkin_spans_are_stored()
    {
        await using var server = await RunningServer.StartAsync();
        var request = new ZipkinProto.ListOfSpans();
        request.Spans.Add(new ZipkinProto.Span
        {
            TraceId = ByteString.CopyFrom(0, 0, 0, 0, 0, 0, 0, 0xab),
            Id = ByteString.CopyFrom(0, 0, 0, 0, 0, 0, 0, 1),
            Name = "get",
        });
        Assert.Empty(await CallAsync(server, Zipkin, request.ToByteArray()));
        Assert.Empty(await CallAsync(server, Zipkin, []));
        Assert.Equal(1, (await server.GetJsonAsync("/api/v2/trace/ab")).GetArrayLength());
    }

    [Theory]
    [InlineData(Otlp)]
    [InlineData(Zipkin)]
    public async Task A_malformed_message_is_an_invalid_argument(string method)
    {
        await using var server = await RunningServer.StartAsync();
        var error = await Assert.ThrowsAsync<RpcException>(() => CallAsync(server, method, [0x0a, 0x7f, 1, 2]));
        Assert.Equal(Grpc.Core.StatusCode.InvalidArgument, error.StatusCode);
        Assert.Matches("Truncated|Malformed", error.Status.Detail);
    }

    [Fact]
    public async Task A_message_over_the_limit_is_exhausted_and_not_to_be_sent_again()
    {
        await using var server = await RunningServer.StartAsync("--Tracing:Collector:MaxBodyBytes=2000");
        var error = await Assert.ThrowsAsync<RpcException>(() => CallAsync(server, Otlp, new byte[2001]));
        Assert.Equal(Grpc.Core.StatusCode.ResourceExhausted, error.StatusCode);
        Assert.Null(error.Trailers.GetValueBytes("grpc-status-details-bin"));
    }

    [Fact]
    public async Task Overload_is_unavailable_with_the_time_to_wait()
    {
        await using var server = await IntakeTests.WithStoreAsync(
            new FaultyStore { Append = _ => Task.FromResult(AppendOutcome.Overloaded) });
        var error = await Assert.ThrowsAsync<RpcException>(
            () => CallAsync(server, Otlp, OtlpProtobuf.Encode([Good])));
        Assert.Equal(Grpc.Core.StatusCode.Unavailable, error.StatusCode);
        var status = RpcStatus.Parser.ParseFrom(error.Trailers.GetValueBytes("grpc-status-details-bin"));
        Assert.Equal("type.googleapis.com/google.rpc.RetryInfo", status.Details[0].TypeUrl);
        Assert.Equal(1, RetryInfo.Parser.ParseFrom(status.Details[0].Value).RetryDelay.Seconds);
    }

    [Fact]
    public async Task Gzip_is_taken()
    {
        await using var server = await RunningServer.StartAsync();
        var options = new CallOptions([new Metadata.Entry("grpc-internal-encoding-request", "gzip")]);
        await CallAsync(server, Otlp, OtlpProtobuf.Encode([Good]), options);
        await server.GetJsonAsync($"/api/tracing/traces/{Good.TraceId}");
    }

    [Fact]
    public async Task Messages_that_are_being_received_count_against_the_bytes_of_all_bodies()
    {
        const int MaxBody = 1_000_000;
        await using var server = await RunningServer.StartAsync(
            $"--Tracing:Collector:MaxBodyBytes={MaxBody}", $"--Tracing:Collector:MaxInFlightBytes={2 * MaxBody}");
        // each has all but its last byte
        var ends = new List<TaskCompletionSource>();
        var calls = new List<Task<HttpResponseMessage>>();
        for (var i = 0; i < 10; i++)
        {
            ends.Add(new TaskCompletionSource());
            var request = new HttpRequestMessage(HttpMethod.Post, new Uri(server.Grpc, Otlp))
            {
                Version = System.Net.HttpVersion.Version20,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Content = new Unfinished(MaxBody, ends[^1].Task),
            };
            calls.Add(server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead,
                TestContext.Current.CancellationToken));
        }
        using var refused = await await Task.WhenAny(calls);
        Assert.Equal("14", Assert.Single(refused.Headers.GetValues("grpc-status")));
        ends.ForEach(end => end.SetResult());
        await Task.WhenAll(calls);
        await CallAsync(server, Otlp, OtlpProtobuf.Encode([Good]));
    }

    sealed class Unfinished : HttpContent
    {
        readonly int _length;
        readonly Task _end;

        public Unfinished(int length, Task end)
        {
            (_length, _end) = (length, end);
            Headers.ContentType = new("application/grpc");
        }

        protected override async Task SerializeToStreamAsync(Stream stream, System.Net.TransportContext? context)
        {
            var bytes = new byte[5 + _length];
            System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(1), _length);
            await stream.WriteAsync(bytes.AsMemory(..^1));
            await stream.FlushAsync();
            await _end;
            await stream.WriteAsync(bytes.AsMemory(^1..));
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }

    internal static async Task<byte[]> CallAsync(
        RunningServer server, string method, byte[] request, CallOptions options = default)
    {
        var parts = method.Split('/');
        var bytes = Marshallers.Create(b => b, b => b);
        using var channel = GrpcChannel.ForAddress(server.Grpc);
        return await channel.CreateCallInvoker().AsyncUnaryCall(
            new Method<byte[], byte[]>(MethodType.Unary, parts[1], parts[2], bytes, bytes), null, options, request);
    }
}
