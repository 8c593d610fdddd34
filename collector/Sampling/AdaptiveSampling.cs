using System.Buffers;
using System.Text.Json;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Tracing.Model;
using Tracing.Storage;

namespace Tracing.Collector;

/// <summary>
/// Gives each operation that begins traces the probability by which all together make the traces a second that the
/// budget allows. What is rare is recorded whole; the rest of the budget is divided equally among what is frequent.
/// <para>
/// Every 5 s each collector leaves the rates it has seen in the store and reads those of all; the same rates give the
/// same probabilities everywhere. As clients ask every 10 s, a change of load is answered within 15 to 20 s. The rates
/// are those of all traces, whatever was recorded, as each root says how many it stands for: nothing has to settle.
/// </para>
/// </summary>
sealed class AdaptiveSampling(
    SamplingOptions options, ISpanStore store, TimeProvider time, ILogger<AdaptiveSampling> log) : BackgroundService
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    const string Topic = "sampling";

    /// <summary>
    /// How much more an operation may be sampled than before: few roots say little, and one that is not seen by chance
    /// must not bring all of them in.
    /// </summary>
    const double MaxGrowth = 4;

    readonly string _name = Guid.NewGuid().ToString();
    readonly RootRates _rates = new(options.MaxOperations);
    volatile Probabilities _current = Probabilities.None;

    public bool IsOn => options.TracesPerSecond > 0;

    /// <summary>Counts the roots among spans that came in, before any are dropped here.</summary>
    public void Observe(IReadOnlyList<Span> spans)
    {
        if (IsOn)
            _rates.Add(spans, ProbabilityOf);
    }

    public SamplingStrategy StrategyOf(string service)
    {
        var current = _current;
        return new SamplingStrategy(current.Services.GetValueOrDefault(service, options.InitialProbability))
        {
            MinTracesPerSecond = options.MinTracesPerSecond,
            Operations = current.ByService.GetValueOrDefault(service) ?? [],
        };
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!IsOn)
            return;
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await UpdateAsync(stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                // whatever the store has; the probabilities stay, and the next time comes soon
                Log.SamplingNotShared(log, e);
            }
        }
    }

    internal async Task UpdateAsync(CancellationToken cancellationToken)
    {
        var mine = _rates.Next(Interval);
        var notes = await store.ExchangeAsync(Topic, _name, Write(mine), cancellationToken);
        var all = new Dictionary<RootOperation, double>();
        foreach (var note in notes)
        {
            foreach (var (operation, rate) in Read(note))
                all[operation] = all.GetValueOrDefault(operation) + rate;
        }
        _current = Probabilities.Of(all, options.TracesPerSecond, ProbabilityBefore);
    }

    double ProbabilityOf(RootOperation operation) =>
        ProbabilityBefore(operation) ??
        _current.Services.GetValueOrDefault(operation.Service, options.InitialProbability);

    double? ProbabilityBefore(RootOperation operation) =>
        _current.ByService.TryGetValue(operation.Service, out var operations) &&
        operations.TryGetValue(operation.Name, out var probability) ? probability : null;

    static ReadOnlyMemory<byte> Write(Dictionary<RootOperation, double> rates)
    {
        var output = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(output);
        json.WriteStartArray();
        foreach (var (operation, rate) in rates)
        {
            json.WriteStringValue(operation.Service);
            json.WriteStringValue(operation.Name);
            json.WriteNumberValue(rate);
        }
        json.WriteEndArray();
        json.Flush();
        return output.WrittenMemory;
    }

    static IEnumerable<(RootOperation Operation, double PerSecond)> Read(ReadOnlyMemory<byte> note)
    {
        using var document = JsonDocument.Parse(note);
        var values = document.RootElement;
        for (var i = 0; i + 2 < values.GetArrayLength(); i += 3)
        {
            yield return (
                new RootOperation(values[i].GetString() ?? "", values[i + 1].GetString() ?? ""),
                values[i + 2].GetDouble());
        }
    }

    /// <param name="ByService">Probabilities of operations.</param>
    /// <param name="Services">
    /// Of each service the share of all its traces that these come to, for operations that are not known, and for
    /// clients that name operations otherwise when a trace begins than when its root has ended.
    /// </param>
    internal sealed record Probabilities(
        IReadOnlyDictionary<string, Dictionary<string, double>> ByService, IReadOnlyDictionary<string, double> Services)
    {
        public static Probabilities None { get; } = new(
            new Dictionary<string, Dictionary<string, double>>(), new Dictionary<string, double>());

        public static Probabilities Of(
            Dictionary<RootOperation, double> rates, double budget, Func<RootOperation, double?> before)
        {
            var share = ShareOf(rates.Values, budget);
            var byService = new Dictionary<string, Dictionary<string, double>>();
            var services = new Dictionary<string, double>();
            foreach (var group in rates.GroupBy(rate => rate.Key.Service))
            {
                var operations = new Dictionary<string, double>();
                foreach (var (operation, rate) in group)
                {
                    var probability = Math.Min(1, share / rate);
                    operations[operation.Name] = Math.Min(probability, MaxGrowth * (before(operation) ?? 1));
                }
                byService[group.Key] = operations;
                services[group.Key] =
                    group.Sum(rate => rate.Value * operations[rate.Key.Name]) / group.Sum(rate => rate.Value);
            }
            return new Probabilities(byService, services);
        }

        /// <summary>What each may have at most, so that all together have the budget.</summary>
        static double ShareOf(IEnumerable<double> rates, double budget)
        {
            var sorted = rates.Order().ToArray();
            for (var i = 0; i < sorted.Length; i++)
            {
                var share = budget / (sorted.Length - i);
                if (sorted[i] > share)
                    return share;
                budget -= sorted[i];
            }
            return double.PositiveInfinity;
        }
    }
}
