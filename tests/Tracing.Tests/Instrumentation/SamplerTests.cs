using System.Diagnostics;
using Tracing.Instrumentation;
using Xunit;

namespace Tracing.Tests.Instrumentation;

/// <summary>Which traces are recorded, and what they say of it.</summary>
[Collection(nameof(TracerCollection))]
public sealed class SamplerTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(0.01)]
    [InlineData(0.3)]
    [InlineData(1)]
    public void A_share_of_the_traces_is_recorded_by_their_ids(double probability)
    {
        var threshold = Sampler.Probability(probability).ThresholdOf("any");
        var stricter = Sampler.Probability(probability / 2).ThresholdOf("any");
        var kept = 0;
        for (var i = 0; i < 20_000; i++)
        {
            var id = ActivityTraceId.CreateRandom();
            kept += threshold.Samples(id) ? 1 : 0;
            Assert.True(threshold.Samples(id) || !stricter.Samples(id));
        }
        // 5 standard deviations
        Assert.Equal(20_000 * probability, kept, 5 * Math.Sqrt(20_000 * probability * (1 - probability)));
    }

    [Fact]
    public void A_limit_holds_for_each_operation_and_weights_add_up_to_the_load()
    {
        var clock = new TestClock();
        var sampler = new OperationSampler(new Strategy(0, 10, []), clock);
        var (rare, frequent, weight) = (0, 0, 0.0);
        for (var second = 0; second < 60; second++)
        {
            rare += Count(sampler, "rare", 5, ref weight);
            weight = second == 5 ? 0 : weight;
            frequent = second == 5 ? 0 : frequent;
            frequent += Count(sampler, "frequent", 2000, ref weight);
            clock.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(60 * 5, rare);
        Assert.InRange(frequent, 55 * 10 * 0.8, 55 * 10 * 1.25);
        Assert.Equal(55 * 2005, weight, 55 * 2005 * 0.2);
    }

    [Fact]
    public void A_load_that_jumps_is_sampled_little_more_than_wanted()
    {
        var weight = 0.0;
        var sampler = new OperationSampler(new Strategy(0, 10, []), new TestClock());

        // 10 x (1 + ln(10,000 / 10)) = 79
        Assert.InRange(Count(sampler, "new", 10_000, ref weight), 40, 130);
        Assert.Equal(10_000, weight, 4000.0);
    }

    [Fact]
    public void Operations_beyond_the_bound_share_a_limit()
    {
        var weight = 0.0;
        var sampler = new OperationSampler(new Strategy(0, 1, []), new TestClock());
        var kept = 0;
        for (var i = 0; i < 20_000; i++)
            kept += Count(sampler, $"operation {i}", 1, ref weight);
        Assert.InRange(kept, 1000, 1100);
    }

    [Fact]
    public void What_a_server_says_is_done()
    {
        var clock = new TestClock();
        var sampler = new RemoteSampler(null, 0.5, clock);
        Assert.Equal(0.5, sampler.ThresholdOf("any").Probability);

        sampler.Use("""{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.25}}""");
        Assert.Equal(0.25, sampler.ThresholdOf("any").Probability);

        sampler.Use("""
            {"strategyType":"PROBABILISTIC","operationSampling":{"defaultSamplingProbability":0.125,
            "defaultLowerBoundTracesPerSecond":0,"perOperationStrategies":[
            {"operation":"GET /","probabilisticSampling":{"samplingRate":0.0625}}]}}
            """);
        Assert.True(sampler.IsPerOperation);
        Assert.Equal((0.0625, 0.125),
            (sampler.ThresholdOf("GET /").Probability, sampler.ThresholdOf("POST /").Probability));

        sampler.Use("""{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":0}}""");
        Assert.Equal(0, sampler.ThresholdOf("any").Probability);

        foreach (var broken in new[] { "[]", "{}", "", """{"probabilisticSampling":{"samplingRate":"x"}}""" })
            Assert.ThrowsAny<System.Text.Json.JsonException>(() => sampler.Use(broken));
        Assert.Equal(0, sampler.ThresholdOf("any").Probability);
    }

    [Fact]
    public void Requests_are_known_by_the_routes_of_those_before()
    {
        var routes = new RouteTable();
        Assert.Equal("GET", routes.Find("GET", "/cart/7"));

        routes.Add("GET", "/cart/{id}", "GET /cart/{id}");
        routes.Add("GET", "/cart/all", "GET /cart/all");
        routes.Add("GET", "/files/{*path}", "GET /files/{*path}");

        Assert.Equal("GET /cart/{id}", routes.Find("GET", "/cart/7"));
        Assert.Equal("GET /cart/all", routes.Find("GET", "/Cart/all/"));
        Assert.Equal("GET /files/{*path}", routes.Find("GET", "/files/a/b"));
        Assert.Equal("POST", routes.Find("POST", "/cart/7"));
        Assert.Equal("GET", routes.Find("GET", "/cart/7/items"));
    }

    [Fact]
    public void A_decision_that_came_along_is_kept_and_a_wrong_threshold_is_not()
    {
        using var source = new ActivitySource($"Test.{Guid.NewGuid():n}");
        using var tracer = Tracer.Start(o =>
        {
            o.Endpoint = new Uri("http://127.0.0.1:9");
            o.StopTimeout = TimeSpan.Zero;
            o.Sampler = Sampler.Never;
            o.Sources.Clear();
            o.Sources.Add(source.Name);
        });
        const string High = "4bf92f3577b34da6a3fffffffffffff6";
        Assert.Equal((true, "ot=th:e"), Begin($"00-{High}-00f067aa0ba902b7-01", "ot=th:e"));
        Assert.Equal((true, "x=1"), Begin("00-4bf92f3577b34da6a300000000000006-00f067aa0ba902b7-01", "ot=th:e,x=1"));
        Assert.Equal((true, "ot=rv:ffffffffffffff;th:e"),
            Begin("00-4bf92f3577b34da6a300000000000006-00f067aa0ba902b7-01", "ot=rv:ffffffffffffff;th:e"));
        Assert.Equal((false, null), Begin($"00-{High}-00f067aa0ba902b7-00", null));
        // nobody has decided; this sampler says no
        Assert.Equal((false, null), Begin($"00-{High}-00f067aa0ba902b7-00", "b3=u"));

        (bool, string?) Begin(string parent, string? state)
        {
            using var span = source.StartActivity("serve", ActivityKind.Server,
                ActivityContext.Parse(parent, state) is var context
                    ? new ActivityContext(context.TraceId, context.SpanId, context.TraceFlags, state, isRemote: true)
                    : default);
            return (span!.Recorded, string.IsNullOrEmpty(span.TraceStateString) ? null : span.TraceStateString);
        }
    }

    static int Count(Sampler sampler, string operation, int traces, ref double weight)
    {
        var kept = 0;
        for (var i = 0; i < traces; i++)
        {
            var threshold = sampler.ThresholdOf(operation);
            if (!threshold.Samples(ActivityTraceId.CreateRandom()))
                continue;
            kept++;
            weight += 1 / threshold.Probability;
        }
        return kept;
    }
}
