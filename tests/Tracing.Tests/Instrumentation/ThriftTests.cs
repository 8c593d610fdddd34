using System.Diagnostics;
using Thrift;
using Thrift.Processor;
using Thrift.Protocol;
using Thrift.Protocol.Entities;
using Thrift.Protocol.Utilities;
using Thrift.Transport.Client;
using Tracing.Instrumentation;
using Xunit;

namespace Tracing.Tests.Instrumentation;

/// <summary>A trace over a carrier that the library does not know: Apache Thrift.</summary>
[Collection(nameof(TracerCollection))]
public sealed class ThriftTests : IDisposable
{
    readonly ActivitySource _source = new($"Test.{Guid.NewGuid():n}");
    readonly Tracer _tracer;

    public ThriftTests() => _tracer = Tracer.Start(o =>
    {
        o.Endpoint = new Uri("http://127.0.0.1:9");
        o.StopTimeout = TimeSpan.Zero;
        o.Sources.Clear();
        o.Sources.Add(_source.Name);
    });

    public void Dispose()
    {
        _tracer.Dispose();
        _source.Dispose();
    }

    [Theory]
    [InlineData("binary")]
    [InlineData("compact")]
    [InlineData("json")]
    public async Task A_call_is_the_child_of_its_caller(string protocol)
    {
        var greeter = new Greeter();
        using var call = _source.StartActivity("greet", ActivityKind.Client);
        call!.AddBaggage("tenant", "ä");

        var request = await WriteAsync(protocol, traced => new TracedProtocol(traced));
        await ProcessAsync(new TracedProcessor(greeter, _source), protocol, request);

        Assert.Equal("Ada", greeter.Greeted);
        var served = greeter.Span!;
        Assert.Equal((call.TraceId, call.SpanId, ActivityKind.Server, true),
            (served.TraceId, served.ParentSpanId, served.Kind, served.HasRemoteParent));
        Assert.Equal(("greet", "ot=th:0", "ä"),
            (served.DisplayName, served.TraceStateString, served.GetBaggageItem("tenant")));
    }

    [Theory]
    [InlineData("binary")]
    [InlineData("compact")]
    [InlineData("json")]
    public async Task Either_side_may_be_one_that_knows_nothing_of_it(string protocol)
    {
        var greeter = new Greeter();
        using (_source.StartActivity("greet", ActivityKind.Client))
        {
            await ProcessAsync(greeter, protocol, await WriteAsync(protocol, traced => new TracedProtocol(traced)));
            Assert.Equal("Ada", greeter.Greeted);
        }

        greeter.Greeted = null;
        var untraced = await WriteAsync(protocol, plain => plain);
        await ProcessAsync(new TracedProcessor(greeter, _source), protocol, untraced);

        Assert.Equal(("Ada", default), (greeter.Greeted, greeter.Span!.ParentSpanId));
    }

    /// <summary>What a generated client writes of <c>greet(1: string name)</c>.</summary>
    static async Task<byte[]> WriteAsync(string protocol, Func<TProtocol, TProtocol> wrap)
    {
        using var buffer = new TMemoryBufferTransport(new TConfiguration());
        using var output = wrap(Protocol(protocol, buffer));
        await output.WriteMessageBeginAsync(new TMessage("greet", TMessageType.Call, 1), default);
        await output.WriteStructBeginAsync(new TStruct("greet_args"), default);
        await output.WriteFieldBeginAsync(new TField("name", TType.String, 1), default);
        await output.WriteStringAsync("Ada", default);
        await output.WriteFieldEndAsync(default);
        await output.WriteFieldStopAsync(default);
        await output.WriteStructEndAsync(default);
        await output.WriteMessageEndAsync(default);
        return buffer.GetBuffer();
    }

    static async Task ProcessAsync(ITAsyncProcessor processor, string protocol, byte[] request)
    {
        using var from = new TMemoryBufferTransport(request, new TConfiguration());
        using var input = Protocol(protocol, from);
        // as in a server, where no span of the client's is
        Activity.Current = null;
        Assert.True(await processor.ProcessAsync(input, input, default));
    }

    static TProtocol Protocol(string name, TMemoryBufferTransport buffer) => name switch
    {
        "binary" => new TBinaryProtocol(buffer),
        "compact" => new TCompactProtocol(buffer),
        _ => new TJsonProtocol(buffer),
    };

    /// <summary>Reads as a generated processor does.</summary>
    sealed class Greeter : ITAsyncProcessor
    {
        public string? Greeted { get; set; }

        public Activity? Span { get; private set; }

        public async Task<bool> ProcessAsync(TProtocol input, TProtocol output, CancellationToken cancellationToken)
        {
            var message = await input.ReadMessageBeginAsync(cancellationToken);
            Assert.Equal(("greet", TMessageType.Call), (message.Name, message.Type));
            await input.ReadStructBeginAsync(cancellationToken);
            while (await input.ReadFieldBeginAsync(cancellationToken) is var field && field.Type != TType.Stop)
            {
                if (field is { ID: 1, Type: TType.String })
                    Greeted = await input.ReadStringAsync(cancellationToken);
                else
                    await TProtocolUtil.SkipAsync(input, field.Type, cancellationToken);
                await input.ReadFieldEndAsync(cancellationToken);
            }
            await input.ReadStructEndAsync(cancellationToken);
            await input.ReadMessageEndAsync(cancellationToken);
            Span = Activity.Current;
            return true;
        }
    }
}
