using System.Net;
using System.Net.Http.Headers;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Tracing.Collector;
using Tracing.Model;
using Tracing.Model.Wire.Proto.Sampling;
using Xunit;

namespace Tracing.Tests;

/// <summary>What clients are told to sample: Jaeger's remote sampling, from a file and by a budget.</summary>
public sealed class RemoteSamplingTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    string File => Path.Combine(_folder.Path, "strategies.json");

    [Fact]
    public async Task Strategies_of_a_file_are_answered_as_jaeger_does()
    {
        await WriteAsync("""
            {"default_strategy":{"type":"probabilistic","param":0.5},
             "service_strategies":[
               {"service":"shop","type":"probabilistic","param":0.8,"operation_strategies":[
                 {"operation":"GET /cart","type":"probabilistic","param":0.1}]},
               {"service":"batch","type":"ratelimiting","param":2}]}
            """);
        await using var server = await RunningServer.StartAsync($"--Tracing:Sampling:StrategiesFile={File}");

        foreach (var path in new[] { "/sampling", "/api/sampling" })
        {
            Assert.Equal("""{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.5}}""",
                await server.Client.GetStringAsync($"{path}?service=other"));
        }
        Assert.Equal("""{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":2}}""",
            await server.Client.GetStringAsync("/sampling?service=batch"));
        Assert.Equal("""
            {"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.8},"operationSampling":{
            "defaultSamplingProbability":0.8,"defaultLowerBoundTracesPerSecond":0,"perOperationStrategies":[
            {"operation":"GET /cart","probabilisticSampling":{"samplingRate":0.1}}],
            "defaultUpperBoundTracesPerSecond":0}}
            """.ReplaceLineEndings(""), await server.Client.GetStringAsync("/sampling?service=shop"));
    }

    [Theory]
    [InlineData("/sampling")]
    [InlineData("/sampling?service=")]
    [InlineData("/sampling?service=a&service=b")]
    public async Task A_service_is_asked_for(string path)
    {
        await using var server = await RunningServer.StartAsync();
        using var answer = await server.Client.GetAsync(path);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("'service' parameter must be provided once", await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task The_port_of_its_own_answers_any_path_and_nothing_else()
    {
        await using var server = await RunningServer.StartAsync("--Tracing:Sampling:Port=0");
        using var client = new HttpClient { BaseAddress = server.Addresses[3] };
        const string All = """{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":1}}""";
        Assert.Equal(All, await client.GetStringAsync("/?service=shop"));
        Assert.Equal(All, await client.GetStringAsync("/sampling?service=shop"));
        using var post = await client.PostAsync("/api/v2/spans", new StringContent("[]"));
        Assert.Equal(HttpStatusCode.NotFound, post.StatusCode);
    }

    [Fact]
    public async Task A_file_that_changes_is_read_again_and_a_broken_one_is_not()
    {
        var clock = new TestClock();
        await WriteAsync("""{"default_strategy":{"type":"probabilistic","param":0.5}}""");
        var file = new StrategyFile(new SamplingOptions { StrategiesFile = File }, clock,
            Microsoft.Extensions.Logging.Abstractions.NullLogger<StrategyFile>.Instance);
        Assert.Equal(0.5, file.Current.Default!.Probability);

        await WriteAsync("""{"default_strategy":{"type":"probabilistic","param":0.25}}""");
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0.25, file.Current.Default!.Probability);

        await WriteAsync("""{"default_strategy":{"type":"prob""");
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0.25, file.Current.Default!.Probability);
    }

    [Theory]
    [InlineData("{", "strategies: ")]
    [InlineData("""{"default_strategy":{"type":"sometimes","param":1}}""", "type is \"sometimes\"")]
    [InlineData("""{"default_strategy":{"type":"probabilistic","param":2}}""", "of type probabilistic is 2")]
    [InlineData("""{"service_strategies":[{"type":"probabilistic","param":1}]}""", "service is missing")]
    public async Task A_file_that_is_wrong_ends_the_start(string text, string problem)
    {
        await WriteAsync(text);
        Assert.Contains(problem, Assert.Single(new SamplingOptions { StrategiesFile = File }.Validate()),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Grpc_answers_the_same()
    {
        await WriteAsync("""
            {"service_strategies":[{"service":"shop","type":"probabilistic","param":0.8,"operation_strategies":[
            {"operation":"GET /cart","type":"probabilistic","param":0.1}]}]}
            """);
        await using var server = await RunningServer.StartAsync($"--Tracing:Sampling:StrategiesFile={File}");
        using var channel = GrpcChannel.ForAddress(server.Grpc);
        var method = new Method<byte[], byte[]>(MethodType.Unary, "jaeger.api_v2.SamplingManager",
            "GetSamplingStrategy", Marshallers.Create(b => b, b => b), Marshallers.Create(b => b, b => b));

        var answer = SamplingStrategyResponse.Parser.ParseFrom(await channel.CreateCallInvoker().AsyncUnaryCall(
            method, null, new CallOptions(), new SamplingStrategyParameters { ServiceName = "shop" }.ToByteArray()));

        Assert.Equal(0.8, answer.OperationSampling.DefaultSamplingProbability);
        var operation = Assert.Single(answer.OperationSampling.PerOperationStrategies);
        Assert.Equal(("GET /cart", 0.1), (operation.Operation, operation.ProbabilisticSampling.SamplingRate));
    }

    [Theory]
    [InlineData(1, 0.5)]
    [InlineData(0.1, 0.1)]
    [InlineData(0.01, 0.3)]
    [InlineData(0.3, 0.001)]
    [InlineData(0.002, 0.004)]
    public void Both_rounds_of_sampling_together_keep_weights_right(double client, double collector)
    {
        var threshold = OtTraceState.ThresholdOf(client);
        var sampler = new TraceSampler(collector);
        var random = new Random(11);
        var state = $"ot=th:{OtTraceState.Hex(threshold)}";
        const int Traces = 3_000_000;
        var (weight, kept) = (0.0, 0);
        for (var i = 0; i < Traces; i++)
        {
            var id = new TraceId(1, unchecked((ulong)random.NextInt64(long.MinValue, long.MaxValue)));
            if ((id.Low & (OtTraceState.Range - 1)) < threshold)
                continue;
            var span = new Span { TraceId = id, SpanId = new SpanId(1), TraceState = state };
            if (!sampler.Keeps(span))
                continue;
            Assert.True(OtTraceState.TryReadThreshold(sampler.WithThreshold(span).TraceState, out var both));
            weight += 1 / OtTraceState.ProbabilityOf(both);
            kept++;
        }
        // 5 standard deviations of a count
        Assert.Equal(Traces, weight, 5 * Traces / Math.Sqrt(kept));
    }

    [Fact]
    public async Task A_span_kept_by_the_collector_tells_both_thresholds()
    {
        await using var server = await RunningServer.StartAsync("--Tracing:Collector:SampleRate=0.5");
        using var body = new ByteArrayContent(Model.Wire.OtlpProtobuf.Encode([new Span
        {
            TraceId = new TraceId(1, 0x00ff_ffff_ffff_ffff), SpanId = new SpanId(1), Name = "a", TraceState = "ot=th:8",
        }]));
        body.Headers.ContentType = new MediaTypeHeaderValue("application/x-protobuf");
        (await server.Client.PostAsync("/v1/traces", body)).EnsureSuccessStatusCode();

        var trace = await server.GetJsonAsync("/api/tracing/traces/000000000000000100ffffffffffffff");

        Assert.Equal("ot=th:c;cth:8", trace.GetProperty("resourceSpans")[0].GetProperty("scopeSpans")[0]
            .GetProperty("spans")[0].GetProperty("traceState").GetString());
    }

    async Task WriteAsync(string text) => await System.IO.File.WriteAllTextAsync(File, text);
}
