using System.Diagnostics;
using System.Net;
using Grpc.Core;
using Grpc.Net.Client;
using OpenTelemetry;
using Tracing.Instrumentation;
using Tracing.Model;
using Xunit;
using StatusCode = Tracing.Model.StatusCode;

namespace Tracing.Tests.Instrumentation;

/// <summary>The calls that a service makes: what is sent with them, and what their spans say.</summary>
[Collection(nameof(TracerCollection))]
public sealed class CallTests : IDisposable
{
    static readonly Marshaller<string> Texts = Marshallers.StringMarshaller;
    static readonly Method<string, string> Reserve = new(MethodType.Unary, "shop.Stock", "Reserve", Texts, Texts);

    readonly ActivitySource _source = new($"Test.{Guid.NewGuid():n}");
    readonly SpanSink _sink = new();
    readonly HttpListener _listener = new();
    readonly Uri _address;
    readonly Task _serving;
    readonly List<WebHeaderCollection> _headers = [];

    public CallTests()
    {
        var port = FreePort();
        _address = new Uri($"http://127.0.0.1:{port}/");
        _listener.Prefixes.Add(_address.AbsoluteUri);
        _listener.Start();
        using (ExecutionContext.SuppressFlow())
            _serving = Task.Run(ServeAsync);
    }

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _listener.Close();
        _serving.Wait(Cancellation);
        _sink.Dispose();
        _source.Dispose();
    }

    [Theory]
    [InlineData("user id")]
    [InlineData("a,b")]
    [InlineData("cl\u00e9")]
    [InlineData("k\r\nX: 1")]
    [InlineData("k\u007f")]
    [InlineData("")]
    public async Task What_a_header_cannot_carry_does_not_break_the_call(string key)
    {
        await using var tracer = _sink.Start(_ => { });
        using var client = new HttpClient();
        using (var span = _source.StartActivity("serve"))
        {
            span!.AddBaggage("user", "\u00e4\ud800").AddBaggage(key, "1");
            span.TraceStateString = $"{key}=1,vendor=1,{key}=2,ot=th:0";
            using var answer = await client.GetAsync(_address, Cancellation);
        }

        var headers = Assert.Single(_headers);
        Assert.StartsWith("user=%C3%A4", headers["baggage"], StringComparison.Ordinal);
        Assert.EndsWith("vendor=1,ot=th:0", headers["tracestate"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_call_of_grpc_says_of_whom_and_how_it_failed()
    {
        var port = FreePort();
        await using var tracer = _sink.Start(_ => { });
        using (var channel = GrpcChannel.ForAddress($"http://127.0.0.1:{port}"))
            await CallAsync(channel);
        await tracer.FlushAsync(Cancellation);

        var span = Assert.Single(_sink.Spans);
        Assert.Equal(("shop.Stock/Reserve", SpanKind.Client, StatusCode.Error), (span.Name, span.Kind, span.Status));
        Assert.Equal(("127.0.0.1", $"{port}", "UNAVAILABLE"),
            (SpanSink.Tag(span, "server.address"), SpanSink.Tag(span, "server.port"),
                SpanSink.Tag(span, "error.type")));
    }

    [Fact]
    public async Task A_channel_that_is_older_than_the_tracer_has_spans_whose_parents_are_known()
    {
        // it takes the connection, but knows no HTTP/2
        using var channel = GrpcChannel.ForAddress(_address);
        await CallAsync(channel);
        await using var tracer = _sink.Start(_ => { });
        await CallAsync(channel);
        await tracer.FlushAsync(Cancellation);

        // its propagator writes the span of HTTP
        var call = _sink.Spans.Single(span => span.Name != "POST");
        var http = _sink.Spans.Single(span => span.Name == "POST");
        Assert.Equal((call.SpanId, $"{_address.Port}"), (http.ParentSpanId, SpanSink.Tag(call, "server.port")));
    }

    [Fact]
    public async Task What_a_call_of_grpc_asks_for_first_is_a_span_of_its_own()
    {
        await using var tracer = _sink.Start(_ => { });
        using var tokens = new HttpClient();
        using var channel = GrpcChannel.ForAddress(_address, new GrpcChannelOptions
        {
            HttpHandler = new TokenHandler(tokens, _address) { InnerHandler = new SocketsHttpHandler() },
        });
        await CallAsync(channel);
        await tracer.FlushAsync(Cancellation);

        var call = _sink.Spans.Single(span => span.Name != "GET");
        var token = _sink.Spans.Single(span => span.Name == "GET");
        Assert.Equal(call.SpanId, token.ParentSpanId);
        Assert.Contains(token.SpanId.ToString(), Assert.Single(_headers)["traceparent"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(PropagationFormats.B3Single, "b3")]
    [InlineData(PropagationFormats.B3Multi, "X-B3-TraceId")]
    [InlineData(PropagationFormats.TraceContext | PropagationFormats.B3Single, "b3")]
    public async Task A_client_that_is_older_than_the_tracer_writes_the_headers_that_were_asked_for(
        PropagationFormats formats, string header)
    {
        using var client = new HttpClient();
        using (await client.GetAsync(_address, Cancellation))
        {
            await using var tracer = _sink.Start(o => o.Propagation = formats);
            using (_source.StartActivity("serve"))
            using (await client.GetAsync(_address, Cancellation))
                await tracer.FlushAsync(Cancellation);
        }

        Assert.Null(_headers[0][header]);
        var http = _sink.Spans.Single(span => span.Kind == SpanKind.Client);
        Assert.Contains(http.TraceId.ToString(), _headers[1][header], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Below_a_call_that_is_not_traced_the_callee_is_the_child_of_the_nearest_span()
    {
        await using var tracer = _sink.Start(o =>
        {
            o.Sources.Clear();
            o.Sources.Add(_source.Name);
        });
        using var client = new HttpClient();
        using var span = _source.StartActivity("serve");
        using (new Activity("without a source").Start())
        using (await client.GetAsync(_address, Cancellation))
            Assert.Equal(span!.Id, Assert.Single(_headers)["traceparent"]);
    }

    [Fact]
    public async Task A_tracer_that_is_off_records_nothing_and_passes_the_caller_on()
    {
        await using var tracer = _sink.Start(o => o.Disabled = true);
        using var client = new HttpClient();
        const string Caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        using (new Activity("serve").SetParentId(Caller).Start())
        using (await client.GetAsync(_address, Cancellation))
            Assert.Equal(Caller, Assert.Single(_headers)["traceparent"]);
        Assert.Null(_source.StartActivity("any"));
        await tracer.FlushAsync(Cancellation);
        Assert.Empty(_sink.Spans);
    }

    [Fact]
    public async Task What_other_exporters_send_is_not_traced()
    {
        await using var tracer = _sink.Start(_ => { });
        using var client = new HttpClient();
        using (SuppressInstrumentationScope.Begin())
        using (await client.GetAsync(_address, Cancellation))
            await tracer.FlushAsync(Cancellation);

        Assert.Empty(_sink.Spans);
        Assert.Null(Assert.Single(_headers)["traceparent"]);
    }

    static async Task CallAsync(GrpcChannel channel) => await Assert.ThrowsAsync<RpcException>(async () =>
        await channel.CreateCallInvoker().AsyncUnaryCall(Reserve, null, new CallOptions(), "ink"));

    async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                var context = await _listener.GetContextAsync();
                lock (_headers)
                    _headers.Add((WebHeaderCollection)context.Request.Headers);
                context.Response.Close();
            }
        }
        catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
        {
            // closed
        }
    }

    static int FreePort()
    {
        using var listener = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    sealed class TokenHandler(HttpClient tokens, Uri address) : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken stop)
        {
            using (await tokens.GetAsync(address, stop))
                return await base.SendAsync(request, stop);
        }
    }
}
