using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Tracing.Collector;
using Tracing.Model;
using Tracing.Storage.Engine;
using Tracing.Storage.RocksDb;
using Xunit;

namespace Tracing.Tests;

/// <summary>The budget of traces a second, held by what clients are told.</summary>
public sealed class AdaptiveSamplingTests
{
    const double Budget = 50;

    /// <summary>Within which a change of load must be answered.</summary>
    const int Reaction = 30;

    [Fact]
    public async Task Two_collectors_hold_one_budget_while_the_load_changes()
    {
        var clock = new TestClock();
        using var folder = new TemporaryFolder();
        await using var store = RocksDbSpanStore.Open(new() { Path = folder.Path }, clock);
        var options = new SamplingOptions { TracesPerSecond = Budget, MinTracesPerSecond = 0 };
        AdaptiveSampling[] collectors = [Collector(options, store, clock), Collector(options, store, clock)];
        var load = new Load(collectors);
        Dictionary<string, double>[] phases =
        [
            new() { ["GET /"] = 400, ["GET /cart"] = 100, ["POST /order"] = 4 },
            new() { ["GET /"] = 4000, ["GET /cart"] = 100, ["POST /order"] = 4 },
            new() { ["GET /"] = 300, ["GET /cart"] = 900, ["POST /order"] = 40, ["GET /new"] = 700 },
            new() { ["GET /"] = 20, ["GET /cart"] = 10, ["POST /order"] = 1 },
            new() { ["GET /"] = 2000, ["GET /cart"] = 1000, ["POST /order"] = 10 },
        ];
        foreach (var phase in phases)
        {
            for (var second = 0; second < Reaction; second++)
                await load.SecondAsync(phase, clock);
            var (traces, weight, rare) = (0, 0.0, 0);
            const int Measured = 60;
            for (var second = 0; second < Measured; second++)
            {
                await load.SecondAsync(phase, clock);
                traces += load.Kept;
                weight += load.Weight;
                rare += load.KeptOf("POST /order");
            }
            var total = phase.Values.Sum();
            var wanted = Math.Min(Budget, total);
            Assert.Equal(wanted, traces / (double)Measured, wanted * 0.2);
            // 5 standard deviations, all of one operation as if it had the least share
            Assert.Equal(total * Measured, weight, 5 * total * Measured / Math.Sqrt(traces / 4.0));
            // what is rare is not given up for what is frequent
            Assert.True(rare >= Math.Min(phase["POST /order"], Budget / 5) * Measured * 0.8);
        }
    }

    [Fact]
    public async Task Operations_are_bounded_and_those_unseen_forgotten()
    {
        var clock = new TestClock();
        using var folder = new TemporaryFolder();
        await using var store = RocksDbSpanStore.Open(new() { Path = folder.Path }, clock);
        var adaptive = Collector(new SamplingOptions { TracesPerSecond = 1, MaxOperations = 10 }, store, clock);
        for (var i = 0; i < 100; i++)
            adaptive.Observe([Root($"operation {i}", 1, "ot=th:0")]);
        await adaptive.UpdateAsync(TestContext.Current.CancellationToken);
        Assert.Equal(10, adaptive.StrategyOf("shop").Operations!.Count);

        for (var i = 0; i < 12; i++)
            await adaptive.UpdateAsync(TestContext.Current.CancellationToken);
        Assert.Empty(adaptive.StrategyOf("shop").Operations!);
        Assert.Equal(0.01, adaptive.StrategyOf("shop").Probability);
    }

    [Fact]
    public async Task Roots_without_a_threshold_stand_for_what_clients_were_told()
    {
        var clock = new TestClock();
        using var folder = new TemporaryFolder();
        await using var store = RocksDbSpanStore.Open(new() { Path = folder.Path }, clock);
        var adaptive = Collector(
            new SamplingOptions { TracesPerSecond = 1, InitialProbability = 0.5 }, store, clock);
        // 50 of 100 traces in 5 s: 20 a second
        for (var i = 0; i < 50; i++)
            adaptive.Observe([Root("GET /", (ulong)i + 1, "")]);
        await adaptive.UpdateAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1 / 20.0, adaptive.StrategyOf("shop").Operations!["GET /"], 6);
    }

    [Fact]
    public async Task A_server_with_a_budget_answers_with_what_came_in()
    {
        await using var server = await RunningServer.StartAsync(
            "--Tracing:Sampling:TracesPerSecond=1", "--Tracing:Sampling:InitialProbability=0.25");
        var answer = await server.GetJsonAsync("/sampling?service=shop");
        var sampling = answer.GetProperty("operationSampling");
        Assert.Equal(0.25, sampling.GetProperty("defaultSamplingProbability").GetDouble());
        Assert.Equal(JsonValueKind.Array, sampling.GetProperty("perOperationStrategies").ValueKind);
    }

    static AdaptiveSampling Collector(SamplingOptions options, BlockSpanStore store, TestClock clock) =>
        new(options, store, clock, NullLogger<AdaptiveSampling>.Instance);

    static Span Root(string operation, ulong id, string state) =>
        SomeSpans.Otlp(id, "shop", operation) with { TraceState = state };

    /// <summary>Clients that ask one collector every 10 s and send what they record to either.</summary>
    sealed class Load(AdaptiveSampling[] collectors)
    {
        readonly Random _random = new(5);
        readonly Dictionary<string, int> _kept = [];
        SamplingStrategy _strategy = collectors[0].StrategyOf("shop");
        int _second;

        public int Kept => _kept.Values.Sum();

        public double Weight { get; private set; }

        public int KeptOf(string operation) => _kept.GetValueOrDefault(operation);

        public async Task SecondAsync(Dictionary<string, double> rates, TestClock clock)
        {
            _kept.Clear();
            Weight = 0;
            foreach (var (operation, rate) in rates)
            {
                var threshold = OtTraceState.ThresholdOf(
                    _strategy.Operations!.GetValueOrDefault(operation, _strategy.Probability));
                for (var i = 0; i < rate; i++)
                {
                    if ((ulong)_random.NextInt64((long)OtTraceState.Range) < threshold)
                        continue;
                    collectors[_random.Next(2)].Observe(
                        [Root(operation, (ulong)_random.NextInt64() | 1, $"ot=th:{OtTraceState.Hex(threshold)}")]);
                    _kept[operation] = _kept.GetValueOrDefault(operation) + 1;
                    Weight += 1 / OtTraceState.ProbabilityOf(threshold);
                }
            }
            clock.Advance(TimeSpan.FromSeconds(1));
            if (++_second % 5 == 0)
            {
                foreach (var collector in collectors)
                    await collector.UpdateAsync(TestContext.Current.CancellationToken);
            }
            if (_second % 10 == 0)
                _strategy = collectors[_second / 10 % 2].StrategyOf("shop");
        }
    }
}
